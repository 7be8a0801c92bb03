"""The plan of a sweep as a file, and a new plan over an old one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mmbal.config.toml import read_file
from mmbal.config.tree import leaves, nest
from mmbal.errors import ConfigError, MmbalError
from mmbal.files.atomic import replace_file
from mmbal.registry.catalogue import Catalogue
from mmbal.sweep.plan import Trial, differences, distinct, identity, resolve_tree

VERSION = 1

_HEADER = """\
# The plan of a sweep: what all trials have in common, and each trial's own settings.
# `mmbal sweep --out` reads it to go on; change it by giving that command more trials.
"""
_SHOWN = 3


@dataclass(frozen=True)
class Plan:
    """All trials of a sweep.

    Args:
        trials: in the order of the table.
        cpus: threads of each trial.
    """

    trials: tuple[Trial, ...]
    cpus: int


def write_plan(path: Path, plan: Plan) -> None:
    """Write a plan, replacing the file as a whole.

    Raises:
        MmbalError: the file cannot be written.
    """
    import tomlkit

    flat = [dict(leaves(trial.config)) for trial in plan.trials]
    common = {
        key: value
        for key, value in flat[0].items()
        if all(key in other and other[key] == value for other in flat)
    }
    document = {
        "version": VERSION,
        "cpus_per_trial": plan.cpus,
        "common": nest(common.items()),
        "trials": [
            {"name": trial.name, "own": nest((k, v) for k, v in own.items() if k not in common)}
            for trial, own in zip(plan.trials, flat, strict=True)
        ],
    }
    replace_file(path, (_HEADER + tomlkit.dumps(document)).encode())


def read_plan(path: Path, catalogue: Catalogue) -> Plan:
    """Read and validate a plan.

    Raises:
        ConfigError: it is no plan, or what is installed does not know its settings.
        MmbalError: a newer mmbal wrote it.
    """
    values = read_file(path).values
    version = values.get("version")
    if isinstance(version, int) and version > VERSION:
        raise MmbalError(
            f"{path}: version {version} is newer than {VERSION}, the newest this mmbal reads; "
            "upgrade mmbal"
        )
    try:
        common = dict(leaves(values["common"]))
        stored = [
            (str(each["name"]), nest({**common, **dict(leaves(each["own"]))}.items()))
            for each in values["trials"]
        ]
        cpus = int(values["cpus_per_trial"])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ConfigError(f"{path} is no plan that `mmbal sweep` wrote ({error!r})") from error
    return Plan(tuple(_trial(catalogue, path, *each) for each in stored), cpus)


def extend(old: Sequence[Trial], new: Sequence[Trial], path: Path) -> list[Trial]:
    """Return the trials of a new plan over those of an old one.

    Trials of both keep the name they had.

    Args:
        old: what the file holds.
        new: what is asked for.
        path: of the file, for messages.

    Raises:
        MmbalError: the new plan lacks a trial of the old one.
    """
    asked = {identity(trial.config): trial for trial in new}
    known = {identity(trial.config): trial for trial in old}
    missing = [trial for key, trial in known.items() if key not in asked]
    added = [trial for key, trial in asked.items() if key not in known]
    if missing:
        raise MmbalError(_refusal(path, missing, added))
    kept = [replace(asked[key], name=trial.name) for key, trial in known.items()]
    return kept + distinct(added, [trial.name for trial in old])


def _trial(catalogue: Catalogue, path: Path, name: str, config: Mapping[str, Any]) -> Trial:
    # A name is a part of a path; what stands in the file may have been changed by anyone.
    if not name or name.startswith(".") or "/" in name or "\\" in name:
        raise ConfigError(f"{path}: the name of a trial must be a plain file name, not {name!r}")
    resolved = resolve_tree(catalogue, config, str(path))
    return Trial(name, resolved.config.tree(), resolved.origins)


def _refusal(path: Path, missing: Sequence[Trial], added: Sequence[Trial]) -> str:
    """Say what the new plan lacks, and in what its nearest trial differs."""
    names = ", ".join(trial.name for trial in missing[:_SHOWN])
    more = f" and {len(missing) - _SHOWN} more" if len(missing) > _SHOWN else ""
    changes = [differences(trial.config, missing[0].config) for trial in added]
    nearest = min(changes, key=len, default=[])
    told = f" ({', '.join(nearest[:_SHOWN])})" if nearest else ""
    return (
        f"{path} holds trials that this command lacks: {names}{more}{told}; a sweep can be "
        "extended but not changed: give all its values, or another --out"
    )
