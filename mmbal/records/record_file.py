"""`record.h5`: a record as HDF5.

Files may come from anyone: nothing in them is trusted or followed.
"""

import io
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args
from urllib.parse import quote, unquote

import h5py
import numpy as np

from mmbal.errors import DataFormatError, MmbalError, no_file
from mmbal.files.atomic import replace_file
from mmbal.files.safe_hdf5 import open_sealed
from mmbal.records.record import Epochs, History, Record, RunStatus, Steps
from mmbal.records.schema import ARRAYS, FIELDS, FORMAT, VERSION, Contents, Field
from mmbal.version import __version__

_KINDS = {"float64": "f", "int64": "iu", "bool": "b", "text": "S"}
# Shorter arrays grow under compression.
_COMPRESS_FROM = 4096


def write_record(contents: Contents, path: Path) -> None:
    """Write `record.h5`, replacing it as a whole.

    Raises:
        MmbalError: the file cannot be written; the old one is untouched.
    """
    # HDF5 builds the file in memory: a full disk then meets one plain write, not the
    # library's caches, whose failures surface anywhere up to the end of the process.
    image = io.BytesIO()
    with h5py.File(image, "w") as file:
        file.attrs.update(
            format=FORMAT,
            version=VERSION,
            mmbal=__version__,
            journal_bytes=contents.journal_bytes,
        )
        for field in FIELDS:
            _write(file, field.path, field, contents.values[field.path])
        file.create_group("arrays")
        for name, array in contents.arrays.items():
            _write(file, array_path(name), ARRAYS, array)
    replace_file(path, image.getvalue())


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
        what = f" ({no_file(path)})" if path.is_dir() else ""
        raise MmbalError(f"no record at {path}: expected an HDF5 file that `mmbal run` wrote{what}")
    with open_sealed(path) as file:
        if file.attrs.get("format") != FORMAT:
            raise DataFormatError(f"{path}: an HDF5 file, but no record of mmbal")
        version = int(file.attrs["version"])
        if version > VERSION:
            raise MmbalError(
                f"{path}: schema version {version} is newer than {VERSION}, the newest this mmbal "
                "reads; upgrade mmbal"
            )
        values = {field.path: _read(file, field.path, field) for field in FIELDS}
        arrays = {unquote(n): _read(file, f"arrays/{n}", ARRAYS) for n in file["arrays"]}
        return record_of(Contents(values, arrays, int(file.attrs["journal_bytes"])))


def array_path(name: str) -> str:
    """Return where an array lies. "a" and "a/b" may both be arrays, but not both in HDF5."""
    encoded = quote(name, safe=" ", errors="backslashreplace")
    return "arrays/" + (encoded if encoded.strip(".") else encoded.replace(".", "%2E"))


def record_of(contents: Contents) -> Record:
    """Return the record that a file holds, or will hold.

    Raises:
        TypeError, ValueError: the values contradict one another.
    """
    _check_axes(contents.values)
    groups: dict[str, dict[str, Any]] = {}
    for path, value in contents.values.items():
        group, name = path.split("/")
        groups.setdefault(group, {})[name] = value
    run, epoch = groups["run"], groups["epoch"]
    if run["status"] not in get_args(RunStatus):
        raise ValueError(f"run/status is {run['status']!r}")
    for name in ("result", "notes", "data", "meanings", "tables"):
        run[name] = json.loads(run[name])
        if not isinstance(run[name], dict):
            raise TypeError(f"run/{name} is no JSON object")
    run["headlines"] = tuple(map(str, json.loads(run["headlines"])))
    if run["steps_per_epoch"] < 0:
        run["steps_per_epoch"] = None
    for name in ("train", "validation"):
        epoch[name] = dict(zip(epoch.pop(f"{name}_names"), epoch[name].T, strict=True))
    scores: dict[tuple[str, str], dict[str, float]] = {}
    for split, weights, name, value in zip(*groups["scores"].values(), strict=True):
        scores.setdefault((split, weights), {})[name] = float(value)
    return Record(
        **run,
        history=History(Steps(**groups["step"]), Epochs(**epoch)),
        scores=scores,
        arrays=contents.arrays,
        journal_bytes=contents.journal_bytes,
    )


def _check_axes(values: Mapping[str, Any]) -> None:
    """Refuse datasets that disagree about the length of an axis."""
    lengths: dict[str, tuple[int, str]] = {}
    for field in FIELDS:
        shape = np.shape(values[field.path])
        for axis, length in zip(field.axes, shape, strict=True):
            expected, other = lengths.setdefault(axis, (length, field.path))
            if length != expected:
                raise ValueError(
                    f"axis {axis} is {length} long in {field.path}, {expected} in {other}"
                )


def _write(file: h5py.File, path: str, field: Field, value: Any) -> None:
    if field.dtype == "text":
        # Fixed length: text of variable length lies in heaps that a flipped bit can unlink.
        array = np.asarray(value, object)
        texts = np.array(
            [str(text).encode("utf-8", "backslashreplace") for text in array.flat], np.bytes_
        )
        dtype = h5py.string_dtype("utf-8", max(1, texts.dtype.itemsize))
        data: Any = texts.astype(dtype).reshape(array.shape)
    else:
        data = np.asarray(value, field.dtype)
    packing = {"compression": "gzip", "shuffle": True} if data.size >= _COMPRESS_FROM else {}
    dataset = file.create_dataset(path, data=data, dtype=data.dtype, **packing)
    dataset.attrs.update(
        axes=", ".join(field.axes), units=field.units, description=field.description
    )


def _read(file: h5py.File, path: str, field: Field) -> Any:
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
