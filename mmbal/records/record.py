"""A run as plain values and NumPy arrays. Undefined numbers are NaN."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from mmbal.keys import NOTEBOOK

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
RunStatus = Literal["finished", "interrupted", "unfinished"]


@dataclass(frozen=True)
class Steps:
    """What happened in each training step, in order.

    Args:
        index: (step,) steps taken before this one in the run.
        epoch: (step,) from 0.
        loss: (step,) joint loss in nats.
        isolated: (step,) index of the isolated branch, -1 in a regular step.
        learning_speed: (step, modality) natural logarithm.
        d_speed: (step,) imbalance, natural logarithm.
    """

    index: Integers
    epoch: Integers
    loss: Floats
    isolated: Integers
    learning_speed: Floats
    d_speed: Floats


@dataclass(frozen=True)
class Epochs:
    """What was measured at the end of each epoch.

    Args:
        index: (epoch,) from 0.
        step: (epoch,) steps taken by its end.
        seconds: (epoch,) wall-clock time.
        selected: (epoch,) its weights became the selected ones; the last such epoch counts.
        learning_speed: (epoch, modality) natural logarithm.
        d_speed: (epoch,) imbalance, natural logarithm.
        rebalancing_steps: (epoch, modality) steps that isolated each branch.
        train, validation: metric name to (epoch,) values.
    """

    index: Integers
    step: Integers
    seconds: Floats
    selected: npt.NDArray[np.bool_]
    learning_speed: Floats
    d_speed: Floats
    rebalancing_steps: Integers
    train: Mapping[str, Floats]
    validation: Mapping[str, Floats]


@dataclass(frozen=True)
class History:
    """The training of a run, by step and by epoch."""

    steps: Steps
    epochs: Epochs


@dataclass(frozen=True)
class Record:
    """Everything known about a run.

    Args:
        recipe, dataset, architecture, strategy: names.
        seed: of weights, order and strategy.
        epochs: asked for; `history.epochs` tells how many there are.
        batch_size: examples per step, over all devices.
        steps_per_epoch: None when unknown.
        modalities: names in the order of the branches.
        classes: names by label.
        fingerprint: digest of the examples and their split.
        started: ISO 8601 time.
        history: by step and by epoch.
        scores: (split, weights) to score name to value; split is train, validation or test,
            weights are selected or last.
        arrays: name to array of any shape, such as squeeze means.
        config: the text of config.toml, "" when there was none.
        status: "unfinished" when the journal has no end: the run was killed or still runs.
        stop_reason: of an interrupted run.
        seconds: wall-clock time, NaN without an end.
        result: what `mmbal run --json` printed, {} without an end.
        warnings: in order.
        notes: what the dataset tells of itself, such as how many examples it left out.
        data: task, shape and dtype of each modality, number of examples and digest of each split.
        headlines: names of the scores that short tables show; () where the run tells none.
        meanings: score to what it is, in a line.
        tables: name of an array to what it is a table of: split, weights, name, axes, description.
        initial_weights: digest of the weights before training, "" when unknown.
        data_order: digest of the order of the first epoch, "" when unknown.
        journal_bytes: bytes of the journal this record was built from.
    """

    recipe: str
    dataset: str
    architecture: str
    strategy: str
    seed: int
    epochs: int
    batch_size: int
    steps_per_epoch: int | None
    modalities: tuple[str, ...]
    classes: tuple[str, ...]
    fingerprint: str
    started: str
    history: History
    scores: Mapping[tuple[str, str], Mapping[str, float]]
    arrays: Mapping[str, Floats]
    config: str
    status: RunStatus
    stop_reason: str
    seconds: float
    result: Mapping[str, Any]
    warnings: tuple[str, ...]
    notes: Mapping[str, Any]
    data: Mapping[str, Any]
    headlines: tuple[str, ...]
    meanings: Mapping[str, str]
    tables: Mapping[str, Mapping[str, Any]]
    initial_weights: str
    data_order: str
    journal_bytes: int

    @property
    def repeatable(self) -> bool:
        """Whether its configuration makes such a run again: not where a notebook recorded it."""
        return f"\n{NOTEBOOK} = true" not in self.config


@dataclass(frozen=True)
class FinishedRun:
    """A run, finished or not, as the hook `mmbal_card` gets it.

    Args:
        path: its folder.
        record: as it stands.
        alone: modality to the record of a run of it alone beside, of the same data and seed.
        measure: applies evaluations by name to the selected weights on the test split, keeps in
            the record what that does not hold yet, and returns it.
    """

    path: str
    record: Record
    alone: Mapping[str, Record]
    measure: Callable[[Sequence[str]], Record]
