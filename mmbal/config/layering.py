"""Layers of settings, the stronger over the weaker.

The rules beyond "the stronger value wins":

- A layer that picks another dataset, architecture, strategy or optimizer drops everything
  that weaker layers set for the former one. A learning rate made for SGD does not carry
  over to Adam. A strategy that becomes part of a composition keeps what was set for it.
- A recipe or file that has evaluations (or callbacks) states the whole set of them, and so
  does `--set evaluations=["accuracy"]`; `--set evaluations.NAME.option=value` refines it.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from mmbal.config.origin import Key, Origin, Override, Setting
from mmbal.errors import ConfigError
from mmbal.registry.composition import JOIN

COMPONENTS = ("dataset", "architecture", "strategy")
NAMED = (*COMPONENTS, "optimizer")
SETS = {"evaluations": "evaluation", "callbacks": "callback"}

Settings = dict[Key, Setting]

_MEMBER = 2  # parts of the key of a member of a set, such as evaluations.accuracy


@dataclass
class Layer:
    """What one source sets.

    Attributes:
        settings: values by full key; tables are taken apart, an empty one is a value.
        whole: the sets (evaluations, callbacks) that this layer states completely.
    """

    settings: Settings = field(default_factory=dict)
    whole: set[str] = field(default_factory=set)


def layer_of_tree(tree: Mapping[str, Any], locate: Callable[[Key], Origin]) -> Layer:
    """Return the layer of a recipe or a file.

    Args:
        tree: nested tables.
        locate: gives the origin of a key.
    """
    layer = Layer()
    for name, value in tree.items():
        _flatten(layer, (name,), _normalise((name,), value, locate((name,))), locate)
        if name in SETS:
            layer.whole.add(name)
    return layer


def layer_of_overrides(overrides: Iterable[Override]) -> Layer:
    """Return the layer of the command line; of two equal keys the later wins."""
    layer = Layer()
    for override in overrides:
        origin = Origin("option", " ".join(override.origin.split()))
        key = tuple(override.key.split("."))
        one = Layer()
        _flatten(one, key, _normalise(key, override.value, origin), origin)
        for path, setting in one.settings.items():
            _place(layer.settings, path, setting)
        if len(key) == 1 and key[0] in SETS:
            layer.whole.add(key[0])
    return layer


def merge(layers: Iterable[Layer]) -> Settings:
    """Put layers over one another, weakest first."""
    merged: Settings = {}
    for layer in layers:
        for section in layer.whole:
            kept = names(layer.settings, section)
            _drop(merged, [k for k in merged if k[0] == section and k[1:2] not in kept])
        for section in NAMED:
            new, old = layer.settings.get((section, "name")), merged.get((section, "name"))
            if new and old and new.value != old.value:
                carried = _carried(merged, section, str(old.value), str(new.value))
                _drop(merged, [k for k in merged if k[0] == section])
                merged |= carried
        for key, setting in layer.settings.items():
            _place(merged, key, setting)
        for section in layer.whole:
            _order(merged, section, names(layer.settings, section))
    return merged


def _carried(settings: Settings, section: str, old: str, new: str) -> Settings:
    """Return the settings that stay, under their new keys: those of a part of a composition."""
    if section != "strategy" or JOIN not in new or old not in new.split(JOIN):
        return {}
    return {
        (section, old, *key[1:]): setting
        for key, setting in settings.items()
        if key[0] == section and key != (section, "name")
    }


def names(settings: Settings, section: str) -> list[Key]:
    """Return the names in a set, each as a key of one part, in order."""
    return list(dict.fromkeys(key[1:2] for key in settings if key[0] == section and key[1:]))


def tree_of(settings: Settings, above: Key = ()) -> dict[str, Any]:
    """Return the settings under a key as nested tables."""
    tree: dict[str, Any] = {}
    for key, setting in settings.items():
        if key[: len(above)] == above and len(key) > len(above):
            *tables, last = key[len(above) :]
            place = tree
            for table in tables:
                place = place.setdefault(table, {})
            place[last] = setting.value
    return tree


def origin_of(settings: Settings, key: Key) -> Origin | None:
    """Return where a key was set: itself, something in it, or the nearest table around it."""
    for length in range(len(key), 0, -1):
        if key[:length] in settings:
            return settings[key[:length]].origin
        if length == len(key):
            inside = [s.origin for k, s in settings.items() if k[:length] == key]
            if inside:
                return inside[-1]
    return None


def _normalise(key: Key, value: Any, origin: Origin) -> Any:
    """Turn `strategy = "vanilla"` and `evaluations = ["accuracy"]` into tables."""
    if len(key) == 1 and key[0] in NAMED:
        if isinstance(value, str):
            return {"name": value}
        if not isinstance(value, Mapping):
            raise ConfigError(f"{origin}: {key[0]} must be a name or a table, received {value!r}")
    if key[0] not in SETS:
        return value
    if len(key) == 1:
        if isinstance(value, list | tuple) and all(isinstance(name, str) for name in value):
            return {name: {} for name in value}
        if not isinstance(value, Mapping):
            rule = "must be a list of names or a table of tables"
            raise ConfigError(f"{origin}: {key[0]} {rule}, received {value!r}")
        for name, options in value.items():
            _normalise((*key, name), options, origin)
    elif len(key) == _MEMBER and not isinstance(value, Mapping):
        rule = f"must be a table of options; {{}} for none, received {value!r}"
        raise ConfigError(f"{origin}: {'.'.join(key)} {rule}")
    return value


def _flatten(layer: Layer, key: Key, value: Any, origin: Origin | Callable[[Key], Origin]) -> None:
    if isinstance(value, Mapping) and value:
        for name, inner in value.items():
            _flatten(layer, (*key, str(name)), inner, origin)
    else:
        value = {} if isinstance(value, Mapping) else value
        layer.settings[key] = Setting(value, origin(key) if callable(origin) else origin)


def _place(settings: Settings, key: Key, setting: Setting) -> None:
    """Set a key; a table gives way to a value and a value to a table."""
    if len(key) == _MEMBER and key[0] in SETS:
        # `evaluations = ["accuracy"]` names a member and says nothing about its options.
        if any(k[:2] == key and k != key for k in settings):
            return
    else:
        _drop(settings, [k for k in settings if k[: len(key)] == key and k != key])
    for length in range(1, len(key)):
        settings.pop(key[:length], None)
    settings[key] = setting


def _order(settings: Settings, section: str, members: Iterable[Key]) -> None:
    """Bring the members of a set into the order in which a layer states them."""
    for member in members:
        for key in [key for key in settings if key[:2] == (section, *member)]:
            settings[key] = settings.pop(key)


def _drop(settings: Settings, keys: Iterable[Key]) -> None:
    for key in keys:
        del settings[key]
