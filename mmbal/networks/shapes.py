"""Creates the variables of a network from what the data tell of their shapes."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import keras
import tensorflow as tf

from mmbal.networks.network import FusionNetwork
from mmbal.replicas.rows import annotated

CALL_ONCE = "data of another kind need a network that was called once on a batch"

_follow = ContextVar("_follow", default=False)


def saved_weights_follow() -> bool:
    """Return whether the network that is being built gets all its weights from a run's file.

    An architecture need not read the weights that it would start from then, and these need not
    be there any more.
    """
    return _follow.get()


@contextmanager
def before_saved_weights(follow: bool) -> Iterator[None]:
    """Have `saved_weights_follow` say so meanwhile."""
    token = _follow.set(follow)
    try:
        yield
    finally:
        _follow.reset(token)


def build_from(network: FusionNetwork, data: Any) -> None:
    """Create the network's variables, with shapes taken from what `fit` was given.

    Args:
        network: left alone if it is built.
        data: `{modality: array}`, or a `tf.data.Dataset` or `PyDataset` of batches of it.

    Raises:
        ValueError: the data do not tell their shapes, or lack a modality.
    """
    if network.built:
        return
    if isinstance(data, tf.data.Dataset):
        data = data.element_spec
    elif isinstance(data, keras.utils.PyDataset):
        data = data[0]
    inputs, _ = annotated(data[0] if type(data) is tuple else data)
    if not isinstance(inputs, Mapping) or not set(network.modalities) <= set(inputs):
        found = sorted(inputs) if isinstance(inputs, Mapping) else type(inputs).__name__
        raise ValueError(
            f"inputs must be a dictionary with {list(network.modalities)}, received {found}; "
            f"{CALL_ONCE}"
        )
    vague = [m for m in network.modalities if not _tells_example(inputs[m].shape)]
    if vague:
        raise ValueError(f"the data do not tell the shape of {vague}; {CALL_ONCE}")
    network(
        {
            modality: tf.zeros([1, *inputs[modality].shape[1:]], inputs[modality].dtype)
            for modality in network.modalities
        }
    )


def _tells_example(shape: Any) -> bool:
    """Return whether all but the batch axis is known."""
    shape = tf.TensorShape(shape)
    return shape.rank is not None and shape[1:].is_fully_defined()
