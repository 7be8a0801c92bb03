"""Records of finished runs -> the numbers of a card."""

import math
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from typing import Any

import numpy as np

from mmbal import MmbalError
from mmbal.records import FinishedRun, Record
from mmbal_measures.verdicts import CLASSES, Estimate, Evidence

NEEDED = {
    "utilization": "utilization/{}",
    "linear-probe": "probe_accuracy/{}",
    "subsets": "gain@mean/{}",
    "shapley": "shapley_accuracy@mean/{}",
    "perceptual": "perceptual/{}",
    "gain": "gain@refit/{}",
    "contrasts": "probe_above_chance/{}",
}
"""Evaluation to a score that a record holds if it was applied."""
SCORES = {
    "gain": ("gain", "@mean"),
    "shapley": ("shapley_accuracy", "@mean"),
    "perceptual": ("perceptual", ""),
    "probe": ("probe_accuracy", ""),
    "blocked": ("blocked_accuracy", ""),
}
"""Measure to the score, and the absence, that it is told as."""
_DECISIVE = (
    "dataset", "architecture", "strategy", "optimizer", "schedule", "epochs", "batch_size",
    "precision", "select", "callbacks", "modalities",
)  # fmt: skip
"""What of a configuration decides what is measured; the rest says where and how long."""
Scores = Mapping[str, float]


def gather(runs: Sequence[FinishedRun]) -> Evidence:
    """Return the numbers of runs over seeds, having missing measures taken first.

    Of a single run, errors are over examples; of several, over seeds: sd / sqrt(runs).

    Raises:
        MmbalError: a run is unfinished or of one modality, or they differ in more than seeds.
    """
    _refuse(runs)
    records = [_measured(run) for run in runs]
    found = [_of_run(run, record) for run, record in zip(runs, records, strict=True)]
    told = found[0]
    if len(found) > 1:
        means = {name: _mean([getattr(each, name) for each in found]) for name in _ESTIMATES}
        told = replace(told, **means, seeds=tuple(record.seed for record in records))
    return replace(told, remarks=tuple(_remarks(runs, records)))


def _remarks(runs: Sequence[FinishedRun], records: Sequence[Record]) -> Iterator[str]:
    """Yield what the reader of a card should know."""
    lacking = sorted({m for run in runs for m in run.record.modalities if m not in run.alone})
    if lacking:
        first = runs[0].record
        seeds = ",".join(str(run.record.seed) for run in runs)
        yield (
            f"what {', '.join(lacking)} could do alone is not known, nor whether an encoder is "
            "under-trained or fusion harmful; the runs that tell lie beside these after: mmbal "
            f"sweep {first.recipe} --ablate --seeds {seeds} --out SWEEP"
        )
    for run, record in zip(runs, records, strict=True):
        for m in record.modalities:
            if not _above_chance(record.scores["test", "selected"], m):
                yield f"{run.path}: the utilization of {m} is left out, its accuracy is at chance"
    if len({run.record.fingerprint for run in runs}) > 1:
        yield "the runs are of different data: errors over seeds are over data, too"


_ESTIMATES = (
    "chance", "fused", "measures", "contrasts", "above_chance", "fused_above_chance", "refit_gain",
    "held", "harm",
)  # fmt: skip


def _refuse(runs: Sequence[FinishedRun]) -> None:
    for run in runs:
        if run.record.status != "finished":
            raise MmbalError(
                f"a card is of finished runs; {run.path} is {run.record.status}: go on with it by "
                "--resume"
            )
        if len(run.record.modalities) < 2:
            only = run.record.modalities[0]
            raise MmbalError(f"a card compares modalities; {run.path} has one, {only}")
    settings = [_settings(run.record) for run in runs]
    for run, other in zip(runs[1:], settings[1:], strict=True):
        first = settings[0]
        if apart := [key for key in {**first, **other} if first.get(key) != other.get(key)]:
            key = apart[0]
            raise MmbalError(
                f"a card is of one configuration over seeds; {runs[0].path} and {run.path} differ "
                f"in {', '.join(apart)} ({key}: {first.get(key)}, {other.get(key)})"
            )
    seeds = [run.record.seed for run in runs]
    if twice := sorted({seed for seed in seeds if seeds.count(seed) > 1}):
        raise MmbalError(
            f"a card is of one run per seed; received several of seed {', '.join(map(str, twice))}"
        )


def _settings(record: Record) -> dict[str, Any]:
    """Return what decides a run apart from its seed, by dotted key."""
    try:
        config = tomllib.loads(record.config)
    except tomllib.TOMLDecodeError:  # what the record itself tells must do
        config = {}
    names = ("dataset", "architecture", "strategy")
    told = {name: {"name": getattr(record, name)} for name in names}
    told |= {name: config[name] for name in _DECISIVE if name in config}
    return {"modalities": list(record.modalities), **dict(_leaves(told))}


def _leaves(values: Any, above: str = "") -> Iterator[tuple[str, Any]]:
    if not isinstance(values, Mapping):
        yield above, values
        return
    for key, inner in values.items():
        yield from _leaves(inner, f"{above}.{key}".lstrip("."))


def _measured(run: FinishedRun) -> Record:
    """Return the record of a run with all measures in it."""
    record, first = run.record, run.record.modalities[0]
    scores = record.scores.get(("test", "selected"), {})
    missing = [name for name, score in NEEDED.items() if score.format(first) not in scores]
    return run.measure(missing) if missing else record


def _of_run(run: FinishedRun, record: Record) -> Evidence:
    """Return the numbers of one run, with errors over examples."""
    scores, names = record.scores["test", "selected"], record.modalities
    alone = {
        m: _estimate(other.scores["test", "selected"], "accuracy") for m, other in run.alone.items()
    }
    fused = _estimate(scores, "accuracy")
    measures = {
        measure: {m: _estimate(scores, score, f"{absence}/{m}") for m in names}
        for measure, (score, absence) in SCORES.items()
    }
    measures["utilization"] = {m: _used(scores, m) for m in names}
    measures["alone"] = {m: alone.get(m, Estimate()) for m in names}
    measures |= _speeds(record)
    return Evidence(
        modalities=names,
        examples=int(record.data["splits"]["test"]["examples"]),
        chance=_estimate(scores, "constant_accuracy"),
        fused=fused,
        measures=measures,
        contrasts=_contrasts(scores, measures, names),
        above_chance={m: _estimate(scores, "probe_above_chance", f"/{m}") for m in names},
        fused_above_chance=_estimate(scores, "fused_above_chance"),
        refit_gain={m: _estimate(scores, "gain", f"@refit/{m}") for m in names},
        held={m: measures["probe"][m].minus(each) for m, each in alone.items()},
        harm={m: fused.minus(each) for m, each in alone.items()},
        seeds=(record.seed,),
    )


def _estimate(scores: Scores, score: str, of: str = "") -> Estimate:
    values = (scores.get(f"{score}{of}", math.nan), scores.get(f"{score}_se{of}", math.nan))
    return Estimate(*values)


def _above_chance(scores: Scores, m: str) -> bool:
    return _estimate(scores, "heard_above_chance", f"/{m}").sign > 0


def _used(scores: Scores, m: str) -> Estimate:
    """Return minus the utilization: of two, the one that leans less on the other is used."""
    rate = _estimate(scores, "utilization", f"/{m}")
    return Estimate(-rate.value, rate.error) if _above_chance(scores, m) else Estimate()


def _speeds(record: Record) -> dict[str, dict[str, Estimate]]:
    """Return minus the speeds at the end: a branch that fusion outruns less learns faster."""
    epochs, names = record.history.epochs, record.modalities
    paper = epochs.learning_speed[-1] if len(epochs.index) else [math.nan] * len(names)
    told = {name: float(values[-1]) for name, values in epochs.train.items() if len(values)}

    def function(m: str) -> Estimate:
        speed, move = (_estimate(told, f"function_{what}", f"/{m}") for what in ("speed", "move"))
        # Where fusion is a sum, nothing feeds a branch: what it moves itself is compared.
        return move if math.isnan(speed.value) else Estimate(-speed.value, speed.error)

    return {
        "paper_speed": {m: Estimate(-float(s)) for m, s in zip(names, paper, strict=True)},
        "function_speed": {m: function(m) for m in names},
    }


def _contrasts(
    scores: Scores, measures: Mapping[str, Mapping[str, Estimate]], names: Sequence[str]
) -> dict[str, dict[tuple[str, str], Estimate]]:
    """Return the differences of modalities; those of speeds have no error in a single run."""
    found: dict[str, dict[tuple[str, str], Estimate]] = {}
    for measure in (each for of in CLASSES.values() for each in of):
        found[measure] = {}
        for a, b in combinations(names, 2):
            one, other = measures[measure][a], measures[measure][b]
            difference = one.minus(other)
            if measure in CLASSES["speed"]:
                difference = Estimate(difference.value)
            elif measure != "alone" and not math.isnan(difference.value):
                difference = _estimate(scores, f"{measure}_contrast", f"/{a}+{b}")
            found[measure][a, b] = difference
    return found


def _mean(several: Sequence[Any]) -> Any:
    """Return estimates over seeds, however they are nested in mappings."""
    if not isinstance(several[0], Estimate):
        keys = [key for key in several[0] if all(key in each for each in several)]
        return {key: _mean([each[key] for each in several]) for key in keys}
    values = np.array([each.value for each in several])
    values = values[~np.isnan(values)]
    if not len(values):
        return Estimate()
    error = float(values.std(ddof=1)) / math.sqrt(len(values)) if len(values) > 1 else math.nan
    return Estimate(float(values.mean()), error)
