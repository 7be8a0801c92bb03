"""The network and the strategy of the self-test: all that training on replicas must get right.

Small, smooth and without variables that no gradient reaches, so that rounding stays rounding:
what differs between replicas beyond that is a fault.
"""

from typing import Any

import keras
import tensorflow as tf

from mmbal.networks.network import FusionNetwork, Outputs, VariableGroups, at_least_float32
from mmbal.replicas.sums import global_mean
from mmbal.strategies.step import Batch, Forward, Phase, Signals
from mmbal.strategies.strategy import Context, Requirements, Strategy

MODALITIES = ("sight", "sound")
WIDTH, HIDDEN, CLASSES = 6, 8, 3
REGULAR = -1
PERIOD = 3
"""Every so many steps one branch is isolated."""


class Gate(keras.layers.Layer):
    """Gates every branch by what all of them see, and keeps the running mean of every gate."""

    def build(self, shapes: Any) -> None:
        """Create one dense layer per branch, fed by all branches."""
        width = sum(int(shape[-1]) for shape in shapes)
        self.squeeze = _dense(HIDDEN, "tanh")
        self.excite = [_dense(int(shape[-1]), "sigmoid") for shape in shapes]
        self.means = [
            self.add_weight(shape=(shape[-1],), initializer="zeros", trainable=False)
            for shape in shapes
        ]
        self.batches = self.add_weight(shape=(), initializer="zeros", trainable=False)
        self.squeeze.build((None, width))
        for layer in self.excite:
            layer.build((None, HIDDEN))
        self.built = True

    def call(self, features: Any, isolate: Any = None, training: bool = False) -> Any:
        """Gate (batch, channels) features; an isolated branch by its running mean."""
        summary = self.squeeze(tf.concat(features, axis=-1))
        gates = [layer(summary) for layer in self.excite]
        if training:
            self._move_means(gates)
        if isolate is not None:
            gates = [
                tf.where(isolate[i], tf.convert_to_tensor(mean), gate)
                for i, (mean, gate) in enumerate(zip(self.means, gates, strict=True))
            ]
        return [feature * gate for feature, gate in zip(features, gates, strict=True)]

    def _move_means(self, gates: list[tf.Tensor]) -> None:
        before = tf.convert_to_tensor(self.batches)
        for mean, gate in zip(self.means, gates, strict=True):
            batch = global_mean(tf.stop_gradient(gate))
            mean.assign((batch + before * tf.convert_to_tensor(mean)) / (before + 1))
        self.batches.assign(before + 1)


class TwoBranches(FusionNetwork):
    """Two dense branches with batch normalisation, joined by one gate."""

    def __init__(self) -> None:
        super().__init__(MODALITIES, name="two_branches")
        self.encoders = [
            keras.Sequential(
                [
                    # No bias: batch normalisation would leave its gradient to rounding alone.
                    _dense(HIDDEN, None, use_bias=False),
                    keras.layers.BatchNormalization(momentum=0.9, epsilon=0.1),
                    keras.layers.Activation("tanh"),
                ],
                name=f"{modality}_encoder",
            )
            for modality in MODALITIES
        ]
        self.gate = Gate(name="gate")
        self.heads = [_dense(CLASSES, None) for _ in MODALITIES]

    def call(
        self,
        inputs: dict[str, tf.Tensor],
        isolate: tf.Tensor | None = None,
        keep: tf.Tensor | None = None,
        blocked: Any = None,
        transform: Any = None,
        training: bool = False,
    ) -> Outputs:
        """Run the branches; `keep`, `blocked` and `transform` are not needed here."""
        features = [
            encoder(inputs[modality], training=training)
            for modality, encoder in zip(MODALITIES, self.encoders, strict=True)
        ]
        features = self.gate(features, isolate=isolate, training=training)
        named = dict(zip(MODALITIES, features, strict=True))
        unimodal = {
            modality: at_least_float32(head(named[modality]))
            for modality, head in zip(MODALITIES, self.heads, strict=True)
        }
        return Outputs(self.fuse_logits(unimodal), unimodal, named, {})

    def variable_groups(self) -> VariableGroups:
        """Branches: encoder and head. Fusion: the gate's own layer and the common squeeze."""
        squeeze = self.gate.squeeze.trainable_variables
        branch, fusion = {}, {}
        for i, modality in enumerate(MODALITIES):
            head = self.heads[i].trainable_variables
            branch[modality] = [*self.encoders[i].trainable_variables, *head]
            fusion[modality] = [*squeeze, *self.gate.excite[i].trainable_variables]
        return VariableGroups(branch, fusion)


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
