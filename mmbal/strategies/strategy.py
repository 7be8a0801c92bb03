"""The strategy contract: every seam of a training step, the identity by default."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

import keras
import tensorflow as tf

from mmbal.networks.network import FusionNetwork
from mmbal.options import Configurable
from mmbal.strategies.context import Context, SamplerPlan
from mmbal.strategies.step import Batch, Forward, Phase, Signals, Step
from mmbal.strategies.tape import GlobalTape


@dataclass(frozen=True)
class Requirements:
    """What a strategy needs; checked before training starts.

    Args:
        architecture: names of `mmbal.capabilities.CAPABILITIES` that the network must offer. A
            plugin's `Component` says the same, so that it is known before anything is loaded.
        examples: `Context.examples` gives the training examples, which only a run through
            `mmbal.experiment` offers.
        sampler: training examples can be chosen and masked one by one; only such a run, too.
        rehearsals: `Context.rehearse` trains a copy; only such a run, too.
        ids: `Batch.ids` tells which training examples a step shows; only such a run, too.
        single_label: labels are read as one class of each example: indices or one-hot rows.
        owns: what no other strategy may decide beside this one, of "loss" (what it returns is
            not the joint loss plus terms), "presence" (which modalities an example shows), "rule"
            and "sampler". Overriding `combine_gradients` or `phases` owns those without saying so.
        extra_passes: passes of training over the whole network, one forward and two back, that a
            step makes beside the one of plain training, on average over a run and at most.
        passes_per_subset: likewise, for each set of some of the modalities.
    """

    architecture: frozenset[str] = frozenset()
    examples: bool = False
    sampler: bool = False
    rehearsals: bool = False
    ids: bool = False
    single_label: bool = False
    owns: frozenset[str] = frozenset()
    extra_passes: float = 0.0
    passes_per_subset: float = 0.0

    def passes_beside(self, modalities: int) -> float:
        """Return the extra passes of training that a step makes with so many modalities."""
        return self.extra_passes + self.passes_per_subset * ((1 << modalities) - 2)


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


class Strategy(Configurable, tf.Module):
    """A way of training. The base class is plain joint training, called vanilla.

    Override the seams that differ, and annotate `options` with the class of what can be set. Seams
    of the step run inside the training graph: they use tensors, keep their state in `tf.Variable`s
    made in `build`, and leave Python's `if` for what is known before training. Coefficients that
    come from predictions are constants to the gradient and float32 or wider: the logits of
    `Outputs` are.

    Attributes:
        options: what it was made with.
        context: what it trains; there from `build` on.
    """

    context: Context

    def __init_subclass__(cls, **arguments: Any) -> None:
        """Warn of a method that is almost called as a seam, and would never be called."""
        super().__init_subclass__(**arguments)
        seams = [name for name, value in vars(Strategy).items() if is_seam(name, value)]
        for name, value in vars(cls).items():
            near = get_close_matches(name, seams, n=1, cutoff=0.85)
            if near and near[0] != name and is_seam(name, value):
                text = f"{cls.__name__}.{name} is no seam of a strategy; did you mean {near[0]!r}?"
                warnings.warn(text, stacklevel=2)

    def requirements(self) -> Requirements:
        """Return what the network and the run must offer."""
        return Requirements()

    def adapt(self, network: FusionNetwork) -> None:
        """Change how a network predicts, in training and in every later evaluation.

        Called once, when the model is made, and by `mmbal evaluate` before it loads weights. The
        network offers what the strategy requires, and need not be built.
        """

    def build(self, context: Context) -> None:
        """Create state. Called once, after the network is built."""

    def trained_variables(self) -> Sequence[keras.Variable]:
        """Return variables of the strategy's own that gradients train, made in `build`.

        They are the variable group `strategy`: updated with the others, saved in checkpoints,
        and not part of the network.
        """
        return ()

    def begin_epoch(self, epoch: int, context: Context) -> EpochPlan | None:
        """Run on the host before each epoch, counted from 0 over all `fit`s."""
        return None

    def end_epoch(
        self, epoch: int, logs: Mapping[str, float], context: Context
    ) -> EpochPlan | None:
        """Run on the host after each epoch and its validation, with Keras's logs."""
        return None

    def phases(self) -> tuple[Phase, ...]:
        """Return the updates of one step, in order."""
        return (Phase(),)

    def forward(self, batch: Batch, phase: Phase) -> Forward:
        """Say how this update runs the network."""
        return Forward()

    def losses(self, step: Step, joint: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Return scalar losses by name; their sum is minimised.

        State may be moved here: it runs once per update, and never in evaluation.

        Args:
            step: after its forward pass.
            joint: the joint loss of the network, by what it fits (Wu et al.: one loss per
                branch), or what another strategy made of it.
        """
        return joint

    def combine_gradients(
        self,
        tape: GlobalTape,
        losses: Mapping[str, tf.Tensor],
        variables: Sequence[keras.Variable],
        step: Step,
    ) -> list[tf.Tensor | None]:
        """Return one gradient per variable, by default that of the summed losses.

        The tape may be asked more than once. Penalties of layers (weight regularizers and
        `add_loss`) are no part of the losses: as the weight decay of an optimizer, they are added
        to what this returns.
        """
        gradients: list[tf.Tensor | None] = tape.gradient(list(losses.values()), variables)
        return gradients

    def after_step(self, signals: Signals) -> None:
        """Update state for the next step.

        A step that the guard does not let through is undone here too: the `tf.Variable`s that
        this object holds get their values of before the step back.
        """


def is_seam(name: str, value: Any) -> bool:
    """Return whether a member of a class is a public method."""
    return not name.startswith("_") and callable(value)
