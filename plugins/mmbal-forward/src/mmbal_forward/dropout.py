"""Modality dropout: examples lose modalities at random."""

from collections.abc import Mapping, Sequence

import tensorflow as tf

from mmbal.strategies import (
    Batch,
    Context,
    Draws,
    Forward,
    Phase,
    Requirements,
    Signals,
    Strategy,
)
from mmbal_forward.options import DropoutOptions


class ModalityDropout(Strategy):
    """Hides each modality of each training example with a probability of its own.

    An example that would lose all of its modalities gets one of them back, each as likely as
    the others; a single modality is thus never lost, be it all that a sampler shows. What is
    hidden is told to the network as `keep`: its encoders still see the inputs, so that batch
    normalisation measures real ones, and the fusion goes without their features.

    Source: Neverova et al., TPAMI 2016 (arXiv 1501.00102), ModDrop.
    """

    options: DropoutOptions

    def requirements(self) -> Requirements:
        """Require a network whose fusion can go without a modality."""
        return Requirements(frozenset({"mask"}), owns=frozenset({"presence"}))

    def build(self, context: Context) -> None:
        """Prepare the draws.

        Raises:
            ConfigError: `p` names a modality that the network does not have.
        """
        modalities, p = context.modalities, self.options.p
        if isinstance(p, Mapping):
            self.options.check_use(modalities)
            self._rates = tuple(float(p.get(m, 0)) for m in modalities)
        else:
            self._rates = (float(p),) * len(modalities)
        self._shares = dict(zip(modalities, kept_shares(self._rates), strict=True))
        self._draws = Draws(context.seed, "modality-dropout")

    def forward(self, batch: Batch, phase: Phase) -> Forward:
        """Draw what the examples of this step lose."""
        drawn = self._draws.by_row(batch, len(self._rates) + 1)
        keep = keep_mask(drawn, self._rates, batch.keep)
        return Forward(keep=keep, transform=self._rescale if self.options.rescale else None)

    def after_step(self, signals: Signals) -> None:
        """Go on to the next draw."""
        self._draws.advance()

    def _rescale(self, features: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        return {m: feature / self._shares[m] for m, feature in features.items()}


def keep_mask(
    drawn: tf.Tensor, rates: Sequence[float], shown: tf.Tensor | None = None
) -> tf.Tensor:
    """Return which modalities examples keep, (batch, modality) float32 of 0 and 1.

    Args:
        drawn: (batch, modality + 1), uniform in [0, 1); the last column says which modality
            comes back where all were lost.
        rates: (modality,) probabilities of losing one.
        shown: (batch, modality), 0 for what an example does not show anyway; None for nothing.
    """
    keep = drawn[:, :-1] >= tf.constant(rates, drawn.dtype)
    shown = tf.ones_like(keep) if shown is None else tf.cast(shown, tf.bool)
    keep = tf.logical_and(keep, shown)
    lost = tf.logical_not(tf.reduce_any(keep, axis=1, keepdims=True))
    number = tf.cumsum(tf.cast(shown, tf.int32), axis=1)  # of those shown, from 1
    back = 1 + tf.cast(drawn[:, -1:] * tf.cast(number[:, -1:], drawn.dtype), tf.int32)
    returned = tf.logical_and(lost, tf.logical_and(shown, tf.equal(number, back)))
    return tf.cast(tf.logical_or(keep, returned), tf.float32)


def kept_shares(rates: Sequence[float]) -> list[float]:
    """Return the probability that an example keeps a modality, for each of them."""
    every = 1.0
    for rate in rates:
        every *= rate
    return [1 - rate + every / len(rates) for rate in rates]
