"""Carries the strategy's epoch hooks, and the guard's findings, into Keras's callbacks."""

import math
import warnings
from collections.abc import Callable
from typing import Any

import keras

from mmbal.strategies.context import Context
from mmbal.strategies.strategy import EpochPlan, Strategy
from mmbal.training.guard import Guard, NonFiniteError


class StrategyEpochs(keras.callbacks.Callback):
    """Builds the strategy when training begins and has the plans it makes per epoch followed.

    Epochs are counted over all trainings, whatever numbers Keras gives them.

    Args:
        strategy: whose hooks are called.
        prepare: maps the steps per epoch, or None, to the strategy's context; creates its state
            the first time.
        follow: applies a plan.
        begun: epoch whose plan was followed last before a training is resumed; where it goes on
            with that epoch, no plan is asked for again.

    Attributes:
        begun: the epoch whose plan was followed last; None before the first.
    """

    def __init__(
        self,
        strategy: Strategy,
        prepare: Callable[[int | None], Context],
        follow: Callable[[EpochPlan], None],
        begun: int | None = None,
    ) -> None:
        super().__init__()
        self._strategy = strategy
        self._prepare = prepare
        self._follow = follow
        self._warned = False
        self._resumed = self.begun = begun

    def on_train_begin(self, logs: Any = None) -> None:
        """Create the strategy's state, now that the network is built."""
        self._context = self._prepare(self.params.get("steps"))

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Ask the strategy for a plan and follow it, unless a resumed training already has."""
        resumed, self._resumed = self._resumed, None
        if resumed == epoch:
            return
        number = epoch if self.begun is None else self.begun + 1
        plan = self._strategy.begin_epoch(number, self._context)
        if plan is not None:
            self._follow(plan)
        self.begun = number  # not before: a rehearsal may be stopped, and is begun anew then

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Hand the logs to the strategy, follow its plan, warn of undefined speeds."""
        plan = self._strategy.end_epoch(self.begun or 0, logs or {}, self._context)
        if plan is not None:
            self._follow(plan)
        undefined = [
            k for k, v in (logs or {}).items() if k.startswith("learning_speed/") and math.isnan(v)
        ]
        network = self._context.network
        # Where nothing feeds a branch from the others, there is no speed to be defined.
        feeds = any(network.variable_groups().fusion.values())
        if undefined and feeds and not self._warned and len(network.modalities) > 1:
            self._warned = True
            names = ", ".join(name.removeprefix("learning_speed/") for name in undefined)
            warnings.warn(
                f"the learning speed of {names} is undefined (no update of its branch or of its "
                "fusion yet); guided balancing stays regular while it is",
                stacklevel=2,
            )


class FaultWatch(keras.callbacks.Callback):
    """Looks at the guard's findings now and then, and stops or warns as its policy says.

    Args:
        guard: returns it, once training has begun.
        every: steps between two looks.
    """

    def __init__(self, guard: Callable[[], Guard], every: int) -> None:
        super().__init__()
        self._guard = guard
        self._every = every

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Look as seldom as the trace is read: a look waits for the device."""
        if (batch + 1) % self._every == 0:
            self.look()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Look at the rest of the epoch."""
        self.look()

    def look(self) -> None:
        """Stop or warn if a step since the last look was faulty.

        Raises:
            NonFiniteError: one was, and the policy is "stop".
        """
        guard = self._guard()
        faults = guard.look()
        if faults is None:
            return
        count, step, what = faults
        policy = guard.policy
        if policy == "stop":
            raise NonFiniteError(step, what)
        done = "skipped" if policy == "skip" else "not skipped"
        more = f", and {count - 1} more steps since" if count > 1 else ""
        warnings.warn(f"step {step}: {what} became NaN or infinite ({done}){more}", stacklevel=2)
