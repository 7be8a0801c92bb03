"""Carries the strategy's epoch hooks, and the guard's findings, into Keras's callbacks."""

import math
import warnings
from typing import TYPE_CHECKING, Any

import keras

from mmbal.strategies.strategy import EpochPlan
from mmbal.training.guard import NonFiniteError

if TYPE_CHECKING:
    from mmbal.training.model import BalancedModel


class StrategyEpochs(keras.callbacks.Callback):
    """Builds the strategy when training begins and applies the plans it makes per epoch."""

    def __init__(self, model: "BalancedModel") -> None:
        super().__init__()
        self._balanced = model
        self._warned = False

    def on_train_begin(self, logs: Any = None) -> None:
        """Create the strategy's state, now that the network is built."""
        # A sampler's epochs have lengths of their own.
        known = self._balanced.sampler is None
        self._balanced.prepare(self.params.get("steps") if known else None)

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Ask the strategy for a plan and apply it, unless a resumed run already has."""
        model = self._balanced
        if model.begun_epoch == epoch:
            return
        self._apply(model.strategy.begin_epoch(epoch, model.prepare()))
        model.begun_epoch = epoch  # not before: a trial may be stopped, and is begun anew then

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Hand the logs to the strategy, apply its plan, warn of undefined speeds."""
        model = self._balanced
        self._apply(model.strategy.end_epoch(epoch, logs or {}, model.prepare()))
        undefined = [
            k for k, v in (logs or {}).items() if k.startswith("learning_speed/") and math.isnan(v)
        ]
        # Where nothing feeds a branch from the others, there is no speed to be defined.
        feeds = any(model.network.variable_groups().fusion.values())
        if undefined and feeds and not self._warned and len(model.network.modalities) > 1:
            self._warned = True
            names = ", ".join(name.removeprefix("learning_speed/") for name in undefined)
            warnings.warn(
                f"the learning speed of {names} is undefined (no update of its branch or of its "
                "fusion yet); guided balancing stays regular while it is",
                stacklevel=2,
            )

    def _apply(self, plan: EpochPlan | None) -> None:
        if plan is None:
            return
        for group, factor in plan.learning_rates.items():
            self._balanced.optimizer.set_multiplier(group, factor)
        for variable, value in plan.weights:
            variable.assign(value)
        if plan.sampler is not None:
            self._balanced.sampler.assign(plan.sampler)


class FaultWatch(keras.callbacks.Callback):
    """Looks at the guard's findings now and then, and stops or warns as its policy says."""

    def __init__(self, model: "BalancedModel") -> None:
        super().__init__()
        self._balanced = model

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Look as seldom as the trace is read: a look waits for the device."""
        if (batch + 1) % self._balanced.trace.capacity == 0:
            self.look()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Look at the rest of the epoch."""
        self.look()

    def look(self) -> None:
        """Stop or warn if a step since the last look was faulty.

        Raises:
            NonFiniteError: one was, and the policy is "stop".
        """
        found = self._balanced.guard.look()
        if found is None:
            return
        count, step, what = found
        policy = self._balanced.guard.policy
        if policy == "stop":
            raise NonFiniteError(step, what)
        done = "skipped" if policy == "skip" else "not skipped"
        more = f", and {count - 1} more steps since" if count > 1 else ""
        warnings.warn(f"step {step}: {what} became NaN or infinite ({done}){more}", stacklevel=2)
