"""Whether a network and a run offer what a strategy requires."""

from collections.abc import Collection
from typing import Any

from mmbal.capabilities import explain, missing
from mmbal.errors import ContractError, RequirementError
from mmbal.networks.network import FusionNetwork
from mmbal.strategies.step import Forward
from mmbal.strategies.strategy import Strategy
from mmbal.strategies.surroundings import Surroundings

RUN_ONLY = {
    "examples": ("examples", "reads the training examples by itself"),
    "sampler": ("sampler", "chooses its training examples"),
    "ids": ("ids", "asks which training examples a step shows"),
    "rehearsals": ("rehearse", "trains copies of the network"),
}
"""What `fit` alone does not offer: requirement to the field of `Surroundings` and to words."""


def suited(strategy: Strategy, modalities: Collection[str]) -> Strategy:
    """Return the strategy, or plain training where there is nothing to balance."""
    return strategy if len(modalities) > 1 else Strategy()


def refuse_other_kinds(strategy: Any, network: Any) -> None:
    """Check that these are a strategy and a fusion network.

    Raises:
        ContractError: one of them is something else; the message says what would do.
    """
    if not isinstance(network, FusionNetwork):
        raise ContractError(
            f"network must be a FusionNetwork, received {type(network).__name__}: BranchNetwork of "
            "mmbal.networks makes one of encoders and classifiers"
        )
    if not isinstance(strategy, Strategy):
        received = (
            f"the class {strategy.__name__}" if isinstance(strategy, type) else repr(strategy)
        )
        raise ContractError(
            f"strategy must be an instance such as Guided(tolerance=0.1), received {received}; "
            "several make one by mmbal.strategies.Composite({name: strategy, ...})"
        )


def refuse_unoffered(strategy: Strategy, network: FusionNetwork) -> None:
    """Check what a strategy requires of the network.

    Raises:
        RequirementError: the network lacks something.
    """
    if lacking := missing(strategy.requirements().architecture, network.offers):
        raise RequirementError(
            f"strategy {type(strategy).__name__} needs {explain(lacking)}, which network "
            f"{type(network).__name__} does not offer; `mmbal plugins` shows which architectures do"
        )


def refuse_outside_of_a_run(strategy: Strategy, surroundings: Surroundings) -> None:
    """Check what a strategy requires of the run.

    Raises:
        RequirementError: the run lacks something.
    """
    for what in lacking(strategy, surroundings):
        raise RequirementError(
            f"strategy {type(strategy).__name__} {RUN_ONLY[what][1]}; train it with `mmbal run`, "
            f"or by `fit` on arrays or a finite dataset: `fit` alone offers no {what}"
        )


def lacking(strategy: Strategy, surroundings: Surroundings) -> list[str]:
    """Return what a strategy requires of the run and does not get, as in `RUN_ONLY`."""
    needed = strategy.requirements()
    return [
        what
        for what, (offer, _) in RUN_ONLY.items()
        if getattr(needed, what) and getattr(surroundings, offer) in (None, False)
    ]


def checked(plan: Forward, strategy: Strategy, network: FusionNetwork) -> Forward:
    """Return the plan of a step, which may isolate branches only where there are gates to hold.

    Raises:
        RequirementError: it would be ignored.
    """
    if plan.isolate is not None and "isolation" not in network.offers:
        raise RequirementError(
            f"strategy {type(strategy).__name__} isolates a branch, which network "
            f"{type(network).__name__} does not offer; a strategy that isolates must require "
            "isolation (Requirements.architecture), so that it is told before training"
        )
    return plan
