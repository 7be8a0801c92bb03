"""What can be set of a component, in words."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mmbal.options import Options

_TYPES = {
    "integer": "integer",
    "number": "number",
    "string": "text",
    "boolean": "true or false",
    "null": "none",
    "object": "table",
}

_BOUNDS = {
    "exclusiveMinimum": ">",
    "minimum": ">=",
    "exclusiveMaximum": "<",
    "maximum": "<=",
    "minLength": "length >=",
    "maxLength": "length <=",
    "minItems": "length >=",
    "maxItems": "length <=",
    "pattern": "matches",
}


@dataclass(frozen=True)
class OptionDescription:
    """One option: its type and what is legal of it in words, its default as JSON would have it."""

    name: str
    type: str
    legal: str
    default: Any
    required: bool
    help: str


def describe(options: type[Options]) -> list[OptionDescription]:
    """Return every option of an options class, in its order."""
    schema = options.model_json_schema()
    definitions = schema.get("$defs", {})
    required = schema.get("required", [])
    return [
        OptionDescription(
            name=name,
            type=_type(entry, definitions),
            legal=_legal(entry, definitions),
            default=entry.get("default"),
            required=name in required,
            help=entry.get("description", ""),
        )
        for name, entry in schema.get("properties", {}).items()
    ]


def _type(entry: Mapping[str, Any], definitions: Mapping[str, Any]) -> str:
    entry = _followed(entry, definitions)
    if "anyOf" in entry:
        return " or ".join(_type(each, definitions) for each in entry["anyOf"])
    if "prefixItems" in entry:
        parts = ", ".join(_type(each, definitions) for each in entry["prefixItems"])
        return f"list ({parts})"
    if entry.get("type") == "array":
        return f"list of {_type(entry.get('items', {}), definitions)}"
    if entry.get("format") in ("path", "directory-path", "file-path"):
        return "path"
    return _TYPES.get(entry.get("type", ""), "any")


def _legal(entry: Mapping[str, Any], definitions: Mapping[str, Any]) -> str:
    entry = _followed(entry, definitions)
    if "const" in entry or "enum" in entry:
        return ", ".join(map(str, entry.get("enum") or [entry["const"]]))
    if "prefixItems" in entry:  # a tuple: its type already says how many
        return ""
    # JSON has all bounds of numbers as floats: 1.0 for "at least 1".
    rules = [
        f"{word} {str(entry[key]).removesuffix('.0')}"
        for key, word in _BOUNDS.items()
        if key in entry
    ]
    rules += [_legal(each, definitions) for each in entry.get("anyOf", [])]
    return ", ".join(rule for rule in rules if rule)


def _followed(entry: Mapping[str, Any], definitions: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what a schema entry refers to."""
    [entry] = entry.get("allOf", [entry])
    return definitions[entry["$ref"].rpartition("/")[2]] if "$ref" in entry else entry
