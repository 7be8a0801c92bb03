"""Moves of the function that a network computes, against numbers worked by hand elsewhere."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from mmbal.networks import NORMAL, FusionNetwork, Outputs, VariableGroups
from mmbal.training import BalancedModel
from mmbal_measures import FunctionSpeed
from mmbal_measures.function_meter import FunctionMeter, centred, speeds, squares
from mmbal_mmtm import MMTMNetwork

pytestmark = pytest.mark.filterwarnings("ignore:Even though the `tf.config:UserWarning")
DRAW = np.random.default_rng(1)
INPUTS = {m: DRAW.normal(size=(6, 3)).astype("float32") for m in "ab"}
LABELS = np.array([0, 1, 0, 1, 1, 0])
WEIGHTS = [DRAW.normal(size=shape) for shape in ((3, 4), (4, 2)) * 2]
"""Encoder and head of a, then of b."""
SCALE = 2
COMPENSATED = {"branch/a": SCALE**2, "fusion/a": SCALE**-2}


class Toy(FusionNetwork):
    """Encoders of one layer whose heads sum, without biases; a head is what feeds its branch."""

    def __init__(self, scale=1.0):
        super().__init__(["a", "b"])
        self.encoders = [keras.layers.Dense(4, "relu", use_bias=False) for _ in "ab"]
        self.parts = [keras.layers.Dense(2, use_bias=False) for _ in "ab"]
        self(INPUTS)
        layers = [self.encoders[0], self.parts[0], self.encoders[1], self.parts[1]]
        for layer, value, factor in zip(layers, WEIGHTS, (scale, 1 / scale, 1, 1), strict=True):
            layer.kernel.assign(value * factor)

    def call(self, inputs, controls=NORMAL, training=False):
        features = {m: e(inputs[m]) for m, e in zip("ab", self.encoders, strict=True)}
        parts = {m: head(features[m]) for m, head in zip("ab", self.parts, strict=True)}
        logits = parts["a"] + parts["b"]
        return Outputs(logits, parts, features, {}, joint={"fused": logits})

    def variable_groups(self):
        branch = {m: e.trainable_variables for m, e in zip("ab", self.encoders, strict=True)}
        fusion = {m: h.trainable_variables for m, h in zip("ab", self.parts, strict=True)}
        return VariableGroups(branch, fusion)


def trained(network, optimizer=None, steps=1, rates=()):
    """Train; return logits, root mean squared moves of the encoder and head of a, and the logs."""
    speed = FunctionSpeed(probe=INPUTS, every=1)
    model = BalancedModel(network)
    model.compile(optimizer or keras.optimizers.SGD(0.1), run_eagerly=True)
    model.prepare()
    for group, factor in dict(rates).items():
        model.optimizer.set_multiplier(group, factor)
    logs = model.fit(INPUTS, LABELS, 6, steps, verbose=0, callbacks=[speed]).history
    moved = np.sqrt(speed._totals[1].mean(axis=-1))
    return network(INPUTS).logits.numpy(), moved[[0, -1]], {k: v[-1] for k, v in logs.items()}


@pytest.fixture(scope="module")
def eager():
    """Run what is compiled eagerly, which is quicker for a few steps of toys."""
    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


@pytest.fixture(scope="module")
def original(eager):
    return trained(Toy())


def mapped(scale, **moves):
    """Return the moves of encoder and head of a by an SGD step of the original, mapped."""
    meter = FunctionMeter(Toy(scale), INPUTS)
    given = {name: [np.zeros_like(v) for v in of] for name, of in meter.network.partition().items()}
    changes = squares(meter.changes(given | moves), "ab")
    return np.sqrt(changes[1].mean(axis=-1))[[0, -1]]


def sgd_moves():
    """Return the moves of the encoder and the head of a by SGD of rate 0.1 on the original."""
    network = Toy()
    with tf.GradientTape() as tape:
        losses = keras.losses.sparse_categorical_crossentropy(
            LABELS, network(INPUTS).logits, from_logits=True
        )
        loss = tf.reduce_mean(losses)
    variables = [network.encoders[0].kernel, network.parts[0].kernel]
    return [-0.1 * g for g in tape.gradient(loss, [v.value for v in variables])]


def test_a_step_of_sgd(original):
    _, moved, logs = original
    assert moved == pytest.approx([0.013602, 0.014498], abs=1e-6)
    assert logs["function_speed/a"] == pytest.approx(0.128, abs=5e-4)
    assert logs["learning_speed/a"] == pytest.approx(-0.483, abs=1e-3)
    assert logs["function_residual"] < 0.3


def test_the_same_move_of_rescaled_weights_is_the_same(eager):
    encoder, head = sgd_moves()
    moves = {"branch/a": [encoder * SCALE], "fusion/a": [head / SCALE]}
    assert mapped(SCALE, **moves) == pytest.approx([0.013602, 0.014498], abs=1e-6)


def test_rates_that_make_up_for_the_scale_give_the_same_step(original):
    logits, moved, logs = trained(Toy(SCALE), rates=COMPENSATED)

    assert moved == pytest.approx([0.013602, 0.014498], abs=1e-6)
    assert np.allclose(logits, original[0], atol=1e-5)
    assert logs["function_speed/a"] == pytest.approx(original[2]["function_speed/a"], abs=1e-4)
    shift = logs["learning_speed/a"] - original[2]["learning_speed/a"]
    assert shift == pytest.approx(8 * np.log(2), abs=1e-3)  # the function never changed


def test_without_that_the_function_moves_otherwise(original):
    _, moved, _ = trained(Toy(SCALE))
    assert moved == pytest.approx([0.003401, 0.057994], abs=1e-6)


@pytest.mark.parametrize(
    ("scale", "expected"), [(1, (0.009262, 0.009431)), (SCALE, (0.004631, 0.018862))]
)
def test_a_step_by_signs(eager, scale, expected):
    _, moved, _ = trained(Toy(scale), keras.optimizers.Lion(0.01))
    assert moved == pytest.approx(expected, abs=1e-6)


def test_twenty_steps(eager):
    """Rates that make up for the scale keep function and moves, while the paper's speed shifts."""
    logits, moved, logs = trained(Toy(), steps=20)
    same, same_moved, shifted = trained(Toy(SCALE), steps=20, rates=COMPENSATED)

    assert np.allclose(same, logits, atol=1e-3)
    assert same_moved == pytest.approx(moved, rel=1e-3)
    assert shifted["learning_speed/a"] - logs["learning_speed/a"] > 5


@pytest.fixture(scope="module")
def gated(eager):
    """Return a network of two branches, MMTMs between them, biases and batch normalisation."""
    keras.utils.set_random_seed(0)

    def branch():
        layers = keras.layers
        stage = [layers.Dense(5), layers.BatchNormalization(), layers.ReLU(), layers.Dense(4)]
        return [keras.Sequential(stage), layers.Dense(4), layers.Dense(3)]

    network = MMTMNetwork({"a": branch(), "b": branch()})
    network({m: INPUTS[m] for m in "ab"})
    return network


def random_moves(network, seed=3):
    draw = np.random.default_rng(seed)
    return {
        name: [draw.normal(size=v.shape).astype("float32") * 0.01 for v in members]
        for name, members in network.partition().items()
    }


def test_changes_of_groups_sum_to_that_of_all_variables(gated):
    meter, moves = FunctionMeter(gated, INPUTS), random_moves(gated)
    variables = [v.value for of in gated.partition().values() for v in of]
    flat = [x for name in gated.partition() for x in map(tf.constant, moves[name])]
    with tf.autodiff.ForwardAccumulator(variables, flat) as forward:
        logits = gated(INPUTS, training=False).logits
    whole = forward.jvp(logits).numpy()

    changes = meter.changes(moves)
    assert {*changes} == {"branch/a", "branch/b", "fusion/a", "fusion/b", "fusion/a+b"}
    assert sum(c[0] for c in changes.values()) == pytest.approx(whole, rel=1e-4, abs=1e-6)
    assert all(np.abs(c).max() > 0 for c in changes.values())


def test_mapped_moves_of_a_real_network_are_the_same(gated):
    """Squeezes times 2 and excitations by 2; batch normalisation times 3 and what follows by 3."""
    meter, moves = FunctionMeter(gated, INPUTS), random_moves(gated)
    before = squares(meter.changes(moves), "ab"), gated(INPUTS).logits.numpy()
    factors = {}
    for module in gated.fusion:
        factors |= {id(v): 2 for v in module.squeeze.trainable_variables}
        factors |= {id(e.kernel): 1 / 2 for e in module.excitations}
    for stages in gated.stages:
        _, norm, _, dense = stages[0].layers
        factors |= {id(norm.gamma): 3, id(norm.beta): 3, id(dense.kernel): 1 / 3}
    old = [v.numpy() for v in gated.trainable_variables]
    for v in gated.trainable_variables:
        v.assign(v * factors.get(id(v), 1))
    given = {
        name: [x * factors.get(id(v), 1) for x, v in zip(moves[name], members, strict=True)]
        for name, members in gated.partition().items()
    }
    after = squares(meter.changes(given), "ab"), gated(INPUTS).logits.numpy()
    for v, value in zip(gated.trainable_variables, old, strict=True):
        v.assign(value)

    assert np.allclose(after[1], before[1], atol=1e-5)
    assert after[0] == pytest.approx(before[0], rel=1e-3)
    assert before[0].min() > 0


def test_a_step_leaves_the_weights_as_they_are(gated):
    meter = FunctionMeter(gated, INPUTS)
    before, moves = meter.snapshot(), random_moves(gated)
    for name, members in gated.partition().items():
        for v, x in zip(members, moves[name], strict=True):
            v.assign_add(x)
    after = [v.numpy() for v in gated.variables]
    measured = meter.step(before)

    assert all(np.array_equal(v.numpy(), x) for v, x in zip(gated.variables, after, strict=True))
    first = sum(centred(c[0]) for c in measured.changes.values())
    whole = centred(measured.whole[0])
    assert np.linalg.norm(whole - first) < 0.2 * np.linalg.norm(whole)
    for v, x in zip(gated.variables, before, strict=True):
        v.assign(x)


def test_sources_are_added_before_they_are_squared():
    shape = (3, 1, 2)  # fused, a, b; one example, two classes

    def change(*halves):
        return (
            np.array(halves)[:, None, None]
            * np.array([1.0, -1.0]).reshape(1, 1, 2)
            * np.ones(shape)
        )

    moved = squares(
        {
            "branch/a": change(1, 2, 0),
            "branch/b": change(0, 1, 3),
            "fusion/a": change(1, 1, 0),
            "fusion/b": change(0, 0, -1),
            "fusion/a+b": change(1, -2, 1),
            "shared": change(9, 9, 9),
        },
        "ab",
    )[..., 0]
    # Rows: what is said; columns: branch a, branch b, fusion. (1 - 2)^2 of branch a, not 1 + 4.
    assert moved.tolist() == [[1, 0, 4], [4, 1, 1], [0, 9, 0]]

    told = speeds(moved[..., None], "ab")
    assert told["function_speed/a"] == pytest.approx(np.log(1 / 4))
    assert told["function_speed/a+b"] == pytest.approx(np.log(1 / 4))
    assert np.isnan(told["function_speed/b"])  # nothing fed it
    assert told["function_move/a"] == 0
    assert np.isnan(told["function_speed_se/a"])  # of one example


def test_errors_are_those_of_a_ratio_of_means():
    totals = np.ones((2, 2, 4))
    totals[1, 1] = [1, 2, 3, 2]
    told = speeds(totals, "a")
    # ln of 2 / 1; each example adds x / 2 - 1: -1/2, 0, 1/2, 0, of deviation sqrt(1/6).
    assert told["function_speed/a"] == pytest.approx(np.log(2))
    assert told["function_speed_se/a"] == pytest.approx(np.sqrt(1 / 6) / 2)


def test_a_constant_shift_of_all_classes_is_no_move():
    assert np.abs(centred(np.full((2, 3, 4), 7.0))).max() == 0
