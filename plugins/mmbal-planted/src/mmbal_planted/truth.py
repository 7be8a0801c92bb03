"""What can be known of the label from every subset of the modalities."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations
from math import log, prod
from typing import TYPE_CHECKING, Any

from mmbal.errors import refuse_unknown
from mmbal_planted.bits import Bit

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

UNTOLD = -1
"""What stands for a bit of which a modality is told nothing."""


@dataclass(frozen=True)
class Truth:
    """The Bayes rule, and how good it is: no network that sees the same can be better.

    Label bits are independent, so that accuracies multiply and NLLs add up; those of a bit are
    sums over all that its modalities may have been told.

    Example:
        truth = Planted(configuration="synergy").truth()
        truth.accuracy({"a"}), truth.accuracy({"a", "b"})  # 0.5, 0.82

    Args:
        modalities: names, in order.
        bits: of the label, the lowest first.
    """

    modalities: tuple[str, ...]
    bits: tuple[Bit, ...]

    def accuracy(self, present: Collection[str]) -> float:
        """Return how often the Bayes rule is right that sees some modalities."""
        refuse_unknown("modality", present, self.modalities, "subset")
        return prod(sum(map(max, bit.outcomes(present))) / 2 for bit in self.bits)

    def nll(self, present: Collection[str]) -> float:
        """Return the negative log-likelihood, nats, of the Bayes rule that sees some modalities."""
        refuse_unknown("modality", present, self.modalities, "subset")
        return -sum(
            p / 2 * log(p / sum(outcome))
            for bit in self.bits
            for outcome in bit.outcomes(present)
            for p in outcome
            if p
        )

    def subsets(self) -> Iterator[tuple[str, ...]]:
        """Yield every subset of the modalities, small ones first."""
        for size in range(len(self.modalities) + 1):
            yield from combinations(self.modalities, size)

    def log_posterior(
        self, told: Mapping[str, "NDArray[np.integer[Any]]"], present: Collection[str]
    ) -> "NDArray[np.float64]":
        """Return what the Bayes rule says, (example, class) log-probabilities; -inf for never.

        Args:
            told: modality to (example, bit), as `Planted.decode` gives it.
            present: modalities that it sees.
        """
        import numpy as np

        examples = len(next(iter(told.values())))
        scores = np.zeros((examples, 1))
        for place, bit in enumerate(self.bits):
            chances = np.array(bit.outcomes(present), float)
            total = chances.sum(axis=1, keepdims=True)
            # What cannot be (two that never err contradict each other) tells nothing.
            shares = np.divide(chances, total, out=np.full_like(chances, 0.5), where=total > 0)
            outcome = np.zeros(examples, np.int64)
            for name in bit.told_to(present):
                outcome = 2 * outcome + told[name][:, place]
            with np.errstate(divide="ignore"):
                said = np.log(shares)[outcome]
            scores = (said[:, :, None] + scores[:, None, :]).reshape(examples, -1)
        return scores
