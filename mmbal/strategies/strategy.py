"""The strategy contract: every seam of a training step, the identity by default."""

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any, Protocol, TypeVar

import keras
import numpy as np
import tensorflow as tf

from mmbal.data import Examples
from mmbal.errors import RequirementError
from mmbal.networks.network import FusionNetwork
from mmbal.options import Configurable
from mmbal.strategies.step import Batch, Forward, Phase, Signals, Step
from mmbal.strategies.surroundings import ALONE, Surroundings
from mmbal.strategies.tape import GlobalTape

Measured = TypeVar("Measured")
Offered = TypeVar("Offered")


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
        several_gradients: `combine_gradients` asks the tape more than once.
        owns: what no other strategy may decide beside this one, of "loss" (what it returns is
            not the joint loss plus terms), "presence" (which modalities an example shows), "rule"
            and "sampler". Overriding `combine_gradients` or `phases` owns those without saying so.
    """

    architecture: frozenset[str] = frozenset()
    examples: bool = False
    sampler: bool = False
    rehearsals: bool = False
    ids: bool = False
    several_gradients: bool = False
    owns: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Context:
    """What a strategy may look at.

    Args:
        network: the built network.
        groups: name of a disjoint variable group to its variables.
        seed: of the run, for the strategy's own random numbers.
        steps_per_epoch: None where the length of the data is unknown.
        surroundings: the run; under `fit` alone there is none.
        rehearsal: trains the network and undoes it, within a run.

    `examples`, `batch_size`, `epochs` and `rehearse` exist only within a run (`mmbal run`), and say
    so elsewhere; a strategy that needs them demands them by its `Requirements`.
    """

    network: FusionNetwork
    groups: Mapping[str, Sequence[keras.Variable]]
    seed: int = 0
    steps_per_epoch: int | None = None
    surroundings: Surroundings = ALONE
    rehearsal: "Rehearsal | None" = None

    @property
    def examples(self) -> Examples:
        """The training examples, never augmented.

        Raises:
            RequirementError: there is no run.
        """
        return self._within_a_run(self.surroundings.examples, "the training examples")

    @property
    def batch_size(self) -> int:
        """Examples per step, over all replicas.

        Raises:
            RequirementError: there is no run.
        """
        return self._within_a_run(self.surroundings.batch_size, "the batch size")

    @property
    def epochs(self) -> int:
        """Epochs of the whole run.

        Raises:
            RequirementError: there is no run.
        """
        return self._within_a_run(self.surroundings.epochs, "the number of epochs")

    @property
    def rehearse(self) -> "Rehearsal":
        """Trains the network and undoes it.

        Raises:
            RequirementError: there is no run.
        """
        return self._within_a_run(self.rehearsal, "rehearsals")

    def note(self, name: str, values: Mapping[str, float]) -> None:
        """Tell the user, and the record of a run, what was found out; for the epoch hooks.

        Args:
            name: unique within the run.
            values: numbers by what they are of.
        """
        self.surroundings.note(name, values)

    def _within_a_run(self, offered: Offered | None, what: str) -> Offered:
        if offered is None:
            raise RequirementError(
                f"{what} can be had within a run alone (`mmbal run`), not under `fit`; a strategy "
                "that needs them says so (Requirements)"
            )
        return offered

    @property
    def classes(self) -> int:
        """Number of classes.

        Raises:
            ValueError: the network was never called.
        """
        return self._once_called(self.network.classes, "number of classes")

    @property
    def modalities(self) -> tuple[str, ...]:
        """Names of the modalities in the order of the branches."""
        return self.network.modalities

    @property
    def channels(self) -> dict[str, int]:
        """Modality to the channels of its features, for layers that a strategy brings.

        Raises:
            ValueError: the network was never called.
        """
        return dict(self._once_called(self.network.feature_channels, "channels of the features"))

    def _once_called(self, known: Offered | None, what: str) -> Offered:
        if not known:
            name = type(self.network).__name__
            raise ValueError(f"the {what} of {name} is known once it was called on a batch")
        return known

    @property
    def encoders(self) -> dict[str, list[keras.Variable]]:
        """Modality to the trainable variables that make its features."""
        trained = {id(v) for v in self.network.trainable_variables}
        return {
            m: [v for v in variables if id(v) in trained]
            for m, variables in self.network.variable_groups().encoders().items()
        }


@dataclass(frozen=True)
class SamplerPlan:
    """Which training examples an epoch sees, and with which modalities.

    Args:
        ids: (rows,) int, positions in the training set; an id may appear many times or never.
        keep: (rows, modality), 1 where the modality is shown; None shows all.
    """

    ids: np.ndarray
    keep: np.ndarray | None = None


class Rehearsal(Protocol):
    """Trains the network as it is now under another strategy, and undoes it.

    To be called from `Strategy.begin_epoch`, and nowhere else. Where the user stops the run
    during a rehearsal, `begin_epoch` is called for the same epoch again when the run is resumed:
    so state is moved only after the last rehearsal.
    """

    def __call__(
        self,
        strategy: "Strategy",
        epochs: int,
        measure: Callable[[], Measured],
        *,
        plan: SamplerPlan | None = None,
        name: str = "",
    ) -> tuple[Measured, Measured]:
        """Train for some epochs.

        Weights, statistics and random states are those of before afterwards, whatever happens.

        Args:
            strategy: to train with, with a fresh copy of the run's optimizer; one that needs
                the network alone.
            epochs: passes over the examples.
            measure: called on the host before and after training.
            plan: the examples of every epoch; None for those that the run shows now.
            name: of what is rehearsed, for messages.

        Returns:
            What `measure` returned before, and after.

        Raises:
            MmbalError: loss or gradients became NaN or infinite and the run is to stop then.
        """


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

        Called once before `build`, and by `mmbal evaluate` before it loads weights. The network is
        built and offers what the strategy requires.
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

        Where `Requirements.several_gradients` holds, the tape may be asked more than once.
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
