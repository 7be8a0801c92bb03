"""MMPareto: encoder gradients of two losses, joined so that neither is hurt."""

from collections.abc import Mapping, Sequence

import keras
import numpy as np
import tensorflow as tf

from mmbal.networks import at_least_float32
from mmbal.strategies import GlobalTape, Requirements, Step, Strategy
from mmbal_gradients.options import MMParetoOptions
from mmbal_gradients.owners import sole_owners

ROUNDING = 16
"""Times the resolution of its numbers, a direction this short beside its parts is none."""
FUSED, HEAD = "fused", "head/"
"""Names of the losses."""

Gradients = Sequence[tf.Tensor | None]


class MMPareto(Strategy):
    """Trains fused and unimodal logits; every encoder gets a Pareto direction of the two.

    An encoder has a gradient of the fused loss and one of its own modality's loss. Where they
    agree, their sum is taken; where they conflict, twice the shortest vector between them. Every
    tensor is then stretched to the length of the plain sum where it is shorter, and multiplied by
    `gamma`. All other variables, also those that encoders share, get the plain gradient of all
    losses.

    Under Adam and its kin `gamma` and the stretching change nothing; the direction counts.

    Source: Wei, Hu, ICML 2024 (arXiv 2405.17730), section 3, algorithm 1; each encoder is a
    problem of its own, for any number of modalities.
    """

    options: MMParetoOptions

    def requirements(self) -> Requirements:
        """Require a classifier for every modality; replace the joint loss."""
        # Encoders are gone back through twice: for the fused loss, and for their own.
        return Requirements(frozenset({"head"}), owns=frozenset({"loss"}), extra_passes=2 / 3)

    def losses(self, step: Step, joint: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Return the loss of the fused prediction and one per modality."""
        heads = self.context.network.logits_of(step.outputs.features, "head")
        found = {FUSED: step.loss_of(step.outputs.logits)}
        return found | {HEAD + m: step.loss_of(logits) for m, logits in heads.items()}

    def combine_gradients(
        self,
        tape: GlobalTape,
        losses: Mapping[str, tf.Tensor],
        variables: Sequence[keras.Variable],
        step: Step,
    ) -> list[tf.Tensor | None]:
        """Return Pareto gradients for encoders, plain ones for the rest."""
        found: dict[int, tf.Tensor | None] = {}
        owner = sole_owners(self.context.encoders)
        for modality in self.context.modalities:
            own = [v for v in variables if owner.get(id(v)) == modality]
            found |= zip(map(id, own), self._of_encoder(tape, losses, modality, own), strict=True)
        rest = [v for v in variables if id(v) not in found]
        found |= zip(map(id, rest), tape.gradient(list(losses.values()), rest), strict=True)
        return [found[id(v)] for v in variables]

    def _of_encoder(
        self,
        tape: GlobalTape,
        losses: Mapping[str, tf.Tensor],
        modality: str,
        variables: Sequence[keras.Variable],
    ) -> Gradients:
        """Return one encoder's gradients; those of losses that others add stay as they are."""
        fused = tape.gradient(losses[FUSED], variables)
        unimodal = tape.gradient(losses[HEAD + modality], variables)
        joined = pareto(fused, unimodal, self.options.gamma)
        others = [x for name, x in losses.items() if name != FUSED and not name.startswith(HEAD)]
        if not others:
            return joined
        return [_sum(*pair) for pair in zip(joined, tape.gradient(others, variables), strict=True)]


def pareto(fused: Gradients, unimodal: Gradients, gamma: float = 1.5) -> Gradients:
    """Join two gradients of the variables of one encoder.

    Args:
        fused: one gradient per variable; None is zero, and stays None where both are.
        unimodal: likewise.
        gamma: factor on the result.
    """
    share = fused_share(fused, unimodal)
    joined: list[tf.Tensor | None] = []
    for f, u in zip(fused, unimodal, strict=True):
        present = f if f is not None else u
        if present is None:
            joined.append(None)
            continue
        f, u = (tf.zeros_like(present) if g is None else g for g in (f, u))  # noqa: PLW2901
        part = tf.cast(share, present.dtype)
        direction = 2 * (part * f + (1 - part) * u)
        joined.append(gamma * _stretched(direction, f, u))
    return joined


def _stretched(direction: tf.Tensor, fused: tf.Tensor, unimodal: tf.Tensor) -> tf.Tensor:
    """Lengthen a direction to the sum of its parts, if it is shorter and no rounding error."""
    length = tf.norm(direction)
    resolution = np.finfo(at_least_float32(direction).dtype.as_numpy_dtype).eps
    some = length > ROUNDING * resolution * (tf.norm(fused) + tf.norm(unimodal))
    stretch = tf.math.divide_no_nan(tf.norm(fused + unimodal), length)
    return tf.where(some, tf.maximum(stretch, 1), tf.zeros_like(stretch)) * direction


def fused_share(fused: Gradients, unimodal: Gradients) -> tf.Tensor:
    """Return the weight of the fused gradient, () float32 or wider; 1 minus it is the other's.

    One half where the two agree or one of them vanishes, else that of the shortest vector on the
    segment between them (Desideri's two-gradient solution).
    """
    dot, own, other = _dot(fused, unimodal), _dot(fused, fused), _dot(unimodal, unimodal)
    shortest = tf.math.divide_no_nan(other - dot, own + other - 2 * dot)
    agree = tf.logical_or(dot > 0, tf.logical_or(tf.equal(own, 0), tf.equal(other, 0)))
    return tf.where(agree, tf.constant(0.5, dot.dtype), shortest)


def _dot(some: Gradients, others: Gradients) -> tf.Tensor:
    """Return the inner product over all variables."""
    pairs = [(x, y) for x, y in zip(some, others, strict=True) if x is not None and y is not None]
    products = [tf.reduce_sum(at_least_float32(x) * at_least_float32(y)) for x, y in pairs]
    return tf.add_n(products) if products else tf.zeros([])


def _sum(one: tf.Tensor | None, other: tf.Tensor | None) -> tf.Tensor | None:
    if one is None or other is None:
        return one if other is None else other
    return one + other
