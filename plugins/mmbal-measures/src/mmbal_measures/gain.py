"""What each modality adds to what can be read from the others."""

from collections.abc import Iterator, Mapping
from typing import ClassVar

from mmbal.evaluation import Evaluation, EvaluationContext, Score, Subsets, paired_difference
from mmbal_measures.worth import all_but, worth


class Gain(Evaluation):
    """Yields `gain@refit/m` and `gain_nats@refit/m`: what m adds to what the others tell.

    Both are v(all) - v(all but m), where v(S) is the accuracy, or minus the negative
    log-likelihood, of a linear classifier fitted to the frozen features of S, as `linear-probe`
    fits them; v of none is that of the class frequencies of training. So nothing depends on what
    the network's own fusion makes of an absence, and a modality that the fusion does not hear
    counts all the same. The gains of the fused prediction, `gain@mean/m` and so on, are what
    `subsets` yields.

    Joined features of modalities are read by a sum of one part each: what only two together tell
    does not show here unless the fusion has written it into features. Standard errors are over the
    differences of examples.

    Source: as `linear-probe` and `subsets`.
    """

    reads: ClassVar[frozenset[str]] = frozenset({"features"})
    meanings: ClassVar[Mapping[str, str]] = {
        score: Subsets.meanings[score] for score in ("gain", "gain_nats")
    }

    def __call__(self, context: EvaluationContext) -> Iterator[Score]:
        """Fit to the features of all modalities and of all but each.

        Raises:
            MmbalError: there are no validation examples.
        """
        names = context.modalities
        whole = worth(context, names, "refit")
        for modality in names:
            rest = worth(context, all_but(modality, names), "refit")
            for i, score in enumerate(("gain", "gain_nats")):
                gain, error = paired_difference(whole[i], rest[i])
                yield Score(f"{score}@refit/{modality}", gain, error, headline=not i)
