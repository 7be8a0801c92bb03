"""All that a training holds, taken out and put back."""

import json
import random
from types import SimpleNamespace

import keras
import numpy as np
import pytest

from mmbal.errors import MmbalError
from mmbal.experiment.building import build_model, build_strategy
from mmbal.experiment.sampler import Sampler
from mmbal.experiment.state import TrainingState, callback_state, restore_callback
from mmbal.strategies.context import SamplerPlan
from mmbal.strategies.surroundings import Surroundings


class Counter:
    """Has a state of its own."""

    def __init__(self):
        self.count = 0

    def state(self):
        return {"count": self.count}

    def restore(self, state):
        self.count = state["count"]


@pytest.fixture
def build(toys):
    """Return a function that builds a model of a few steps, its sampler and its state."""

    def build(epochs=0, **settings):
        config = toys.resolve(optimizer__name="adam", **settings).config
        data = toys.load()
        strategy = build_strategy(config, toys.catalogue)
        model = build_model(config, toys.catalogue, data, strategy, Surroundings())
        model.prepare(5)
        if epochs:
            rows = data.train.dataset().batch(5)
            model.fit(rows, epochs=epochs, verbose=0, shuffle=False)
        sampler, host = Sampler(24, 2), Counter()
        return SimpleNamespace(
            model=model, sampler=sampler, host=host,
            state=TrainingState(model, sampler, {"counter": host}),
        )  # fmt: skip

    return build


def test_everything_travels(build):
    trained, fresh = build(epochs=2), build()
    trained.sampler.assign(SamplerPlan(np.array([3, 1]), np.array([[1, 0], [1, 1]])))
    trained.host.count = 7
    trained.model.trace.read()
    arrays, facts = trained.state.capture()
    facts = json.loads(json.dumps(facts))
    assert facts.pop("begun_epoch") == 1  # the model gets it when it is made
    before, _ = fresh.state.capture()
    assert any(not np.array_equal(before[name], arrays[name]) for name in arrays)

    fresh.state.restore(arrays, facts)
    fresh.state.restore_metrics(arrays)

    again, told = fresh.state.capture()
    assert again.keys() == arrays.keys()
    for name, value in arrays.items():
        np.testing.assert_array_equal(again[name], value, err_msg=name)
        assert again[name].dtype == value.dtype
    assert json.loads(json.dumps(told | {"begun_epoch": None})) == {**facts, "begun_epoch": None}
    assert fresh.host.count == 7
    assert fresh.model.trace.unread == trained.model.trace.unread == 10
    assert fresh.sampler.rows()["id"].numpy().tolist() == [3, 1]


def test_all_kinds_are_there(build):
    arrays, _ = build(precision="mixed_float16").state.capture()

    kinds = {name.split("/")[0] for name in arrays}
    assert kinds == {
        "network", "optimizer", "metrics", "speed", "trace", "guard", "strategy", "loss_scale",
        "sampler", "numpy_random",
    }  # fmt: skip


def test_metrics_stay_as_they_are_until_their_epoch_goes_on(build):
    """Keras would not clear them: before the first step it does not know those of `compile`."""
    arrays, facts = build(epochs=1).state.capture()
    fresh = build()

    fresh.state.restore(arrays, facts)

    counts = [float(metric.count) for metric in fresh.model.own_metrics]
    assert counts == [0, 0, 0, 0]
    fresh.state.restore_metrics(arrays)
    assert [float(metric.count) for metric in fresh.model.own_metrics] == [24, 24, 24, 24]


def test_generators_that_everybody_shares_go_on(build):
    kept = build()
    arrays, facts = kept.state.capture()
    facts = json.loads(json.dumps(facts))

    def draw():
        # An odd number of normal ones leaves one behind in either generator.
        return np.random.normal(size=3).tolist(), random.random(), random.gauss(0, 1)  # noqa: NPY002

    first = draw()
    assert draw() != first
    kept.state.restore(arrays, facts)
    assert draw() == first


@pytest.mark.parametrize(
    ("change", "name"),
    [
        (lambda arrays: arrays.pop("optimizer/0"), "optimizer/0"),
        (lambda arrays: arrays.update({"network/0": np.zeros((9, 9))}), "network/0"),
        (lambda arrays: arrays.pop("metrics/1"), "metrics/1"),
    ],
)
def test_another_model_is_refused(build, change, name):
    kept = build()
    arrays, facts = kept.state.capture()
    change(arrays)
    before = kept.model.network.get_weights()

    with pytest.raises(MmbalError, match=f"does not fit this model: no such {name}"):
        kept.state.restore(arrays, facts)

    for value, old in zip(kept.model.network.get_weights(), before, strict=True):
        np.testing.assert_array_equal(value, old)


class TestCallbacks:
    def test_plain_values_travel(self):
        class Counting(keras.callbacks.Callback):
            def __init__(self):
                super().__init__()
                self.best, self.wait, self.name = np.float32(0.1), 3, "x"
                self.on, self.none, self.array = True, None, np.zeros(3)
                self.counts, self.arrays = {"a": {"b": 1}}, {"a": np.zeros(3)}
                self.nothing_yet = {}

        state = json.loads(json.dumps(callback_state(Counting())))
        assert state["best"] == float(np.float32(0.1))
        assert (state["wait"], state["name"], state["on"], state["none"]) == (3, "x", True, None)
        assert state["counts"] == {"a": {"b": 1}}
        assert not {"array", "arrays", "nothing_yet", "params"} & set(state)

        other = Counting()
        other.wait = other.best = 0
        restore_callback(other, state)
        assert (other.wait, other.best) == (3, float(np.float32(0.1)))

    def test_its_own_state_comes_first(self):
        counter = Counter()
        counter.count = 5
        assert callback_state(counter) == {"count": 5}
        restore_callback(counter, {"count": 6})
        assert counter.count == 6

    def test_early_stopping_goes_on_as_if_nothing_had_been(self):
        """Keras turns the sign of `min_delta` in the first epoch that it looks at."""
        losses = [1.0, 0.95, 0.96, 0.99, 0.99]

        def follow(stops, callback, losses, first=0):
            for epoch, loss in enumerate(losses, start=first):
                callback.on_epoch_end(epoch, {"loss": loss})
                stops.append(callback.model.stop_training)

        def make():
            callback = keras.callbacks.EarlyStopping("loss", patience=3, min_delta=0.1)
            metric = SimpleNamespace(name="loss", _direction="down")
            callback.set_model(SimpleNamespace(stop_training=False, metrics=[metric]))
            callback.on_train_begin()
            return callback

        unbroken, broken = [], []
        follow(unbroken, make(), losses)
        first, second = make(), make()
        follow(broken, first, losses[:2])
        restore_callback(second, json.loads(json.dumps(callback_state(first))))
        follow(broken, second, losses[2:], first=2)
        assert broken == unbroken == [False, False, False, True, True]
