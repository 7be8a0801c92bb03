"""On-the-fly gradient modulation, with and without noise."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from mmbal.errors import ConfigError, RequirementError
from mmbal.strategies import Context, ratios_to_others, true_class_scores
from mmbal_gradients import OGM, OGMGE
from mmbal_gradients.ogm import coefficients, enhanced, spread

pytestmark = pytest.mark.filterwarnings("ignore:the learning speed of")
TOLERANCE = 1e-5


def near(expected):
    return pytest.approx(expected, abs=TOLERANCE)


def scores(example, modalities):
    labels, logits = example
    return true_class_scores({m: logits[m] for m in modalities}, labels)


class _Known:
    def __init__(self, gradients):
        self._gradients = gradients

    def gradient(self, target, sources):
        return list(self._gradients)


class Constant(OGM):
    """Has the same factors in every step."""

    def _factors(self, step):
        return tf.constant([0.3, 1])


class TestCoefficients:
    def test_of_two_modalities(self, example):
        s = scores(example, "av")
        assert ratios_to_others(s).numpy()[0] == near(1.664293)
        assert coefficients(s, 0.3).numpy().tolist() == near([0.538443, 1])
        assert coefficients(s, 0.8).numpy().tolist() == near([0.130401, 1])

    def test_of_three_modalities(self, example):
        s = scores(example, "avt")
        assert s.numpy().tolist() == near([1.363103, 0.819028, 0.584903])
        assert ratios_to_others(s).numpy().tolist() == near([1.941837, 0.840889, 0.536084])
        assert coefficients(s, 0.3).numpy().tolist() == near([0.475483, 1, 1])

    def test_even_modalities_are_left_alone(self):
        # Their ratio is just below 1, because of what is added to the denominator.
        assert coefficients(tf.constant([0.7, 0.7]), 0.8).numpy().tolist() == [1, 1]
        # Of three equal float32 numbers in about a third the mean of two is rounded down.
        for score in np.random.default_rng(0).uniform(1, 60, 50).astype("float32"):
            assert coefficients(tf.constant([score] * 3), 0.8).numpy().tolist() == [1, 1, 1]


class TestNoise:
    def test_is_as_large_as_the_spread(self):
        gradient = tf.constant([[1.0, 2], [3, 4]], tf.float64)
        assert float(spread(gradient)) == near(1.290994)

        @tf.function
        def draw(number):
            noise = tf.random.stateless_normal([2, 2], [7, number], dtype=tf.float64)
            return enhanced(gradient, tf.constant(0.5, tf.float64), noise)

        many = np.stack([draw(tf.constant(n)) for n in range(4000)])
        half = gradient.numpy() / 2
        np.testing.assert_allclose(many.mean(axis=0), half, atol=0.1)
        np.testing.assert_allclose(many.std(axis=0), np.full((2, 2), 1.290994), rtol=0.05)

    @pytest.mark.parametrize("shape", [(1, 1), (2, 3)])
    def test_of_equal_entries_is_nothing(self, shape):
        gradient = tf.fill(shape, 2.0)
        assert float(spread(gradient)) == 0
        np.testing.assert_array_equal(enhanced(gradient, 0.5, tf.ones(shape)), np.ones(shape))


class TestGradients:
    """What is changed, and how much, against the gradients of plain training."""

    @pytest.fixture
    def factors(self, make_step):
        """Return a function: name of every variable to its gradient's factor; NaN for noise."""

        def factors(strategy, network, epoch=0):
            strategy.context = Context(network, network.partition())
            strategy.build(strategy.context)
            strategy.begin_epoch(epoch, None)
            with tf.GradientTape() as tape:
                step = make_step(network)
                loss = step.loss_of(step.outputs.logits)
            variables = network.trainable_variables
            plain = tape.gradient(loss, variables)
            got = strategy.combine_gradients(_Known(plain), {"fused": loss}, variables, step)
            return {
                v.path: _factor(g, p)
                for v, g, p in zip(variables, got, plain, strict=True)
                if p is not None
            }

        return factors

    def test_are_those_of_the_leading_encoders_kernels(self, factors, late, make_step):
        network = late()
        step = make_step(network)
        unimodal = network.logits_of(step.outputs.features, "slice")
        summed = sum(x.numpy() for x in unimodal.values())
        np.testing.assert_allclose(summed, step.outputs.logits, atol=1e-6)
        k = coefficients(true_class_scores(unimodal, step.batch.labels), 0.3).numpy()
        assert min(k) < max(k) == 1

        found = factors(OGM(alpha=0.3), network)
        for index, m in enumerate("ab"):
            kernel, bias = network.encoders[m].trainable_variables
            assert found[kernel.path] == near(k[index])
            assert found[bias.path] == 1
        assert {found[v.path] for v in network.joint.trainable_variables} == {1}

    @pytest.mark.parametrize(
        ("kernels", "moved"), [("all", 2), ("matrices", 1), ("convolutions", 0)]
    )
    def test_kernels_says_of_which_rank(self, factors, late, kernels, moved):
        found = factors(OGM(kernels=kernels), late())
        assert sum(factor != 1 for factor in found.values()) == moved

    def test_convolutions_are_told_by_rank(self, factors, late):
        def stage(modality):
            layers = keras.layers
            first = layers.Reshape([3 if modality == "a" else 5, 1])
            return keras.Sequential([first, layers.Conv1D(4, 2), layers.GlobalAveragePooling1D()])

        found = factors(OGM(kernels="convolutions"), late(stage=stage))
        assert sum(factor != 1 for factor in found.values()) == 1

    def test_a_shared_encoder_belongs_to_nobody(self, factors, siamese):
        assert set(factors(OGM(kernels="all"), siamese).values()) == {1}

    def test_noise_reaches_every_encoder_and_nothing_else(self, factors, late):
        network = late()
        found = factors(OGMGE(), network)
        noisy = {path for path, factor in found.items() if np.isnan(factor)}
        assert noisy == {network.encoders[m].kernel.path for m in "ab"}

    def test_outside_of_the_window_are_plain(self, factors, late):
        strategy = OGMGE(starts=2, ends=3)
        for epoch, acts in enumerate([False, False, True, True, False]):
            found = factors(strategy, late(), epoch)
            assert (set(found.values()) != {1}) is acts, epoch


def _factor(found, plain):
    """Return the one number between two arrays, NaN where there is none."""
    found, plain = np.asarray(found, np.float64).ravel(), np.asarray(plain, np.float64).ravel()
    if (found == plain).all():
        return 1
    ratio = found @ plain / (plain @ plain)
    return float(ratio) if np.allclose(found, ratio * plain, rtol=1e-5, atol=1e-8) else np.nan


class TestTraining:
    @pytest.mark.parametrize("kind", ["late", "mmtm"])
    @pytest.mark.parametrize("make", [OGM, OGMGE])
    def test_differs_from_plain_training(self, networks, train, weights, apart, plain, kind, make):
        assert apart(weights(train(make(), networks[kind]())), plain(kind)) > 1e-3

    def test_after_the_window_is_plain(self, late, train, weights, apart, plain):
        assert apart(weights(train(OGMGE(starts=2, ends=None), late())), plain("late")) == 0

    def test_of_three_modalities_runs(self, late, train, weights, apart, plain):
        assert apart(weights(train(OGM(), late("abc"))), plain("late", "abc")) > 1e-3

    def test_eager_is_graph_and_the_noise_that_of_the_seed_and_the_step(
        self, late, train, weights, apart
    ):
        graph, eager, again = (
            train(OGMGE(), late(), examples=16, run_eagerly=eagerly)
            for eagerly in (False, True, True)
        )
        assert apart(weights(eager), weights(graph)) < 1e-6
        assert apart(weights(eager), weights(again)) == 0
        updates = [int(model.strategy._draws.updates) for model in (graph, eager)]
        assert updates == [4, 4]

    def test_half_precision_stays_finite(self, late, train, weights, precision):
        precision("mixed_bfloat16")
        assert all(np.isfinite(x).all() for x in weights(train(OGMGE(), late())))

    @pytest.mark.parametrize(("make", "steps"), [(OGM, 1), (Constant, 3)])
    def test_a_factor_that_stays_is_nothing_to_adam(self, late, weights, apart, train, make, steps):
        """What the documentation says, in figures: momentum feels it, Adam does not."""
        share = {}
        for kind, options in (
            (keras.optimizers.SGD, {"momentum": 0.9}),
            (keras.optimizers.Adam, {}),
        ):
            start = [v.numpy() for v in late().trainable_variables]
            plain, modulated = (
                weights(train(strategy, late(), kind(0.05, **options), steps))
                for strategy in (None, make())
            )
            share[kind.__name__] = apart(modulated, plain) / apart(plain, start)
        assert share["SGD"] > 0.2
        assert share["Adam"] < 2e-3

    def test_a_factor_that_jumps_is_felt_under_adam(self, late, weights, apart, train):
        """Adam forgets the factors of before slowly, so that their changes are left."""
        plain, modulated = (
            weights(train(strategy, late(), keras.optimizers.Adam(0.05), 5))
            for strategy in (None, OGM())
        )
        assert apart(modulated, plain) > 5e-3


@pytest.mark.parametrize(
    "wrong", [{"alpha": -1}, {"kernels": "some"}, {"starts": -1}, {"starts": 5, "ends": 4}]
)
def test_options_out_of_bounds_are_refused(wrong):
    with pytest.raises(ConfigError, match="must be"):
        OGM(**wrong)


def test_a_network_without_parts_is_refused(late, train):
    network = late()
    network.offers = frozenset({"head"})
    with pytest.raises(RequirementError, match="OGM needs fused logits that are a sum"):
        train(OGM(), network)
