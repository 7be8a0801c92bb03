"""Pareto directions for encoders."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from mmbal.errors import ConfigError, RequirementError
from mmbal.strategies import Context, GlobalTape
from mmbal_gradients import MMPareto
from mmbal_gradients.pareto import FUSED, HEAD, fused_share, pareto

pytestmark = pytest.mark.filterwarnings("ignore:the learning speed of")


def near(expected):
    return pytest.approx(expected, abs=1e-5)


def joined(fused, unimodal, gamma=1.5):
    found = pareto([tf.constant(g) for g in fused], [tf.constant(g) for g in unimodal], gamma)
    return [g.numpy().tolist() for g in found]


class TestPareto:
    FUSED, UNIMODAL = np.array([1.0, 0.0]), np.array([-1.0, 2.0])

    def test_conflict_by_hand(self):
        share = fused_share([tf.constant(self.FUSED)], [tf.constant(self.UNIMODAL)])
        assert float(share) == near(0.75)
        (found,) = joined([self.FUSED], [self.UNIMODAL])
        assert found == near([2.121320, 2.121320])
        for gradient in (self.FUSED, self.UNIMODAL):
            assert float(np.dot(found, gradient)) == near(2.121320)
        (plain,) = joined([self.FUSED], [self.UNIMODAL], gamma=1)
        assert plain == near([1.414214, 1.414214])

    def test_agreement_is_the_sum(self):
        (found,) = joined([[1.0, 0.0]], [[1.0, 2.0]])
        assert found == near([3, 3])

    def test_the_share_is_of_the_encoder_and_the_length_of_the_tensor(self):
        """Cut in two, the conflict is the same and each part is stretched on its own."""
        found = joined([[1.0], [0.0]], [[-1.0], [2.0]], gamma=1)
        # Twice the shortest vector is (1, 1); the sums are 0 and 2 long.
        assert [x[0] for x in found] == near([1, 2])

    @pytest.mark.parametrize(("fused", "unimodal"), [([0.0, 0], [1.0, 2]), ([1.0, 2], [0.0, 0])])
    def test_one_gradient_of_zero_leaves_the_other(self, fused, unimodal):
        assert joined([fused], [unimodal], gamma=1) == [near([1, 2])]

    def test_nothing_of_nothing_and_of_opposites(self):
        assert joined([[0.0, 0]], [[0.0, 0]]) == [[0, 0]]
        assert joined([[1.0, 2]], [[-1.0, -2]]) == [[0, 0]]

    @pytest.mark.parametrize("size", [1e-12, 1.0, 1e6])
    def test_opposites_that_differ_by_rounding_are_not_stretched(self, size):
        rounded = np.array([0.1, 0.7, 0.3], "float32") * np.float32(size)
        found = joined([rounded], [-3 * rounded])
        assert np.abs(found).max() <= 1e-6 * size

    def test_small_gradients_are_joined_as_large_ones(self):
        large, small = (
            joined([s * self.FUSED], [s * self.UNIMODAL]) for s in (1.0, 1e-10)
        )  # float64
        np.testing.assert_allclose(np.array(small) / 1e-10, large, rtol=1e-12)

    def test_missing_gradients_are_zeros(self):
        one, two = tf.constant([1.0]), tf.constant([2.0])
        found = pareto([one, None, None], [None, two, None], gamma=1)
        # Orthogonal: the shares are 4/5 and 1/5, the lengths those of the sums.
        assert [None if g is None else float(g[0]) for g in found] == [near(1.6), near(2), None]


@pytest.fixture
def gradients(late, mmtm, make_step):
    """Return a function: what a strategy makes of a batch, and the gradients of every loss."""

    def gradients(network, strategy, penalty=False):
        strategy.context = Context(network, network.partition())
        with tf.GradientTape(persistent=True) as tape:
            step = make_step(network)
            losses = strategy.losses(step, {})
            if penalty:
                square = tf.reduce_sum(tf.convert_to_tensor(network.trainable_variables[0]) ** 2)
                losses |= {"regularization": square}
        variables = network.trainable_variables
        found = strategy.combine_gradients(GlobalTape(tape, None), losses, variables, step)
        paths = [v.path for v in variables]
        return dict(zip(paths, found, strict=True)), {
            name: dict(zip(paths, tape.gradient(loss, variables), strict=True))
            for name, loss in losses.items()
        }

    return gradients


@pytest.mark.parametrize(
    ("kind", "modalities"), [("late", "ab"), ("late", "abc"), ("mmtm", "ab"), ("mmtm", "abc")]
)
def test_encoders_get_pareto_gradients_and_the_rest_plain_ones(
    networks, gradients, kind, modalities
):
    network = networks[kind](modalities)
    found, each = gradients(network, MMPareto())
    assert list(each) == [FUSED, *(HEAD + m for m in modalities)]
    encoders = network.variable_groups().encoders()
    for m, variables in encoders.items():
        fused, own = ([each[n][v.path] for v in variables] for n in (FUSED, HEAD + m))
        for variable, expected in zip(variables, pareto(fused, own), strict=True):
            np.testing.assert_allclose(found[variable.path], expected, rtol=1e-4, atol=1e-7)
    inside = {v.path for variables in encoders.values() for v in variables}
    assert set(found) > inside
    for path in set(found) - inside:
        plain = sum(g[path].numpy() for g in each.values() if g[path] is not None)
        np.testing.assert_allclose(found[path], plain, rtol=1e-4, atol=1e-6)


def test_a_shared_encoder_gets_the_gradient_of_all_losses(siamese, gradients):
    found, each = gradients(siamese, MMPareto())
    for variable in siamese.encoders["a"].trainable_variables:
        plain = sum(g[variable.path].numpy() for g in each.values())
        assert all(g[variable.path] is not None for g in each.values())
        np.testing.assert_allclose(found[variable.path], plain, rtol=1e-4, atol=1e-6)


def test_penalties_are_added_as_they_are(late, gradients):
    network = late()
    with_penalty, each = gradients(network, MMPareto(), penalty=True)
    without, _ = gradients(network, MMPareto())
    for path, gradient in without.items():
        added = each["regularization"][path]
        expected = gradient if added is None else gradient + added
        np.testing.assert_allclose(with_penalty[path], expected, rtol=1e-5, atol=1e-6)
    assert each["regularization"][network.trainable_variables[0].path] is not None


class TestTraining:
    @pytest.mark.parametrize("kind", ["late", "mmtm"])
    @pytest.mark.parametrize("rule", ["SGD", "Adam"])
    def test_differs_from_plain_training(self, networks, train, weights, apart, kind, rule):
        plain, found = (
            weights(train(strategy, networks[kind](), getattr(keras.optimizers, rule)(0.05)))
            for strategy in (None, MMPareto())
        )
        assert apart(found, plain) > 1e-3

    def test_under_adam_gamma_is_nothing(self, late, train, weights, apart):
        few, many = (
            weights(train(MMPareto(gamma=gamma), late(), keras.optimizers.Adam(0.05), examples=16))
            for gamma in (1, 3)
        )
        assert apart(few, many) < 1e-4

    def test_eager_is_graph(self, late, train, weights, apart):
        graph, eager = (
            weights(train(MMPareto(), late(), examples=16, run_eagerly=eagerly))
            for eagerly in (False, True)
        )
        assert apart(eager, graph) < 1e-5

    def test_half_precision_stays_finite(self, late, train, weights, precision):
        precision("mixed_float16")
        assert all(np.isfinite(x).all() for x in weights(train(MMPareto(), late())))

    def test_heads_are_needed(self, late, train):
        network = late()
        network.offers = frozenset({"slice"})
        with pytest.raises(RequirementError, match="MMPareto needs a classifier of its own"):
            train(MMPareto(), network)


def test_options():
    with pytest.raises(ConfigError, match="MMPareto.gamma must be greater than 0, received 0"):
        MMPareto(gamma=0)
