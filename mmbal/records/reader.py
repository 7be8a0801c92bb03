"""`record.h5` -> Record. Files may come from anyone: nothing in them is trusted or followed."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import h5py
import numpy as np

from mmbal.errors import DataFormatError, MmbalError
from mmbal.files.safe_hdf5 import open_sealed
from mmbal.records.record import Epochs, History, Record, Steps
from mmbal.records.schema import ARRAYS, FIELDS, FORMAT, VERSION, Field

_KINDS = {"float64": "f", "int64": "iu", "bool": "b", "text": "S"}


def read_record(record: str | os.PathLike[str]) -> Record:
    """Read a record as it stands; `RunFolder.open` brings that of a run up to date first.

    Args:
        record: the `record.h5` of a run, wherever it lies now.

    Raises:
        DataFormatError: the file is damaged, is no record, or holds links to elsewhere.
        MmbalError: there is no such file, or a newer mmbal wrote it.
    """
    path = Path(record)
    if not path.is_file():
        raise MmbalError(f"no record at {path}: expected an HDF5 file that `mmbal run` wrote")
    with open_sealed(path) as file:
        return _read(file, path)


def _read(file: h5py.File, path: Path) -> Record:
    if file.attrs.get("format") != FORMAT:
        raise DataFormatError(f"{path}: an HDF5 file, but no record of mmbal")
    version = int(file.attrs["version"])
    if version > VERSION:
        raise MmbalError(
            f"{path}: schema version {version} is newer than {VERSION}, the newest this mmbal "
            "reads; upgrade mmbal"
        )
    values = {field.path: _dataset(file, field, field.path) for field in FIELDS}
    _check_axes(values)
    return _record(
        values,
        arrays={unquote(n): _dataset(file, ARRAYS, f"arrays/{n}") for n in file["arrays"]},
        journal_bytes=int(file.attrs["journal_bytes"]),
    )


def _dataset(file: h5py.File, field: Field, path: str) -> Any:
    """Return the checked values of one dataset: text as str or tuple, the rest as NumPy."""
    dataset: Any = file.get(path)
    if dataset is None and field.default is not None:
        return field.default
    if not isinstance(dataset, h5py.Dataset):
        raise TypeError(f"no dataset {path}")
    if dataset.dtype.kind not in _KINDS[field.dtype]:
        raise ValueError(f"{path} holds {dataset.dtype}, expected {field.dtype}")
    if field.axes != ("...",) and dataset.ndim != len(field.axes):
        raise ValueError(f"{path} has {dataset.ndim} axes, expected {len(field.axes)}")
    values = dataset[()]
    if field.dtype == "text":
        texts = tuple(bytes(text).decode("utf-8", "backslashreplace") for text in np.ravel(values))
        return texts if field.axes else texts[0]
    array = np.asarray(values, field.dtype)
    return array if field.axes else array.item()


def _check_axes(values: Mapping[str, Any]) -> None:
    """Refuse datasets that disagree about the length of an axis."""
    lengths: dict[str, tuple[int, str]] = {}
    for field in FIELDS:
        if not field.axes:
            continue
        shape = np.shape(values[field.path])
        for axis, length in zip(field.axes, shape, strict=True):
            expected, other = lengths.setdefault(axis, (length, field.path))
            if length != expected:
                raise ValueError(
                    f"axis {axis} is {length} long in {field.path}, {expected} in {other}"
                )


def _record(values: Mapping[str, Any], **rest: Any) -> Record:
    run = {name[4:]: value for name, value in values.items() if name.startswith("run/")}
    if run["status"] not in ("finished", "interrupted", "unfinished"):
        raise ValueError(f"run/status is {run['status']!r}")
    for name in ("result", "notes", "data"):
        run[name] = json.loads(run[name])
        if not isinstance(run[name], dict):
            raise TypeError(f"run/{name} is no JSON object")
    run["steps_per_epoch"] = None if run["steps_per_epoch"] < 0 else run["steps_per_epoch"]
    scores: dict[tuple[str, str], dict[str, float]] = {}
    for split, weights, name, value in zip(
        *(values[f"scores/{column}"] for column in ("split", "weights", "name", "value")),
        strict=True,
    ):
        scores.setdefault((split, weights), {})[name] = float(value)
    return Record(**run, history=_history(values), scores=scores, **rest)


def _history(values: Mapping[str, Any]) -> History:
    steps = Steps(**{name[5:]: value for name, value in values.items() if name.startswith("step/")})
    named = ("epoch/train_names", "epoch/train", "epoch/validation_names", "epoch/validation")
    epochs = {
        name[6:]: value
        for name, value in values.items()
        if name.startswith("epoch/") and name not in named
    }
    for metrics in ("train", "validation"):
        table, names = values[f"epoch/{metrics}"], values[f"epoch/{metrics}_names"]
        epochs[metrics] = {name: table[:, column] for column, name in enumerate(names)}
    return History(steps, Epochs(**epochs))
