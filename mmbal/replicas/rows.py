"""Rows of the global batch, and what the data tell of them beside the modalities."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import tensorflow as tf


class Rows(NamedTuple):
    """Which rows of the global batch a replica has.

    Attributes:
        first: () int64, number of its first row.
        total: () int64, rows of the global batch; None where the replica has all of them.
    """

    first: tf.Tensor | int = 0
    total: tf.Tensor | None = None

    def own(self, drawn: Callable[[tf.Tensor], tf.Tensor], count: tf.Tensor) -> tf.Tensor:
        """Return what belongs to this replica's rows of something that is drawn for all rows.

        So random numbers do not depend on how many replicas share a batch.

        Args:
            drawn: from a number of rows, () int64, to a (rows, ...) tensor.
            count: () int, rows of this replica.
        """
        count = tf.cast(count, tf.int64)
        if self.total is None:
            return drawn(count)
        return drawn(self.total)[self.first : self.first + count]


ALL_ROWS = Rows()


class Annotated(NamedTuple):
    """What `fit` takes as `x` where the data tell more of every row than its modalities.

    Attributes:
        inputs: modality to a (batch, ...) tensor.
        notes: name to a (batch, ...) tensor, any of "keep", (batch, modality), "ids", int64, and
            "whole", bool: whether every host has all rows of this batch.
    """

    inputs: Mapping[str, Any]
    notes: Mapping[str, Any]


def annotated(x: Any) -> Annotated:
    """Return what `fit` was given with its notes, of which plain inputs have none."""
    return x if isinstance(x, Annotated) else Annotated(x, {})
