"""The network and the strategy of the self-test: all that training on replicas must get right.

Small, smooth and without variables that no gradient reaches, so that rounding stays rounding:
what differs between replicas beyond that is a fault.
"""

from typing import Any

import keras
import tensorflow as tf

from mmbal.networks.branches import BranchNetwork
from mmbal.networks.fusion import Fusion
from mmbal.strategies.context import Context
from mmbal.strategies.step import Batch, Forward, Phase, Signals
from mmbal.strategies.strategy import Requirements, Strategy

MODALITIES = ("sight", "sound")
WIDTH, HIDDEN, CLASSES = 6, 8, 3
REGULAR = -1
PERIOD = 3
"""Every so many steps one branch is isolated."""


class Gate(Fusion):
    """Gates every branch by what it hears of all."""

    def build(self, shapes: Any) -> None:
        """Create a common layer, and one per branch behind it."""
        self.squeeze = _dense(HIDDEN, "tanh")
        self.excite = [_dense(int(shape[-1]), "sigmoid") for shape in shapes]
        self.squeeze.build((None, sum(int(shape[-1]) for shape in shapes)))
        for layer in self.excite:
            layer.build((None, HIDDEN))

    def combine(self, heard: list[tf.Tensor]) -> tf.Tensor:
        """Return what the common layer makes of it."""
        return self.squeeze(super().combine(heard))

    def message(self, branch: int, combined: tf.Tensor) -> tf.Tensor:
        """Return what the branch's features are multiplied by."""
        return self.excite[branch](combined)

    def fusion_variables(self, branch: int) -> list[keras.Variable]:
        """Return those of the common layer and of the branch's."""
        return [*self.squeeze.trainable_variables, *self.excite[branch].trainable_variables]


class TwoBranches(BranchNetwork):
    """Two dense branches with batch normalisation, joined by one gate."""

    def __init__(self) -> None:
        encoders = {
            modality: keras.Sequential(
                [
                    # No bias: batch normalisation would leave its gradient to rounding alone.
                    _dense(HIDDEN, None, use_bias=False),
                    keras.layers.BatchNormalization(momentum=0.9, epsilon=0.1),
                    keras.layers.Activation("tanh"),
                ],
                name=f"{modality}_encoder",
            )
            for modality in MODALITIES
        }
        heads = {modality: _dense(CLASSES, None) for modality in MODALITIES}
        super().__init__(encoders, Gate(name="gate"), heads, name="two_branches")


class IsolateTheFaster(Strategy):
    """Isolates, at every third step, the branch whose learning speed is higher."""

    def requirements(self) -> Requirements:
        """Require a network that can isolate a branch."""
        return Requirements(frozenset({"isolation"}))

    def build(self, context: Context) -> None:
        """Create the counter and the target of the coming step."""
        self.steps = tf.Variable(0, trainable=False)
        self.target = tf.Variable(REGULAR, trainable=False)

    def forward(self, batch: Batch, phase: Phase) -> Forward:
        """Isolate the target, whose gate then has nothing to learn."""
        target = tf.convert_to_tensor(self.target)
        isolate = tf.equal(tf.range(len(MODALITIES)), target)
        active = {f"fusion/{m}": tf.logical_not(isolate[i]) for i, m in enumerate(MODALITIES)}
        return Forward(isolate=isolate, active=active, regular=tf.equal(target, REGULAR))

    def after_step(self, signals: Signals) -> None:
        """Choose the coming step's target."""
        self.steps.assign_add(1)
        due = tf.equal((tf.convert_to_tensor(self.steps) + 1) % PERIOD, 0)
        faster = tf.argmax(signals.speeds, output_type=tf.int32)
        self.target.assign(tf.where(due, faster, REGULAR))


def _dense(units: int, activation: str | None, **options: Any) -> keras.layers.Dense:
    # Biases of zero would leave arrays that hold little but rounding.
    initializer = None if not options.get("use_bias", True) else "random_normal"
    biases = {"bias_initializer": initializer} if initializer else {}
    return keras.layers.Dense(units, activation=activation, **biases, **options)
