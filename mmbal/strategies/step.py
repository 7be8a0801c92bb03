"""What one update of a training step is: what strategies see of it and say about it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import tensorflow as tf

from mmbal.networks.network import Outputs
from mmbal.replicas.sums import ALL_ROWS, WHOLE, Rows

Loss = Callable[..., tf.Tensor]
KEEP = "__keep__"
"""Key under which a sampler passes (batch, modality) keep masks along with the inputs."""


@dataclass(frozen=True)
class Phase:
    """One update out of a training step.

    Args:
        name: for messages.
        groups: names of the variable groups it updates; None for all.
    """

    name: str = "joint"
    groups: tuple[str, ...] | None = None


class Step(NamedTuple):
    """One update of a training step, as a replica sees it.

    Attributes:
        inputs: modality to a (batch, ...) tensor, this replica's rows.
        labels: (batch,) class indices, or whatever the loss takes.
        sample_weight: (batch,) or None.
        loss: scalar mean loss of one branch, called as
            `loss(labels, logits, sample_weight=sample_weight)`.
        phase: of `Strategy.phases`.
        rows: which rows of the global batch these are.
        outputs: of the network; None before the forward pass.
    """

    inputs: dict[str, tf.Tensor]
    labels: tf.Tensor
    sample_weight: tf.Tensor | None
    loss: Loss
    phase: Phase
    rows: Rows = ALL_ROWS
    outputs: Outputs | None = None

    def loss_of(self, logits: tf.Tensor) -> tf.Tensor:
        """Return the mean loss of (batch, classes) logits, a scalar."""
        return self.loss(self.labels, logits, sample_weight=self.sample_weight)


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


def joint_losses(step: Step) -> dict[str, tf.Tensor]:
    """Return the joint loss of the network, by the name of what it fits."""
    assert step.outputs is not None  # noqa: S101  (for the type checker)
    return {name: step.loss_of(logits) for name, logits in step.outputs.supervised.items()}


def modalities_only(inputs: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    """Return the inputs without what is passed along with them."""
    return {name: tensor for name, tensor in inputs.items() if name not in (KEEP, WHOLE)}
