"""Training data in memory: what `fit` offers to strategies that read or choose their examples."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from itertools import count
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from mmbal.data import Examples
from mmbal.data.order import epoch_order
from mmbal.replicas.rows import Annotated, annotated
from mmbal.strategies.context import Measured, SamplerPlan
from mmbal.strategies.contributions import class_indices
from mmbal.strategies.requirements import lacking
from mmbal.strategies.surroundings import Surroundings

BATCH = 32
"""Keras's own."""


class HeldData:
    """The training examples of a `fit`, which a strategy may read, choose and mask.

    Args:
        inputs: modality to (examples, ...).
        labels: (examples, ...), as the loss takes them.
        weight: (examples,), or None.
        batch_size: examples per step.
        classes: how many there are.
        seed: of the order of every epoch, which is that of a run.
    """

    def __init__(
        self, inputs: Any, labels: Any, weight: Any, batch_size: int, classes: int, seed: int
    ) -> None:
        self._inputs, self._labels, self._weight = dict(inputs), labels, weight
        self.batch_size, self._seed = batch_size, seed
        self.examples = Examples.from_arrays(inputs, class_indices(labels, classes).numpy())
        self.assign(SamplerPlan(np.arange(len(labels))))

    @classmethod
    def of(cls, options: Mapping[str, Any], classes: int, seed: int) -> "HeldData | None":
        """Return what all arguments of `fit` give; None for no arrays and no finite dataset."""
        x, y, weight = options["x"], options["y"], options["sample_weight"]
        size = options["batch_size"] or BATCH
        if isinstance(x, tf.data.Dataset):
            if int(x.cardinality()) == tf.data.INFINITE_CARDINALITY:
                return None
            batches = [keras.utils.unpack_x_y_sample_weight(b) for b in x.as_numpy_iterator()]
            size = len(batches[0][1])
            x, y, weight = (_joined(parts) for parts in zip(*batches, strict=True))
        inputs = annotated(x).inputs
        if not isinstance(inputs, Mapping) or y is None:
            return None
        end = int(len(y) * (1 - options["validation_split"]))
        inputs, y, weight = tf.nest.map_structure(
            lambda rows: None if rows is None else np.asarray(rows)[:end], (inputs, y, weight)
        )
        return cls(inputs, y, weight, size, classes, seed)

    def assign(self, plan: SamplerPlan) -> None:
        """Show what a plan asks for from the next epoch on."""
        self._plan = plan

    def show_in(self, options: dict[str, Any], epoch: int) -> None:
        """Let `fit` train on what the plans ask for, from an epoch on."""
        x, y, end = options["x"], options["y"], len(self._labels)
        if options["validation_split"] and options["validation_data"] is None:
            rest = {m: value[end:] for m, value in annotated(x).inputs.items()}
            options["validation_data"] = (rest, y[end:])
        own = dict.fromkeys(("y", "sample_weight", "batch_size"), None)
        options |= {
            **own,
            "x": self.batches(epoch=epoch),
            "shuffle": False,
            "validation_split": 0.0,
        }

    def batches(self, plan: SamplerPlan | None = None, epoch: int = 0) -> tf.data.Dataset:
        """Return batches of an epoch under a plan; None for that in force when it begins."""
        epochs = count(epoch)
        spec = tf.nest.map_structure(
            lambda rows: tf.TensorSpec([None, *rows.shape[1:]], rows.dtype),
            next(self._batches(self._plan, 0)),
        )
        return tf.data.Dataset.from_generator(
            lambda: self._batches(plan or self._plan, next(epochs)), output_signature=spec
        )

    def _batches(self, plan: SamplerPlan, epoch: int) -> Iterator[Any]:
        ids = np.asarray(plan.ids, np.int64)
        keep = np.ones((len(ids), len(self._inputs))) if plan.keep is None else plan.keep
        order = epoch_order(len(ids), self._seed, epoch).numpy()
        for first in range(0, len(ids), self.batch_size):
            places = order[first : first + self.batch_size]
            rows, shown = ids[places], np.asarray(keep, np.float32)[places]
            x = {m: value[rows] for m, value in self._inputs.items()}
            batch = (Annotated(x, {"keep": shown, "ids": rows}), self._labels[rows])
            yield batch if self._weight is None else (*batch, self._weight[rows])


def in_memory(model: Any, options: dict[str, Any]) -> Surroundings | None:
    """Return what a `fit` offers to the strategy of a model beside batches.

    Args:
        model: before this `fit`.
        options: all arguments of `fit`; those of the data are replaced where plans choose examples.

    Returns:
        None where a run offers all, or nothing can be offered.
    """
    before: Surroundings = model.surroundings
    needs = model.strategy.requirements()
    again = isinstance(before.rehearse, partial) and before.rehearse.func is Undone
    if model.replicas.count > 1 or not (again or lacking(model.strategy, before)):
        return None
    held = HeldData.of(options, model.network.classes, model.strategy_seed)
    if held is None:
        return None
    first = options["initial_epoch"] if model.begun_epoch is None else model.begun_epoch + 1
    chosen = needs.sampler or needs.ids
    if chosen:
        held.show_in(options, first)
    return replace(
        before,
        epochs=first + options["epochs"] - options["initial_epoch"],
        batch_size=held.batch_size,
        examples=held.examples,
        sampler=held if needs.sampler else None,
        rehearse=partial(Undone, held=held),
        ids=True,
        open_ended=chosen,
    )


class Undone:
    """Trains the network of a model on its data and undoes it, as `mmbal.strategies.Rehearsal`.

    Args:
        model: in whose `fit` this happens.
        held: its data.
    """

    def __init__(self, model: Any, held: HeldData) -> None:
        self._model, self._held = model, held

    def __call__(
        self,
        strategy: Any,
        epochs: int,
        measure: Callable[[], Measured],
        *,
        plan: SamplerPlan | None = None,
        name: str = "",
    ) -> tuple[Measured, Measured]:
        """Train, measure before and after."""
        model, network = self._model, self._model.network
        before = [(variable, variable.numpy()) for variable in network.variables]
        trial = type(model)(network, strategy, model.strategy_seed, on_nonfinite=model.on_nonfinite)
        trial.compile(
            model.optimizer.fresh(), model.loss_given, metrics=(), run_eagerly=model.run_eagerly
        )
        try:
            first = measure()
            trial.fit(self._held.batches(plan), epochs=epochs, verbose=0, shuffle=False)
            return first, measure()
        finally:
            for variable, value in before:
                variable.assign(value)


def _joined(parts: tuple[Any, ...]) -> Any:
    """Put batches together, whatever they hold."""
    if parts[0] is None:
        return None
    return tf.nest.map_structure(lambda *rows: np.concatenate(rows), *parts)
