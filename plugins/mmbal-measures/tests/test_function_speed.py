"""The callback in trainings: when it measures, what it tells, what it refuses, what it keeps."""

import json
from types import SimpleNamespace

import keras
import numpy as np
import pytest

from mmbal import MmbalError
from mmbal.testing import parametrize_with_rules
from mmbal.training import BalancedModel
from mmbal_measures import FunctionSpeed


@parametrize_with_rules("callback", "function-speed")
def test_it_keeps_the_rules(rule):
    """Among them: killed and resumed, a run tells the same; and its weights are those without."""
    rule()


@pytest.fixture(scope="module")
def network(make_network):
    return make_network()


def fit(network, inputs, labels, speed, epochs=1, rate=0.01):
    model = BalancedModel(network)
    model.compile(keras.optimizers.SGD(rate), run_eagerly=True)
    return model.fit(inputs, labels, 8, epochs, verbose=0, callbacks=[speed], shuffle=False).history


def test_epochs_tell_speeds_moves_and_what_was_missed(network, make_data):
    inputs, labels = make_data(examples=24)
    told = fit(network, inputs, labels, FunctionSpeed(probe=inputs, every=2), epochs=2)

    names = {
        f"function_{what}{se}/{m}" for what in ("speed", "move") for se in ("", "_se") for m in "ab"
    }
    names |= {f"function_speed{se}/{pair}" for se in ("", "_se") for pair in ("a+b", "b+a")}
    assert {name for name in told if name.startswith("function")} == names | {"function_residual"}
    assert all(np.isfinite(told[name]).all() for name in names)
    assert told["function_move/a"][1] > told["function_move/a"][0]  # it adds up over the training
    assert 0 < told["function_residual"][1] < 0.3


def test_every_so_many_steps_stand_for_all(network, make_data):
    inputs, labels = make_data(examples=8)
    start = network.get_weights()
    speeds = [FunctionSpeed(probe=inputs, every=every) for every in (1, 5)]
    for speed in speeds:  # one step each
        network.set_weights(start)
        fit(network, inputs, labels, speed)
    assert speeds[1]._totals == pytest.approx(5 * speeds[0]._totals)


def test_it_warns_where_the_first_order_does_not_tell(network, make_data):
    inputs, labels = make_data(examples=8)
    start, speed = network.get_weights(), FunctionSpeed(probe=inputs, every=1)
    with pytest.warns(UserWarning, match=r"first order misses \d+% of the steps' moves"):
        fit(network, inputs, labels, speed, rate=30.0)
    network.set_weights(start)
    speed.on_epoch_end(1, {})  # once is enough
    assert speed.state()["warned"]


def test_state_survives_json_to_the_bit(network, make_data):
    inputs, labels = make_data(examples=16)
    speed = FunctionSpeed(probe=inputs, every=1)
    fit(network, inputs, labels, speed)
    other = FunctionSpeed(probe=inputs, every=1)
    other.restore(json.loads(json.dumps(speed.state())))

    assert np.array_equal(other._totals, speed._totals)
    assert other.state() == speed.state()
    fresh = FunctionSpeed()
    fresh.restore(FunctionSpeed().state())
    assert fresh.state()["totals"] is None


def model_of(replicas=1, steps=1):
    return SimpleNamespace(
        replicas=SimpleNamespace(count=replicas),
        steps_per_execution=steps,
        surroundings=SimpleNamespace(examples=None),
    )


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (model_of(replicas=2), "on one device alone; received 2 replicas: train with --distribute"),
        (model_of(steps=4), "steps_per_execution must be 1, received 4"),
        (model_of(), "give it some, FunctionSpeed(probe={modality: array})"),
    ],
)
def test_what_it_cannot_do_it_refuses_in_words(model, words):
    speed = FunctionSpeed()
    speed.set_model(model)
    with pytest.raises(MmbalError) as refusal:
        speed.on_train_begin()
    assert words in str(refusal.value)


def test_options_are_checked():
    with pytest.raises(MmbalError, match="every must be greater than or equal to 1, received 0"):
        FunctionSpeed(every=0)
    with pytest.raises(MmbalError, match="examples must be greater than or equal to 1"):
        FunctionSpeed(examples=0)
