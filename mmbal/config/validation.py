"""Values -> typed options; what pydantic finds wrong becomes one clear line."""

import json
import re
from collections.abc import Mapping
from difflib import get_close_matches
from enum import Enum
from pathlib import PurePath
from types import NoneType
from typing import TYPE_CHECKING, Any, Literal, TypeVar, get_args, get_origin

from mmbal.config.layering import Settings
from mmbal.config.origin import Key, Origin, dotted
from mmbal.errors import ConfigError, unknown

if TYPE_CHECKING:
    from pydantic import BaseModel
    from pydantic_core import ErrorDetails

    from mmbal.options import Options

Model = TypeVar("Model", bound="Options")

_SHOWN = 60  # letters of a received value in a message

_PLAIN_WORDS = {
    "a valid integer": "an integer",
    "a valid number": "a number",
    "a valid string": "text",
    "a valid boolean": "true or false",
    "a valid tuple": "a list",
    "a valid list": "a list",
    "a valid array": "a list",
    "a valid dictionary": "a table",
    "an object": "a table",
}


def validate(
    model: type[Model], values: Mapping[str, Any], settings: Settings, section: Key, label: str
) -> Model:
    """Return the typed options.

    Types are those of a TOML file: a list stands for a tuple, text for a path or an enum,
    an integer for a number, "none" for nothing; never text for a number.

    Args:
        model: the options class.
        values: nested tables.
        settings: of all sections, for their origins.
        section: key of the table the values come from, such as ("strategy",).
        label: names the section in messages, such as "strategy 'guided'".

    Raises:
        ConfigError: a key or value is not legal.
    """
    from pydantic import ValidationError

    text = json.dumps(_with_nothing(model, values), default=_as_text)
    try:
        # From JSON, since strict validation then takes lists for tuples and text for paths.
        return model.model_validate_json(text, strict=True)
    except ValidationError as error:
        problems = error.errors(include_url=False)
        problem = next((p for p in problems if p["type"] == "extra_forbidden"), problems[0])
        key, message = _explain(problem, model, values, section, label)
        if len(key) == len(section):  # a rule over several options
            origin = settings.strongest(section, default=Origin("default", label))
        else:
            origin = settings.origin(*key) or Origin("default", label)
        raise ConfigError(f"{origin}: {message}") from None


def _explain(
    problem: "ErrorDetails",
    model: "type[BaseModel]",
    values: Mapping[str, Any],
    section: Key,
    label: str,
) -> tuple[Key, str]:
    """Return the key a pydantic error is about, and the error in our words."""
    location = [str(part) for part in problem["loc"]]
    if problem["type"] == "extra_forbidden":
        legal = _fields_at(model, location[:-1])
        message = unknown("option" if section else "setting", dotted(location), legal)
        *above, last = location
        tables = [name for name in legal if last in _fields_at(model, [*above, name])]
        if tables:
            message += f"; did you mean {dotted((*section, *above, tables[0], last))}?"
        return (*section, *location), f"{label}: {message}" if section else message
    if problem["type"] == "missing":
        return section, f"{label} needs {dotted((*section, *location))}, which is not set"
    known = _known_part(location, values)
    key = (*section, *known)
    message = _in_our_words(problem)
    subject = f"{dotted(key)} " if known else f"{label}: "
    if problem["type"] in ("value_error", "assertion_error"):
        return key, f"{dotted(key) if known else label}: {message}"
    return key, f"{subject}{message}, received {_shown(problem['input'])}"


def _in_our_words(problem: "ErrorDetails") -> str:
    message = problem["msg"].removeprefix("Value error, ").removeprefix("Assertion failed, ")
    message = " ".join(message.split()).replace("Input should", "must")
    for theirs, ours in _PLAIN_WORDS.items():
        message = message.replace(theirs, ours)
    if problem["type"] in ("literal_error", "enum"):
        legal = re.findall(r"'([^']*)'", str(problem.get("ctx", {}).get("expected", "")))
        near = get_close_matches(str(problem["input"]), legal, n=1)
        hint = f" (did you mean {near[0]!r}?)" if near else ""
        return message + hint
    return message


def _known_part(location: list[str], values: Any) -> list[str]:
    """Return the part of a location that exists in the values.

    Pydantic adds parts for the branches of a union, which users never typed.
    """
    known = []
    for part in location:
        if isinstance(values, Mapping) and part in values:
            values = values[part]
        elif isinstance(values, list | tuple) and part.isdigit() and int(part) < len(values):
            values = values[int(part)]
        else:
            break
        known.append(part)
    return known


def _fields_at(model: "type[BaseModel]", location: list[str]) -> list[str]:
    """Return the legal names in a table of a model."""
    for part in location:
        field = model.model_fields.get(part)
        inner = _model_in(field.annotation) if field else None
        if inner is None:
            return []
        model = inner
    return list(model.model_fields)


def _model_in(annotation: Any) -> "type[BaseModel] | None":
    from pydantic import BaseModel

    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    found = (_model_in(part) for part in get_args(annotation))
    return next((model for model in found if model), None)


def _with_nothing(model: "type[BaseModel]", values: Mapping[str, Any]) -> dict[str, Any]:
    """Replace "none" by None where a field may be None: TOML has no null."""
    replaced = dict(values)
    for name, value in values.items():
        field = model.model_fields.get(name)
        if field is None:
            continue
        inner = _model_in(field.annotation)
        if value == "none" and _may_be_none(field.annotation):
            replaced[name] = None
        elif inner and isinstance(value, Mapping):
            replaced[name] = _with_nothing(inner, value)
    return replaced


def _may_be_none(annotation: Any) -> bool:
    parts = get_args(annotation)
    literals = [text for part in parts if get_origin(part) is Literal for text in get_args(part)]
    return NoneType in parts and "none" not in literals


def _as_text(value: Any) -> Any:
    """Turn what a recipe or TOML may hold beyond JSON into text or lists."""
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, PurePath):
        return str(value)
    if isinstance(value, set | frozenset):
        return sorted(value)
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
