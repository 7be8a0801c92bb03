"""The events of a journal -> what `record.h5` holds.

A run resumed from a checkpoint may repeat steps its journal already holds. The journal is
never rewritten: whatever is told again replaces what was told before.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mmbal.errors import DataFormatError, NotBegunError
from mmbal.records.journal import numbered_events
from mmbal.records.record import Floats
from mmbal.records.schema import FIELDS, Contents, Field

_NAN = float("nan")
_SCORES = ("scores/split", "scores/weights", "scores/name", "scores/value")


def assemble(journal: Path, config: str = "") -> Contents:
    """Build the record of the whole lines that `journal` holds now.

    Args:
        journal: the file.
        config: text of config.toml.

    Raises:
        DataFormatError: a line is broken, or does not hold what its event promises; the
            message starts with file:line.
    """
    size, assembly = 0, _Assembly()
    for number, end, event in numbered_events(journal):
        try:
            assembly.add(event)
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
            what = f"no {error}" if isinstance(error, KeyError) else str(error)
            raise DataFormatError(
                f"{journal}:{number}: broken event {event['event']!r}: {what}"
            ) from error
        size = end
    if not assembly.run:
        raise NotBegunError(f"{journal}: no start event, so there is nothing to report yet")
    return Contents({**assembly.values(), "run/config": config}, assembly.arrays, size)


class _Assembly:
    def __init__(self) -> None:
        self.run: dict[str, Any] = {}
        self.arrays: dict[str, Floats] = {}
        self._steps: list[dict[str, Any]] = []
        self._epochs: list[dict[str, Any]] = []
        self._scores: dict[tuple[str, str, str], float] = {}
        self._headlines: dict[str, None] = {}
        self._meanings: dict[str, str] = {}
        self._tables: dict[str, Any] = {}
        self._warnings: list[str] = []
        self._reached = 0
        self._resumed = False

    def add(self, event: Mapping[str, Any]) -> None:
        """Take in one event; kinds of a later version or of a plugin are passed over."""
        kind = event["event"]
        handler = getattr(self, f"_on_{kind}", None)
        if handler is not None:
            if kind != "start" and not self.run:
                raise ValueError("it comes before the start event")
            handler(event)

    def values(self) -> dict[str, Any]:
        """Return what was taken in, by the paths of the schema."""
        scores = [(*names, value) for names, value in self._scores.items()]
        columns = zip(*scores, strict=True) if scores else ((), (), (), ())
        return {
            **{f"run/{name}": value for name, value in self.run.items()},
            "run/warnings": tuple(self._warnings),
            "run/headlines": json.dumps([*self._headlines]),
            "run/meanings": json.dumps(self._meanings),
            "run/tables": json.dumps(self._tables),
            **self._columns("step", self._steps),
            **self._columns("epoch", self._epochs),
            **_metrics("train", self._epochs),
            **_metrics("validation", self._epochs),
            **dict(zip(_SCORES, columns, strict=True)),
        }

    def _columns(self, group: str, parts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """Return the arrays of all parts, one behind the other."""
        parts = [self._part(group, 0, {}), *parts]
        return {
            field.path: np.concatenate([part[name] for part in parts])
            for name, field in _fields_of(group).items()
        }

    def _part(self, group: str, count: int, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return arrays of so many steps or epochs; what is absent is NaN or 0."""
        part = {}
        for name, field in _fields_of(group).items():
            absent = [_NAN if field.dtype == "float64" else 0] * count
            if "modality" in field.axes:
                given = values.get(name) or {}
                columns = [given.get(m, absent) for m in self.run["modalities"]]
                arrays = [_array(column, field.dtype, count) for column in columns]
                part[name] = np.stack(arrays, axis=1)
            else:
                part[name] = _array(values.get(name, absent), field.dtype, count)
        return part

    def _on_start(self, event: Mapping[str, Any]) -> None:
        names = ("recipe", "dataset", "architecture", "strategy", "fingerprint")
        modalities, steps_per_epoch = _names(event["modalities"]), event.get("steps_per_epoch")
        self._resumed = bool(self.run)
        if self._resumed and modalities != self.run["modalities"]:
            raise ValueError(f"modalities {modalities} differ from the first start's")
        self.run = {
            **{name: str(event[name]) for name in names},
            **{name: _integer(event[name]) for name in ("seed", "epochs", "batch_size")},
            **{name: _object(event.get(name)) for name in ("notes", "data")},
            **{name: str(event.get(name, "")) for name in ("data_order", "initial_weights")},
            "modalities": modalities,
            "classes": _names(event["classes"]),
            "steps_per_epoch": _integer(-1 if steps_per_epoch is None else steps_per_epoch),
            "started": self.run.get("started") or str(event.get("time", "")),
            "status": "unfinished",
            "stop_reason": "",
            "seconds": _NAN,
            "result": "{}",
        }

    def _on_steps(self, event: Mapping[str, Any]) -> None:
        first, count = int(event["first"]), int(np.size(event["loss"]))
        numbers = {"index": range(first, first + count), "epoch": [event["epoch"]] * count}
        steps = self._part("step", count, {**event, **numbers, "isolated": event["isolated"]})
        branches = len(self.run["modalities"])
        if ((steps["isolated"] < -1) | (steps["isolated"] >= branches)).any():
            raise ValueError(f"isolated must lie in -1..{branches - 1}")
        if first < self._reached:
            self._steps = [
                {name: values[part["index"] < first] for name, values in part.items()}
                for part in self._steps
            ]
            self._epochs = [epoch for epoch in self._epochs if epoch["step"] <= first]
        if self._resumed:
            # Weights that learnt further are no longer those that were scored.
            self._scores, self.arrays, self._tables, self._resumed = {}, {}, {}, False
        self._steps.append(steps)
        self._reached = first + count

    def _on_epoch(self, event: Mapping[str, Any]) -> None:
        numbers = {"index": event["epoch"], "step": event["step"]}
        epoch = self._part("epoch", 1, {**event, **numbers})
        epoch |= {split: _numbers(event.get(split) or {}) for split in ("train", "validation")}
        self._epochs = [part for part in self._epochs if part["index"] < epoch["index"]]
        self._epochs.append(epoch)

    def _on_scores(self, event: Mapping[str, Any]) -> None:
        split, weights = str(event["split"]), str(event["weights"])
        for name, value in _numbers(event["values"]).items():
            self._scores[split, weights, name] = value
        self._headlines |= dict.fromkeys(_names(event.get("headlines") or []))
        self._meanings |= {str(k): str(v) for k, v in (event.get("meanings") or {}).items()}

    def _on_table(self, event: Mapping[str, Any]) -> None:
        names = ("split", "weights", "name", "description")
        told: dict[str, Any] = {name: str(event[name]) for name in names}
        told["axes"] = {str(axis): _names(labels) for axis, labels in event["axes"].items()}
        values = np.asarray(event["values"], np.float64)
        if values.shape != tuple(map(len, told["axes"].values())):
            raise ValueError(f"values of shape {values.shape} do not fit the axes")
        name = "/".join(("table", *(told[part] for part in names[:3])))
        self.arrays[name], self._tables[name] = values, told

    def _on_array(self, event: Mapping[str, Any]) -> None:
        if not event["name"]:
            raise ValueError("the name is empty")
        self.arrays[str(event["name"])] = np.asarray(event["values"], np.float64)

    def _on_warning(self, event: Mapping[str, Any]) -> None:
        self._warnings.append(str(event["text"]))

    def _on_stop(self, event: Mapping[str, Any]) -> None:
        self.run |= {"status": "interrupted", "stop_reason": str(event.get("reason", ""))}

    def _on_end(self, event: Mapping[str, Any]) -> None:
        seconds, result = float(event["seconds"]), _object(event.get("result"))
        self.run |= {"status": "finished", "seconds": seconds, "result": result}


def _fields_of(group: str) -> dict[str, Field]:
    """Return the fields with a value per step or epoch, or one per modality of it, by name."""
    return {
        field.path.removeprefix(f"{group}/"): field
        for field in FIELDS
        if field.axes in ((group,), (group, "modality"))
    }


def _metrics(split: str, epochs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the names of the metrics of a split, and their values, (epoch, metric)."""
    names = tuple(dict.fromkeys(name for epoch in epochs for name in epoch[split]))
    rows = [[epoch[split].get(name, _NAN) for name in names] for epoch in epochs]
    table = np.array(rows, np.float64).reshape(len(epochs), len(names))
    return {f"epoch/{split}_names": names, f"epoch/{split}": table}


def _array(values: Any, dtype: str, count: int) -> Any:
    """Return (count,) values with null as NaN."""
    array = np.atleast_1d(np.asarray(values, dtype))
    if array.shape != (count,):
        raise ValueError(f"expected a list of {count} numbers, received {values!r:.60}")
    return array


def _integer(value: Any) -> int:
    return int(_array(value, "int64", 1)[0])


def _numbers(values: Mapping[str, Any]) -> dict[str, float]:
    return {str(name): _NAN if v is None else float(v) for name, v in values.items()}


def _names(values: Any) -> tuple[str, ...]:
    if not isinstance(values, list):
        raise TypeError(f"expected a list of names, received {values!r:.60}")
    return tuple(str(value) for value in values)


def _object(values: Any) -> str:
    return json.dumps(dict(values or {}))
