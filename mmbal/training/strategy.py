"""The strategy contract: every seam of a training step, the identity by default."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from mmbal.errors import RequirementError
from mmbal.options import Options
from mmbal.training.distribution import GlobalTape
from mmbal.training.network import FusionNetwork, Outputs

Loss = Callable[..., tf.Tensor]


@dataclass(frozen=True)
class Requirements:
    """What a strategy needs; checked before training starts.

    Args:
        isolation: the network can isolate a branch.
        sampler: training examples can be chosen and masked one by one, which only a run
            through `mmbal.experiment` offers.
        several_gradients: `combine_gradients` asks the tape more than once.
    """

    isolation: bool = False
    sampler: bool = False
    several_gradients: bool = False


@dataclass(frozen=True)
class Context:
    """What a strategy may look at.

    Args:
        network: the built network.
        groups: name of a disjoint variable group to its variables.
        seed: of the run, for the strategy's own random numbers.
        steps_per_epoch: None where the length of the data is unknown.
    """

    network: FusionNetwork
    groups: Mapping[str, Sequence[keras.Variable]]
    seed: int = 0
    steps_per_epoch: int | None = None

    @property
    def modalities(self) -> tuple[str, ...]:
        """Names of the modalities in the order of the branches."""
        return self.network.modalities


@dataclass(frozen=True)
class SamplerPlan:
    """Which training examples an epoch sees, and with which modalities.

    Args:
        ids: (rows,) int, positions in the training set; an id may appear many times or never.
        keep: (rows, modality), 1 where the modality is shown; None shows all.
    """

    ids: np.ndarray
    keep: np.ndarray | None = None


@dataclass(frozen=True)
class EpochPlan:
    """What changes for the coming epochs.

    Args:
        learning_rates: group name to the factor on its learning rate; groups not named keep
            theirs.
        weights: (variable, new value) pairs, assigned at once.
        sampler: the examples of the coming epochs; None leaves them as they are.
    """

    learning_rates: Mapping[str, float] = field(default_factory=dict)
    weights: Sequence[tuple[keras.Variable, Any]] = ()
    sampler: SamplerPlan | None = None


@dataclass(frozen=True)
class Phase:
    """One update out of a training step.

    Args:
        name: for messages.
        groups: names of the variable groups it updates; None for all.
    """

    name: str = "joint"
    groups: tuple[str, ...] | None = None


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


class Strategy(tf.Module):
    """A way of training. The base class is plain joint training, called vanilla.

    Override the seams that differ. All but the two epoch hooks run inside the training
    graph: they use tensors, keep their state in `tf.Variable`s made in `build`, and leave
    Python's `if` for what is known before training.
    """

    def requirements(self) -> Requirements:
        """Return what the network and the run must offer."""
        return Requirements()

    def build(self, context: Context) -> None:
        """Create state. Called once, after the network is built."""

    def begin_epoch(self, epoch: int, context: Context) -> EpochPlan | None:
        """Run on the host before each epoch, counted from 0."""
        return None

    def end_epoch(
        self, epoch: int, logs: Mapping[str, float], context: Context
    ) -> EpochPlan | None:
        """Run on the host after each epoch and its validation, with Keras's logs."""
        return None

    def phases(self) -> tuple[Phase, ...]:
        """Return the updates of one step, in order."""
        return (Phase(),)

    def forward(self, inputs: dict[str, tf.Tensor], labels: tf.Tensor, phase: Phase) -> Forward:
        """Say how this step runs the network."""
        return Forward()

    def losses(
        self,
        outputs: Outputs,
        labels: tf.Tensor,
        sample_weight: tf.Tensor | None,
        loss: Loss,
        phase: Phase,
    ) -> dict[str, tf.Tensor]:
        """Return scalar losses by name; their sum is minimised.

        By default the joint loss of Wu et al.: the sum over modalities of the mean loss of
        each branch's logits.
        """
        return {
            modality: loss(labels, logits, sample_weight=sample_weight)
            for modality, logits in outputs.unimodal.items()
        }

    def combine_gradients(
        self,
        tape: GlobalTape,
        losses: Mapping[str, tf.Tensor],
        variables: Sequence[keras.Variable],
        phase: Phase,
    ) -> list[tf.Tensor | None]:
        """Return one gradient per variable, by default that of the summed losses.

        Where `Requirements.several_gradients` holds, the tape may be asked more than once.
        """
        gradients: list[tf.Tensor | None] = tape.gradient(list(losses.values()), variables)
        return gradients

    def after_step(self, signals: Signals) -> None:
        """Update state for the next step.

        A step that the guard does not let through is undone here too: the `tf.Variable`s that
        this object holds get their values of before the step back.
        """


def check_requirements(strategy: Strategy, network: FusionNetwork, *, sampler: bool) -> None:
    """Check what a strategy requires.

    Args:
        strategy: to train with.
        network: to train.
        sampler: whether the run offers one.

    Raises:
        RequirementError: the network or the run lacks something.
    """
    needed, who = strategy.requirements(), type(strategy).__name__
    if needed.isolation and not network.can_isolate:
        raise RequirementError(
            f"strategy {who} isolates branches, network {type(network).__name__} cannot; "
            "use an architecture with gates between its branches, such as mmtm-cnn"
        )
    if needed.sampler and not sampler:
        raise RequirementError(
            f"strategy {who} chooses its training examples; train it with `mmbal run`, "
            "`fit` alone offers no sampler"
        )


def vanilla(_: Options) -> Strategy:
    """Plain joint training: the identity in every seam."""
    return Strategy()
