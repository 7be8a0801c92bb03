"""The loss scale that float16 gradients need."""

from typing import Any

import keras
import tensorflow as tf

from mmbal.errors import ContractError

INITIAL = 2.0**15
LARGEST = 2.0**24
PATIENCE = 2000
"""Steps with finite gradients in a row after which the scale is doubled."""


class LossScale(tf.Module):
    """A factor on the loss that keeps float16 gradients from vanishing.

    It is halved by every step whose gradients are not finite (that step changes nothing), and
    doubled after `PATIENCE` finite ones. The gradients that decide are summed over the
    replicas, so one replica's overflow counts on all.

    Source: Micikevicius et al., ICLR 2018 (arXiv 1710.03740), section 3.2.
    """

    def __init__(self) -> None:
        super().__init__(name="loss_scale")
        self.factor = tf.Variable(INITIAL, trainable=False, name="factor")
        self.streak = tf.Variable(0, dtype=tf.int32, trainable=False, name="streak")

    @property
    def shrinks(self) -> tf.Tensor:
        """Whether an overflow can still be met with a smaller scale."""
        return tf.convert_to_tensor(self.factor) > 1

    def update(self, finite: tf.Tensor) -> None:
        """Adapt to a step whose gradients were finite, or not."""
        factor, streak = tf.convert_to_tensor(self.factor), tf.convert_to_tensor(self.streak) + 1
        grows = tf.logical_and(finite, streak >= PATIENCE)
        grown = tf.where(grows, tf.minimum(factor * 2, LARGEST), factor)
        self.factor.assign(tf.where(finite, grown, tf.maximum(factor / 2, 1)))
        self.streak.assign(tf.where(tf.logical_and(finite, tf.logical_not(grows)), streak, 0))


def loss_scale_for(network: keras.Model) -> LossScale | None:
    """Return a loss scale where the present policy or the network's own is a float16 one."""
    policies = (keras.config.dtype_policy(), network.dtype_policy)
    needed = "float16" in {policy.compute_dtype for policy in policies}
    return LossScale() if needed else None


def unscaled(optimizer: Any) -> Any:
    """Return the optimizer within a `LossScaleOptimizer`: float16 losses are scaled here, alike.

    Raises:
        ContractError: the scale would follow another rule.
    """
    if not isinstance(optimizer, keras.optimizers.LossScaleOptimizer):
        return optimizer
    received = (optimizer.initial_scale, optimizer.dynamic_growth_steps)
    if received != (INITIAL, PATIENCE):
        raise ContractError(
            "mmbal scales float16 losses itself: LossScaleOptimizer must have "
            f"initial_scale={INITIAL} and dynamic_growth_steps={PATIENCE}, received {received}"
        )
    return optimizer.inner_optimizer
