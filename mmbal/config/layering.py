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
from itertools import combinations, product
from typing import Any

from mmbal.config.origin import DEFAULT, Setting
from mmbal.config.tree import around, leaves, nest
from mmbal.errors import ConfigError
from mmbal.keys import Key, dotted, undotted
from mmbal.registry.composition import names_in

COMPONENTS = ("dataset", "architecture", "strategy", "optimizer", "schedule")
SETS = {"evaluations": "evaluation", "callbacks": "callback"}


@dataclass(frozen=True)
class Settings:
    """What one source sets, or several over one another.

    Args:
        values: by key, the weakest first. A set that is stated completely has an empty table,
            and so has each member of a set, beside what is set of it.
    """

    values: dict[Key, Setting] = field(default_factory=dict)

    @classmethod
    def of_tables(cls, tables: Mapping[str, Any], locate: Callable[[Key], str]) -> "Settings":
        """Return the settings of a recipe or a file; `locate` gives the origin of a key."""
        settings = cls()
        for name, value in tables.items():
            settings._add((name,), value, locate)
        return settings

    @classmethod
    def of_overrides(cls, overrides: Iterable[tuple[str, Any, str]]) -> "Settings":
        """Return the settings of the command line; of two equal keys the later wins."""
        settings = cls()
        for key, value, origin in overrides:
            settings._add(undotted(key), value, _always(" ".join(origin.split())))
        return settings

    def _add(self, key: Key, value: Any, locate: Callable[[Key], str]) -> None:
        if dotted(key) in SETS:
            _put(self.values, key, Setting({}, locate(key)))
        for inner, leaf in leaves(nest([(key, value)])):
            for full, plain in _normalise(inner, leaf, locate(inner)):
                _put(self.values, full, Setting(plain, locate(inner)))

    def over(self, weaker: "Settings") -> "Settings":
        """Return these settings over weaker ones."""
        # The members of a set that is stated come first, in their order.
        values = {k: s for k, s in self.values.items() if _is_of_set(k) and self._states(k[0])}
        for key, setting in weaker.values.items():
            if kept := self._kept(key, weaker):
                values[kept] = setting
        for key, setting in self.values.items():
            _put(values, key, setting)
        return Settings(values)

    def _states(self, section: str) -> bool:
        return section in SETS and (section,) in self.values

    def _kept(self, key: Key, weaker: "Settings") -> Key:
        """Return the key at which a weaker setting stays; () for nowhere."""
        section, *inner = key
        if self._states(section):
            return key if key[:2] in self.values else ()
        if section not in COMPONENTS:
            return key
        old, new = (source.values.get((section, "name")) for source in (weaker, self))
        if not old or not new or old.value == new.value:
            return key
        # A strategy that becomes a part of a composition has its options in a table of its own.
        stays = inner != ["name"] and old.value in names_in(new.value)
        return (section, old.value, *inner) if stays else ()

    def table(self, *key: str) -> dict[str, Any]:
        """Return the values of a table, without their origins."""
        depth = len(key)
        return nest(
            (inner[depth:], setting.value)
            for inner, setting in self.values.items()
            if inner[:depth] == key and inner != key
        )

    @cached_property
    def origins(self) -> Mapping[Key, str]:
        """Where every value was set; of a table, the strongest of its values."""
        return {at: origin for key, (_, origin) in self.values.items() for at in around(key)}

    def origin(self, *keys: Key) -> str:
        """Return where the strongest of some values was set, or of the tables nearest to them."""
        nearest = {next((at for at in around(key) if at in self.origins), ()) for key in keys}
        strongest_first = reversed(self.values.items())
        inside = (s.origin for key, s in strongest_first if not nearest.isdisjoint(around(key)))
        return next(inside, DEFAULT)


def refuse_contradictions(overrides: Iterable[tuple[str, Any, str]]) -> None:
    """Compare what was typed beside each other.

    Raises:
        ConfigError: the same is set to different values.
    """
    sources = [Settings.of_overrides([override]) for override in overrides]
    for former, later in combinations(sources, 2):
        for key, other in product(later.values, former.values):
            if _is_of_set(key) or _is_of_set(other):  # which clash where both state the whole set
                same = key != other or len(key) > 1 or later.table(*key) == former.table(*key)
            else:
                shared = min(len(key), len(other))
                equal = key == other and later.values[key].value == former.values[key].value
                same = equal or key[:shared] != other[:shared]
            if not same:
                text = f"{dotted(key)} is also set by {former.origin(other)}; leave out one"
                raise ConfigError(f"{later.origin(key)}: {text}")


def _always(origin: str) -> Callable[[Key], str]:
    return lambda _: origin


def _put(values: dict[Key, Setting], key: Key, setting: Setting) -> None:
    """Set a value; a table gives way to a value and a value to a table."""
    if key[0] in SETS and len(key) > 2:
        values.setdefault(key[:2], Setting({}, setting.origin))
    if not _is_of_set(key):
        for other in list(values):
            shared = min(len(key), len(other))
            if key[:shared] == other[:shared] and not _is_of_set(other):
                del values[other]
    values[key] = setting


def _is_of_set(key: Key) -> bool:
    """Tell whether a key is that of a set or a member, which says nothing of what is inside."""
    return key[0] in SETS and len(key) <= 2


def _normalise(key: Key, value: Any, origin: str) -> list[tuple[Key, Any]]:
    """Give `strategy = "vanilla"` and `evaluations = ["accuracy"]` the keys of tables."""
    match key:
        case (section,) if section in COMPONENTS:
            if isinstance(value, str):
                return [((section, "name"), value)]
            if value == {}:
                return []
            rule = "must be a name or a table"
        case (section,) if section in SETS and value != {}:
            if isinstance(value, list | tuple) and all(isinstance(name, str) for name in value):
                return [((section, name), {}) for name in value]
            rule = "must be a list of names or a table of tables"
        case (section, _) if section in SETS and value != {}:
            rule = "must be a table of options; {} for none"
        case ("recipe",) if not isinstance(value, str):
            rule = "must be text"
        case (section, "name") if section in COMPONENTS and not isinstance(value, str):
            rule = "must be text"
        case _:
            return [(key, value)]
    raise ConfigError(f"{origin}: {dotted(key)} {rule}, received {value!r}")
