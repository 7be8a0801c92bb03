"""Values -> typed options; what pydantic finds wrong becomes one clear line."""

from collections.abc import Mapping
from types import NoneType
from typing import TYPE_CHECKING, Any, Literal, TypeVar, get_args, get_origin

from mmbal.config.layering import Settings
from mmbal.config.origin import Key
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
    from pydantic_core import to_json

    from mmbal.options import explain

    text = to_json(_with_nothing(model, values), fallback=str)
    try:
        # From JSON, since strict validation then takes lists for tuples and text for paths.
        return model.model_validate_json(text, strict=True)
    except ValidationError as error:
        key, message = explain(error, model, values, section, label)
        raise ConfigError(f"{settings.origin(key)}: {message}") from None


def _with_nothing(model: "type[BaseModel]", values: Mapping[str, Any]) -> dict[str, Any]:
    """Replace "none" by None where a field may be None: TOML has no null."""
    from mmbal.options import model_in

    replaced = dict(values)
    for name, field in model.model_fields.items():
        value, inner = values.get(name), model_in(field.annotation)
        if value == "none" and _may_be_none(field.annotation):
            replaced[name] = None
        elif inner and isinstance(value, Mapping):
            replaced[name] = _with_nothing(inner, value)
    return replaced


def _may_be_none(annotation: Any) -> bool:
    parts = get_args(annotation)
    literals = [text for part in parts if get_origin(part) is Literal for text in get_args(part)]
    return NoneType in parts and "none" not in literals
