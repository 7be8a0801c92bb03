"""The resolved configuration -> TOML with the origin of every value."""

from collections.abc import Mapping
from typing import Any

import tomlkit

from mmbal.config.settings import RunConfig
from mmbal.keys import Key, dotted


def to_toml(config: RunConfig, origins: Mapping[str, str]) -> str:
    """Return a complete configuration as TOML; `resolve` reads the same one from it.

    Args:
        config: to write, defaults included; None is written as "none".
        origins: by dotted key; they become comments.
    """
    document = tomlkit.document()
    for name, value in config.tree().items():
        document.add(name, _item(value, origins, (name,)))
    return tomlkit.dumps(document)


def with_provenance(text: str, provenance: Mapping[str, Any]) -> str:
    """Return a configuration's text with a table of what made its run, which `resolve` ignores."""
    document = tomlkit.parse(text)
    document["provenance"] = dict(provenance)
    return tomlkit.dumps(document)


def _item(value: Any, origins: Mapping[str, str], key: Key) -> Any:
    if isinstance(value, Mapping):
        # A table of nothing but tables needs no header of its own.
        tables = [isinstance(inner, Mapping) for inner in value.values()]
        item: Any = tomlkit.table(is_super_table=bool(tables) and all(tables))
        # A nested table ends the keys of the one around it, so those come first.
        for name in sorted(value, key=lambda name: isinstance(value[name], Mapping)):
            item.add(str(name), _item(value[name], origins, (*key, str(name))))
    else:
        item = tomlkit.item(value)
    if dotted(key) in origins:
        # Control characters are not legal in a TOML comment.
        letters = origins[dotted(key)]
        item.comment("".join(letter if letter.isprintable() else " " for letter in letters))
    return item
