"""Records of several seeds and settings -> one row per recipe, strategy and settings."""

import tomllib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

import numpy as np

from mmbal.config.tree import leaves
from mmbal.errors import MmbalError, unknown
from mmbal.keys import dotted
from mmbal.records.record import Record
from mmbal.report.outcome import final_d_speed, finished_steps, headlines, seconds

# Sections of config.toml that decide what is measured; the others say where and how long.
_DECISIVE = (
    "dataset", "architecture", "strategy", "optimizer", "schedule", "epochs", "batch_size",
    "precision", "select", "callbacks",
)  # fmt: skip
INCOMPARABLE = (
    "d_speed and learning speeds under a strategy that isolates branches are not comparable with "
    "those under another strategy"
)


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
        settings: what tells it from the other groups of the same recipe.
        runs: their folders.
        seeds: one per run.
        statistics: name of a score, d_speed or seconds to its statistic.
    """

    recipe: str
    strategy: str
    settings: Mapping[str, str]
    runs: tuple[str, ...]
    seeds: tuple[int, ...]
    statistics: Mapping[str, Statistic]


@dataclass(frozen=True)
class Comparison:
    """Groups in the order of their first runs, and what the reader should know.

    Args:
        groups: of runs.
        remarks: one line each.
        meanings: score to what it is, in a line.
    """

    groups: tuple[Group, ...]
    remarks: tuple[str, ...]
    meanings: Mapping[str, str]


def compare_records(
    records: Mapping[str, Record], weights: str = "selected", wanted: Sequence[str] = ()
) -> Comparison:
    """Group runs and summarise their test scores.

    Args:
        records: by run folder.
        weights: which weights' scores, selected or last. Learning speeds are always those
            after the last step.
        wanted: patterns of further scores, such as "subset_*", beside the headlines.

    Raises:
        MmbalError: no run has a score of such a name.
    """
    names = _chosen(records, weights, wanted)
    remarks, groups = [], []
    members: dict[tuple[str, tuple[tuple[str, str], ...]], list[str]] = {}
    for run, record in records.items():
        if ("test", weights) in record.scores:
            key = record.recipe, tuple(_settings(record).items())
            members.setdefault(key, []).append(run)
        else:
            remarks.append(
                f"{run} is left out: no test scores of the {weights} weights "
                f"({record.status}, {finished_steps(record)} steps)"
            )
    for (recipe, settings), runs in members.items():
        kin = [dict(others) for name, others in members if name == recipe]
        group = [records[run] for run in runs]
        strategy, seeds = group[0].strategy, tuple(record.seed for record in group)
        if len(set(seeds)) < len(runs):
            remarks.append(
                f"{recipe}, {strategy}: a seed occurs more than once among {', '.join(runs)}, "
                "so the deviation is no deviation over seeds"
            )
        differing = _differing(dict(settings), kin)
        statistics = _statistics(group, weights, names)
        groups.append(Group(recipe, strategy, differing, tuple(runs), seeds, statistics))
    remarks += _speeds(groups, records)
    return Comparison(tuple(groups), tuple(remarks), _meanings(records, names))


def _speeds(groups: Sequence[Group], records: Mapping[str, Record]) -> list[str]:
    isolated = any(each.history.epochs.rebalancing_steps.any() for each in records.values())
    return [INCOMPARABLE] if isolated and len(groups) > 1 else []


def _meanings(records: Mapping[str, Record], names: Sequence[str]) -> dict[str, str]:
    """Return what the scores are that are shown."""
    shown = {name.split("/")[0].split("@")[0] for name in names}
    told = {score: text for record in records.values() for score, text in record.meanings.items()}
    return {score: meaning for score, meaning in told.items() if score in shown}


def matching(patterns: Sequence[str], names: Collection[str], kind: str = "score") -> list[str]:
    """Return the names that fit patterns, in their order.

    Args:
        patterns: such as "subset_*".
        names: what there is.
        kind: of thing that is named.

    Raises:
        MmbalError: none fits one of them.
    """
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in names):
            raise MmbalError(unknown(kind, pattern, names))
    return [name for name in names if any(fnmatchcase(name, each) for each in patterns)]


def statistic(values: Sequence[float]) -> Statistic:
    """Return mean, sample standard deviation and number of the values that are not NaN."""
    defined = np.array([value for value in values if not np.isnan(value)])
    return Statistic(
        float(defined.mean()) if defined.size else float("nan"),
        float(defined.std(ddof=1)) if defined.size > 1 else float("nan"),
        int(defined.size),
    )


def _chosen(records: Mapping[str, Record], weights: str, wanted: Sequence[str]) -> list[str]:
    """Return the scores to compare: the headlines, and those that are asked for."""
    named = dict.fromkeys(name for record in records.values() for name in headlines(record))
    there = dict.fromkeys(
        name for record in records.values() for name in record.scores.get(("test", weights), {})
    )
    return [*dict.fromkeys([*named, *matching(wanted, there)])]


def _statistics(
    records: Sequence[Record], weights: str, names: Sequence[str]
) -> dict[str, Statistic]:
    scores = [record.scores["test", weights] for record in records]
    columns = {name: [values.get(name, np.nan) for values in scores] for name in names}
    speeds = [final_d_speed(record) for record in records]
    columns["d_speed"] = [np.nan if speed is None else speed for speed in speeds]
    columns["seconds"] = [seconds(record) for record in records]
    return {name: statistic(values) for name, values in columns.items()}


def _settings(record: Record) -> dict[str, str]:
    """Return what decides a run apart from its seed, by dotted key."""
    try:
        config = tomllib.loads(record.config)
    except ValueError:  # a record stays comparable without its configuration
        config = {}
    known = {
        "dataset.name": record.dataset,
        "architecture.name": record.architecture,
        "epochs": str(record.epochs),
        "batch_size": str(record.batch_size),
        "modalities": ", ".join(record.modalities),
    }
    decisive = {section: config[section] for section in _DECISIVE if section in config}
    written = {dotted(key): str(value) for key, value in leaves(decisive)}
    return dict(sorted((known | written | {"strategy.name": record.strategy}).items()))


def _differing(settings: Mapping[str, str], kin: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """Return the settings of a group that not all of its kin share.

    Options of a component are compared with those of the same component alone. The strategy has
    a column of its own.
    """
    differing = {}
    for key, value in settings.items():
        section, _, option = key.partition(".")
        name = f"{section}.name"
        same = [other for other in kin if other.get(name) == settings.get(name)]
        comparable = same if option and key != name else kin
        if key != "strategy.name" and any(other.get(key) != value for other in comparable):
            differing[key] = value
    return differing
