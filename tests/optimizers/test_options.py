"""Options of optimizers are those of the installed Keras; options of schedules rule each other."""

import inspect
from typing import Any

import keras
import pytest
from pydantic import ValidationError

from mmbal.errors import MmbalError
from mmbal.optimizers.keras_optimizers import keras_optimizer
from mmbal.optimizers.options import SGD, AdamW, PiecewiseDecayOptions, WarmUpOptions
from mmbal.registry.discovery import discover

CATALOGUE = discover([])
OPTIMIZERS = [
    "adadelta", "adafactor", "adagrad", "adam", "adamax", "adamw", "ftrl", "lion", "nadam",
    "rmsprop", "sgd",
]  # fmt: skip


def test_what_is_offered() -> None:
    assert CATALOGUE.names("optimizer") == OPTIMIZERS
    assert CATALOGUE.names("schedule") == [
        "constant", "cosine", "exponential", "piecewise", "step"
    ]  # fmt: skip


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_names_and_defaults_are_those_of_keras(name: str) -> None:
    constructor: Any = type(keras.optimizers.get(name)).__init__
    parameters = inspect.signature(constructor).parameters
    theirs = {key: parameters[key].default for key in parameters}

    options = CATALOGUE.options_class("optimizer", name)()

    ours = options.model_dump(exclude={"decay"})
    assert {key: theirs.get(key, "unknown to Keras") for key in ours} == ours
    assert set(theirs) - set(ours) == {"self", "name", "kwargs", "loss_scale_factor"}


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("decay", ["decoupled", "coupled"])
def test_each_is_built_and_copied(name: str, decay: str) -> None:
    options = CATALOGUE.options_class("optimizer", name).model_validate(
        {"learning_rate": 0.5, "weight_decay": 0.25, "decay": decay}
    )

    built = CATALOGUE.build("optimizer", name, options)

    copied = type(built).from_config(built.get_config())
    for optimizer in (built, copied):
        assert isinstance(optimizer, type(keras.optimizers.get(name)))
        assert (float(optimizer.learning_rate), optimizer.weight_decay) == (0.5, 0.25)


def test_what_keras_refuses_is_one_line_with_the_name() -> None:
    with pytest.raises(MmbalError, match="^optimizer 'sgd': Only one of"):
        keras_optimizer(SGD(clipnorm=1, clipvalue=1))
    with pytest.raises(ValidationError, match="valid number"):
        AdamW(weight_decay=None)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("epochs", "factors", "message"),
    [
        ((2, 2), (0.5, 0.1), "epochs must rise from at least 1, received [2, 2]"),
        ((0, 1), (0.5, 0.1), "epochs must rise from at least 1, received [0, 1]"),
        ((1, 2), (0.5,), "factors must be 2 numbers of at least 0, one for each of epochs"),
        ((1,), (-0.5,), "factors must be 1 numbers of at least 0"),
        ((), (), "at least 1 item"),
    ],
)
def test_parts_of_a_run_and_their_factors(
    epochs: tuple[int, ...], factors: tuple[float, ...], message: str
) -> None:
    with pytest.raises(ValidationError) as caught:
        PiecewiseDecayOptions(epochs=epochs, factors=factors)
    assert message in str(caught.value)


def test_a_warm_up_has_one_length() -> None:
    with pytest.raises(ValidationError, match="give warmup_epochs or warmup_steps, not both"):
        WarmUpOptions(warmup_epochs=1, warmup_steps=1)
