"""An architecture on noise, and what its networks say."""

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from mmbal.data import Modality
from mmbal.errors import MmbalError
from mmbal.networks.controls import Controls
from mmbal.networks.network import FusionNetwork, Outputs
from mmbal.networks.shapes import build_from
from mmbal.testing.benches.bench import Bench
from mmbal.testing.rules import require
from mmbal.testing.toys import CLASSES, NAMES, WIDTH

SHAPES = ((WIDTH,), (8, WIDTH), (16, 16, 3), (32, 32, 3), (16, 16, 16, 3))
"""Inputs that are tried until an architecture takes one: vectors, series, images, videos."""
ROWS, SEED = 4, 5
CONVOLUTIONS = (
    keras.layers.Conv1D, keras.layers.Conv2D, keras.layers.Conv3D, keras.layers.DepthwiseConv1D,
    keras.layers.DepthwiseConv2D, keras.layers.SeparableConv1D, keras.layers.SeparableConv2D,
)  # fmt: skip
Inputs = dict[str, tf.Tensor]


class ArchitectureBench(Bench):
    """An architecture and what its networks say."""

    @cached_property
    def first(self) -> tuple[FusionNetwork, tuple[int, ...]]:
        """Return a network for the first shape of inputs that it takes, and the shape."""
        refusals = []
        for shape in self.subject.shapes or SHAPES:
            try:
                return self._build(2, shape), tuple(shape)
            except (ValueError, MmbalError) as error:  # as Keras and plugins refuse shapes
                refusals.append(error)
        raise refusals[-1]

    @property
    def shape(self) -> tuple[int, ...]:
        """Of every modality."""
        return self.first[1]

    def make(self, count: int = 2, seed: int = SEED) -> FusionNetwork:
        """Return a new network of so many modalities with variables."""
        return self._build(count, self.shape, seed)

    def _build(self, count: int, shape: tuple[int, ...], seed: int = SEED) -> FusionNetwork:
        keras.utils.set_random_seed(seed)
        modalities = {name: Modality(shape) for name in NAMES[:count]}
        network: FusionNetwork = self.subject.build(modalities, CLASSES)
        build_from(network, {name: each.empty() for name, each in modalities.items()})
        return network

    def network(self, *, owner: bool = False) -> FusionNetwork:
        """Return a network of two modalities, whose running means may have moved."""
        return self.once("outputs", self._checked, owner=owner)  # type: ignore[no-any-return]

    def _checked(self) -> FusionNetwork:
        network = self.first[0]
        check_outputs(network, self.inputs())
        return network

    def inputs(self, count: int = 2, rows: int = ROWS) -> Inputs:
        """Return noise."""
        draw = np.random.default_rng(SEED)
        return {
            name: tf.constant(draw.normal(size=(rows, *self.shape)), tf.float32)
            for name in NAMES[:count]
        }


def check_outputs(network: FusionNetwork, given: Inputs) -> None:
    """Check what a forward pass gives.

    Raises:
        Broken: it is not what the trainer reads.
    """
    said = network(given)
    require(isinstance(said, Outputs), f"a call must give Outputs, received {type(said).__name__}")
    expected = (ROWS, CLASSES)
    named = {"unimodal": said.unimodal, "predictions": said.predictions}
    require(
        network.modalities == tuple(given), f"modalities must be {list(given)}, received "
        f"{list(network.modalities)}",
    )  # fmt: skip
    for what, each in (*named.items(), ("features", said.features)):
        require(tuple(each) == network.modalities, f"{what} must be of {list(given)}")
    tensors = {"logits": said.logits, **said.supervised}
    tensors |= {f"{what} of {m}": t for what, each in named.items() for m, t in each.items()}
    for what, tensor in tensors.items():
        shape, dtype = tuple(tensor.shape), tensor.dtype.name
        require(shape == expected, f"{what} must have shape {expected}, received {shape}")
        require(tensor.dtype.size >= 4, f"{what} must be float32 or wider, received {dtype}")
        require(np.isfinite(tensor).all(), f"{what} are not finite")


def gradients(inputs: Inputs, told: Callable[[Inputs], tf.Tensor | None]) -> dict[str, np.ndarray]:
    """Return how a tensor depends on every modality's rows: the size of the gradient, (rows,).

    Args:
        inputs: modality to (rows, ...).
        told: from the inputs to any tensor; its entries count with unequal weights.
    """
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        tensor = tf.cast(told(inputs), tf.float32)
        weights = tf.reshape(tf.range(1.0, tf.cast(tf.size(tensor), tf.float32) + 1), tensor.shape)
        total = tf.reduce_sum(tf.sin(weights) * tensor)
    found = tape.gradient(total, inputs, unconnected_gradients="zero")
    return {
        name: np.abs(gradient.numpy()).reshape(len(gradient), -1).sum(axis=1)
        for name, gradient in found.items()
    }


def takes_no_empty_batch(network: FusionNetwork) -> bool:
    """Return whether it convolves, and TensorFlow cannot do that to a batch without rows.

    With oneDNN, on a CPU, the result has the shape of the input (TensorFlow 2.21).
    """
    layers = network._flatten_layers()  # noqa: SLF001  (Keras offers no public way down)
    if not any(isinstance(layer, CONVOLUTIONS) for layer in layers):
        return False
    found = tf.nn.conv2d(tf.zeros([0, 4, 4, 1]), tf.ones([1, 1, 1, 2]), 1, "SAME")
    return tuple(found.shape) != (0, 4, 4, 2)


def influence(
    bench: ArchitectureBench,
    modality: str,
    controls: Controls,
    *,
    predictions: bool = False,
    training: bool = False,
) -> dict[str, float]:
    """Return how much a modality's logits depend on the inputs of every modality."""
    network = bench.network()

    def told(inputs: Inputs) -> tf.Tensor:
        said = network(inputs, controls, training=training)
        return (said.predictions if predictions else said.unimodal)[modality]

    return {name: float(size.sum()) for name, size in gradients(bench.inputs(), told).items()}


def masked_logits(network: FusionNetwork, keep: tf.Tensor, inputs: Inputs) -> tf.Tensor:
    """Return the fused logits under a mask."""
    return network(inputs, Controls(keep=keep)).logits


def is_within(variables: Any, others: Any) -> bool:
    """Return whether all variables are among the others."""
    return {id(v) for v in variables} <= {id(v) for v in others}


def zeroed(features: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    """Return zeros in place of features."""
    return {name: tf.zeros_like(feature) for name, feature in features.items()}
