"""Predictions as HDF5: written while they are made, read from the disk afterwards."""

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import h5py
import numpy as np

from mmbal.errors import attempting

AXES = {
    "ids": "example", "labels": "example", "losses": "example", "features": "example, channel",
    "grids": "example, column", "flats": "example, column",
}  # fmt: skip
"""Axes of what is not (example, class)."""
UNITS = {
    "ids": "place in the split", "labels": "class index", "losses": "nats",
    **dict.fromkeys(("features", "grids", "flats"), "activation"),
}  # fmt: skip
"""Units of what is no logits."""


class PredictionFile:
    """A `Store` of arrays in one file, which outlives the run where it is kept.

    In Python: `h5py.File(path)["logits"][:]`, and `["unimodal/MODALITY"]` and so on, as the
    attributes of `Predictions`; names of modalities are percent-encoded but for blanks. Every
    dataset has `axes` and `units` as attributes, the file what is in `facts`.

    Args:
        path: of the file; None for one that nobody sees, which is gone with its arrays.
        facts: attributes of the file: whose predictions these are.
    """

    def __init__(self, path: Path | None, facts: Mapping[str, Any]) -> None:
        self.path = path
        with attempting(f"write {path or 'what a network says'}"):
            if path is None:
                self._beside = Path(tempfile.mkdtemp(prefix="mmbal-"), "predictions.h5")
            else:
                path.parent.mkdir(parents=True, exist_ok=True)
                self._beside = path.with_name(f".{path.name}")
            with h5py.File(self._beside, "w") as file:
                file.attrs.update(
                    {k: v if isinstance(v, str) else json.dumps(v) for k, v in facts.items()}
                )

    def __call__(self, name: str, shape: tuple[int, ...], dtype: Any) -> np.ndarray:
        """Return an array that lies in the file."""
        part = name.partition("/")[0]
        with attempting(f"write {self.path or self._beside}"), h5py.File(self._beside, "a") as file:
            dataset = file.create_dataset(quote(name, safe="/ "), shape, dtype)
            dataset.attrs["axes"] = AXES.get(part, "example, class")
            dataset.attrs["units"] = UNITS.get(part, "logits")
            dataset[:1] = 0  # only now HDF5 makes room for it
            offset = dataset.id.get_offset()
        return np.memmap(self._beside, dtype, "r+", offset, shape)

    def close(self) -> None:
        """Give the file its name, or, where nobody is to see it, take that away."""
        if self.path is not None:
            self._beside.replace(self.path)
        else:
            self._beside.unlink()
            self._beside.parent.rmdir()
