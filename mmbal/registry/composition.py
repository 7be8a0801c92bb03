"""Strategies put together by name, such as `guided+modality-dropout`."""

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from mmbal.errors import ConfigError

if TYPE_CHECKING:
    from mmbal.options import Options

JOIN = "+"


def split(kind: str, name: str) -> list[str]:
    """Return the names of the components behind a name; one unless strategies are composed.

    Raises:
        ConfigError: a part is empty or named twice, or parts stand between commas.
    """
    if kind == "strategy" and "," in name:
        parts = [part.strip() for part in name.split(",")]
        raise ConfigError(
            f"strategies are composed by {JOIN!r}, as {JOIN.join(parts)}; received {name!r}"
        )
    if kind != "strategy" or JOIN not in name:
        return [name]
    parts = [part.strip() for part in name.split(JOIN)]
    if not all(parts) or len(set(parts)) != len(parts):
        raise ConfigError(
            f"strategies are composed as NAME{JOIN}NAME, each once; received {name!r}"
        )
    return parts


def composed_options(parts: "Mapping[str, type[Options]]") -> "type[Options]":
    """Return the options class with one table per part: `strategy.guided.window`."""
    return _composed(tuple(parts.items()))


@cache
def _composed(parts: "tuple[tuple[str, type[Options]], ...]") -> "type[Options]":
    # One class for equal parts: options of different classes are never equal.
    from pydantic import Field, create_model

    from mmbal.options import Options

    fields: dict[str, Any] = {}
    for part, options in parts:
        needs = any(field.is_required() for field in options.model_fields.values())
        default = ... if needs else options()
        fields[part] = (options, Field(default=default, description=f"options of {part}"))
    return create_model(
        "ComposedOptions",
        __base__=Options,
        __doc__="Options of composed strategies, by part.",
        **fields,
    )
