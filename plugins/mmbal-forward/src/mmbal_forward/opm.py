"""On-the-fly prediction modulation: drop features of the modality that is ahead."""

from collections.abc import Sequence
from functools import partial

import tensorflow as tf

from mmbal.strategies import (
    Batch,
    Context,
    Draws,
    Forward,
    Phase,
    Requirements,
    Signals,
    Windowed,
    ratios_to_others,
    true_class_scores,
)
from mmbal_forward.options import OPMOptions

SMALLEST = 1e-5
"""Of the share of features that is kept, by which features are divided."""


class OPM(Windowed):
    """Drops whole feature vectors of the modality whose logits are surest of the right class.

    A modality m with score s_m (the probabilities of the true classes, summed over the global
    batch) is ahead by rho_m = tanh(relu(s_m / mean of the others' - 1)). Each example loses the
    features of a modality that is ahead with probability rate * (1 + sensitivity * rho_m), at most
    1; what enters the fusion is divided by the expected share of channels that is left. For two
    modalities this is the paper's rule; the mean over more than two is our extension.

    No example loses everything: the weakest modality's score is at most the mean of the others',
    which makes its rho 0, and such a modality is never dropped. (Equal scores may differ from
    their mean by rounding; the lowest score is therefore never ahead.) So all examples count
    and none needs a weight.

    The loss stays the network's own. In a network whose branches are trained by losses of their
    own, the classifier of a branch sees zeros in place of what was dropped.

    Source: Wei et al., TPAMI 2024 (arXiv 2410.11582), on-the-fly prediction modulation.
    """

    options: OPMOptions

    def requirements(self) -> Requirements:
        """Require logits that are a sum of one part per modality, and a class of each example."""
        return Requirements(frozenset({"slice"}), single_label=True, owns=frozenset({"presence"}))

    def build(self, context: Context) -> None:
        """Prepare the draws."""
        super().build(context)
        self._channels = context.channels
        self._draws = Draws(context.seed, "opm")

    def forward(self, batch: Batch, phase: Phase) -> Forward:
        """Modulate the features of this step."""
        return Forward(transform=partial(self._modulate, batch))

    def after_step(self, signals: Signals) -> None:
        """Go on to the next draw."""
        self._draws.advance()

    def _modulate(self, batch: Batch, features: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        held = {m: tf.stop_gradient(feature) for m, feature in features.items()}
        unimodal = self.context.network.logits_of(held, "slice")
        unimodal = {m: unimodal[m] for m in features}
        scores = true_class_scores(unimodal, batch.labels, batch.weight)
        rates = dropping_rates(scores, self.options.rate, self.options.sensitivity)
        drops = tf.logical_and(self.acts(), self._draws.common(1)[0] < self.options.probability)
        rates = tf.where(drops, rates, tf.zeros_like(rates))
        drawn = tf.cast(self._draws.by_row(batch, len(features)), rates.dtype)
        channels = [self._channels[m] for m in features]
        factors = tf.cast(drawn >= rates, rates.dtype) * enlargement(rates, channels)
        return {
            m: feature * _spread(factors[:, index], feature)
            for index, (m, feature) in enumerate(features.items())
        }


def dropping_rates(scores: tf.Tensor, rate: float, sensitivity: float) -> tf.Tensor:
    """Return how likely the features of each modality are dropped, (modality,).

    Args:
        scores: (modality,), of the global batch.
        rate: as of `OPM`.
        sensitivity: as of `OPM`.
    """
    lead = tf.tanh(tf.nn.relu(ratios_to_others(scores) - 1))
    ahead = tf.logical_and(lead > 0, scores > tf.reduce_min(scores))
    rates = tf.minimum(rate * (1 + sensitivity * lead), 1)
    return tf.where(ahead, rates, tf.zeros_like(rates))


def enlargement(rates: tf.Tensor, channels: Sequence[int]) -> tf.Tensor:
    """Return the factor on all features that makes up for what is dropped, ().

    Args:
        rates: (modality,) dropping probabilities.
        channels: (modality,), of the features.
    """
    widths = tf.constant(channels, rates.dtype)
    dropped = tf.reduce_sum(widths * rates) / tf.reduce_sum(widths)
    return 1 / tf.maximum(1 - dropped, SMALLEST)


def _spread(factor: tf.Tensor, feature: tf.Tensor) -> tf.Tensor:
    """Return one factor per example, (batch, 1, ...), to multiply a feature with."""
    return tf.cast(tf.reshape(factor, [-1, *[1] * (feature.shape.rank - 1)]), feature.dtype)
