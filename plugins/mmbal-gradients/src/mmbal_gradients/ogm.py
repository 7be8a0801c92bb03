"""OGM and OGM-GE: smaller encoder gradients for the modality that is ahead."""

from collections.abc import Mapping, Sequence

import keras
import tensorflow as tf

from mmbal.strategies import (
    Context,
    Draws,
    GlobalTape,
    Requirements,
    Signals,
    Step,
    Windowed,
    ratios_to_others,
    true_class_scores,
)
from mmbal_gradients.options import OGMOptions
from mmbal_gradients.owners import sole_owners

SMALLEST_RANK = {"all": 0, "matrices": 2, "convolutions": 3}
"""Rank of the variables that are modulated, at least, by what `kernels` calls them."""


class OGM(Windowed):
    """Scales the gradient of every encoder whose modality is surer than the others.

    Modality m has the score s_m, the sum of its probabilities of the true class, and the ratio
    rho_m of s_m to the mean of the other scores. Where rho_m > 1, its encoder's gradients are
    multiplied by 1 - tanh(alpha * rho_m). Classifiers and fusion are left alone, and so is a
    variable that several encoders share.

    Under Adam and its kin a gradient with a factor that stays the same makes the same update:
    only the changes of the factors are felt there.

    Source: Peng, Wei, Deng, Wang, Hu, CVPR 2022 (arXiv 2203.15332), equations 8 to 10, for two
    modalities; the mean of the others is our extension to more.
    """

    options: OGMOptions

    def requirements(self) -> Requirements:
        """Require fused logits that are a sum over modalities, and a class of each example."""
        return Requirements(frozenset({"slice"}), single_label=True)

    def combine_gradients(
        self,
        tape: GlobalTape,
        losses: Mapping[str, tf.Tensor],
        variables: Sequence[keras.Variable],
        step: Step,
    ) -> list[tf.Tensor | None]:
        """Return the gradients of the joint loss, those of encoders modulated."""
        gradients = super().combine_gradients(tape, losses, variables, step)
        factors = dict(zip(self.context.modalities, tf.unstack(self._factors(step)), strict=True))
        owner, acts = sole_owners(self.context.encoders), self.acts()
        found, least = list(gradients), SMALLEST_RANK[self.options.kernels]
        for place, (variable, gradient) in enumerate(zip(variables, gradients, strict=True)):
            if gradient is not None and id(variable) in owner and len(variable.shape) >= least:
                factor = tf.cast(factors[owner[id(variable)]], gradient.dtype)
                found[place] = tf.where(acts, self._modulate(gradient, factor, place), gradient)
        return found

    def _modulate(self, gradient: tf.Tensor, factor: tf.Tensor, place: int) -> tf.Tensor:
        return factor * gradient

    def _factors(self, step: Step) -> tf.Tensor:
        """Return what every encoder's gradients are multiplied by, (modality,)."""
        unimodal = self.context.network.logits_of(step.outputs.features, "slice")
        ordered = {m: unimodal[m] for m in self.context.modalities}
        scores = true_class_scores(ordered, step.batch.labels, step.batch.weight)
        return coefficients(scores, self.options.alpha)


class OGMGE(OGM):
    """OGM, with noise on every modulated tensor, as large as its gradients spread.

    The noise is normal with the standard deviation of the entries of the tensor's gradient before
    it was scaled; encoders that are not slowed down get it too. It depends on the run's seed, the
    step and the variable alone.

    Source: Peng et al., CVPR 2022 (arXiv 2203.15332), section 3.3. The paper speaks of the noise
    of stochastic gradients; the spread of the tensor is what the authors' code takes.
    """

    def build(self, context: Context) -> None:
        """Prepare the draws."""
        super().build(context)
        self._draws = Draws(context.seed, "ogm-ge")

    def _modulate(self, gradient: tf.Tensor, factor: tf.Tensor, place: int) -> tf.Tensor:
        # The gradient is that of the global batch: all replicas draw the same.
        return enhanced(gradient, factor, self._draws.normal(gradient, place))

    def after_step(self, signals: Signals) -> None:
        """Go on to the next draw."""
        self._draws.advance()


def coefficients(scores: tf.Tensor, alpha: float) -> tf.Tensor:
    """Return the factor of every encoder, (modality,) from (modality,) scores; equation 10."""
    ratios = ratios_to_others(scores)
    # Of equal scores rounding may put one ahead of the mean of the others.
    ahead = tf.logical_and(ratios > 1, scores > tf.reduce_min(scores))
    return tf.where(ahead, 1 - tf.tanh(alpha * ratios), tf.ones_like(ratios))


def enhanced(gradient: tf.Tensor, factor: tf.Tensor, noise: tf.Tensor) -> tf.Tensor:
    """Return a gradient scaled, plus noise with the spread it had before.

    Args:
        gradient: of one variable.
        factor: ().
        noise: standard normal, in its shape.
    """
    return factor * gradient + noise * spread(gradient)


def spread(tensor: tf.Tensor) -> tf.Tensor:
    """Return the standard deviation of all entries, (); of a single one, 0."""
    squares = tf.reduce_sum((tensor - tf.reduce_mean(tensor)) ** 2)
    return tf.sqrt(squares / tf.cast(tf.maximum(tf.size(tensor) - 1, 1), tensor.dtype))
