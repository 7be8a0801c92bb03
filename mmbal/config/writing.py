"""The resolved configuration -> TOML with the origin of every value."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mmbal.config.layering import COMPONENTS, SETS
from mmbal.config.origin import DEFAULT, Key, Origin, dotted

if TYPE_CHECKING:
    from tomlkit.items import Table

    from mmbal.config.settings import Choice, RunConfig


def to_toml(
    config: "RunConfig",
    origins: Mapping[str, Origin],
    provenance: Mapping[str, Any] | None = None,
) -> str:
    """Return a complete configuration as TOML; `resolve` reads the same one from it.

    Args:
        config: to write, defaults included; None is written as "none".
        origins: by dotted key; they become comments.
        provenance: goes into a table that `resolve` ignores.
    """
    import tomlkit

    from mmbal.config.settings import RunSettings

    document = tomlkit.document()
    plain = config.model_dump(mode="json", include=set(RunSettings.model_fields))
    for name, value in plain.items():
        document.add(name, _item(value, origins, (name,)))
    for section in COMPONENTS:
        choice: Choice = getattr(config, section)
        values = {"name": choice.name, **choice.options.model_dump(mode="json")}
        document.add(section, _table(values, origins, (section,)))
    values = config.optimizer.model_dump(mode="json")
    document.add("optimizer", _table(values, origins, ("optimizer",)))
    for section in SETS:
        # Without members the header itself says that there are none.
        members = tomlkit.table(is_super_table=bool(getattr(config, section)))
        for choice in getattr(config, section):
            key = (section, choice.name)
            table = _table(choice.options.model_dump(mode="json"), origins, key)
            table.comment(_comment(origins, key))
            members.add(choice.name, table)
        document.add(section, members)
    if provenance is not None:
        document.add("provenance", _table(provenance, None, ()))
    return tomlkit.dumps(document)


def plain_tree(config: "RunConfig") -> dict[str, Any]:
    """Return a configuration as the nested tables that its TOML file holds."""
    from mmbal.config.settings import RunSettings

    tree: dict[str, Any] = config.model_dump(mode="json", include=set(RunSettings.model_fields))
    for section in COMPONENTS:
        choice: Choice = getattr(config, section)
        tree[section] = {"name": choice.name, **choice.options.model_dump(mode="json")}
    tree["optimizer"] = config.optimizer.model_dump(mode="json")
    for section in SETS:
        tree[section] = {
            choice.name: choice.options.model_dump(mode="json")
            for choice in getattr(config, section)
        }
    plain: dict[str, Any] = _without_null(tree)
    return plain


def _table(values: Mapping[str, Any], origins: Mapping[str, Origin] | None, above: Key) -> "Table":
    import tomlkit

    table = tomlkit.table()
    # A nested table ends the keys of the one around it, so those come first.
    for name, value in sorted(values.items(), key=lambda item: _is_table(item[1])):
        key = (*above, str(name))
        table.add(
            str(name),
            _table(value, origins, key) if _is_table(value) else _item(value, origins, key),
        )
    return table


def _is_table(value: Any) -> bool:
    return isinstance(value, Mapping) and bool(value)


def _item(value: Any, origins: Mapping[str, Origin] | None, key: Key) -> Any:
    import tomlkit

    item = tomlkit.item(_without_null(value))
    if origins is not None:
        item.comment(_comment(origins, key))
    return item


def _comment(origins: Mapping[str, Origin], key: Key) -> str:
    # Control characters are not legal in a TOML comment.
    text = str(origins.get(dotted(key), DEFAULT))
    return "".join(letter if letter.isprintable() else " " for letter in text)


def _without_null(value: Any) -> Any:
    if value is None:
        return "none"
    if isinstance(value, list | tuple):
        return [_without_null(inner) for inner in value]
    if isinstance(value, Mapping):
        return {name: _without_null(inner) for name, inner in value.items()}
    return value
