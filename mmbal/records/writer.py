"""Record -> HDF5, atomically."""

import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import h5py
import numpy as np
import numpy.typing as npt

from mmbal.files.atomic import replace_file
from mmbal.records.record import Record
from mmbal.records.schema import ARRAYS, FIELDS, FORMAT, VERSION, Field
from mmbal.version import __version__

# Shorter arrays grow under compression.
_COMPRESS_FROM = 4096


def write_record(record: Record, path: Path) -> None:
    """Write a record to an HDF5 file, replacing it as a whole.

    Raises:
        MmbalError: the file cannot be written; the old one is untouched.
    """
    # HDF5 builds the file in memory: a full disk then meets one plain write, not the
    # library's caches, whose failures surface anywhere up to the end of the process.
    image = io.BytesIO()
    with h5py.File(image, "w") as file:
        file.attrs["format"] = FORMAT
        file.attrs["version"] = VERSION
        file.attrs["mmbal"] = __version__
        file.attrs["journal_bytes"] = record.journal_bytes
        contents = contents_of(record)
        for field in FIELDS:
            _write(file, field.path, field, contents[field.path])
        file.create_group("arrays")
        for name, values in record.arrays.items():
            _write(file, array_path(name), ARRAYS, values)
    replace_file(path, image.getvalue())


def array_path(name: str) -> str:
    """Return where an array lies. "a" and "a/b" may both be arrays, but not both in HDF5."""
    encoded = quote(name, safe=" ", errors="backslashreplace")
    return "arrays/" + (encoded if encoded.strip(".") else encoded.replace(".", "%2E"))


def contents_of(record: Record) -> dict[str, Any]:
    """Return the values of a record by the paths of the schema."""
    steps, epochs = record.history.steps, record.history.epochs
    scores = [
        (split, weights, name, value)
        for (split, weights), values in record.scores.items()
        for name, value in values.items()
    ]
    count = -1 if record.steps_per_epoch is None else record.steps_per_epoch
    run = [field.path for field in FIELDS if field.path.startswith("run/")]
    return {
        **{path: getattr(record, path.removeprefix("run/")) for path in run},
        "run/steps_per_epoch": count,
        "run/result": json.dumps(record.result),
        "run/notes": json.dumps(record.notes),
        "run/data": json.dumps(record.data),
        "run/initial_weights": record.initial_weights,
        "run/data_order": record.data_order,
        **{f"step/{name}": values for name, values in vars(steps).items()},
        **{f"epoch/{name}": values for name, values in vars(epochs).items()},
        "epoch/train_names": list(epochs.train),
        "epoch/train": _table(epochs.train, len(epochs.index)),
        "epoch/validation_names": list(epochs.validation),
        "epoch/validation": _table(epochs.validation, len(epochs.index)),
        "scores/split": [row[0] for row in scores],
        "scores/weights": [row[1] for row in scores],
        "scores/name": [row[2] for row in scores],
        "scores/value": [row[3] for row in scores],
    }


def _table(metrics: Mapping[str, npt.NDArray[np.float64]], epochs: int) -> npt.NDArray[np.float64]:
    return np.stack(list(metrics.values()), axis=1) if metrics else np.empty((epochs, 0))


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
    dataset.attrs["axes"] = ", ".join(field.axes)
    dataset.attrs["units"] = field.units
    dataset.attrs["description"] = field.description
