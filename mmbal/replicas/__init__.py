"""Numbers of the global batch, on however many devices and hosts it lies."""

import keras

from mmbal.errors import MmbalError

# Here, since every other room that knows Keras stands on this one.
if keras.backend.backend() != "tensorflow":
    raise MmbalError(
        "mmbal trains with Keras on TensorFlow: KERAS_BACKEND must be 'tensorflow', "
        f"received {keras.backend.backend()!r}"
    )

from mmbal.replicas.devices import open_strategy
from mmbal.replicas.rows import Annotated, Rows
from mmbal.replicas.sums import (
    global_mean,
    global_sum,
    synchronise_batch_norm,
)

__all__ = [
    "Annotated",
    "Rows",
    "global_mean",
    "global_sum",
    "open_strategy",
    "synchronise_batch_norm",
]
