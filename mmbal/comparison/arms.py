"""Records -> arms: runs that differ in nothing but their seed, and what tells the arms apart."""

import os
import tomllib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from mmbal.comparison.values import Arm, Ledger, Statistic
from mmbal.config.resolution import late_fusion, resolve
from mmbal.config.settings import RunConfig
from mmbal.config.toml import TomlFile
from mmbal.config.tree import leaves
from mmbal.errors import MmbalError
from mmbal.keys import dotted
from mmbal.records.record import Record
from mmbal.registry.catalogue import Catalogue
from mmbal.report.outcome import final_d_speed, finished_steps, seconds

# Sections of config.toml that decide what is measured; the others say where and how long.
_DECISIVE = (
    "dataset", "architecture", "strategy", "optimizer", "schedule", "epochs", "batch_size",
    "precision", "select", "callbacks",
)  # fmt: skip
PLAIN = "vanilla"
"""The strategy that balances nothing."""


@dataclass(frozen=True)
class Group:
    """The runs of an arm with all that may be asked of them.

    Args:
        recipe, strategy: names.
        settings: all that decides a run apart from its seed, by dotted key.
        kind: task and classes, which arms that are compared share.
        members: seed to folder and record.
        control: as `Arm.control`.
    """

    recipe: str
    strategy: str
    settings: Mapping[str, str]
    kind: tuple[str, tuple[str, ...]]
    members: dict[int, tuple[str, Record]] = field(default_factory=dict)
    control: str = ""

    @property
    def modalities(self) -> tuple[str, ...]:
        """Of its runs."""
        return next(record.modalities for _, record in self.members.values())


def group_runs(
    records: Mapping[str, Record], weights: str, catalogue: Catalogue | None
) -> tuple[list[Group], list[str]]:
    """Return arms in the order of their first runs, and a line for each run that is left out."""
    groups: dict[Any, Group] = {}
    remarks = []
    known = {m for record in records.values() for m in record.modalities}
    for run, record in records.items():
        if ("test", weights) not in record.scores:
            remarks.append(
                f"{run} is left out: no test scores of the {weights} weights "
                f"({record.status}, {finished_steps(record)} steps)"
            )
            continue
        settings = settings_of(record, catalogue, known)
        kind = (str(record.data.get("task", "")), record.classes)
        key = (record.recipe, tuple(settings.items()), kind)
        group = groups.setdefault(key, Group(record.recipe, record.strategy, settings, kind))
        first, _ = group.members.setdefault(record.seed, (run, record))
        if first != run:
            remarks.append(
                f"{run} is left out: {first} is seed {record.seed} of the same "
                f"({record.recipe}, {record.strategy}) already"
            )
    several = {
        m for group in groups.values() for m in group.modalities if len(group.modalities) > 1
    }
    found = [*groups.values()]
    balanced = {_architecture(group.settings) for group in found if group.strategy != PLAIN}
    late = {_late(group, catalogue) for group in found if len(group.modalities) > 1} - balanced
    return [_as_control(group, several, late) for group in found], remarks


def _as_control(group: Group, fused: set[str], late: set[frozenset[tuple[str, str]]]) -> Group:
    """Mark what is trained plainly: a modality by itself that others are trained together with.

    Or late fusion of the encoders of another arm, which no strategy balances.
    """
    if group.strategy != PLAIN:
        return group
    if len(group.modalities) == 1:
        return replace(group, control="alone" if {*group.modalities} <= fused else "")
    return replace(group, control="late" if _architecture(group.settings) in late else "")


def _architecture(settings: Mapping[str, str]) -> frozenset[tuple[str, str]]:
    return frozenset(item for item in settings.items() if item[0].startswith("architecture."))


def _late(group: Group, catalogue: Catalogue | None) -> frozenset[tuple[str, str]]:
    """Return the settings of late fusion of a group's encoders; none where that is not known."""
    _, record = next(iter(group.members.values()))
    config = _resolved(_tables(record), catalogue)
    if config is None or catalogue is None:
        return frozenset()
    try:
        late = late_fusion(catalogue, config.architecture)
    except MmbalError:  # of an architecture that is not here
        late = None
    tree = config.model_copy(update={"architecture": late}).tree() if late else {}
    of = {"architecture": tree.get("architecture", {})}
    return _architecture({dotted(key): str(value) for key, value in leaves(of)})


def settings_of(
    record: Record, catalogue: Catalogue | None, modalities: set[str]
) -> dict[str, str]:
    """Return what decides a run apart from its seed, by dotted key.

    An option that it was made without has its default, where what is installed tells that; what
    it says of those `modalities` that it does without is left out.
    """
    tables = _tables(record)
    if config := _resolved(tables, catalogue):
        names = {*(config.dataset.options.modality_names() or ()), *modalities}
        tables = config.without(names - {*record.modalities}).tree()
    known = {
        "dataset.name": record.dataset,
        "architecture.name": record.architecture,
        "epochs": str(record.epochs),
        "batch_size": str(record.batch_size),
    }
    decisive = {section: tables[section] for section in _DECISIVE if section in tables}
    written = {dotted(key): str(value) for key, value in leaves(decisive)}
    own = {"modalities": ", ".join(record.modalities), "strategy.name": record.strategy}
    return dict(sorted((known | written | own).items()))


def _tables(record: Record) -> dict[str, Any]:
    try:
        tables = tomllib.loads(record.config)
    except ValueError:  # a record stays comparable without its configuration
        return {}
    tables.pop("provenance", None)
    return tables


def _resolved(tables: Mapping[str, Any], catalogue: Catalogue | None) -> RunConfig | None:
    if catalogue is None or not tables:
        return None
    try:
        return resolve(catalogue, None, TomlFile(Path(), tables, {}), complete=False).config
    except MmbalError:  # of a plugin that is not here, or of an option that is no more
        return None


_ONE = {"", "alone", "ensemble"}
_KIN = {"": {""}, "late": {"", "late"}, "alone": _ONE, "ensemble": _ONE}
"""Control to those of the arms that its settings are told apart from."""


def arms_of(groups: Sequence[Group], weights: str, names: Sequence[str]) -> list[Arm]:
    """Return groups as the arms that are shown; those that would be called alike name a folder."""
    arms = []
    for group in groups:
        kin = [
            other.settings
            for other in groups
            if other.recipe == group.recipe and other.control in _KIN[group.control]
        ]
        runs, records = zip(*group.members.values(), strict=True)
        arms.append(
            Arm(
                group.recipe,
                group.strategy,
                _differing(group.settings, kin),
                runs,
                tuple(group.members),
                _statistics(group, weights, names),
                group.control,
                Ledger(_mean(map(seconds, records)), _mean(map(_examples, records))),
            )
        )
    called = Counter((arm.recipe, arm.label) for arm in arms)
    return [_in_folder(arm) if called[arm.recipe, arm.label] > 1 else arm for arm in arms]


def _in_folder(arm: Arm) -> Arm:
    folder = arm.runs[0] if len(arm.runs) == 1 else os.path.commonpath(arm.runs)
    return replace(arm, settings={**arm.settings, "folder": folder})


def statistic(values: Sequence[float]) -> Statistic:
    """Return mean, sample standard deviation and number of the values that are not NaN."""
    defined = np.array([value for value in values if not np.isnan(value)])
    return Statistic(
        float(defined.mean()) if defined.size else float("nan"),
        float(defined.std(ddof=1)) if defined.size > 1 else float("nan"),
        int(defined.size),
    )


def _mean(values: Any) -> float:
    return statistic([*values]).mean


def _examples(record: Record) -> float:
    """Return how many examples training has seen."""
    train = record.data.get("splits", {}).get("train", {}).get("examples")
    if train is None:
        return float(finished_steps(record) * record.batch_size)
    return float(train * len(record.history.epochs.index))


def _statistics(group: Group, weights: str, names: Sequence[str]) -> dict[str, Statistic]:
    records = [record for _, record in group.members.values()]
    scores = [record.scores["test", weights] for record in records]
    columns = {name: [values.get(name, np.nan) for values in scores] for name in names}
    speeds = [None if group.control else final_d_speed(record) for record in records]
    columns["d_speed"] = [np.nan if speed is None else speed for speed in speeds]
    columns["seconds"] = [seconds(record) for record in records]
    return {name: statistic(values) for name, values in columns.items()}


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
