"""The function-space learning speed of branches, measured while a network trains."""

import math
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from mmbal import Configurable
from mmbal.errors import RequirementError
from mmbal_measures.function_meter import FunctionMeter, centred, speeds, squares
from mmbal_measures.options import FunctionSpeedOptions

LARGEST = 0.3
"""Part of a step's move that the first order may miss before a warning."""


class FunctionSpeed(Configurable, keras.callbacks.Callback):
    """Tells after every epoch how far branches and fusion have moved what the network says.

    In every so many steps, the first-order change of logits by each variable group's actual
    update (after optimizer, decay and clipping) is measured on a fixed batch of plain training
    examples, in inference mode; squared, and weighted by the steps that it stands for, it is
    added up over the training. The logs of epochs get `function_speed/m`, `function_speed/m+j`,
    `function_move/m` (`mmbal_measures.function_meter.speeds`) with their standard errors over
    examples, and `function_residual`: how much of the moves the first order missed.

    Unlike the speed of Wu et al. it depends on the move of the function alone: weights that are
    scaled so that the function stays, and moved so that it moves alike, give the same number.

    Args:
        options: of it.
        probe: modality to (example, ...), the batch; None draws it from a run's training examples.
        **settings: its options by name.
    """

    options: FunctionSpeedOptions

    def __init__(
        self,
        options: FunctionSpeedOptions | None = None,
        /,
        probe: Mapping[str, Any] | None = None,
        **settings: Any,
    ) -> None:
        super().__init__(options, **settings)
        self._probe = probe
        self._meter: FunctionMeter | None = None
        self._before: Sequence[tf.Tensor] | None = None
        self._steps = 0
        self._totals: np.ndarray | None = None
        self._missed = self._moved = 0.0
        self._warned = False

    def on_train_begin(self, logs: Any = None) -> None:
        """Draw the probe batch.

        Raises:
            RequirementError: there are several replicas, several steps at a time, or no examples.
        """
        if self.model.replicas.count > 1:
            raise RequirementError(
                "function-speed sets weights back for a moment, on one device alone; received "
                f"{self.model.replicas.count} replicas: train with --distribute none, or without it"
            )
        if self.model.steps_per_execution != 1:
            raise RequirementError(
                "function-speed looks at single steps: steps_per_execution must be 1, received "
                f"{self.model.steps_per_execution}"
            )
        if self._meter is None:
            self._meter = FunctionMeter(self.model.network, self._probe or self._drawn())

    def _drawn(self) -> Mapping[str, Any]:
        examples = self.model.surroundings.examples
        if examples is None or not len(examples):
            raise RequirementError(
                "function-speed needs training examples, which `fit` alone does not offer: give "
                "it some, FunctionSpeed(probe={modality: array})"
            )
        draw = np.random.default_rng(self.model.strategy_seed)
        count = min(self.options.examples, len(examples))
        rows = np.sort(draw.choice(len(examples), count, replace=False))
        inputs, _ = next(iter(examples.dataset(rows).batch(count)))
        return inputs  # type: ignore[no-any-return]

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Remember the weights, in steps that are measured."""
        if self._steps % self.options.every == 0 and self._meter is not None:
            self._before = self._meter.snapshot()

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Measure what the step did."""
        self._steps += 1
        if self._before is None or self._meter is None:
            return
        measured, self._before = self._meter.step(self._before), None
        added = squares(measured.changes, self.model.network.modalities) * self.options.every
        self._totals = added if self._totals is None else self._totals + added
        whole = centred(measured.whole[0])
        missed = whole - sum(centred(each[0]) for each in measured.changes.values())
        self._missed += float(np.square(missed).sum())
        self._moved += float(np.square(whole).sum())

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Write the speeds so far into the logs; warn where the first order does not tell."""
        if logs is None or self._totals is None:
            return
        residual = math.sqrt(self._missed / self._moved) if self._moved else math.nan
        logs.update(speeds(self._totals, self.model.network.modalities))
        logs["function_residual"] = residual
        if residual > LARGEST and not self._warned:
            self._warned = True
            warnings.warn(
                f"function-speed: the first order misses {residual:.0%} of the steps' moves (steps "
                "are large, or running means move much): its speeds are rough",
                stacklevel=2,
            )

    def state(self) -> dict[str, Any]:
        """Return what a resumed training goes on from, as JSON holds it."""
        return {
            "steps": self._steps,
            "totals": None if self._totals is None else self._totals.tolist(),
            "missed": self._missed,
            "moved": self._moved,
            "warned": self._warned,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state` returned."""
        totals = state["totals"]
        self._totals = None if totals is None else np.asarray(totals, np.float64)
        self._steps, self._warned = state["steps"], state["warned"]
        self._missed, self._moved = state["missed"], state["moved"]
