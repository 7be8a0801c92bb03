"""What one update of a training step is: what strategies see of it and say about it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import tensorflow as tf

from mmbal.networks.controls import NORMAL, Controls
from mmbal.networks.network import Outputs
from mmbal.replicas.rows import ALL_ROWS, Rows, annotated

Loss = Callable[..., tf.Tensor]


class Batch(NamedTuple):
    """The rows of a training step that a replica has.

    Attributes:
        inputs: modality to a (batch, ...) tensor.
        labels: (batch,) class indices, or whatever the loss takes.
        weight: (batch,) weights of the examples, or None.
        presence: (batch, modality) bool, which modalities an example has; so far all of them.
        keep: (batch, modality), 0 where the sampler leaves out a modality; None leaves out none.
        ids: (batch,) int64, positions in the training set; None unless a strategy requires them.
        rows: which rows of the global batch these are.
    """

    inputs: Mapping[str, tf.Tensor]
    labels: tf.Tensor
    weight: tf.Tensor | None
    presence: tf.Tensor
    keep: tf.Tensor | None
    ids: tf.Tensor | None
    rows: Rows

    @classmethod
    def of(
        cls, x: Any, labels: tf.Tensor, weight: tf.Tensor | None = None, rows: Rows = ALL_ROWS
    ) -> "Batch":
        """Return the batch of what `fit` was given.

        Args:
            x: modality to a (batch, ...) tensor, or `Annotated`.
            labels: (batch,) class indices, or whatever the loss takes.
            weight: (batch,) weights of the examples, or None.
            rows: which rows of the global batch these are.
        """
        inputs, notes = annotated(x)
        presence = tf.ones([tf.shape(labels)[0], len(inputs)], tf.bool)
        return cls(inputs, labels, weight, presence, notes.get("keep"), notes.get("ids"), rows)


@dataclass(frozen=True)
class Phase:
    """One update out of a training step.

    Args:
        name: for messages.
        groups: names of the variable groups it updates; None for all.
    """

    name: str = "joint"
    groups: tuple[str, ...] | None = None


JOINT = Phase()


class Step(NamedTuple):
    """One update of a training step after its forward pass, as a replica sees it.

    Attributes:
        batch: what it trains on.
        outputs: of the network.
        loss: scalar mean loss of one branch, called as
            `loss(labels, logits, sample_weight=weight)`.
        phase: of `Strategy.phases`.
        controls: what the network was told in this pass; a strategy that runs it by itself tells
            it the same.
    """

    batch: Batch
    outputs: Outputs
    loss: Loss
    phase: Phase = JOINT
    controls: Controls = NORMAL

    def loss_of(self, logits: tf.Tensor) -> tf.Tensor:
        """Return the mean loss of (batch, classes) logits, a scalar."""
        return self.loss(self.batch.labels, logits, sample_weight=self.batch.weight)

    def joint_losses(self) -> dict[str, tf.Tensor]:
        """Return the joint loss of the network, by the name of what it fits."""
        return {name: self.loss_of(logits) for name, logits in self.outputs.supervised.items()}


class Forward(NamedTuple):
    """How one step runs the network and which groups it updates.

    Attributes:
        isolate: (modality,) bool or None.
        keep: (batch, modality) or None.
        transform: callable on `{modality: features}` or None.
        active: group name to a scalar bool, False leaves the group and its optimizer state
            untouched; groups not named are active.
        regular: scalar bool, whether learning speeds count this step.
    """

    isolate: tf.Tensor | None = None
    keep: tf.Tensor | None = None
    transform: Callable[[dict[str, tf.Tensor]], dict[str, tf.Tensor]] | None = None
    active: Mapping[str, tf.Tensor] = {}
    regular: tf.Tensor | bool = True

    @property
    def isolated(self) -> tf.Tensor:
        """Index of the isolated modality, -1 for none."""
        if self.isolate is None:
            return tf.constant(-1)
        first = tf.argmax(tf.cast(self.isolate, tf.int32))
        return tf.where(tf.reduce_any(self.isolate), first, -1)


class Signals(NamedTuple):
    """What a step measured.

    Attributes:
        speeds: (modality,) conditional learning speeds in nats, NaN where undefined.
        losses: name to scalar loss.
        regular: scalar bool, as `Forward.regular`; False also for a faulty step.
    """

    speeds: tf.Tensor
    losses: Mapping[str, tf.Tensor]
    regular: tf.Tensor | bool
