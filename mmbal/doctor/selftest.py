"""What the self-test trains, in a process of its own: all that replicas must get right.

Small, smooth and without variables that no gradient reaches, so that rounding stays rounding:
what differs between replicas beyond that is a fault.
"""

from collections.abc import Mapping, Sequence
from functools import reduce
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from mmbal.data import Examples
from mmbal.laboratory.toys import CLASSES, HIDDEN, GatedBranches, toy_data
from mmbal.replicas.sums import synchronise_batch_norm
from mmbal.strategies.context import Context
from mmbal.strategies.step import Batch, Forward, Phase, Signals
from mmbal.strategies.strategy import Strategy
from mmbal.training.model import BalancedModel

EPOCHS = 3
DATA_SEED, WEIGHT_SEED = 6, 3
REGULAR = -1
PERIOD = 3
"""Every so many steps one branch is isolated."""


class IsolateTheFaster(Strategy):
    """Isolates, at every third step, the branch whose learning speed is higher."""

    def build(self, context: Context) -> None:
        """Create the counter and the target of the coming step."""
        self.steps = tf.Variable(0, trainable=False)
        self.target = tf.Variable(REGULAR, trainable=False)

    def forward(self, batch: Batch, phase: Phase) -> Forward:
        """Isolate the target, whose gate then has nothing to learn."""
        names, target = self.context.modalities, tf.convert_to_tensor(self.target)
        isolate = tf.equal(tf.range(len(names)), target)
        active = {f"fusion/{m}": tf.logical_not(isolate[i]) for i, m in enumerate(names)}
        return Forward(isolate=isolate, active=active, regular=tf.equal(target, REGULAR))

    def after_step(self, signals: Signals) -> None:
        """Choose the coming step's target."""
        self.steps.assign_add(1)
        due = tf.equal((tf.convert_to_tensor(self.steps) + 1) % PERIOD, 0)
        faster = tf.argmax(signals.speeds, output_type=tf.int32)
        self.target.assign(tf.where(due, faster, REGULAR))


def train(strategy: tf.distribute.Strategy, setting: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Train as often as is asked for; return arrays by `TRAINING/KIND`.

    Args:
        strategy: of the devices.
        setting: `trainings` (data type by name), `deterministic`, and `batches` (rows of each
            batch of an epoch).
    """
    # Ten bits of mantissa would hide what the self-test looks for.
    tf.config.experimental.enable_tensor_float_32_execution(False)
    if setting["deterministic"]:
        tf.config.experimental.enable_op_determinism()
    return {
        f"{name}/{kind}": array
        for name, dtype in setting["trainings"].items()
        for kind, array in _train_once(strategy, dtype, setting["batches"]).items()
    }


def _train_once(
    strategy: tf.distribute.Strategy, dtype: str, batches: Sequence[int]
) -> dict[str, np.ndarray]:
    keras.backend.clear_session()
    keras.config.set_floatx(dtype)
    keras.config.set_dtype_policy(dtype)
    keras.utils.set_random_seed(WEIGHT_SEED)
    toy = toy_data(dtype=dtype)
    with strategy.scope():
        network = GatedBranches({m: _branch() for m in toy.modalities})
        synchronise_batch_norm(network)
        model = BalancedModel(network, IsolateTheFaster(), seed=4)
        # With Adam's usual epsilon, gradients that are nearly nothing become rounding times 1e7.
        model.compile(
            keras.optimizers.AdamW(0.01, weight_decay=0.1, epsilon=1e-2, global_clipnorm=1.0)
        )
    data = draw_batches(toy.train, batches)
    history = model.fit(data, validation_data=data, epochs=EPOCHS, verbose=0, shuffle=False)
    steps = model.trace.read()
    # What is derived from the speeds by subtraction says nothing more, and rounds worse.
    scores = [values for name, values in history.history.items() if not name.endswith("d_speed")]
    # Beside the number of steps, the averages of gradients would be small.
    averages = [v for v in model.optimizer.variables if len(v.shape)]
    return {
        "weights": _joined(network.variables),
        "speeds": steps.speeds,
        "isolated": steps.isolated,
        "optimizer": _joined(averages),
        "metrics": _joined([*scores, steps.loss]),
    }


def _joined(values: Sequence[Any]) -> np.ndarray:
    return np.concatenate([np.ravel(value) for value in values])


def _branch() -> list[keras.layers.Layer]:
    layers = keras.layers
    # No bias: batch normalisation would leave its gradient to rounding alone.
    dense = layers.Dense(HIDDEN, use_bias=False)
    norm = layers.BatchNormalization(momentum=0.9, epsilon=0.1)
    encoder = keras.Sequential([dense, norm, layers.Activation("tanh")])
    return [encoder, layers.Dense(CLASSES)]


def draw_batches(examples: Examples, sizes: Sequence[int]) -> tf.data.Dataset:
    """Return batches of so many rows; with classes in balance, gradients would cancel out."""
    draw = np.random.default_rng(DATA_SEED)
    batches = [
        examples.dataset(draw.integers(0, len(examples), size)).batch(size) for size in sizes
    ]
    return reduce(tf.data.Dataset.concatenate, batches)
