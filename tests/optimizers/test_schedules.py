"""Learning rates step by step, worked by hand; saved, and in one graph with the training."""

import math

import keras
import numpy as np
import pytest
import tensorflow as tf

from mmbal.errors import MmbalError
from mmbal.registry.discovery import discover
from mmbal.training.optimizer import GroupedOptimizer

CATALOGUE = discover([])
RATE, EPOCHS, STEPS_PER_EPOCH = 0.5, 4, 2
HALF_COSINE = [(1 + math.cos(math.pi * n / 8)) / 2 for n in range(8)]
AFTER_TWO = [(1 + math.cos(math.pi * n / 6)) / 2 for n in range(6)]


def schedule(name, **options):
    chosen = CATALOGUE.options_class("schedule", name)(**options)
    return CATALOGUE.build("schedule", name, chosen, RATE, EPOCHS, STEPS_PER_EPOCH)


FACTORS = {
    "no warm-up": ("constant", {}, [1] * 8),
    "steps": ("constant", {"warmup_steps": 4}, [0.25, 0.5, 0.75, 1, 1, 1, 1, 1]),
    "epochs": ("constant", {"warmup_epochs": 2}, [0.25, 0.5, 0.75, 1, 1, 1, 1, 1]),
    "half an epoch": ("constant", {"warmup_epochs": 0.5}, [1] * 8),
    "cosine": ("cosine", {}, HALF_COSINE),
    "cosine to a tenth": ("cosine", {"final": 0.1}, [0.1 + 0.9 * f for f in HALF_COSINE]),
    "cosine after": ("cosine", {"warmup_epochs": 1}, [0.5, *AFTER_TWO[:1], *AFTER_TWO]),
    "step": ("step", {"every": 1, "factor": 0.5}, [1, 1, 0.5, 0.5, 0.25, 0.25, 0.125, 0.125]),
    "two epochs": ("step", {"every": 2}, [1, 1, 1, 1, 0.1, 0.1, 0.1, 0.1]),
    "exponential": ("exponential", {"factor": 0.25}, [2.0**-n for n in range(8)]),
    "staircase": (
        "exponential",
        {"factor": 0.5, "staircase": True},
        [1, 1, 0.5, 0.5, 0.25, 0.25, 0.125, 0.125],
    ),
    "piecewise": (
        "piecewise",
        {"epochs": (1, 3), "factors": (0.5, 0.0)},
        [1, 1, 0.5, 0.5, 0.5, 0.5, 0, 0],
    ),
    "piecewise while warming up": (
        "piecewise",
        {"epochs": (1,), "factors": (2.0,), "warmup_steps": 4},
        [0.25, 0.5, 1.5, 2, 2, 2, 2, 2],
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", FACTORS)
def test_rates_worked_by_hand(case):
    name, options, factors = FACTORS[case]
    rate = schedule(name, **options)

    rates = [float(rate(tf.constant(step, tf.int64))) for step in range(8)]

    np.testing.assert_allclose(rates, [RATE * factor for factor in factors], atol=1e-7)


def test_computed_as_precisely_as_the_run(monkeypatch):
    monkeypatch.setattr(keras.config, "floatx", lambda: "float64")
    rates = [schedule("cosine")(tf.constant(step, tf.int64)).numpy() for step in range(8)]

    np.testing.assert_allclose(rates, [RATE * factor for factor in HALF_COSINE], rtol=1e-15)


def test_longer_epochs_than_foreseen_do_not_turn_the_cosine_back():
    assert float(schedule("cosine", final=0.5)(tf.constant(11))) == pytest.approx(0.25)


@pytest.mark.parametrize("case", FACTORS)
def test_saved_and_made_again(case):
    name, options, _ = FACTORS[case]
    rate = schedule(name, **options)

    again = keras.optimizers.schedules.deserialize(keras.optimizers.schedules.serialize(rate))

    assert type(again) is type(rate)
    assert again.get_config() == rate.get_config()
    assert float(again(3)) == float(rate(3))


@pytest.mark.parametrize("options", [{"warmup_epochs": 4}, {"warmup_steps": 9}])
def test_a_warm_up_is_shorter_than_the_training(options):
    with pytest.raises(MmbalError, match=r"must be shorter than the training, which has 8 \(4 x 2"):
        schedule("constant", **options)


def test_every_group_follows_it_times_its_own_factor():
    variables = {name: keras.Variable([0.0], name=name) for name in "abc"}
    sgd = keras.optimizers.SGD(RATE)
    sgd.learning_rate = schedule("step", every=1, factor=0.5)
    optimizer = GroupedOptimizer(sgd, {name: [v] for name, v in variables.items()})
    optimizer.set_multiplier("b", 0.25)

    @tf.function
    def step(on):
        ones = [tf.ones([1])] * 3
        optimizer.apply(ones, [*variables.values()], active={"c": on})

    for on in (True, True, False, True):
        step(tf.constant(on))

    # Rates 0.5, 0.5, 0.25, 0.25; c sat one out, which the schedule counts all the same.
    moved = {name: -float(v.numpy()[0]) for name, v in variables.items()}
    assert moved == {"a": 1.5, "b": 0.375, "c": 1.25}
