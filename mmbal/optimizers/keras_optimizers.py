"""Options -> an optimizer of Keras, whose weight decay may be coupled."""

from typing import Any

import keras
import tensorflow as tf

from mmbal.errors import MmbalError
from mmbal.optimizers.options import OptimizerOptions


def keras_optimizer(options: OptimizerOptions) -> keras.optimizers.Optimizer:
    """Return the optimizer of Keras that the class of its options has the name of.

    Raises:
        MmbalError: Keras refuses the options.
    """
    name = type(options).__name__
    kind: Any = getattr(keras.optimizers, name)
    if options.decay == "coupled":
        kind = type(name, (CoupledDecay, kind), {})
    try:
        return kind(**options.model_dump(exclude={"decay"}))
    except (TypeError, ValueError) as error:
        raise MmbalError(f"optimizer {name.lower()!r}: {error}") from error


class CoupledDecay(keras.optimizers.Optimizer):
    """Makes weight decay a part of the gradient; a base class before that of an optimizer.

    Keras takes weight_decay x weight off the weight beside the update, scaled by nothing but
    the learning rate. Here it is added to the gradient, after clipping, and goes through
    momentum and second moments as it does in PyTorch.

    Source: Loshchilov and Hutter, Decoupled weight decay regularization, ICLR 2019, Algorithms
    1 and 2, lines 6 (coupled) and 9, 12 (decoupled).
    """

    def update_step(self, gradient: Any, variable: tf.Variable, learning_rate: Any) -> None:
        """Update one variable."""
        if self.weight_decay and self._use_weight_decay(variable):
            dense = tf.cast(tf.convert_to_tensor(gradient), variable.dtype)
            gradient = dense + self.weight_decay * variable
        super().update_step(gradient, variable, learning_rate)

    def _apply_weight_decay(self, variables: Any) -> None:
        """Do nothing beside the update."""
