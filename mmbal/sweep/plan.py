"""The trials of a sweep: resolved, named, compared."""

import hashlib
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Any

from mmbal.config.layering import COMPONENTS, SETS
from mmbal.config.origin import Override
from mmbal.config.resolution import Resolved, resolve
from mmbal.config.toml import TomlFile, read_file
from mmbal.errors import ConfigError
from mmbal.registry.catalogue import Catalogue
from mmbal.sweep.axes import Axis, Point, canonical, points

_UNSAFE = re.compile(r"[^A-Za-z0-9._=+-]+")
_LONGEST_NAME = 100


@dataclass(frozen=True)
class Trial:
    """One run of a sweep.

    Args:
        name: of its folder.
        resolved: its configuration and where each value was set.
    """

    name: str
    resolved: Resolved

    @cached_property
    def settings(self) -> dict[str, Any]:
        """What decides its result, by dotted key."""
        return self.resolved.config.identity()

    @cached_property
    def digest(self) -> str:
        """What two equal trials share."""
        text = json.dumps(self.settings, sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()

    def differences(self, other: "Trial") -> list[str]:
        """Return what differs from another trial, such as "epochs 2 instead of 3"."""
        mine, theirs = self.settings, other.settings
        return [
            f"{key} {_text(mine.get(key, 'unset'))} instead of {_text(theirs.get(key, 'unset'))}"
            for key in dict.fromkeys([*theirs, *mine])
            if mine.get(key) != theirs.get(key)
        ]

    def marked(self) -> "Trial":
        """Return the trial with a name that no trial of another configuration has."""
        return replace(self, name=f"{self.name[:_LONGEST_NAME]}-{self.digest[:8]}")


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
    resolver = _Resolver(catalogue, recipe, read_file(file) if file else None, axes)
    trials: dict[str, Trial] = {}
    repeated = 0
    for point, varied in points(axes):
        resolved, own = resolver.resolve(point, varied)
        trial = _named(_anywhere(resolved), own)
        # Trials that differ in an option of another strategy alone are one and no mistake.
        repeated += trial.digest in trials and len(own) == len(varied)
        trials.setdefault(trial.digest, trial)
    resolver.refuse_unused()
    return distinct(trials.values()), repeated


def distinct(trials: Iterable[Trial], taken: Iterable[str] = ()) -> list[Trial]:
    """Give trials whose names are taken, whatever the case of the letters, names of their own."""
    used = {name.casefold() for name in taken}
    named = []
    for trial in trials:
        named.append(trial.marked() if trial.name.casefold() in used else trial)
        used.add(named[-1].name.casefold())
    return named


class _Resolver:
    """Resolves points; remembers which strategies' own options were of use."""

    def __init__(
        self,
        catalogue: Catalogue,
        recipe: str | None,
        file: TomlFile | None,
        axes: Sequence[Axis],
    ) -> None:
        self._catalogue, self._recipe, self._file = catalogue, recipe, file
        self._installed = frozenset(catalogue.names("strategy"))
        self._overrides = [each for axis in axes for point in axis.alternatives for each in point]
        self._strategies: dict[str, tuple[str, ...]] = {}

    def resolve(self, point: Point, varied: Point) -> tuple[Resolved, list[Override]]:
        """Return a point's configuration, and what of it varies, for a name."""
        general = [each for each in point if self._owner(each) is None]
        try:
            resolved = resolve(self._catalogue, self._recipe, self._file, general)
        except ConfigError as error:
            raise ConfigError(f"{error}{self._hint(general)}") from error
        strategy = resolved.config.strategy
        self._strategies[strategy.name] = strategy.parts
        own = [each for each in point if self._owner(each) in strategy.parts]
        if own:
            own = [self._plain(each, strategy.name) for each in own]
            resolved = resolve(self._catalogue, self._recipe, self._file, [*general, *own])
        mine = [each for each in varied if self._owner(each) in (None, *strategy.parts)]
        return resolved, [self._plain(each, strategy.name) for each in mine]

    def refuse_unused(self) -> None:
        """Raise for options of a strategy that no trial has."""
        used = {None, *chain.from_iterable(self._strategies.values())}
        for override in self._overrides:
            if self._owner(override) not in used:
                raise ConfigError(
                    f"{override.origin}: no trial has the strategy {self._owner(override)!r} "
                    f"(strategies of this sweep: {', '.join(self._strategies)})"
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
        chosen = [str(each.value) for each in self._overrides if canonical(each.key) == "strategy"]
        wrong = [each.value for each in point if canonical(each.key) == "strategy"]
        for override in point:
            section, _, option = override.key.partition(".")
            owners = [name for name in chosen if section == "strategy" and self._has(name, option)]
            if owners and not set(owners) & set(wrong):
                return f"; for {owners[0]} alone it is {owners[0]}.{option}=..."
        return ""

    def _has(self, strategy: str, option: str) -> bool:
        return (
            strategy in self._installed
            and option in self._catalogue.options_class("strategy", strategy).model_fields
        )


def _anywhere(resolved: Resolved) -> Resolved:
    """Return a configuration that finds its data from any working directory."""
    folder = resolved.config.data_dir
    if folder is None:
        return resolved
    config = resolved.config.model_copy(update={"data_dir": folder.absolute()})
    return replace(resolved, config=config)


def _named(resolved: Resolved, varied: Sequence[Override]) -> Trial:
    """Name a trial by strategy, seed and what else varies, such as guided-seed0-tolerance=0.01."""
    parts = [resolved.config.strategy.name, f"seed{resolved.config.seed}"]
    for override in varied:
        key = canonical(override.key)
        if key not in ("strategy", "seed"):
            parts.append(f"{key.removeprefix('strategy.')}={_text(override.value)}")
    typed = "-".join(parts)
    safe = _UNSAFE.sub("_", typed)
    trial = Trial(safe, resolved)
    return trial if safe == typed and len(safe) <= _LONGEST_NAME else trial.marked()


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, default=str)
