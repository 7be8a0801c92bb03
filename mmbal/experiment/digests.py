"""Digests by which runs are told apart, or found to have begun alike."""

import hashlib
from typing import Any

import keras
import numpy as np

from mmbal.data import Examples, MultimodalDataset


def data_facts(data: MultimodalDataset) -> dict[str, Any]:
    """Return what a record tells of the data: the modalities, and every split by name.

    A split's digest is that of the labels and ids of its examples in their order; "" where neither
    is known without reading.
    """
    return {
        "task": data.task,
        "modalities": {
            name: {"shape": list(modality.shape), "dtype": modality.dtype}
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
