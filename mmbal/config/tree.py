"""Nested tables and the keys of their values."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from mmbal.keys import Key


def leaves(tree: Mapping[str, Any], above: Key = ()) -> Iterator[tuple[Key, Any]]:
    """Yield the values of nested tables by key; an empty table is a value."""
    for name, value in tree.items():
        if isinstance(value, Mapping) and value:
            yield from leaves(value, (*above, str(name)))
        else:
            yield (*above, str(name)), value


def nest(values: Iterable[tuple[Key, Any]]) -> dict[str, Any]:
    """Return nested tables of values by key: what `leaves` took apart."""
    tree: dict[str, Any] = {}
    for (*tables, name), value in values:
        table = tree
        for above in tables:
            table = table.setdefault(above, {})
        if value == {}:
            table.setdefault(name, {})
        else:
            table[name] = value
    return tree


def lost(before: Mapping[str, Any], after: Mapping[str, Any], above: Key = ()) -> Iterator[Key]:
    """Yield the keys of what nested tables held before and do not hold after, or not as it was."""
    for name, value in before.items():
        if isinstance(value, Mapping) and isinstance(after.get(name), Mapping):
            yield from lost(value, after[name], (*above, name))
        elif name not in after or after[name] != value:
            yield (*above, name)


def around(key: Key) -> Iterator[Key]:
    """Yield a key and those of the tables around it, from the inside out."""
    for length in range(len(key), 0, -1):
        yield key[:length]
