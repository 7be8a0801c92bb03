"""The loss scale by hand, and speeds that do not notice it."""

import json
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from mmbal import BalancedModel
from mmbal.laboratory.toys import GatedBranches
from mmbal.training import precision as module
from mmbal.training.guard import NonFiniteError
from mmbal.training.precision import INITIAL, LARGEST, LossScale, loss_scale_for

EPOCH = {"batch_size": 8, "shuffle": False, "verbose": 0}
"""Five steps."""


def follow(scale, *finite):
    """Return (factor, streak) after each step."""
    seen = []
    for each in finite:
        scale.update(tf.constant(each))
        seen.append((float(scale.factor), int(scale.streak)))
    return seen


class TestLossScale:
    def test_halves_at_once_and_doubles_after_patience(self, monkeypatch):
        monkeypatch.setattr(module, "PATIENCE", 3)
        scale = LossScale()
        assert (float(scale.factor), int(scale.streak)) == (32768, 0)
        told = follow(scale, True, True, False, True, True, True, True, False)
        assert told == [
            (32768, 1), (32768, 2), (16384, 0), (16384, 1), (16384, 2), (32768, 0), (32768, 1),
            (16384, 0),
        ]  # fmt: skip

    def test_stays_within_its_bounds(self, monkeypatch):
        monkeypatch.setattr(module, "PATIENCE", 1)
        scale = LossScale()
        assert [factor for factor, _ in follow(scale, *[True] * 11)][-3:] == [LARGEST] * 3
        # 24 halvings lead from the largest to 1.
        factors = [factor for factor, _ in follow(scale, *[False] * 26)]
        assert factors == [LARGEST / 2**n for n in range(1, 25)] + [1, 1]

    @pytest.mark.parametrize(("factor", "shrinks"), [(1, False), (2, True), (INITIAL, True)])
    def test_shrinks_down_to_one(self, factor, shrinks):
        scale = LossScale()
        scale.factor.assign(factor)
        assert bool(scale.shrinks) == shrinks

    def test_the_patience_is_that_of_keras(self):
        assert (INITIAL, module.PATIENCE) == (2.0**15, 2000)

    @pytest.mark.parametrize(
        ("policy", "needed"),
        [("float32", False), ("mixed_bfloat16", False), ("mixed_float16", True), ("float16", True)],
    )
    def test_is_made_where_gradients_are_float16(self, make_network, precision, policy, needed):
        precision(policy)
        network = make_network()
        assert (loss_scale_for(network) is not None) == needed
        precision("float32")  # the network remembers
        assert (loss_scale_for(network) is not None) == needed


class TestOverflow:
    """Gradients that float16 cannot hold at the present scale."""

    @pytest.fixture
    def model(self, make_network, precision):
        precision("mixed_float16")
        model = BalancedModel(make_network())
        model.compile(keras.optimizers.Adam(0.01))
        model.prepare(5)
        return model

    @staticmethod
    def state(model):
        kinds = (model.network, model.optimizer, model.learner.learning_speed, model.strategy)
        return [v.numpy() for kind in kinds for v in kind.variables]

    def test_an_overflow_changes_nothing_but_the_scale(self, model, make_data):
        model.learner.loss_scale.factor.assign(2.0**30)
        before = self.state(model)
        with pytest.warns(UserWarning, match="learning speed of a, b is undefined"):
            model.fit(*make_data(), **EPOCH)
        assert float(model.learner.loss_scale.factor) == 2.0**25
        for value, old in zip(self.state(model), before, strict=True):
            np.testing.assert_array_equal(value, old)
        steps = model.trace.read()
        assert np.isfinite(steps.loss).all()
        assert not steps.faults.any()

    def test_training_begins_when_the_scale_fits(self, model, make_data):
        model.learner.loss_scale.factor.assign(2.0**30)
        with pytest.warns(UserWarning, match="learning speed of a, b is undefined"):
            model.fit(*make_data(), epochs=6, **EPOCH)
        factor = float(model.learner.loss_scale.factor)
        assert INITIAL <= factor < 2.0**26
        skipped = int(np.log2(2.0**30 / factor))
        assert int(model.learner.loss_scale.streak) > 0
        assert int(model.optimizer.iterations) == 30 - skipped
        speeds = model.trace.read().speeds
        # Undefined until the first update, defined ever after.
        first = int(np.argmax(np.isfinite(speeds).all(axis=1)))
        assert np.isnan(speeds[:first]).all()
        assert 5 <= first < skipped + 1
        assert np.isfinite(speeds[first:]).all()

    def test_what_no_scale_can_help_is_a_fault(self, model, make_data):
        model.learner.loss_scale.factor.assign(1.0)
        model.network.heads[0].kernel.assign(np.full((4, 3), 1e30))
        with pytest.raises(NonFiniteError, match="step 0"):
            model.fit(*make_data(), **EPOCH)


def test_speeds_do_not_see_the_scale(make_network, make_data, precision):
    """Scales are powers of two: all that they multiply and divide keeps its digits."""
    precision("mixed_float16")
    found = []
    for factor in (2.0**4, 2.0**8):
        model = BalancedModel(make_network())
        model.compile(keras.optimizers.SGD(0.05))
        model.prepare(5)
        model.learner.loss_scale.factor.assign(factor)
        model.fit(*make_data(), **EPOCH)
        found.append(model.trace.read().speeds)
    np.testing.assert_allclose(*found, rtol=0, atol=1e-4)


def wide_network(inputs, seed):
    """Return a network in which no group of variables is small."""
    keras.utils.set_random_seed(seed)
    dense = keras.layers.Dense
    network = GatedBranches({m: [dense(32, activation="relu"), dense(3)] for m in "ab"})
    network({m: x[:1] for m, x in inputs.items()})
    return network


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
@pytest.mark.parametrize("seed", [1, 2])
def test_speeds_agree_with_float32(make_data, precision, policy, seed):
    """Within 2 % at each of 30 steps, the speeds in nats and the ratios behind them."""
    inputs, labels = make_data(examples=160, seed=seed)
    found = {}
    for name in ("float32", policy):
        precision(name)
        model = BalancedModel(wide_network(inputs, seed))
        model.compile(keras.optimizers.SGD(0.02))
        model.fit(inputs, labels, epochs=3, batch_size=16, shuffle=False, verbose=0)
        found[name] = model.trace.read().speeds
    ours, exact = found[policy], found["float32"]
    assert (ours != exact).any()
    assert abs(exact).min() > 1  # far from 0, where a share means nothing
    np.testing.assert_allclose(ours, exact, rtol=0.02)
    np.testing.assert_allclose(np.exp(ours), np.exp(exact), rtol=0.02)


# Two replicas share batches of 8 rows, four each. In step 2 the rows of the second one are so
# large that its scaled gradients overflow, while its loss stays finite.
TWO_REPLICAS = """
import json
import keras
import numpy as np
import tensorflow as tf
from mmbal import BalancedModel
from mmbal.replicas.devices import open_strategy
from mmbal.laboratory.toys import GatedBranches

scope = open_strategy("mirrored", 2)
keras.config.set_dtype_policy("mixed_float16")
keras.utils.set_random_seed(0)
x = np.random.default_rng(0).normal(size=(32, 3)).astype("float32")
x[20:24] *= 200
inputs, labels = {"a": x, "b": x[:, ::-1].copy()}, np.arange(32) % 3
with scope.scope():
    dense = keras.layers.Dense
    network = GatedBranches({m: [dense(4, activation="relu"), dense(3)] for m in "ab"})
    network({m: v[:1] for m, v in inputs.items()})
    model = BalancedModel(network)
    model.compile(keras.optimizers.Adam(0.01))

def copies(kinds):
    values = [v.value for kind in kinds for v in kind.variables]
    return [[c.numpy() for c in scope.experimental_local_results(v)] for v in values]

def alone(rows):
    # What one replica's own gradients are, scaled.
    cross_entropy = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    with tf.GradientTape() as tape:
        outputs = network({m: v[rows] for m, v in inputs.items()}, training=True)
        loss = sum(cross_entropy(labels[rows], v) for v in outputs.unimodal.values())
        scaled = loss * 2.0**15 / 2
    gradients = tape.gradient(scaled, [v.value for v in network.trainable_variables])
    finite = all(np.isfinite(g.numpy()).all() for g in gradients)
    return bool(np.isfinite(loss)), finite

class Look(keras.callbacks.Callback):
    states, factors = [], []

    def on_train_batch_end(self, batch, logs=None):
        self.states.append(copies([network, model.optimizer]))
        self.factors.append(float(model.learner.loss_scale.factor.numpy()))

def apart():
    return [alone(slice(*rows)) for rows in ((16, 20), (20, 24))]

look = Look()
rows = tf.data.Dataset.from_tensor_slices((inputs, labels)).batch(8)
model.fit(rows, shuffle=False, verbose=0, callbacks=[look])
same = lambda one, other: all(np.array_equal(a, b) for a, b in zip(one, other))
firsts = [[copy[0] for copy in state] for state in look.states]
print(json.dumps({
    "replicas": model.replicas.count,
    "apart": apart(),
    "factors": look.factors,
    "moved": [not same(one, other) for one, other in zip(firsts, firsts[1:])],
    "equal": all(same(c[:1], c[1:]) for state in look.states for c in state),
    "finite": all(np.isfinite(v).all() for state in firsts for v in state),
    "faults": model.trace.read().faults.tolist(),
    "steps": int(model.optimizer.iterations.value.numpy()),
}))
"""


@pytest.mark.deep
def test_the_overflow_of_one_replica_is_that_of_all():
    done = subprocess.run([sys.executable, "-c", TWO_REPLICAS], capture_output=True, text=True)

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == {
        "replicas": 2,
        "apart": [[True, True], [True, False]],  # loss and gradients finite, by replica
        "factors": [32768, 32768, 16384, 16384],
        "moved": [True, False, True],
        "equal": True,
        "finite": True,
        "faults": [0, 0, 0, 0],
        "steps": 3,
    }
