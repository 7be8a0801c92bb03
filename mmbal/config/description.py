"""What can be set of a component, in words."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
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
    """One option.

    Args:
        name: what users type.
        type: in words.
        legal: choices or range, "" for all of the type.
        default: as JSON would have it; None for none.
        required: whether it has no default.
        help: what it does.
    """

    name: str
    type: str
    legal: str
    default: Any
    required: bool
    help: str


def describe(options: "type[Options]") -> list[OptionDescription]:
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
    if entry.get("type") == "array":
        if "prefixItems" in entry:
            parts = ", ".join(_type(each, definitions) for each in entry["prefixItems"])
            return f"list ({parts})"
        return f"list of {_type(entry.get('items', {}), definitions)}"
    if entry.get("format") in ("path", "directory-path", "file-path"):
        return "path"
    return _TYPES.get(entry.get("type", ""), "any")


def _legal(entry: Mapping[str, Any], definitions: Mapping[str, Any]) -> str:
    entry = _followed(entry, definitions)
    if "enum" in entry:
        return ", ".join(map(str, entry["enum"]))
    if "const" in entry:
        return str(entry["const"])
    if "prefixItems" in entry:  # a tuple: its type already says how many
        return ""
    rules = [f"{word} {_short(entry[key])}" for key, word in _BOUNDS.items() if key in entry]
    rules += [_legal(each, definitions) for each in entry.get("anyOf", [])]
    return ", ".join(rule for rule in rules if rule)


def _followed(entry: Mapping[str, Any], definitions: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what a schema entry refers to."""
    if "allOf" in entry and len(entry["allOf"]) == 1:
        entry = entry["allOf"][0]
    if "$ref" in entry:
        entry = definitions.get(entry["$ref"].rpartition("/")[2], {})
    return entry


def _short(bound: Any) -> Any:
    return int(bound) if isinstance(bound, float) and bound.is_integer() else bound
