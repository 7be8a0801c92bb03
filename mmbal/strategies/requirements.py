"""Whether a network and a run offer what a strategy requires."""

from mmbal.capabilities import explain, missing
from mmbal.errors import RequirementError
from mmbal.networks.network import FusionNetwork
from mmbal.strategies.step import Forward
from mmbal.strategies.strategy import Strategy

RUN_ONLY = {
    "examples": "reads the training examples by itself",
    "sampler": "chooses its training examples",
    "trials": "trains copies of the network",
}
"""What only a run through `mmbal.experiment` offers, by the name of the requirement."""


def check_requirements(strategy: Strategy, network: FusionNetwork, *, within_run: bool) -> None:
    """Check what a strategy requires.

    Args:
        strategy: to train with.
        network: to train.
        within_run: whether `mmbal.experiment` trains, which gives examples, sampler and trials.

    Raises:
        RequirementError: the network or the run lacks something.
    """
    needed, who = strategy.requirements(), type(strategy).__name__
    if lacking := missing(needed.architecture, network.offers):
        raise RequirementError(
            f"strategy {who} needs {explain(lacking)}, which network {type(network).__name__} "
            "does not offer; `mmbal plugins` shows which architectures do"
        )
    for what, wanted in RUN_ONLY.items():
        if getattr(needed, what) and not within_run:
            raise RequirementError(
                f"strategy {who} {wanted}; train it with `mmbal run`, `fit` alone offers no {what}"
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
