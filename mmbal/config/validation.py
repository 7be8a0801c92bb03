"""Values -> typed options; what pydantic finds wrong becomes one clear line."""

import json
from collections.abc import Mapping
from enum import Enum
from pathlib import PurePath
from types import NoneType
from typing import TYPE_CHECKING, Any, Literal, TypeVar, get_args, get_origin

from mmbal.config.layering import Settings
from mmbal.config.origin import Key, Origin
from mmbal.errors import ConfigError

if TYPE_CHECKING:
    from pydantic import BaseModel

    from mmbal.options import Options

Model = TypeVar("Model", bound="Options")


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

    from mmbal.options import explain

    text = json.dumps(_with_nothing(model, values), default=_as_text)
    try:
        # From JSON, since strict validation then takes lists for tuples and text for paths.
        return model.model_validate_json(text, strict=True)
    except ValidationError as error:
        key, message = explain(error, model, values, section, label)
        if len(key) == len(section):  # a rule over several options
            origin = settings.strongest(section, default=Origin("default", label))
        else:
            origin = settings.origin(*key) or Origin("default", label)
        raise ConfigError(f"{origin}: {message}") from None


def _with_nothing(model: "type[BaseModel]", values: Mapping[str, Any]) -> dict[str, Any]:
    """Replace "none" by None where a field may be None: TOML has no null."""
    from mmbal.options import model_in

    replaced = dict(values)
    for name, value in values.items():
        field = model.model_fields.get(name)
        if field is None:
            continue
        inner = model_in(field.annotation)
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
