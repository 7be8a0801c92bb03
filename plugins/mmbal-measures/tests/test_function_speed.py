"""The callback in trainings: when it measures, what it tells, what it refuses, what it keeps.

That a run that is killed and resumed tells the same to the bit, and that weights are those without
it, are rules of the conformance kit, which all our callbacks are held to.
"""

import json
from types import SimpleNamespace

import keras
import numpy as np
import pytest

from mmbal import MmbalError
from mmbal.training import BalancedModel
from mmbal_measures import FunctionSpeed


@pytest.fixture(scope="module")
def network(toy_steps):
    return toy_steps.network("gated")


def fit(network, inputs, labels, speed, epochs=1, rate=0.01):
    model = BalancedModel(network)
    model.compile(keras.optimizers.SGD(rate), run_eagerly=True)
    return model.fit(inputs, labels, 8, epochs, verbose=0, callbacks=[speed], shuffle=False).history


@pytest.fixture(scope="module")
def trained(network, toy_steps):
    """Return a callback that measured every second step of two epochs, and what these told."""
    inputs, labels = toy_steps.data(examples=24)
    speed = FunctionSpeed(probe=inputs, every=2)
    return speed, fit(network, inputs, labels, speed, epochs=2)


def another(speed, inputs, every):
    """Return a callback that need not trace anew."""
    other = FunctionSpeed(probe=inputs, every=every)
    other._meter = speed._meter
    return other


def test_epochs_tell_speeds_moves_and_what_was_missed(trained):
    _, told = trained
    names = {
        f"function_{what}{se}/{m}" for what in ("speed", "move") for se in ("", "_se") for m in "ab"
    }
    names |= {f"function_speed{se}/{pair}" for se in ("", "_se") for pair in ("a+b", "b+a")}
    assert {name for name in told if name.startswith("function")} == names | {"function_residual"}
    assert all(np.isfinite(told[name]).all() for name in names)
    assert told["function_move/a"][1] > told["function_move/a"][0]  # it adds up over the training
    assert 0 < told["function_residual"][1] < 0.3


def test_every_so_many_steps_stand_for_all(trained, network, toy_steps):
    inputs, labels = toy_steps.data(examples=8)
    start = network.get_weights()
    speeds = [another(trained[0], inputs, every) for every in (1, 5)]
    for speed in speeds:  # one step each
        network.set_weights(start)
        fit(network, inputs, labels, speed)
    assert speeds[1]._totals == pytest.approx(5 * speeds[0]._totals)


def test_it_warns_where_the_first_order_does_not_tell(trained, network, toy_steps):
    inputs, labels = toy_steps.data(examples=8)
    start, speed = network.get_weights(), another(trained[0], inputs, 1)
    with pytest.warns(UserWarning, match=r"first order misses \d+% of the steps' moves"):
        fit(network, inputs, labels, speed, rate=30.0)
    network.set_weights(start)
    speed.on_epoch_end(1, {})  # once is enough
    assert speed.state()["warned"]


def test_state_survives_json_to_the_bit(trained):
    speed, other = trained[0], FunctionSpeed(every=2)
    other.restore(json.loads(json.dumps(speed.state())))

    assert np.array_equal(other._totals, speed._totals)
    assert other.state() == speed.state()
    fresh = FunctionSpeed()
    fresh.restore(FunctionSpeed().state())
    assert fresh.state()["totals"] is None


def model_of(replicas=1, steps=1):
    return SimpleNamespace(
        network=None,
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
