"""What a strategy may look at, and what it may ask of a run."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import keras
import numpy as np

from mmbal.data import Examples
from mmbal.errors import RequirementError
from mmbal.networks.network import FusionNetwork
from mmbal.strategies.surroundings import ALONE, Surroundings

Measured = TypeVar("Measured")
Offered = TypeVar("Offered")


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
        strategy: Any,
        epochs: int,
        measure: Callable[[], Measured],
        *,
        plan: SamplerPlan | None = None,
        name: str = "",
    ) -> tuple[Measured, Measured]:
        """Train for some epochs.

        Weights, statistics and random states are those of before afterwards, whatever happens.

        Args:
            strategy: a `Strategy`, trained with a fresh copy of the run's optimizer; one that
                needs the network alone.
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
            raise ValueError(f"{name} tells the {what} only once it was called on a batch")
        return known

    @property
    def encoders(self) -> dict[str, list[keras.Variable]]:
        """Modality to the trainable variables that make its features."""
        trained = {id(v) for v in self.network.trainable_variables}
        return {
            m: [v for v in variables if id(v) in trained]
            for m, variables in self.network.variable_groups().encoders().items()
        }
