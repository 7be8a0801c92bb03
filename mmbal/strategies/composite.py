"""Several strategies as one: each keeps to its own seams."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import tensorflow as tf

from mmbal.errors import RequirementError
from mmbal.networks.network import FusionNetwork
from mmbal.strategies.context import Context
from mmbal.strategies.step import Batch, Forward, Phase, Signals, Step
from mmbal.strategies.strategy import EpochPlan, Requirements, Strategy
from mmbal.strategies.tape import GlobalTape

WHOLLY_OWNED = {"gradient": "combine_gradients", "phases": "phases"}
"""What one strategy decides alone, by the seam that it overrides to do so."""
IN_WORDS = {
    "gradient": "combine the gradients",
    "phases": "say which updates a step has",
    "isolation": "isolate branches",
    "loss": "replace the joint loss",
    "presence": "leave out modalities of single examples",
    "rule": "change how the classifier computes its logits",
    "sampler": "choose the training examples",
}


class Composite(Strategy):
    """Trains with all of its parts: sampler, forward pass, loss, gradient, learning rates.

    In every seam the parts follow one another in their order: keep masks are multiplied,
    transforms of features applied one after another, and factors on learning rates multiplied.
    The part that replaces the joint loss goes first; each of the others gets the losses that the
    one before made.

    Args:
        parts: name to strategy, two or more.

    Raises:
        RequirementError: two parts want to decide the same thing.
    """

    def __init__(self, parts: Mapping[str, Strategy]) -> None:
        super().__init__()
        self._names = tuple(parts)
        self._parts = list(parts.values())
        self._owners = _owners(parts)

    @property
    def parts(self) -> dict[str, Strategy]:
        """The strategies by name."""
        return dict(zip(self._names, self._parts, strict=True))

    def requirements(self) -> Requirements:
        """Return what any of the parts needs, and the passes of all."""
        needs = [part.requirements() for part in self._parts]
        return Requirements(
            architecture=frozenset().union(*(each.architecture for each in needs)),
            examples=any(each.examples for each in needs),
            sampler=any(each.sampler for each in needs),
            rehearsals=any(each.rehearsals for each in needs),
            ids=any(each.ids for each in needs),
            single_label=any(each.single_label for each in needs),
            owns=frozenset().union(*(each.owns for each in needs)),
            extra_passes=sum(each.extra_passes for each in needs),
            passes_per_subset=sum(each.passes_per_subset for each in needs),
        )

    def adapt(self, network: FusionNetwork) -> None:
        """Let every part adapt the network."""
        for part in self._parts:
            part.adapt(network)

    def build(self, context: Context) -> None:
        """Build every part."""
        for part in self._parts:
            part.context = context
            part.build(context)

    def trained_variables(self) -> Sequence[keras.Variable]:
        """Return the variables of all parts."""
        return [v for part in self._parts for v in part.trained_variables()]

    def begin_epoch(self, epoch: int, context: Context) -> EpochPlan | None:
        """Return the plans of all parts as one."""
        return _merged([part.begin_epoch(epoch, context) for part in self._parts])

    def end_epoch(
        self, epoch: int, logs: Mapping[str, float], context: Context
    ) -> EpochPlan | None:
        """Return the plans of all parts as one."""
        return _merged([part.end_epoch(epoch, logs, context) for part in self._parts])

    def phases(self) -> tuple[Phase, ...]:
        """Return the phases of the part that owns them."""
        return self._owner("phases").phases()

    def forward(self, batch: Batch, phase: Phase) -> Forward:
        """Put the parts' plans together."""
        plans = [part.forward(batch, phase) for part in self._parts]
        isolate = [plan.isolate for plan in plans if plan.isolate is not None]
        keeps = [plan.keep for plan in plans if plan.keep is not None]
        transforms = [plan.transform for plan in plans if plan.transform is not None]
        active: dict[str, tf.Tensor] = {}
        for plan in plans:
            for group, value in plan.active.items():
                active[group] = tf.logical_and(active.get(group, True), value)
        regular: Any = plans[0].regular
        for plan in plans[1:]:
            regular = tf.logical_and(regular, plan.regular)
        return Forward(
            isolate=isolate[0] if isolate else None,
            keep=product_of(keeps) if keeps else None,
            transform=_chain(transforms) if transforms else None,
            active=active,
            regular=regular,
        )

    def losses(self, step: Step, joint: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Hand the losses from part to part, beginning with the one that replaces them."""
        # After others it would drop the terms that they add.
        first = self._owners.get("loss")
        for name in sorted(self._names, key=lambda name: name != first):
            joint = self._parts[self._names.index(name)].losses(step, joint)
        return joint

    def combine_gradients(
        self,
        tape: GlobalTape,
        losses: Mapping[str, tf.Tensor],
        variables: Sequence[keras.Variable],
        step: Step,
    ) -> list[tf.Tensor | None]:
        """Let the part that owns the gradients combine them."""
        return self._owner("gradient").combine_gradients(tape, losses, variables, step)

    def after_step(self, signals: Signals) -> None:
        """Tell every part."""
        for part in self._parts:
            part.after_step(signals)

    def _owner(self, what: str) -> Strategy:
        name = self._owners.get(what, self._names[0])
        return self._parts[self._names.index(name)]


def decisions(strategy: Strategy) -> set[str]:
    """Return what a strategy decides alone, as the names of `IN_WORDS`."""
    needs = strategy.requirements()
    owned = set(needs.owns) | ({"isolation"} & needs.architecture)
    for what, seam in WHOLLY_OWNED.items():
        if getattr(type(strategy), seam) is not getattr(Strategy, seam):
            owned.add(what)
    return owned | ({"sampler"} if needs.sampler else set())


def _owners(parts: Mapping[str, Strategy]) -> dict[str, str]:
    """Return who decides what; refuse two that decide the same."""
    owners: dict[str, str] = {}
    for name, part in parts.items():
        for what in sorted(decisions(part)):
            if what in owners:
                raise RequirementError(
                    f"strategies {owners[what]} and {name} cannot be combined: both "
                    f"{IN_WORDS[what]}, which only one can"
                )
            owners[what] = name
    return owners


def _merged(plans: Sequence[EpochPlan | None]) -> EpochPlan | None:
    told = [plan for plan in plans if plan is not None]
    if not told:
        return None
    rates: dict[str, float] = {}
    for plan in told:
        for group, factor in plan.learning_rates.items():
            rates[group] = rates.get(group, 1.0) * factor
    samplers = [plan.sampler for plan in told if plan.sampler is not None]
    weights = [pair for plan in told for pair in plan.weights]
    return EpochPlan(rates, weights, samplers[0] if samplers else None)


def product_of(masks: Sequence[tf.Tensor]) -> tf.Tensor:
    """Return a mask that keeps what all of them keep."""
    total = masks[0]
    for mask in masks[1:]:
        total = total * tf.cast(mask, total.dtype)
    return total


def _chain(transforms: Sequence[Callable[..., Any]]) -> Callable[..., Any]:
    def transform(features: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        for each in transforms:
            features = each(features)
        return features

    return transform
