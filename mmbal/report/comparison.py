"""Records of several seeds and settings -> one row per recipe, strategy and settings."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from mmbal.config.origin import dotted
from mmbal.config.tree import leaves
from mmbal.records.record import Record
from mmbal.report.outcome import final_d_speed, finished_steps, seconds

# Sections of config.toml that decide what is measured; the others say where and how long.
_DECISIVE = (
    "dataset", "architecture", "strategy", "optimizer", "schedule", "epochs", "batch_size",
    "precision", "select", "callbacks",
)  # fmt: skip

_SHORT = [("dataset",), ("architecture",), ("strategy",)]  # for NAME.name
Settings = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Statistic:
    """A number over seeds.

    Args:
        mean: over the runs where it is defined.
        deviation: sample standard deviation (n - 1); NaN for fewer than two runs.
        count: runs where it is defined.
    """

    mean: float
    deviation: float
    count: int


@dataclass(frozen=True)
class Group:
    """Runs that differ in nothing but their seed.

    Args:
        recipe, strategy: names.
        settings: what tells it from the other groups of the same recipe and strategy.
        runs: their folders.
        seeds: one per run.
        statistics: metric name (accuracy, accuracy/gray, utilization/gray, d_util, d_speed,
            seconds) to its statistic.
    """

    recipe: str
    strategy: str
    settings: Mapping[str, str]
    runs: tuple[str, ...]
    seeds: tuple[int, ...]
    statistics: Mapping[str, Statistic]


@dataclass(frozen=True)
class Comparison:
    """Groups in the order of their first runs, and remarks for the reader, one line each."""

    groups: tuple[Group, ...]
    remarks: tuple[str, ...]


def compare_records(records: Mapping[str, Record], weights: str = "selected") -> Comparison:
    """Group runs and summarise their test scores.

    Args:
        records: by run folder.
        weights: which weights' scores, selected or last. Learning speeds are always those
            after the last step.
    """
    remarks = []
    groups: dict[tuple[str, str, Settings], list[str]] = {}
    for run, record in records.items():
        if ("test", weights) not in record.scores:
            remarks.append(
                f"{run} is left out: no test scores of the {weights} weights "
                f"({record.status}, {finished_steps(record)} steps)"
            )
            continue
        key = (record.recipe, record.strategy, _settings(record))
        groups.setdefault(key, []).append(run)
    rows = []
    for (recipe, strategy, settings), runs in groups.items():
        kin = [key[2] for key in groups if key[0] == recipe]
        twins = [key[2] for key in groups if key[:2] == (recipe, strategy)]
        members = [records[run] for run in runs]
        row = Group(
            recipe,
            strategy,
            _differing(settings, kin, twins),
            tuple(runs),
            tuple(record.seed for record in members),
            _statistics(members, weights),
        )
        if len(set(row.seeds)) < len(runs):
            remarks.append(
                f"{recipe}, {strategy}: a seed occurs more than once among {', '.join(runs)}, "
                "so the deviation is no deviation over seeds"
            )
        rows.append(row)
    return Comparison(tuple(rows), tuple(remarks))


def statistic(values: Sequence[float]) -> Statistic:
    """Return mean, sample standard deviation and number of the values that are not NaN."""
    defined = np.array([value for value in values if not np.isnan(value)])
    return Statistic(
        float(defined.mean()) if defined.size else float("nan"),
        float(defined.std(ddof=1)) if defined.size > 1 else float("nan"),
        int(defined.size),
    )


def _statistics(records: Sequence[Record], weights: str) -> dict[str, Statistic]:
    scores = [record.scores["test", weights] for record in records]
    modalities = records[0].modalities
    names = ["accuracy", *(f"accuracy/{m}" for m in modalities)]
    names += [*(f"utilization/{m}" for m in modalities), "d_util"]
    columns = {name: [values.get(name, np.nan) for values in scores] for name in names}
    speeds = [final_d_speed(record) for record in records]
    columns["d_speed"] = [np.nan if speed is None else speed for speed in speeds]
    columns["seconds"] = [seconds(record) for record in records]
    return {name: statistic(values) for name, values in columns.items()}


def _settings(record: Record) -> Settings:
    """Return what decides a run apart from its seed, as sorted dotted keys and texts."""
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    try:
        config = tomlkit.parse(record.config).unwrap()
    except TOMLKitError:  # a record stays comparable without its configuration
        config = {}
    flat = {
        "dataset.name": record.dataset,
        "architecture.name": record.architecture,
        "epochs": str(record.epochs),
        "batch_size": str(record.batch_size),
        "modalities": ", ".join(record.modalities),
    }
    decisive = {section: config[section] for section in _DECISIVE if section in config}
    for key, value in leaves(decisive):
        if value != {} and key not in _SHORT:
            flat[dotted(key)] = str(value)
    return tuple(sorted(flat.items()))


def _differing(
    settings: Settings, kin: Sequence[Settings], twins: Sequence[Settings]
) -> dict[str, str]:
    """Return the settings that not all share.

    Args:
        settings: of a group.
        kin: of all groups of its recipe.
        twins: those of them with its strategy, whose options are compared with no others.
    """
    own = dict(settings)
    renamed = {
        kind
        for kind in ("architecture", "dataset", "optimizer", "schedule")
        if any(dict(each).get(f"{kind}.name") != own.get(f"{kind}.name") for each in kin)
    }
    found = {}
    for key, value in settings:
        section, _, rest = key.partition(".")
        if section in renamed and rest != "name":
            continue  # the name says it; options of others are not comparable
        others = twins if section == "strategy" else kin
        if any(dict(other).get(key) != value for other in others):
            found[key] = value
    return found
