"""The epoch hooks of strategies and the look at faults, as Keras calls them."""

import json
import subprocess
import sys
import warnings
from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf

from mmbal import BalancedModel, Strategy
from mmbal.laboratory.toys import GatedBranches
from mmbal.networks.groups import VariableGroups
from mmbal.strategies.strategy import EpochPlan
from mmbal.strategies.surroundings import Surroundings
from mmbal.training.epochs import FaultWatch
from mmbal.training.guard import NonFiniteError

POLICIES = ("stop", "skip", "warn")


class Hooks(Strategy):
    """Notes the calls of its epoch hooks."""

    def __init__(self):
        super().__init__()
        self.calls = []

    def begin_epoch(self, epoch, context):
        self.calls.append(f"begin {epoch}")
        return EpochPlan(learning_rates={"branch/a": 0.5**epoch})

    def end_epoch(self, epoch, logs, context):
        self.calls.append(f"end {epoch} {'val_loss' in logs}")


@pytest.fixture
def train(make_network, make_data):
    """Return a function that trains two epochs of five steps."""

    def train(strategy=None, begun_epoch=None, **options):
        run = Surroundings(resumed_epoch=begun_epoch)
        model = BalancedModel(make_network(), strategy, surroundings=run)
        model.compile(keras.optimizers.SGD(0.1))
        inputs, labels = make_data()
        options = {"epochs": 2, "batch_size": 8, "verbose": 0, **options}
        model.fit(inputs, labels, validation_data=(inputs, labels), **options)
        return model

    return train


class TestStrategyEpochs:
    def test_hooks_surround_every_epoch_and_its_validation(self, train):
        strategy = Hooks()
        model = train(strategy)
        assert strategy.calls == ["begin 0", "end 0 True", "begin 1", "end 1 True"]
        assert model.context.steps_per_epoch == 5
        assert model.begun_epoch == 1

    def test_epochs_are_counted_over_all_fits(self, train, make_data):
        strategy = Hooks()
        model = train(strategy)
        for numbers in ({"epochs": 1}, {"epochs": 9, "initial_epoch": 8}):
            model.fit(*make_data(), batch_size=8, verbose=0, **numbers)
        numbers = [call.split()[1] for call in strategy.calls if call.startswith("begin")]
        assert numbers == ["0", "1", "2", "3"]
        assert strategy.calls[-1] == "end 3 False"

    def test_an_epoch_that_goes_on_is_not_begun_again(self, train):
        strategy = Hooks()
        train(strategy, begun_epoch=1, initial_epoch=1, epochs=3)
        assert strategy.calls == ["end 1 True", "begin 2", "end 2 True"]

    def test_other_callbacks_come_after_the_plan(self, train):
        seen = []
        strategy = Hooks()
        look = keras.callbacks.LambdaCallback(
            on_epoch_begin=lambda epoch, logs: seen.append(list(strategy.calls)),
            on_epoch_end=lambda epoch, logs: seen.append(list(strategy.calls)),
        )
        train(strategy, epochs=1, callbacks=[look])
        assert seen == [["begin 0"], ["begin 0", "end 0 True"]]


class Unfed(GatedBranches):
    """Says that nothing feeds a branch from the others."""

    def variable_groups(self):
        groups = super().variable_groups()
        fusion = [v for variables in groups.fusion.values() for v in variables]
        return VariableGroups(groups.branch, {}, shared=fusion)


@pytest.mark.parametrize(("kind", "warned"), [(GatedBranches, True), (Unfed, False)])
def test_undefined_speeds_are_worth_a_warning_where_they_could_be_defined(make_data, kind, warned):
    dense = keras.layers.Dense
    # No update moves a branch or its fusion at a gradient of zero.
    network = kind({m: [dense(2, activation="relu"), dense(3)] for m in "ab"})
    model = BalancedModel(network, Silent())
    model.compile("sgd")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        logs = model.fit(*make_data(), verbose=0).history
    assert np.isnan(logs["learning_speed/a"]).all()
    assert any("learning speed of a, b is undefined" in str(w.message) for w in caught) == warned


class Silent(Strategy):
    """Learns nothing."""

    def losses(self, step, joint):
        return {"none": 0 * tf.reduce_sum(step.outputs.logits)}


class TestFaultWatch:
    @staticmethod
    def watch(policy, *findings):
        """Return a watch over a guard that finds these, look by look, and its looks so far."""
        looks = []

        def look():
            looks.append(len(looks))
            return findings[looks[-1]] if looks[-1] < len(findings) else None

        guard = SimpleNamespace(look=look, policy=policy)
        return FaultWatch(lambda: guard, 4), looks

    def test_looks_as_often_as_the_trace_is_full_and_after_the_epoch(self):
        watch, looks = self.watch("stop")
        for batch in range(10):
            watch.on_train_batch_end(batch)
        assert len(looks) == 2
        watch.on_epoch_end(0)
        assert len(looks) == 3

    def test_stop_raises_what_was_found(self):
        watch, _ = self.watch("stop", (3, 7, "the loss"))
        with pytest.raises(NonFiniteError, match="^step 7: the loss became NaN or infinite$") as e:
            watch.on_epoch_end(0)
        assert (e.value.step, e.value.what) == (7, "the loss")

    @pytest.mark.parametrize(
        ("policy", "count", "text"),
        [
            ("skip", 1, r"^step 7: the loss became NaN or infinite \(skipped\)$"),
            ("warn", 3, r"infinite \(not skipped\), and 2 more steps since$"),
        ],
    )
    def test_others_warn(self, policy, count, text):
        watch, _ = self.watch(policy, (count, 7, "the loss"))
        with pytest.warns(UserWarning, match=text):
            watch.look()
        watch.look()  # nothing new, nothing said

    def test_a_fault_stops_before_the_strategy_hears_of_the_epoch(self, make_network, make_data):
        inputs, labels = make_data()
        inputs["a"][3] = np.inf
        strategy = Hooks()
        model = BalancedModel(make_network(), strategy)
        model.compile()
        with pytest.raises(NonFiniteError, match="step 0"):
            model.fit(inputs, labels, batch_size=8, shuffle=False, verbose=0)
        assert strategy.calls == ["begin 0"]


# Two replicas share batches of 8 rows, four each; step 2 has one infinite row, of the second.
TWO_REPLICAS = """
import json
import sys
import warnings
import warnings
import keras
import numpy as np
import tensorflow as tf
from mmbal import BalancedModel
from mmbal.replicas.devices import open_strategy
from mmbal_guided import Guided
from mmbal.laboratory.toys import GatedBranches

scope = open_strategy("mirrored", 2)
x = np.random.default_rng(0).normal(size=(32, 3)).astype("float32")
inputs, labels = {"a": x, "b": x[:, ::-1].copy()}, np.arange(32) % 3
inputs["a"][22] = np.inf

def build(policy):
    keras.utils.set_random_seed(0)
    with scope.scope():
        dense = keras.layers.Dense
        network = GatedBranches({m: [dense(4, activation="relu"), dense(3)] for m in "ab"})
        network({m: v[:1] for m, v in inputs.items()})
        strategy = Guided(tolerance=0.0, warmup_steps=0)
        model = BalancedModel(network, strategy, on_nonfinite=policy)
        model.compile(keras.optimizers.Adam(0.01))
    return model

def copies(model):
    kinds = (model.network, model.optimizer, model.learner.learning_speed, model.strategy)
    found = [v for kind in kinds for v in kind.variables]
    values = [v.value if isinstance(v, keras.Variable) else v for v in found]
    return [[c.numpy() for c in scope.experimental_local_results(v)] for v in values]

class Look(keras.callbacks.Callback):
    def __init__(self, model):
        super().__init__()
        self.states, self.watched = [], model

    def on_train_batch_end(self, batch, logs=None):
        self.states.append(copies(self.watched))

def same(one, other):
    return all(np.array_equal(a, b, equal_nan=True) for a, b in zip(one, other))

def told(policy):
    model = build(policy)
    look, message = Look(model), ""
    rows = tf.data.Dataset.from_tensor_slices((inputs, labels)).batch(8)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            model.fit(rows, shuffle=False, verbose=0, callbacks=[look])
        except Exception as error:
            message = f"{type(error).__name__}: {error}"
    texts = [str(each.message) for each in caught if "infinite" in str(each.message)]
    firsts = [[copy[0] for copy in state] for state in look.states]
    return {
        "message": message or " | ".join(texts),
        "moved": [not same(one, other) for one, other in zip(firsts, firsts[1:])],
        "equal": all(same(c[:1], c[1:]) for state in look.states for c in state),
        "finite": all(np.isfinite(v).all() for v in firsts[-1]),
    }

print(json.dumps({policy: told(policy) for policy in sys.argv[1:]}))
"""


@pytest.mark.deep
def test_what_one_replica_meets_is_met_by_all():
    command = [sys.executable, "-c", TWO_REPLICAS, *POLICIES]

    done = subprocess.run(command, capture_output=True, text=True)

    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    error, skipped, warned = (told[policy].pop("message") for policy in POLICIES)
    what = error.removeprefix("NonFiniteError: ")
    assert what.startswith("step 2: ")
    assert "the gradient of branch/a, " in what
    assert skipped == f"{what} (skipped)"
    assert warned == f"{what} (not skipped), and 1 more steps since"
    assert told == {
        "stop": {"moved": [True, False, False], "equal": True, "finite": True},
        "skip": {"moved": [True, False, True], "equal": True, "finite": True},
        "warn": {"moved": [True, True, True], "equal": True, "finite": False},
    }
