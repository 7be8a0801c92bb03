"""Examples that Python code reads: from files of any kind, by any library, as NumPy arrays."""

import itertools
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from mmbal.errors import DataFormatError, MmbalError, refused

if TYPE_CHECKING:
    import numpy as np
    import tensorflow as tf

    from mmbal.data.contract import Modality

_numbers = itertools.count()
_failures: dict[str, MmbalError] = {}


def from_python(
    read: "Callable[..., Mapping[str, np.ndarray | np.generic]]",
    modalities: "Mapping[str, Modality]",
) -> "Callable[..., dict[str, tf.Tensor]]":
    """Return a function of tensors that calls `read` with their NumPy values.

    Several threads call it at a time. What NumPy, decoders and files do without Python's lock
    then runs on all processors. An `MmbalError` that `read` raises, such as for a damaged file,
    reaches the user as it is: see `telling_bad_examples`.

    Args:
        read: returns arrays by modality; the same ones for the same arguments.
        modalities: the shapes and dtypes of those arrays.
    """
    import tensorflow as tf

    names = list(modalities)

    def guarded(*arguments: Any) -> "list[np.ndarray | np.generic]":
        try:
            arrays = read(*arguments)
        except (MmbalError, OSError) as error:
            # TensorFlow keeps the text of an exception, not the exception.
            token = f"[unreadable example {next(_numbers)}]"
            told = DataFormatError(refused(error)) if isinstance(error, OSError) else error
            _failures[token] = told
            raise RuntimeError(token) from error
        return [arrays[name] for name in names]

    def call(*tensors: "tf.Tensor") -> "dict[str, tf.Tensor]":
        types = [modalities[name].dtype for name in names]
        # Not stateful: such a function is called by one thread only when runs are deterministic.
        values = tf.numpy_function(guarded, tensors, types, stateful=False)
        return {
            name: tf.ensure_shape(value, modalities[name].shape)
            for name, value in zip(names, values, strict=True)
        }

    return call


@contextmanager
def telling_bad_examples() -> Iterator[None]:
    """Raise what a reader raised in place of TensorFlow's report of it.

    Raises:
        MmbalError: that of the reader.
    """
    import tensorflow as tf

    try:
        yield
    except tf.errors.OpError as error:
        token = next((token for token in list(_failures) if token in error.message), None)
        if token is None:
            raise
        raise _failures.pop(token) from None
