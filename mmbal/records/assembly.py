"""The events of a journal -> a Record.

A run resumed from a checkpoint may repeat steps its journal already holds. The journal is
never rewritten: whatever is told again replaces what was told before.
"""

import json
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mmbal.errors import DataFormatError, NotBegunError
from mmbal.records.journal import numbered_events, whole_size
from mmbal.records.record import Epochs, Floats, History, Record, RunStatus, Steps

_NAN = float("nan")


def assemble(journal: Path, config: str = "") -> Record:
    """Build the record of the whole lines that `journal` holds now.

    Args:
        journal: the file.
        config: text of config.toml.

    Raises:
        DataFormatError: a line is broken, or does not hold what its event promises; the
            message starts with file:line.
    """
    size = whole_size(journal)
    assembly = _Assembly()
    for number, event in numbered_events(journal, size):
        try:
            assembly.add(event)
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
            what = f"no {error}" if isinstance(error, KeyError) else str(error)
            raise DataFormatError(
                f"{journal}:{number}: broken event {event['event']!r}: {what}"
            ) from error
    if not assembly.start:
        raise NotBegunError(f"{journal}: no start event, so there is nothing to report yet")
    return assembly.record(config, size)


class _Assembly:
    def __init__(self) -> None:
        self.start: dict[str, Any] = {}
        self.started = ""
        self.steps: dict[str, list[Any]] = {
            name: [] for name in ("index", "epoch", "loss", "isolated", "speed", "d_speed")
        }
        self.epochs: list[dict[str, Any]] = []
        self.scores: dict[tuple[str, str], dict[str, float]] = {}
        self.arrays: dict[str, Floats] = {}
        self.warnings: list[str] = []
        self.status: RunStatus = "unfinished"
        self.stop_reason = ""
        self.seconds = _NAN
        self.result: dict[str, Any] = {}
        self._resumed = False

    def add(self, event: Mapping[str, Any]) -> None:
        """Take in one event; kinds of a later version or of a plugin are passed over."""
        handlers: dict[str, Callable[[Mapping[str, Any]], None]] = {
            "start": self._on_start,
            "steps": self._on_steps,
            "epoch": self._on_epoch,
            "scores": self._on_scores,
            "array": self._on_array,
            "warning": lambda event: self.warnings.append(str(event["text"])),
            "stop": self._on_stop,
            "end": self._on_end,
        }
        kind = event["event"]
        if kind in handlers:
            if kind != "start" and not self.start:
                raise ValueError("it comes before the start event")
            handlers[kind](event)

    def _on_start(self, event: Mapping[str, Any]) -> None:
        facts = {
            **{key: str(event[key]) for key in ("recipe", "dataset", "architecture", "strategy")},
            **{key: int(event[key]) for key in ("seed", "epochs", "batch_size")},
            "modalities": _names(event["modalities"]),
            "classes": _names(event["classes"]),
            "fingerprint": str(event["fingerprint"]),
            "steps_per_epoch": _integer_or_none(event.get("steps_per_epoch")),
            "notes": dict(event.get("notes") or {}),
            "data": dict(event.get("data") or {}),
            "data_order": str(event.get("data_order", "")),
            "initial_weights": str(event.get("initial_weights", "")),
        }
        if self.start and facts["modalities"] != self.start["modalities"]:
            raise ValueError(f"modalities {facts['modalities']} differ from the first start's")
        self._resumed = bool(self.start)
        self.started = self.started or str(event.get("time", ""))
        self.start = facts
        self.status, self.stop_reason, self.seconds, self.result = "unfinished", "", _NAN, {}

    def _on_steps(self, event: Mapping[str, Any]) -> None:
        first, loss = int(event["first"]), _floats(event["loss"])
        count = len(loss)
        modalities = self.start["modalities"]
        speeds = event.get("learning_speed") or {}
        told: dict[str, Sequence[Any] | Floats] = {
            "index": range(first, first + count),
            "epoch": [int(event["epoch"])] * count,
            "loss": loss,
            "isolated": [int(branch) for branch in event["isolated"]],
            "speed": np.stack([_floats(speeds.get(m), count) for m in modalities], axis=1),
            "d_speed": _floats(event.get("d_speed"), count),
        }
        if any(len(values) != count for values in told.values()):
            raise ValueError(f"expected {count} values in every list, as in loss")
        if not all(-1 <= branch < len(modalities) for branch in told["isolated"]):
            raise ValueError(f"isolated must lie in -1..{len(modalities) - 1}")
        self._rewind(first)
        for name, values in told.items():
            self.steps[name].extend(values)

    def _rewind(self, first: int) -> None:
        keep = bisect_left(self.steps["index"], first)
        for values in self.steps.values():
            del values[keep:]
        self.epochs = [epoch for epoch in self.epochs if epoch["step"] <= first]
        if self._resumed:
            # Weights that learnt further are no longer those that were scored.
            self.scores, self.arrays, self._resumed = {}, {}, False

    def _on_epoch(self, event: Mapping[str, Any]) -> None:
        index, modalities = int(event["epoch"]), self.start["modalities"]
        speeds, counts = event.get("learning_speed") or {}, event.get("rebalancing_steps") or {}
        told = {
            "index": index,
            "step": int(event["step"]),
            "seconds": _number(event.get("seconds")),
            "selected": bool(event.get("selected", False)),
            "speed": [_number(speeds.get(m)) for m in modalities],
            "d_speed": _number(event.get("d_speed")),
            "counts": [int(counts.get(m, 0)) for m in modalities],
            "train": _numbers(event.get("train") or {}),
            "validation": _numbers(event.get("validation") or {}),
        }
        self.epochs = [epoch for epoch in self.epochs if epoch["index"] < index]
        self.epochs.append(told)

    def _on_scores(self, event: Mapping[str, Any]) -> None:
        place = str(event["split"]), str(event["weights"])
        self.scores.setdefault(place, {}).update(_numbers(event["values"]))

    def _on_array(self, event: Mapping[str, Any]) -> None:
        if not event["name"]:
            raise ValueError("the name is empty")
        self.arrays[str(event["name"])] = np.asarray(event["values"], np.float64)

    def _on_stop(self, event: Mapping[str, Any]) -> None:
        self.status, self.stop_reason = "interrupted", str(event.get("reason", ""))

    def _on_end(self, event: Mapping[str, Any]) -> None:
        self.status, self.seconds = "finished", _number(event.get("seconds"))
        self.result = dict(event.get("result") or {})

    def record(self, config: str, size: int) -> Record:
        """Return what was taken in."""
        return Record(
            **self.start,
            started=self.started,
            history=History(self._steps(), self._epochs()),
            scores=self.scores,
            arrays=self.arrays,
            config=config,
            status=self.status,
            stop_reason=self.stop_reason,
            seconds=self.seconds,
            # through text, as the file does, so that both ways give the same record
            result=json.loads(json.dumps(self.result)),
            warnings=tuple(self.warnings),
            journal_bytes=size,
        )

    def _steps(self) -> Steps:
        columns = self.steps
        return Steps(
            index=np.array(columns["index"], np.int64),
            epoch=np.array(columns["epoch"], np.int64),
            loss=np.array(columns["loss"], np.float64),
            isolated=np.array(columns["isolated"], np.int64),
            learning_speed=self._by_modality(columns["speed"], np.float64),
            d_speed=np.array(columns["d_speed"], np.float64),
        )

    def _epochs(self) -> Epochs:
        def column(name: str) -> list[Any]:
            return [epoch[name] for epoch in self.epochs]

        return Epochs(
            index=np.array(column("index"), np.int64),
            step=np.array(column("step"), np.int64),
            seconds=np.array(column("seconds"), np.float64),
            selected=np.array(column("selected"), np.bool_),
            learning_speed=self._by_modality(column("speed"), np.float64),
            d_speed=np.array(column("d_speed"), np.float64),
            rebalancing_steps=self._by_modality(column("counts"), np.int64),
            train=_metrics(column("train")),
            validation=_metrics(column("validation")),
        )

    def _by_modality(self, rows: list[Any], dtype: type) -> Any:
        # The reshape gives an empty history its modality axis.
        return np.array(rows, dtype).reshape(len(rows), len(self.start["modalities"]))


def _metrics(rows: Sequence[Mapping[str, float]]) -> dict[str, Floats]:
    """Turn one mapping per epoch into one (epoch,) array per name."""
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: np.array([row.get(name, _NAN) for row in rows], np.float64) for name in names}


def _floats(values: Any, count: int | None = None) -> Floats:
    """Return (step,) floats with null as NaN; a missing list is `count` undefined values."""
    if values is None and count is not None:
        return np.full(count, _NAN)
    array = np.asarray(values, np.float64)
    if array.ndim != 1 or (count is not None and len(array) != count):
        raise ValueError(f"expected a list of {count or 'some'} numbers, got {values!r:.60}")
    return array


def _number(value: Any) -> float:
    return _NAN if value is None else float(value)


def _numbers(values: Mapping[str, Any]) -> dict[str, float]:
    return {str(name): _number(value) for name, value in values.items()}


def _names(values: Any) -> tuple[str, ...]:
    if not isinstance(values, list):
        raise TypeError(f"expected a list of names, got {values!r:.60}")
    return tuple(str(value) for value in values)


def _integer_or_none(value: Any) -> int | None:
    return None if value is None else int(value)
