"""Options of the optimizers and schedules that mmbal offers; nothing heavy is imported here."""

from typing import Literal

from pydantic import Field, model_validator

from mmbal.options import Options


class OptimizerOptions(Options):
    """What all optimizers of Keras take.

    `keras_optimizer` makes the optimizer that a subclass has the name of.
    """

    learning_rate: float = Field(
        default=0.001, gt=0, allow_inf_nan=False, description="length of a step; see `schedule`"
    )
    weight_decay: float | None = Field(
        default=None, ge=0, description="pulls every weight towards 0; none for no decay"
    )
    decay: Literal["decoupled", "coupled"] = Field(
        default="decoupled",
        description="decoupled takes learning_rate x weight_decay x weight off each weight, as "
        "AdamW; coupled adds weight_decay x weight to its gradient, as SGD and Adam of torch",
    )
    clipnorm: float | None = Field(default=None, gt=0, description="longest gradient of a variable")
    clipvalue: float | None = Field(default=None, gt=0, description="largest part of a gradient")
    global_clipnorm: float | None = Field(
        default=None, gt=0, description="longest gradient of all variables together"
    )
    use_ema: bool = Field(default=False, description="keep a moving average of the weights")
    ema_momentum: float = Field(default=0.99, ge=0, le=1, description="what stays of it in a step")
    ema_overwrite_frequency: int | None = Field(
        default=None, ge=1, description="steps after which the average becomes the weights"
    )
    gradient_accumulation_steps: int | None = Field(
        default=None, ge=2, description="steps whose gradients make one update"
    )


_ACCUMULATOR = Field(default=0.1, ge=0, description="first sum of squared gradients")
_BETA_1 = Field(default=0.9, ge=0, lt=1, description="what stays of the mean gradient in a step")
_BETA_2 = Field(default=0.999, ge=0, lt=1, description="what stays of its mean square in a step")
_EPSILON = Field(default=1e-7, ge=0, description="keeps the step finite")
_MOMENTUM = Field(default=0.0, ge=0, le=1, description="what stays of the last update in a step")


class Adadelta(OptimizerOptions):
    """Of `adadelta`."""

    rho: float = Field(default=0.95, ge=0, le=1, description="what stays of the means in a step")
    epsilon: float = _EPSILON


class Adafactor(OptimizerOptions):
    """Of `adafactor`."""

    beta_2_decay: float = Field(default=-0.8, le=0, description="1 - step^this stays of the means")
    epsilon_1: float = Field(default=1e-30, ge=0, description="keeps the step finite")
    epsilon_2: float = Field(default=1e-3, ge=0, description="least size of weights, for the step")
    clip_threshold: float = Field(default=1.0, gt=0, description="largest update")
    relative_step: bool = Field(default=True, description="at most 1 / the root of the step")


class Adagrad(OptimizerOptions):
    """Of `adagrad`."""

    initial_accumulator_value: float = _ACCUMULATOR
    epsilon: float = _EPSILON


class Adamax(OptimizerOptions):
    """Of `adamax`."""

    beta_1: float = _BETA_1
    beta_2: float = _BETA_2
    epsilon: float = _EPSILON


class Nadam(Adamax):
    """Of `nadam`."""


class Adam(Adamax):
    """Of `adam`."""

    amsgrad: bool = Field(default=False, description="the mean square never falls")


class AdamW(Adam):
    """Of `adamw`."""

    weight_decay: float = Field(default=0.004, ge=0, description="pulls every weight towards 0")


class Ftrl(OptimizerOptions):
    """Of `ftrl`."""

    learning_rate_power: float = Field(default=-0.5, le=0, description="0 for a fixed rate")
    initial_accumulator_value: float = _ACCUMULATOR
    l1_regularization_strength: float = Field(default=0.0, ge=0, description="makes weights 0")
    l2_regularization_strength: float = Field(default=0.0, ge=0, description="makes weights small")
    l2_shrinkage_regularization_strength: float = Field(
        default=0.0, ge=0, description="makes weights small, through the gradient"
    )
    beta: float = Field(default=0.0, ge=0, description="beta of the paper")


class Lion(OptimizerOptions):
    """Of `lion`."""

    beta_1: float = Field(default=0.9, gt=0, le=1, description="share of the mean in the sign")
    beta_2: float = Field(default=0.99, ge=0, lt=1, description="what stays of the mean in a step")


class RMSprop(OptimizerOptions):
    """Of `rmsprop`."""

    rho: float = Field(default=0.9, ge=0, le=1, description="what stays of the mean in a step")
    momentum: float = _MOMENTUM
    epsilon: float = _EPSILON
    centered: bool = Field(default=False, description="divide by the variance, not the square")


class SGD(OptimizerOptions):
    """Of `sgd`."""

    learning_rate: float = Field(
        default=0.01, gt=0, allow_inf_nan=False, description="length of a step; see `schedule`"
    )
    momentum: float = _MOMENTUM
    nesterov: bool = Field(default=False, description="look ahead along the momentum")


class WarmUpOptions(Options):
    """Of `constant`, and of every schedule."""

    warmup_epochs: float = Field(
        default=0, ge=0, allow_inf_nan=False, description="until learning_rate is reached"
    )
    warmup_steps: int = Field(default=0, ge=0, description="the same, counted in steps")

    @model_validator(mode="after")
    def _once(self) -> "WarmUpOptions":
        if self.warmup_epochs and self.warmup_steps:
            raise ValueError("give warmup_epochs or warmup_steps, not both")
        return self


class CosineDecayOptions(WarmUpOptions):
    """Of `cosine`."""

    final: float = Field(default=0, ge=0, le=1, description="part of learning_rate at the end")


class StepDecayOptions(WarmUpOptions):
    """Of `step`."""

    every: int = Field(ge=1, description="epochs between two drops")
    factor: float = Field(default=0.1, gt=0, description="rate after a drop / before it")


class ExponentialDecayOptions(WarmUpOptions):
    """Of `exponential`."""

    factor: float = Field(gt=0, description="rate after an epoch / before it")
    staircase: bool = Field(default=False, description="drop between epochs, not in every step")


class PiecewiseDecayOptions(WarmUpOptions):
    """Of `piecewise`."""

    epochs: tuple[int, ...] = Field(min_length=1, description="after which a part begins")
    factors: tuple[float, ...] = Field(description="of learning_rate, one for each such part")

    @model_validator(mode="after")
    def _one_factor_each(self) -> "PiecewiseDecayOptions":
        if list(self.epochs) != sorted({*self.epochs}) or self.epochs[0] < 1:
            raise ValueError(f"epochs must rise from at least 1, received {list(self.epochs)}")
        if len(self.epochs) != len(self.factors) or min(self.factors) < 0:
            rule = f"must be {len(self.epochs)} numbers of at least 0, one for each of epochs"
            raise ValueError(f"factors {rule}; received {list(self.factors)}")
        return self
