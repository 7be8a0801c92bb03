"""The trials of a sweep as plain data: resolved, named, compared."""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from mmbal.config.layering import COMPONENTS, SETS
from mmbal.config.origin import Key, Origin, Override, dotted
from mmbal.config.resolution import Resolved, resolve
from mmbal.config.settings import FREE
from mmbal.config.toml import TomlFile, read_file
from mmbal.config.tree import leaves
from mmbal.errors import ConfigError, MmbalError
from mmbal.registry.catalogue import Catalogue
from mmbal.sweep.axes import Axis, Point, canonical, points

_UNSAFE = re.compile(r"[^A-Za-z0-9._=+-]+")
_LONGEST_NAME = 100


@dataclass(frozen=True)
class Trial:
    """One run of a sweep, as data that can be sent and stored.

    Args:
        name: of its folder.
        config: the complete configuration, as nested tables; never changed.
        origins: where each value was set, by dotted key.
    """

    name: str
    config: Mapping[str, Any]
    origins: Mapping[str, Origin] = field(default_factory=dict, compare=False)

    @property
    def strategy(self) -> str:
        """Return the name of the strategy."""
        return str(self.config["strategy"]["name"])

    @property
    def seed(self) -> int:
        """Return the seed."""
        return int(self.config["seed"])

    def resolve(self, catalogue: Catalogue) -> Resolved:
        """Return the typed configuration.

        Raises:
            MmbalError: what is installed here does not read it as it was meant.
        """
        resolved = resolve_tree(catalogue, self.config, self.name)
        found = differences(resolved.config.tree(), self.config)
        if found:
            raise MmbalError(
                f"{self.name}: another version of mmbal or of a plugin is installed here; it "
                f"reads {found[0]}"
            )
        return Resolved(resolved.config, self.origins)


def make_trials(
    catalogue: Catalogue, recipe: str | None, file: Path | None, axes: Sequence[Axis]
) -> tuple[list[Trial], int]:
    """Resolve and validate every trial.

    A key that begins with the name of a strategy, such as guided.tolerance, is an option of
    that strategy alone; the trials of other strategies do without it.

    Args:
        catalogue: what is installed.
        recipe: its name; None takes the one of the file.
        file: TOML under all axes.
        axes: what the trials set.

    Returns:
        The trials, each once, and how many were given more often.

    Raises:
        ConfigError: a key or value is not legal for one of the trials.
        MmbalError: a recipe or component is not installed.
    """
    toml = read_file(file) if file else None
    plan = _Resolver(catalogue, recipe, toml, _strategies(axes))
    found: dict[str, Trial] = {}
    repeated = 0
    for point, varied in points(axes):
        resolved, settings = plan.resolve(point, varied)
        trial = Trial("", _with_absolute_folder(resolved.config.tree()), resolved.origins)
        key = identity(trial.config)
        # Trials that differ in an option of another strategy alone are one and no mistake.
        repeated += key in found and len(settings) == len(varied)
        if key not in found:
            found[key] = replace(trial, name=_name(trial, settings))
    plan.refuse_unused()
    return distinct(found.values()), repeated


def resolve_tree(catalogue: Catalogue, tree: Mapping[str, Any], place: str) -> Resolved:
    """Resolve a complete configuration; `place` names it in messages."""
    toml = TomlFile(Path(place), dict(tree), {})
    return resolve(catalogue, None, toml)


def identity(config: Mapping[str, Any]) -> str:
    """Return what two equal trials share: all of the configuration that decides a result."""
    values = {dotted(key): value for key, value in leaves(config) if key[0] not in FREE}
    text = json.dumps(values, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def differences(
    one: Mapping[str, Any], other: Mapping[str, Any], defaults: Iterable[str] = ()
) -> list[str]:
    """Return what differs, such as "epochs 2 instead of 3".

    Args:
        one: a configuration.
        other: what it is measured against.
        defaults: dotted keys that `one` may lack: it was written before they existed.
    """
    mine, yours = dict(leaves(one)), dict(leaves(other))
    lacking = {tuple(key.split(".")) for key in defaults}
    return [
        f"{dotted(key)} {_shown(mine, key)} instead of {_shown(yours, key)}"
        for key in dict.fromkeys([*yours, *mine])
        if key[0] not in FREE
        and mine.get(key) != yours.get(key)
        and not (key not in mine and key in lacking)
    ]


def distinct(trials: Iterable[Trial], taken: Iterable[str] = ()) -> list[Trial]:
    """Give trials whose names are taken, whatever the case of the letters, names of their own."""
    used = {name.casefold() for name in taken}
    named = []
    for trial in trials:
        name = trial.name
        if name.casefold() in used:
            name = _marked(trial)
        used.add(name.casefold())
        named.append(replace(trial, name=name))
    return named


class _Resolver:
    """Resolves points; remembers which strategies' own options were of use."""

    def __init__(
        self,
        catalogue: Catalogue,
        recipe: str | None,
        file: TomlFile | None,
        strategies: Sequence[str],
    ) -> None:
        self._catalogue, self._recipe, self._file = catalogue, recipe, file
        self._strategies = strategies
        self._installed = frozenset(catalogue.names("strategy"))
        self._unused: dict[str, Override] = {}
        self._seen: dict[str, None] = {}
        self._used: set[str] = set()

    def resolve(self, point: Point, varied: Point) -> tuple[Resolved, tuple[tuple[str, str], ...]]:
        """Return a point's configuration, and its varied settings for a name."""
        general = [each for each in point if self._owner(each) is None]
        try:
            resolved = resolve(self._catalogue, self._recipe, self._file, general)
        except ConfigError as error:
            raise ConfigError(f"{error}{self._hint(general)}") from error
        strategy = resolved.config.strategy.name
        parts = resolved.config.strategy.parts
        own = [self._plain(each, strategy) for each in point if self._owner(each) in parts]
        if own:
            resolved = resolve(self._catalogue, self._recipe, self._file, [*general, *own])
        for each in point:
            owner = self._owner(each)
            if owner is not None and owner not in self._used:
                self._unused.setdefault(owner, each)
        self._seen[strategy] = None
        for part in parts:
            self._used.add(part)
            self._unused.pop(part, None)
        mine = [each for each in varied if self._owner(each) in (None, *parts)]
        return resolved, tuple(
            (canonical(self._plain(each, strategy).key), _text(each.value)) for each in mine
        )

    def refuse_unused(self) -> None:
        """Raise for options of a strategy that no trial has."""
        for owner, override in self._unused.items():
            raise ConfigError(
                f"{override.origin}: no trial has the strategy {owner!r} "
                f"(strategies of this sweep: {', '.join(self._seen)})"
            )

    def _owner(self, override: Override) -> str | None:
        """Return the strategy that alone has an option; None for any other key."""
        owner, dot, _ = override.key.partition(".")
        legal = dot and owner in self._installed and owner not in (*COMPONENTS, *SETS)
        return owner if legal else None

    def _plain(self, override: Override, strategy: str) -> Override:
        owner = self._owner(override)
        if owner is None:
            return override
        # Of a composition, every part has a table of its own.
        table = "strategy" if owner == strategy else f"strategy.{owner}"
        return override._replace(key=f"{table}{override.key.removeprefix(owner)}")

    def _hint(self, point: Sequence[Override]) -> str:
        """Return how to set an option of some strategies only, if that is what went wrong."""
        strategy = next((each.value for each in point if canonical(each.key) == "strategy"), None)
        for each in point:
            option = each.key.removeprefix("strategy.").partition(".")[0]
            if not each.key.startswith("strategy.") or self._has(strategy, option):
                continue
            owners = [name for name in self._strategies if self._has(name, option)]
            if owners:
                return f"; for {owners[0]} alone it is {owners[0]}.{option}=..."
        return ""

    def _has(self, strategy: Any, option: str) -> bool:
        if strategy not in self._installed:
            return False
        return option in self._catalogue.options_class("strategy", strategy).model_fields


def _with_absolute_folder(config: dict[str, Any]) -> dict[str, Any]:
    """Return a configuration that finds its data from any working directory."""
    if config["data_dir"] == "none":
        return config
    return config | {"data_dir": str(Path(config["data_dir"]).absolute())}


def _strategies(axes: Sequence[Axis]) -> list[str]:
    """Return the strategies that axes name."""
    chosen = (each for axis in axes for point in axis.alternatives for each in point)
    return [str(each.value) for each in chosen if canonical(each.key) == "strategy"]


def _name(trial: Trial, settings: Sequence[tuple[str, str]]) -> str:
    """Return strategy, seed and what else varies, such as guided-seed0-tolerance=0.01."""
    parts = [trial.strategy, f"seed{trial.seed}"]
    for key, text in settings:
        if key not in ("strategy", "seed"):
            parts.append(f"{key.removeprefix('strategy.')}={text}")
    typed = "-".join(parts)
    safe = _UNSAFE.sub("_", typed)
    if safe == typed and len(safe) <= _LONGEST_NAME:
        return safe
    return _marked(replace(trial, name=safe))


def _marked(trial: Trial) -> str:
    """Return a name that no trial of another configuration has."""
    return f"{trial.name[:_LONGEST_NAME]}-{identity(trial.config)[:8]}"


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, default=str)


def _shown(values: Mapping[Key, Any], key: Key) -> str:
    return _text(values[key]) if key in values else "unset"
