"""Gray images with their labels, before colour."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class GrayImages:
    """One part of a dataset.

    Args:
        images: (examples, height, width), gray levels 0..255.
        labels: (examples,), 0..9.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]


@dataclass(frozen=True)
class GrayData:
    """A whole dataset: the part to train on (validation included) and the part to test on.

    Args:
        train, test: the parts.
        notes: facts worth recording, such as which files were read.
    """

    train: GrayImages
    test: GrayImages
    notes: dict[str, str]
