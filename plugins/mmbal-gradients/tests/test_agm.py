"""Adaptive gradient modulation."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from mmbal.errors import ConfigError, RequirementError
from mmbal.networks import Controls
from mmbal.strategies import Batch, Context, Step, coalitions, scale_gradient
from mmbal_gradients import AGM
from mmbal_gradients import agm as module
from mmbal_gradients.agm import _cross_entropy, coefficients, ratios
from mmbal_late import LateConcat

pytestmark = pytest.mark.filterwarnings("ignore:the learning speed of")


def normalised(modality):
    layers = keras.layers
    return keras.Sequential([layers.Dense(4), layers.BatchNormalization(), layers.Dropout(0.3)])


def near(expected):
    return pytest.approx(expected, abs=1e-5)


def entropies(example, modalities):
    labels, logits = example
    return tf.stack([_cross_entropy(logits[m], labels) for m in modalities])


class TestCoefficients:
    def test_of_two_modalities(self, example):
        s = entropies(example, "av")
        assert s.numpy().tolist() == near([0.395495, 0.898160])
        assert ratios(s).numpy().tolist() == near([1.653121, 0.604916])
        assert coefficients(s, 0 * s, 1).numpy().tolist() == near([0.520419, 1.484508])
        # The same batch again is neither ahead nor behind.
        assert coefficients(s, s, 1).numpy().tolist() == near([1, 1])

    def test_of_three_modalities(self, example):
        s = entropies(example, "avt")
        assert s.numpy()[2] == near(1.229671)
        assert ratios(s).numpy().tolist() == near([1.951154, 0.917983, 0.558308])
        assert coefficients(s, 0 * s, 1).numpy().tolist() == near([0.386295, 1.085475, 1.555336])

    def test_of_one_modality_is_nothing(self, example):
        s = entropies(example, "a")
        assert coefficients(s, 0 * s, 1).numpy().tolist() == [1]

    def test_strength_and_bound(self, example):
        s = entropies(example, "av")
        assert coefficients(s, 0 * s, 2.5).numpy().tolist() == near([0.195381, 2.685071])
        assert coefficients(s, 0 * s, 1, 0.1).numpy().tolist() == near([0.520419, np.exp(0.1)])

    def test_a_modality_that_fits_everything_overflows_nothing(self):
        found = ratios(tf.constant([0.0, 1e6], tf.float64)).numpy()
        assert np.log(found).tolist() == near([20, -20])

    def test_probabilities_have_a_floor(self):
        wrong = _cross_entropy(tf.constant([[-1000.0, 0]]), tf.constant([0]))
        assert float(wrong) == near(-np.log(1e-8))


class TestContributions:
    @pytest.mark.parametrize("modalities", ["a", "ab", "abc", "abcd"])
    def test_sum_to_the_fused_logits(self, late, make_step, modalities):
        network = late(modalities)
        step = make_step(network)
        strategy = AGM()
        strategy.context = Context(network, network.partition())
        strategy.build(strategy.context)
        parts = strategy._contributions(step, tf.constant(True))
        assert len(parts) == len(modalities)
        np.testing.assert_allclose(sum(parts), step.outputs.logits, atol=1e-5)

    def test_of_two_are_by_hand(self, stochastic, make_step):
        """Zeros in place of the missing input, statistics as in inference, and no dropout."""
        network = stochastic()
        step = make_step(network)
        strategy = AGM()
        strategy.context = Context(network, network.partition())
        strategy.build(strategy.context)
        held = [v.numpy() for v in network.non_trainable_variables]
        parts = strategy._contributions(step, tf.constant(True))
        for before, after in zip(held, network.non_trainable_variables, strict=True):
            np.testing.assert_array_equal(before, after)
        a, b = (
            network({m: x * (m == kept) for m, x in step.batch.inputs.items()}).logits
            for kept in "ab"
        )
        whole = step.outputs.logits
        np.testing.assert_allclose(parts[0], (whole - b + a) / 2, atol=1e-6)
        np.testing.assert_allclose(parts[1], (whole - a + b) / 2, atol=1e-6)


def plain_encoder(modality):
    layers = keras.layers
    return keras.Sequential([layers.Dense(4, activation="tanh"), layers.Dense(2)])


class TestEncodersAlone:
    """On late fusion every encoder runs once, and the logits are those of whole passes."""

    @pytest.fixture
    def built(self, draw):
        """Return a function: a built strategy, and a step of a late network with such encoders."""

        def build(stage, modalities="abc", **controls):
            keras.utils.set_random_seed(3)
            network = LateConcat({m: stage(m) for m in modalities}, 3)
            inputs, labels = draw(modalities)
            inputs = {m: tf.constant(x) for m, x in inputs.items()}
            given = Controls(**controls)
            network(inputs)
            outputs = network(inputs, given, training=True)
            strategy = AGM()
            strategy.context = Context(network, network.partition())
            strategy.build(strategy.context)
            loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
            step = Step(Batch.of(inputs, tf.constant(labels)), outputs, loss, controls=given)
            return strategy, step

        return build

    @pytest.mark.parametrize("stage", [plain_encoder, normalised], ids=["plain", "normalised"])
    @pytest.mark.parametrize(
        "controls",
        [
            {},
            {"keep": tf.constant([[1.0, 0, 1], [1, 1, 1]] * 8)},
            {"transform": lambda features: {m: 2 * z for m, z in features.items()}},
        ],
        ids=["all", "masked", "transformed"],
    )
    def test_give_the_logits_of_whole_passes(self, built, stage, controls):
        strategy, step = built(stage, **controls)
        partial = coalitions(3)[:-1]
        pairs = zip(strategy._fused(step, partial), strategy._run(step, partial), strict=True)
        for found, expected in pairs:
            np.testing.assert_allclose(found, expected, atol=1e-6)

    def test_masked_examples_are_masked_in_every_set(self, built):
        keep = tf.constant([[0.0, 1]] + [[1, 1]] * 15)
        for make in (
            lambda strategy: strategy._run, lambda strategy: strategy._fused
        ):  # fmt: skip
            strategy, step = built(plain_encoder, "ab", keep=keep)
            alone = make(strategy)(step, [(0,)])[0]
            # Of the first example nothing is left of a; b has an input of zeros.
            nothing = strategy.context.network.encode("b", tf.zeros([1, 5]))
            features = {"a": tf.zeros([1, 2]), "b": nothing}
            np.testing.assert_allclose(
                alone[:1], strategy.context.network.fuse(features), atol=1e-6
            )

    def test_features_of_the_training_pass_are_used_where_nothing_tells_it_apart(self, built):
        assert not built(plain_encoder)[0]._trains_otherwise
        assert built(normalised)[0]._trains_otherwise
        strategy, step = built(plain_encoder, "ab")
        with tf.GradientTape() as tape:
            logits = strategy._fused(
                step._replace(
                    outputs=step.outputs._replace(
                        features={m: tape.watch(z) or z for m, z in step.outputs.features.items()}
                    )
                ),
                [(0,)],
            )[0]
        gradient = tape.gradient(logits, step.outputs.features["a"])
        assert np.abs(gradient).max() > 0

    @pytest.mark.parametrize("shared", [True, False])
    def test_features_of_the_training_pass_may_stand_for_those_of_inference(self, built, shared):
        strategy, step = built(normalised, "ab")
        strategy.options = strategy.options.model_copy(update={"shared": shared})
        network, features = strategy.context.network, step.outputs.features
        nothing = network.encode("b", tf.zeros([1, 5]))
        mixed = {"a": features["a"], "b": tf.broadcast_to(nothing, features["b"].shape)}

        logits = strategy._fused(step, [(0,)])[0]

        assert np.allclose(logits, network.fuse(mixed), atol=1e-6) == shared


class TestLosses:
    @pytest.fixture
    def strategy(self, late):
        """Return a strategy and its network, built."""
        network = late()
        strategy = AGM(ends=1)
        strategy.context = Context(network, network.partition())
        strategy.build(strategy.context)
        return strategy, network

    def test_have_the_value_of_the_fused_loss(self, strategy, make_step):
        strategy, network = strategy
        step = make_step(network)
        expected = step.loss_of(step.outputs.logits)
        found = strategy.losses(step, {"fused": expected})
        assert list(found) == ["fused"]
        assert float(found["fused"]) == near(float(expected))

    def test_multiply_the_gradient_of_every_encoder(self, strategy, make_step):
        """With a linear classifier, by exactly the coefficient: nothing reaches it otherwise."""
        strategy, network = strategy
        with tf.GradientTape(persistent=True) as tape:
            step = make_step(network)
            parts = strategy._contributions(step, tf.constant(True))
            plain = step.loss_of(step.outputs.logits)
            scaled = step.loss_of(
                tf.add_n([scale_gradient(p, k) for p, k in zip(parts, (0.6, 1.7), strict=True)])
            )
        for m, factor in (("a", 0.6), ("b", 1.7)):
            kernel = network.encoders[m].trainable_variables[0]
            before, after = (tape.gradient(x, kernel).numpy() for x in (plain, scaled))
            np.testing.assert_allclose(after, factor * before, rtol=1e-4, atol=1e-6)

    def test_remember_the_mean_of_the_scores(self, strategy, make_step):
        strategy, network = strategy
        step = make_step(network)
        seen = []
        for scale in (1.0, 2.0, 5.0):
            inputs = {m: scale * x for m, x in step.batch.inputs.items()}
            shown = step._replace(batch=step.batch._replace(inputs=inputs), outputs=network(inputs))
            parts = strategy._contributions(shown, tf.constant(True))
            seen.append([float(_cross_entropy(p, step.batch.labels)) for p in parts])
            strategy.losses(shown, {"fused": tf.constant(0.0)})
        assert strategy.scores.numpy().tolist() == near(np.mean(seen, axis=0).tolist())
        assert int(strategy.steps) == 3

    def test_after_the_window_are_the_joint_ones(self, strategy, make_step):
        strategy, network = strategy
        strategy.begin_epoch(2, None)
        found = strategy.losses(make_step(network), {"x": tf.constant(1.0), "y": tf.constant(2.0)})
        assert float(found["fused"]) == 3
        assert int(strategy.steps) == 0
        assert not strategy.scores.numpy().any()

    def test_before_the_window_scores_are_remembered(self, late, make_step):
        """As in the authors' program, whose means begin with the first step of all."""
        network, strategy = late(), AGM(starts=1)
        strategy.context = Context(network, network.partition())
        strategy.build(strategy.context)
        strategy.begin_epoch(0, None)
        found = strategy.losses(make_step(network), {"x": tf.constant(3.0)})
        assert float(found["fused"]) == 3
        assert int(strategy.steps) == 1
        assert strategy.scores.numpy().all()

    @pytest.mark.parametrize("epoch", [0, 2])
    def test_a_modality_far_ahead_makes_nothing_infinite(self, late, make_step, epoch):
        """With these scores an exponent of the factors exceeds what float32 can hold."""
        network = late()
        strategy = AGM(alpha=2.5, ends=1)
        strategy.context = Context(network, network.partition())
        strategy.build(strategy.context)
        strategy.scores.assign([0.05, 4.6])
        strategy.begin_epoch(epoch, None)
        with tf.GradientTape() as tape:
            step = make_step(network)
            (loss,) = strategy.losses(step, {"x": step.loss_of(step.outputs.logits)}).values()
        gradients = tape.gradient(loss, [network.encoders[m].kernel for m in "ab"])
        assert np.isfinite(float(loss))
        assert all(np.isfinite(g).all() for g in gradients)


class TestTraining:
    @pytest.mark.parametrize("kind", ["late", "mmtm"])
    def test_differs_from_plain_training(self, networks, train, weights, apart, plain, kind):
        ours = weights(train(AGM(), networks[kind](), examples=16))
        assert apart(ours, plain(kind, examples=16)) > 1e-3

    @pytest.mark.parametrize("kind", ["late", "mmtm"])
    def test_outside_of_the_window_is_plain(self, networks, train, weights, apart, plain, kind):
        outside = train(AGM(starts=2, ends=None), networks[kind]())
        assert apart(weights(outside), plain(kind)) < 1e-6

    def test_without_strength_is_plain(self, late, train, weights, apart, plain):
        assert apart(weights(train(AGM(alpha=0), late("abc"))), plain("late", "abc")) < 1e-5

    def test_penalties_of_layers_are_those_of_the_training_pass(self, late, train, weights, apart):
        """The network runs once for every set of modalities, each time with penalties anew."""

        def stage(modality):
            return keras.layers.Dense(4, activation="tanh", activity_regularizer="l2")

        ours = train(AGM(alpha=0.0), late(stage=stage))
        plain = train(None, late(stage=stage))
        assert apart(weights(ours), weights(plain)) < 1e-6

    def test_eager_is_graph(self, stochastic, train, weights, apart):
        graph, eager = (
            weights(train(AGM(ends=0), stochastic(), examples=16, run_eagerly=eagerly))
            for eagerly in (False, True)
        )
        assert apart(eager, graph) < 1e-5

    def test_half_precision_keeps_its_coefficients_wide(self, late, train, weights, precision):
        precision("mixed_bfloat16")
        model = train(AGM(), late())
        assert all(np.isfinite(x).all() for x in weights(model))
        assert model.strategy.scores.dtype == tf.float64
        assert (model.strategy.scores.numpy() > 0).all()

    @pytest.mark.parametrize("bias", [False, True])
    def test_a_factor_that_stays_is_nothing_to_adam_but_for_biases(
        self, late, weights, apart, train, monkeypatch, bias
    ):
        """What the documentation says, in figures; biases answer to inputs of zeros, too."""
        monkeypatch.setattr(module, "coefficients", lambda *_: tf.constant([0.3, 1.0]))
        dense = keras.layers.Dense

        def network():
            return late(stage=lambda _: dense(4, activation="tanh", use_bias=bias))

        start, share = [v.numpy() for v in network().trainable_variables], {}
        for kind, options in (
            (keras.optimizers.SGD, {"momentum": 0.9}), (keras.optimizers.Adam, {})
        ):  # fmt: skip
            plain, modulated = (
                weights(train(strategy, network(), kind(0.05, **options), epochs=5))
                for strategy in (None, AGM())
            )
            share[kind.__name__] = apart(modulated, plain) / apart(plain, start)
        assert share["SGD"] > 0.2
        assert share["Adam"] > 0.2 if bias else share["Adam"] < 0.02

    def test_clips_where_the_classifier_has_large_gradients(self, late, train, weights):
        def norm(clip):
            network = late()
            start = [v.numpy() for v in network.trainable_variables]
            sgd = keras.optimizers.SGD(1.0)
            end = weights(train(AGM(alpha=0, clip=clip), network, sgd, epochs=1))
            return np.sqrt(sum(((x - y) ** 2).sum() for x, y in zip(start, end, strict=True)))

        free = norm(None)
        assert norm(1e-3) == pytest.approx(1e-3, rel=1e-4)
        assert norm(1e3) == pytest.approx(free, rel=1e-5)

    def test_too_many_modalities_are_refused(self, late, train):
        with pytest.raises(RequirementError, match="31 times a step for 5 modalities; it takes 4"):
            train(AGM(), late("abcde"))


@pytest.mark.parametrize("wrong", [{"alpha": -1}, {"bound": -1}, {"clip": 0}, {"ends": -1}])
def test_options_out_of_bounds_are_refused(wrong):
    with pytest.raises(ConfigError, match="must be greater than"):
        AGM(**wrong)
