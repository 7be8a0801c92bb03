"""Strategies put together by name, such as `guided+modality-dropout`."""

import re
from functools import cache
from typing import TYPE_CHECKING, Any

from mmbal.errors import ConfigError

if TYPE_CHECKING:
    from mmbal.options import Options

JOIN = "+"


def names_in(name: str) -> list[str]:
    """Return the names that a name joins, well or badly; itself, where it joins none."""
    return [part.strip() for part in re.split("[+,]", name)]


def split(kind: str, name: str) -> list[str]:
    """Return the names of the components behind a name; one unless strategies are composed.

    Raises:
        ConfigError: a part is empty or named twice, or parts stand between commas.
    """
    parts = names_in(name)
    if kind != "strategy" or len(parts) == 1:
        return [name]
    proposal = JOIN.join(dict.fromkeys(part for part in parts if part))
    if proposal != JOIN.join(parts) or "," in name:
        rule = f"strategies are composed by {JOIN!r}, each named once"
        raise ConfigError(f"{rule}, as {proposal or f'NAME{JOIN}NAME'}; received {name!r}")
    return parts


@cache
def composed_options(*parts: "tuple[str, type[Options]]") -> "type[Options]":
    """Return the options class with one table per part: `strategy.guided.window`.

    One class for equal parts: options of different classes are never equal.
    """
    from pydantic import Field, create_model

    from mmbal.options import Options

    fields: dict[str, Any] = {}
    for part, options in parts:
        needs = any(field.is_required() for field in options.model_fields.values())
        default = ... if needs else options()
        fields[part] = (options, Field(default=default, description=f"options of {part}"))
    return create_model("ComposedOptions", __base__=Options, **fields)
