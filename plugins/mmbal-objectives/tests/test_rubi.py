"""RUBi: losses by hand, whom they teach, and what is left of the branch afterwards."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from mmbal.errors import ConfigError
from mmbal.networks import Outputs
from mmbal.strategies import Batch, Context, Step
from mmbal.training import branch_loss
from mmbal_objectives import RUBi
from mmbal_objectives.rubi import masked

LOGITS, ANSWER = tf.constant([[2.0, 1, -1]]), tf.constant([[1.0, 0, -1]])
EYE = np.eye(3, dtype="float32")


class Fixed:
    """A network of given features, as far as a strategy looks at it while it is built."""

    variable_dtype = "float32"

    def __init__(self, **channels):
        self.feature_channels, self.modalities, self.classes = channels, tuple(channels), 3


def built(strategy, **channels):
    strategy.build(Context(Fixed(**channels), {}))
    return strategy


def step_of(logits, features, labels=(0,)):
    outputs = Outputs(logits, {}, features, {}, joint={"fused": logits})
    return Step(Batch.of({}, tf.constant(labels)), outputs, branch_loss())


class TestByHand:
    def test_masks(self):
        found = masked(LOGITS, [ANSWER])
        np.testing.assert_allclose(found, [[1.462117, 0.5, -0.268941]], atol=1e-5)
        np.testing.assert_allclose(masked(LOGITS, []), LOGITS)
        np.testing.assert_allclose(masked(LOGITS, [0 * ANSWER, 0 * ANSWER]), LOGITS / 4)

    @pytest.mark.parametrize("shape", [(1, 3), (1, 2, 2, 3)], ids=["vector", "map"])
    def test_losses(self, shape):
        """Features that are their own answer: layers without bias that pass on what comes."""
        strategy = built(RUBi(bias="v", hidden=()), a=2, v=3)
        for variable in strategy.trained_variables():
            variable.assign(EYE if len(variable.shape) == 2 else np.zeros(3))
        feature = tf.broadcast_to(tf.reshape(ANSWER, [1] * (len(shape) - 1) + [3]), shape)
        step = step_of(LOGITS, {"a": tf.zeros([1, 2]), "v": feature})
        losses = strategy.losses(step, {"fused": tf.constant(9.0)})
        assert list(losses) == ["fused", "bias/v"]
        np.testing.assert_allclose(losses["fused"], 0.444160, atol=1e-5)
        np.testing.assert_allclose(losses["bias/v"], 0.407606, atol=1e-5)
        np.testing.assert_allclose(sum(losses.values()), 0.851766, atol=1e-5)

    def test_several_bias_modalities(self):
        strategy = built(RUBi(bias=("v", "a"), weight=0.5, hidden=()), a=3, v=3, t=4)
        for variable in strategy.trained_variables():
            variable.assign(EYE if len(variable.shape) == 2 else np.zeros(3))
        features = {"a": 0 * ANSWER, "v": ANSWER, "t": tf.ones([1, 4])}
        losses = strategy.losses(step_of(LOGITS, features), {})
        assert list(losses) == ["fused", "bias/v", "bias/a"]
        np.testing.assert_allclose(losses["bias/v"], 0.407606 / 2, atol=1e-5)
        np.testing.assert_allclose(losses["bias/a"], np.log(3) / 2, atol=1e-5)
        logits = np.array([1.462117, 0.5, -0.268941]) / 2
        expected = np.log(np.exp(logits).sum()) - logits[0]
        np.testing.assert_allclose(losses["fused"], expected, atol=1e-5)


class TestBranch:
    def test_layers(self):
        strategy = built(RUBi(bias="v", hidden=(7, 5)), a=2, v=4)
        shapes = [tuple(v.shape) for v in strategy.trained_variables()]
        assert shapes == [(4, 7), (7,), (7, 5), (5,), (5, 3), (3,), (3, 3), (3,)]

    def test_the_first_modality_is_suspected_unless_told_otherwise(self):
        for bias, width in ((None, 2), ("b", 5), (["b"], 5)):
            strategy = built(RUBi(bias=bias, hidden=()), a=2, b=5)
            assert strategy.trained_variables()[0].shape == (width, 3)

    def test_a_wrong_name_is_answered_with_the_nearest(self):
        with pytest.raises(ConfigError, match="option bias of rubi: .*'sond'.*mean 'sound'"):
            built(RUBi(bias="sond"), image=2, sound=3)

    @pytest.mark.parametrize("bias", [(), ("a", "a")])
    def test_names_must_be_distinct_and_some(self, bias):
        with pytest.raises(ConfigError, match="must be distinct modalities, received"):
            RUBi(bias=bias)

    @pytest.mark.parametrize("options", [{"weight": -1}, {"hidden": [0]}, {"bias": 3}], ids=str)
    def test_options_are_checked(self, options):
        with pytest.raises(ConfigError, match=rf"^RUBi\.{next(iter(options))}.* must be"):
            RUBi(**options)


def test_who_learns_from_which_loss(toy_steps):
    network, (inputs, labels) = toy_steps.network(), toy_steps.data()
    strategy = RUBi(bias="a", hidden=(4,))
    strategy.build(Context(network, network.partition()))
    own, groups = strategy.trained_variables(), network.partition()
    with tf.GradientTape(persistent=True) as tape:
        step = Step(Batch.of(inputs, tf.constant(labels)), network(inputs), branch_loss())
        losses = strategy.losses(step, {})
    # The loss of the branch ends at the features; that of the masked logits reaches everything.
    for name, group in groups.items():
        assert tape.gradient(losses["bias/a"], group) == [None] * len(group)
        if not name.startswith("head/"):  # which strategies train that ask for them
            assert all(np.any(g) for g in tape.gradient(losses["fused"], group))
    assert all(np.any(g) for g in tape.gradient(losses["bias/a"], own))
    by_mask = tape.gradient(losses["fused"], own)
    assert [g is None for g in by_mask] == [False] * 4 + [True] * 2
    # The encoder of the bias modality learns through the logits alone, not through the mask.
    features = {m: tf.stop_gradient(z) for m, z in network(inputs).features.items()}
    mask = tf.sigmoid(strategy._branches["a"][0](features["a"]))
    with tf.GradientTape() as other:
        loss = step.loss_of(network(inputs).logits * mask)
    expected = other.gradient(loss, groups["branch/a"])
    for one, two in zip(tape.gradient(losses["fused"], groups["branch/a"]), expected, strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize("kind", ["late", "gated"])
class TestTraining:
    def test_differs_from_joint_training(self, toy_steps, kind):
        ours = toy_steps.train(RUBi(hidden=(4,)), kind, adam=True)
        plain = toy_steps.joint(kind, adam=True)
        assert toy_steps.model.optimizer.groups[-1] == "strategy"
        assert all((ours[name] != plain[name]).any() for name in plain)

    def test_evaluation_is_without_the_mask(self, toy_steps, kind):
        toy_steps.train(RUBi(bias="b", hidden=()), kind)
        model, (inputs, labels) = toy_steps.model, toy_steps.data()
        told = model.evaluate(inputs, labels, verbose=0, return_dict=True)
        outputs = model.network(inputs)
        losses = [
            np.mean(keras.losses.sparse_categorical_crossentropy(labels, x, from_logits=True))
            for x in outputs.supervised.values()
        ]
        np.testing.assert_allclose(told["loss"], sum(losses), rtol=1e-6)


def test_graphs_do_as_eager_steps(toy_steps):
    eager, graph = (
        toy_steps.train(RUBi(bias=("a", "c"), hidden=(4,)), modalities="abc", eager=each)
        for each in (True, False)
    )
    for name, value in eager.items():
        np.testing.assert_allclose(graph[name], value, rtol=0, atol=1e-6)


def test_half_precision_stays_finite(toy_steps):
    strategy = RUBi(bias=("a", "c"), hidden=(4,))
    ours = toy_steps.train(strategy, "gated", "abc", precision="mixed_bfloat16")
    assert all(np.isfinite(value).all() for value in ours.values())
    assert {v.dtype for v in strategy.trained_variables()} == {"float32"}
