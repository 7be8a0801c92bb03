"""Settings of several sources, the stronger over the weaker.

The rules beyond "the stronger value wins":

- A source that picks another dataset, architecture, strategy, optimizer or schedule drops
  everything that weaker ones set for the former one. A learning rate made for SGD does not
  carry over to Adam. A strategy that becomes part of a composition keeps what was set for it.
- A recipe or file that has evaluations (or callbacks) states the whole set of them, and so
  does `--set evaluations=["accuracy"]`; `--set evaluations.NAME.option=value` refines it.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from mmbal.config.origin import DEFAULT, LAYERS, Key, Origin, Override, Setting
from mmbal.config.tree import around, leaves, nest
from mmbal.errors import ConfigError
from mmbal.registry.composition import names_in

COMPONENTS = ("dataset", "architecture", "strategy", "optimizer", "schedule")
SETS = {"evaluations": "evaluation", "callbacks": "callback"}


@dataclass(frozen=True)
class Settings:
    """What one source sets, or several over one another.

    Args:
        tree: nested tables with a `Setting` for every value; an empty table is a value.
        whole: the sets (evaluations, callbacks) that this source states completely.
    """

    tree: Mapping[str, Any] = field(default_factory=dict)
    whole: frozenset[str] = frozenset()

    @classmethod
    def of_tables(cls, tables: Mapping[str, Any], locate: Callable[[Key], Origin]) -> "Settings":
        """Return the settings of a recipe or a file; `locate` gives the origin of a key."""
        plain = {name: _normalise((name,), v, locate((name,))) for name, v in tables.items()}
        tree = nest((key, Setting(value, locate(key))) for key, value in leaves(plain))
        return cls(tree, frozenset(SETS.keys() & tables.keys()))

    @classmethod
    def of_overrides(cls, overrides: Iterable[Override]) -> "Settings":
        """Return the settings of the command line; of two equal keys the later wins."""
        tree: dict[str, Any] = {}
        whole = set()
        for override in overrides:
            origin = Origin("option", " ".join(override.origin.split()))
            key = tuple(override.key.split("."))
            values = leaves(nest([(key, _normalise(key, override.value, origin))]))
            tree = _merge(tree, nest((inner, Setting(value, origin)) for inner, value in values))
            whole |= SETS.keys() & {override.key}
        return cls(tree, frozenset(whole))

    def over(self, weaker: "Settings") -> "Settings":
        """Return these settings over weaker ones."""
        below = dict(weaker.tree)
        for section in self.whole:
            known = weaker.at(section)
            known = known if isinstance(known, Mapping) else {}
            below[section] = {name: known.get(name, {}) for name in self.names(section)}
        for section in COMPONENTS:
            new, old = self.table(section).get("name"), weaker.table(section).get("name")
            if None not in (new, old) and new != old:
                below[section] = _carried(below[section], str(old), str(new))
        return Settings(_merge(below, self.tree))

    def at(self, *key: str) -> Any:
        """Return the `Setting` or the table of them that stands at a key; None for neither."""
        inner: Any = self.tree
        for name in key:
            inner = inner.get(name) if isinstance(inner, Mapping) else None
        return inner

    def table(self, *key: str) -> dict[str, Any]:
        """Return the values of a table, without their origins."""
        inner = self.at(*key)
        settings = leaves(inner) if isinstance(inner, Mapping) else ()
        return nest((name, setting.value) for name, setting in settings)

    def names(self, section: str) -> list[str]:
        """Return the names of the members of a set, in order."""
        return list(self.table(section))

    def origin(self, *key: str) -> Origin | None:
        """Return where a value, or the nearest table around it, was set."""
        return next((self.origins[at] for at in around(key) if at in self.origins), None)

    @cached_property
    def origins(self) -> Mapping[Key, Origin]:
        """Where every value was set; of a table, the last of its values."""
        return {
            table: setting.origin
            for key, setting in leaves(self.tree)
            for table in reversed([*around(key)])
        }

    def strongest(self, *keys: Key, default: Origin = DEFAULT) -> Origin:
        """Return which of the origins at some keys, and in tables there, is easiest to change."""
        origins = [o for above in keys for key, o in self.origins.items() if above in around(key)]
        return max(origins, key=lambda origin: LAYERS.index(origin.layer), default=default)


def _merge(below: Mapping[str, Any], above: Mapping[str, Any], table: Key = ()) -> dict[str, Any]:
    """Return a tree over another one; a table gives way to a value and a value to a table."""
    merged = dict(below)
    for name, value in above.items():
        old, key = below.get(name), (*table, name)
        if isinstance(old, Mapping) and isinstance(value, Mapping):
            merged[name] = _merge(old, value, key)
        elif not (isinstance(old, Mapping) and old and _is_component(key)):
            merged[name] = value
    return merged


def _is_component(key: Key) -> bool:
    """Tell whether an empty table at a key names a component and says nothing of its options."""
    match key:
        case (section,):
            return section in COMPONENTS
        case (section, _):
            return section in SETS
    return False


def _carried(replaced: Mapping[str, Any], old: str, new: str) -> dict[str, Any]:
    """Return what stays of the settings of a component: those of one that becomes a part."""
    options = {name: value for name, value in replaced.items() if name != "name"}
    return {old: options} if options and old in names_in(new) else {}


def _normalise(key: Key, value: Any, origin: Origin) -> Any:
    """Turn `strategy = "vanilla"` and `evaluations = ["accuracy"]` into tables."""
    match key:
        case (section,) if section in COMPONENTS:
            if isinstance(value, str):
                return {"name": value}
            rule = "must be a name or a table"
        case (section,) if section in SETS:
            if isinstance(value, list | tuple) and all(isinstance(name, str) for name in value):
                return {name: {} for name in value}
            rule = "must be a list of names or a table of tables"
            for name, options in value.items() if isinstance(value, Mapping) else ():
                _normalise((section, name), options, origin)
        case (section, _) if section in SETS:
            rule = "must be a table of options; {} for none"
        case _:
            return value
    if not isinstance(value, Mapping):
        raise ConfigError(f"{origin}: {'.'.join(key)} {rule}, received {value!r}")
    return value
