"""How the learning rate changes: functions of the step, all of which may warm up."""

import math
from typing import Any

import keras
from keras import ops

from mmbal.errors import MmbalError
from mmbal.optimizers.options import (
    CosineDecayOptions,
    ExponentialDecayOptions,
    PiecewiseDecayOptions,
    StepDecayOptions,
    WarmUpOptions,
)
from mmbal.options import Configurable


@keras.saving.register_keras_serializable("mmbal")
class WarmUp(Configurable, keras.optimizers.schedules.LearningRateSchedule):
    """Constant after a linear warm-up: its n-th of N steps has n / N of the learning rate.

    A subclass annotates its `options` and gives a `factor`.

    Args:
        options: an instance of the class's `Options`, or its fields.
        learning_rate: that factors multiply.
        epochs: of the run, at least 1.
        steps_per_epoch: examples / batch size, rounded up; at least 1.

    Raises:
        MmbalError: the warm-up does not end before the training does.

    Source of the warm-up: Goyal et al., Accurate, large minibatch SGD, 2017, section 2.2.
    """

    options: WarmUpOptions

    def __init__(
        self, options: Any, learning_rate: float, epochs: int, steps_per_epoch: int
    ) -> None:
        self.options = self.Options.model_validate(options)  # type: ignore[assignment]
        self.learning_rate = learning_rate
        self.epochs, self.steps_per_epoch = epochs, steps_per_epoch
        self.steps = epochs * steps_per_epoch
        in_epochs = round(self.options.warmup_epochs * steps_per_epoch)
        self.warmup = self.options.warmup_steps or in_epochs
        if self.warmup >= self.steps:
            raise MmbalError(
                f"the warm-up of {self.warmup} steps must be shorter than the training, which has "
                f"{self.steps} ({epochs} x {steps_per_epoch})"
            )

    def __call__(self, step: Any) -> Any:
        """Return the learning rate of a step, counted from 0."""
        step = ops.cast(step, keras.config.floatx())
        warm = ops.minimum((step + 1) / self.warmup, 1) if self.warmup else 1
        return self.learning_rate * warm * self.factor(step)

    def factor(self, step: Any) -> Any:
        """Return what the learning rate is multiplied by in a step, beside the warm-up."""
        return 1.0

    def get_config(self) -> dict[str, Any]:
        """Return the arguments as plain data."""
        return {
            "options": self.options.model_dump(mode="json"),
            "learning_rate": self.learning_rate,
            "epochs": self.epochs,
            "steps_per_epoch": self.steps_per_epoch,
        }


@keras.saving.register_keras_serializable("mmbal")
class CosineDecay(WarmUp):
    """Half a cosine from the end of the warm-up to the end of the training.

    Source: Loshchilov and Hutter, SGDR, ICLR 2017, equation 5, without restarts.
    """

    options: CosineDecayOptions

    def factor(self, step: Any) -> Any:
        """Return the factor of a step."""
        passed = ops.clip((step - self.warmup) / (self.steps - self.warmup), 0, 1)
        final = self.options.final
        return final + (1 - final) * (1 + ops.cos(math.pi * passed)) / 2


@keras.saving.register_keras_serializable("mmbal")
class StepDecay(WarmUp):
    """A drop after every so many epochs of the run."""

    options: StepDecayOptions

    def factor(self, step: Any) -> Any:
        """Return the factor of a step."""
        drops = ops.floor(step / (self.options.every * self.steps_per_epoch))
        return self.options.factor**drops


@keras.saving.register_keras_serializable("mmbal")
class ExponentialDecay(WarmUp):
    """The same drop in every epoch of the run, all at once or little by little."""

    options: ExponentialDecayOptions

    def factor(self, step: Any) -> Any:
        """Return the factor of a step."""
        epochs = step / self.steps_per_epoch
        return self.options.factor ** (ops.floor(epochs) if self.options.staircase else epochs)


@keras.saving.register_keras_serializable("mmbal")
class PiecewiseDecay(WarmUp):
    """A factor of its own for every part of the run; 1 for the first."""

    options: PiecewiseDecayOptions

    def factor(self, step: Any) -> Any:
        """Return the factor of a step."""
        factor = ops.ones_like(step)
        for epoch, later in zip(self.options.epochs, self.options.factors, strict=True):
            factor = ops.where(step >= epoch * self.steps_per_epoch, later, factor)
        return factor
