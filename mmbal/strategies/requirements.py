"""Whether a network and a run offer what a strategy requires."""

from collections.abc import Collection

from mmbal.capabilities import explain, missing
from mmbal.errors import RequirementError
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
    needed = strategy.requirements()
    for what, (offer, in_words) in RUN_ONLY.items():
        if getattr(needed, what) and getattr(surroundings, offer) in (None, False):
            raise RequirementError(
                f"strategy {type(strategy).__name__} {in_words}; train it with `mmbal run`, `fit` "
                f"alone offers no {what}"
            )


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
