"""By what runs are told apart, found to have begun alike, or to be the same one resumed."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np

from mmbal.config.settings import RunConfig
from mmbal.config.tree import leaves
from mmbal.data import Examples, MultimodalDataset
from mmbal.errors import MmbalError
from mmbal.keys import dotted, scope_name

MAY_CHANGE = {"provenance.git_commit", "provenance.git_dirty"}


def identity(config: RunConfig, provenance: Mapping[str, Any]) -> dict[str, Any]:
    """Return what must not change: configuration, versions and data, by dotted key."""
    made = {dotted(key): value for key, value in leaves({"provenance": dict(provenance)})}
    return config.identity() | {k: value for k, value in made.items() if k not in MAY_CHANGE}


def refuse_other(before: Mapping[str, Any], now: Mapping[str, Any], folder: Path) -> None:
    """Compare two identities.

    Raises:
        MmbalError: they differ; the message shows every difference.
    """
    differences = [
        f"{key} was {before.get(key, 'absent')!r}, is {now.get(key, 'absent')!r}"
        for key in sorted({*before, *now})
        if before.get(key, "absent") != now.get(key, "absent")
    ]
    if differences:
        raise MmbalError(
            f"cannot resume {folder}, it was another run: {'; '.join(differences)}; resume it with "
            "what it was started with, or start a new run in another folder"
        )


def data_facts(data: MultimodalDataset) -> dict[str, Any]:
    """Return what a record tells of the data: the modalities, and every split by name.

    A split's digest is that of the labels and ids of its examples in their order; "" where neither
    is known without reading.
    """
    return {
        "task": data.task,
        "modalities": {
            name: {
                "shape": list(modality.shape),
                "dtype": modality.dtype,
                "scope": scope_name(name),
            }
            for name, modality in data.modalities.items()
        },
        "splits": {
            split: {"examples": len(examples), "digest": _digest_of(examples)}
            for split in ("train", "validation", "test")
            for examples in [getattr(data, split)]
        },
    }


def digest_of_weights(network: keras.Model) -> str:
    """Return the digest of all weights with their types and shapes, in the network's order."""
    return digest_of_arrays(*(np.asarray(weight) for weight in network.get_weights()))


def digest_of_arrays(*arrays: np.ndarray) -> str:
    """Return the SHA-256 of arrays with their types and shapes, hexadecimal."""
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(f"{array.dtype.name} {array.shape} ".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def _digest_of(examples: Examples) -> str:
    known = [np.asarray(each) for each in (examples.labels, examples.ids) if each is not None]
    return digest_of_arrays(*known) if known else ""
