"""The trials of a sweep: resolved, named, compared."""

import hashlib
import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Any, Literal

from mmbal.config.origin import Override
from mmbal.config.resolution import Resolved, late_fusion, resolve
from mmbal.config.settings import Choice
from mmbal.config.toml import read_file
from mmbal.errors import ConfigError
from mmbal.options import NoOptions, Options
from mmbal.registry.catalogue import Catalogue
from mmbal.sweep.axes import Axis, canonical, points

_UNSAFE = re.compile(r"[^A-Za-z0-9._=+-]+")
_LONGEST_NAME = 100
Fewer = Literal["", "single", "ablate"]
_ORIGIN = {"single": "a control arm (--no-controls leaves them out)", "ablate": "--ablate"}
_LATE = "--late"
_VANILLA = Choice(name="vanilla", options=NoOptions())


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


def make_trials(
    catalogue: Catalogue,
    recipe: str | None,
    file: Path | None,
    axes: Sequence[Axis],
    *,
    fewer: Fewer = "",
    late: bool = False,
) -> list[Trial]:
    """Resolve and validate every trial; equal ones are one.

    A key that begins with the name of a strategy, such as guided.tolerance, is an option of
    that strategy alone; the trials of other strategies do without it.

    Args:
        catalogue: what is installed.
        recipe: its name; None takes the one of the file.
        file: TOML under all axes.
        axes: what the trials set.
        fewer: which modalities are tried beside all of them: "single" for every one alone,
            "ablate" for these and all but each.
        late: whether late fusion of the same encoders is tried, too, trained plainly.

    Raises:
        ConfigError: a key or value is not legal for one of the trials, or its modalities are
            not known, or there is no late fusion of the encoders.
        MmbalError: a recipe or component is not installed.
    """
    base = read_file(file) if file else None
    installed = catalogue.names("strategy")
    varying = {each.key for axis in axes if len(axis) > 1 for each in chain(*axis)}
    trials: dict[str, Trial] = {}
    parts: dict[str, tuple[str, ...]] = {}
    for point in points(axes):
        common = [each for each in point if _owner(each, installed) is None]
        resolved = resolve(catalogue, recipe, base, common)
        strategy = resolved.config.strategy
        parts[strategy.name] = strategy.parts
        own = [each for each in point if _owner(each, installed) in strategy.parts]
        if own:
            options = [_of_strategy(each, strategy.name) for each in own]
            resolved = resolve(catalogue, recipe, base, [*common, *options])
        varied = [each for each in [*common, *own] if each.key in varying]
        made = _ablated(resolved, varied, fewer) if fewer else [_named(resolved, varied)]
        made += [_fused_late(resolved, varied, catalogue)] if late else []
        for trial in made:
            trials.setdefault(trial.digest, trial)
    _refuse_unused(axes, installed, parts)
    return list(trials.values())


def _ablated(resolved: Resolved, varied: Sequence[Override], which: Fewer) -> list[Trial]:
    """Return a trial and those of fewer modalities: one alone, or all but one, too.

    A single modality has nothing to balance: its trial is that of all strategies, vanilla.
    """
    config = resolved.config
    names = config.modalities or config.dataset.options.modality_names()
    if names is None:
        raise ConfigError(
            f"{_ORIGIN[which]}: the options of dataset {config.dataset.name!r} do not tell its "
            "modalities; name all of them, each by --modalities NAME"
        )
    fewer: list[tuple[str, ...]] = [(name,) for name in names]
    if which == "ablate":
        fewer += [tuple(other for other in names if other != name) for name in names]
    trials = [_named(resolved, varied)]
    for modalities in dict.fromkeys(fewer) if len(names) > 1 else ():
        changes: dict[str, Any] = {"modalities": modalities}
        if len(modalities) == 1:
            changes["strategy"] = _VANILLA
        label = Override("modalities", "+".join(modalities), _ORIGIN[which])
        trials.append(_changed(resolved, varied, label, changes))
    return trials


def _fused_late(resolved: Resolved, varied: Sequence[Override], catalogue: Catalogue) -> Trial:
    """Return the trial that fuses the encoders of another one late, and trains plainly."""
    architecture = resolved.config.architecture
    other = late_fusion(catalogue, architecture)
    if other is not None:
        changes = {"architecture": other, "strategy": _VANILLA}
        return _changed(resolved, varied, Override("architecture", other.name, _LATE), changes)
    if architecture.options.late_fusion() is not None:
        raise ConfigError(f"{_LATE}: {architecture.name} fuses late already; leave {_LATE} out")
    classes = {
        each.name: catalogue.options_class("architecture", each.name)
        for each in catalogue.components("architecture")
    }
    able = [name for name, own in classes.items() if own.late_fusion is not Options.late_fusion]
    raise ConfigError(
        f"{_LATE}: {architecture.name}, as it is set, tells of no late fusion of its encoders; "
        f"those that can: {', '.join(able)}"
    )


def _changed(
    resolved: Resolved, varied: Sequence[Override], label: Override, changes: Mapping[str, Any]
) -> Trial:
    """Return a trial with some settings changed, of which its name tells by `label` alone."""
    told = {f"{k}.name" if isinstance(v, Choice) else k: label.origin for k, v in changes.items()}
    config = resolved.config.model_copy(update=changes)
    parts = resolved.config.strategy.parts if "strategy" in changes else ()
    named = [each for each in varied if each.key.partition(".")[0] not in {*changes, *parts}]
    other = replace(resolved, config=config, origins={**resolved.origins, **told})
    return _named(other, [*named, label])


def _owner(override: Override, strategies: Collection[str]) -> str | None:
    """Return the strategy that alone has an option; None for any other key."""
    owner, dot, _ = override.key.partition(".")
    return owner if dot and owner in strategies else None


def _of_strategy(override: Override, strategy: str) -> Override:
    """Return an option of one strategy as one of the strategy that it is, or is a part of."""
    owner, _, option = override.key.partition(".")
    table = "strategy" if owner == strategy else f"strategy.{owner}"
    return override._replace(key=f"{table}.{option}")


def _refuse_unused(
    axes: Sequence[Axis], installed: Collection[str], parts: dict[str, tuple[str, ...]]
) -> None:
    """Raise for options of a strategy that no trial has."""
    for override in chain.from_iterable(chain(*axes)):
        owner = _owner(override, installed)
        if owner is not None and owner not in chain(*parts.values()):
            raise ConfigError(
                f"{override.origin}: no trial has the strategy {owner!r} "
                f"(strategies of this sweep: {', '.join(parts)})"
            )


def _named(resolved: Resolved, varied: Sequence[Override]) -> Trial:
    """Name a trial by strategy, seed and what else varies, such as guided-seed0-tolerance=0.01."""
    strategy = resolved.config.strategy.name
    parts = [strategy, f"seed{resolved.config.seed}"]
    for override in varied:
        key = canonical(override.key)
        if key not in ("strategy", "seed"):
            option = key.removeprefix("strategy.").removeprefix(f"{strategy}.")
            parts.append(f"{option}={_text(override.value)}")
    typed = "-".join(parts)
    safe = _UNSAFE.sub("_", typed)
    trial = Trial(safe, resolved)
    if safe == typed and len(safe) <= _LONGEST_NAME:
        return trial
    return replace(trial, name=f"{safe[:_LONGEST_NAME]}-{trial.digest[:8]}")


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, default=str)
