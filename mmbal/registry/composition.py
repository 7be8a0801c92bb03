"""Strategies put together by name, such as `guided+modality-dropout`."""

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from mmbal.errors import ConfigError

if TYPE_CHECKING:
    from mmbal.options import Options

JOIN = "+"


def names_in(name: str) -> list[str]:
    """Return the names that a name joins; itself, where it joins none."""
    return [part.strip() for part in name.split(JOIN)] if JOIN in name else [name]


def split(kind: str, name: str) -> list[str]:
    """Return the names of the components behind a name; one unless strategies are composed.

    Raises:
        ConfigError: a part is empty or named twice, or parts stand between commas.
    """
    if kind != "strategy":
        return [name]
    if "," in name:
        proposal = JOIN.join(part.strip() for part in name.split(","))
        raise ConfigError(f"strategies are composed by {JOIN!r}, as {proposal}; received {name!r}")
    parts = names_in(name)
    if len(parts) > 1 and not (all(parts) and len(set(parts)) == len(parts)):
        raise ConfigError(
            f"strategies are composed as NAME{JOIN}NAME, each once; received {name!r}"
        )
    return parts


def options_by_part(name: str, options: "Options") -> "dict[str, Options]":
    """Return the options of each component behind a name, by its own name."""
    from mmbal.options import ComposedOptions

    if isinstance(options, ComposedOptions):
        return {part: getattr(options, part) for part in type(options).model_fields}
    return {name: options}


def composed_options(parts: "Mapping[str, type[Options]]") -> "type[Options]":
    """Return the options class with one table per part: `strategy.guided.window`."""
    return _composed(tuple(parts.items()))


@cache
def _composed(parts: "tuple[tuple[str, type[Options]], ...]") -> "type[Options]":
    # One class for equal parts: options of different classes are never equal.
    from pydantic import Field, create_model

    from mmbal.options import ComposedOptions

    fields: dict[str, Any] = {}
    for part, options in parts:
        needs = any(field.is_required() for field in options.model_fields.values())
        default = ... if needs else options()
        fields[part] = (options, Field(default=default, description=f"options of {part}"))
    return create_model("ComposedOptions", __base__=ComposedOptions, **fields)
