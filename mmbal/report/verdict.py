"""What follows from the scores of a run, in a sentence or two."""

import math
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from mmbal.errors import MmbalError
from mmbal.files.text import decode_text
from mmbal.records.record import Record
from mmbal.records.run_folder import RunFolder
from mmbal.report.outcome import error_name, finished_steps

LEAST = 0.01
"""Differences of accuracies that are no more than this are none."""
BESIDE = 200
"""Folders beside a run, the newest first, among which its unimodal runs are looked for."""
NAMED = re.compile(r"^modalities = \[.*\w", re.MULTILINE)
"""What the configuration of a run says that was given modalities, and only that."""


def verdict(record: Record, alone: Mapping[str, Record]) -> list[str]:
    """Return what was measured, in words; a difference counts beyond two standard errors and .01.

    Args:
        record: of a run.
        alone: modality to the record of a run of it alone, with the same data and seed.
    """
    lines = [*_balancing(record)]
    test = record.scores.get(("test", "selected"), {})
    if len(record.modalities) < 2 or "accuracy" not in test:
        return lines
    if set(record.modalities) - set(alone):
        untold = (
            "Whether fusion beats the best single modality cannot be told: no runs of single "
            "modalities with these data and this seed lie beside this one."
        )
        if not record.repeatable:
            return [*lines, untold]
        command = f"mmbal sweep {record.recipe} --ablate --seeds {record.seed} --out SWEEP"
        return [*lines, f"{untold} They are made by:", f"  {command}"]
    singles = {m: each.scores.get(("test", "selected"), {}) for m, each in alone.items()}
    best = max(singles, key=lambda m: singles[m].get("accuracy", -math.inf))
    return [*lines, _fusion(test, best, singles[best]), *_probes(test, singles)]


def unimodal_runs(run: Path, record: Record) -> dict[str, Record]:
    """Return modality to the record of a run of it alone, of the same data and seed, beside `run`.

    Args:
        run: folder, beside which others lie.
        record: its record.
    """
    beside: list[tuple[float, RunFolder]] = []
    for path in run.absolute().parent.iterdir():
        with suppress(OSError):  # what is no run, or cannot be read, tells nothing
            beside.append((RunFolder(path).record.stat().st_mtime, RunFolder(path)))
    newest = sorted(beside, key=lambda each: each[0], reverse=True)[:BESIDE]
    found: dict[str, Record] = {}
    for _, folder in newest:
        with suppress(MmbalError, OSError):
            if not NAMED.search(
                decode_text(folder.config.read_bytes(), folder.config, lenient=True)
            ):
                continue
            other = folder.open()
            same = (other.fingerprint, other.seed, other.dataset, other.architecture) == (
                record.fingerprint, record.seed, record.dataset, record.architecture,
            )  # fmt: skip
            if same and len(other.modalities) == 1 and ("test", "selected") in other.scores:
                found.setdefault(other.modalities[0], other)
    return found


def _balancing(record: Record) -> Iterator[str]:
    isolated = record.history.epochs.rebalancing_steps.sum(axis=0)
    steps = finished_steps(record)
    for modality, count in zip(record.modalities, isolated, strict=True):
        if count and steps:
            yield f"{record.strategy} isolated {modality} in {count / steps:.0%} of the steps."


def _fusion(test: Mapping[str, float], best: str, single: Mapping[str, float]) -> str:
    difference, error = _difference(test, "accuracy", single, "accuracy")
    told = f"{difference:+.3f} ± {error:.3f}"
    fused, alone = f"Fusion ({test['accuracy']:.3f})", f"{best} alone ({single['accuracy']:.3f})"
    if not _counts(difference, error):
        return f"No difference shown between fusion and the best single modality, {best}: {told}."
    way = "above" if difference > 0 else "below"
    return f"{fused} is {way} the best single modality, {alone}: {told}."


def _probes(test: Mapping[str, float], singles: Mapping[str, Mapping[str, float]]) -> Iterator[str]:
    probed = [modality for modality in singles if f"probe_accuracy/{modality}" in test]
    for modality in probed:
        name = f"probe_accuracy/{modality}"
        difference, error = _difference(test, name, singles[modality], "accuracy")
        if difference < 0 and _counts(difference, error):
            alone = singles[modality]["accuracy"]
            yield (
                f"{modality}: its encoder holds {test[name]:.3f}, a network of its own {alone:.3f} "
                f"({difference:+.3f} ± {error:.3f}): under-trained here, by the probe."
            )
    if not probed:
        yield (
            "Whether an encoder is under-trained a probe would tell: "
            "mmbal evaluate RUN --evaluation linear-probe"
        )


def _difference(
    one: Mapping[str, float], name: str, other: Mapping[str, float], of_other: str
) -> tuple[float, float]:
    """Return a difference, and its error as that of two independent scores, which is cautious."""
    errors = (one.get(error_name(name), 0.0), other.get(error_name(of_other), 0.0))
    return one[name] - other[of_other], math.hypot(*errors)


def _counts(difference: float, error: float) -> bool:
    return abs(difference) > max(2 * error, LEAST)
