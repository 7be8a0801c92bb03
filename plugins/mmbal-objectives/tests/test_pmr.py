"""PMR: terms by hand, prototypes by hand, whom the terms teach, and when."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from mmbal import BalancedModel
from mmbal.data import Examples
from mmbal.errors import ConfigError, RequirementError
from mmbal.networks import Outputs
from mmbal.strategies import Batch, Context, Step, Surroundings, true_class_scores
from mmbal.training import branch_loss
from mmbal_objectives import PMR
from mmbal_objectives.pmr import entropy, lags_and_leads, similarities

LABELS = tf.constant([0, 1])
PROTOTYPES = {"a": [[0.0, 0], [3, 4]], "v": [[0.0, 0], [1, 0]]}
FEATURES = {"a": tf.constant([[0.0, 1], [3, 3]]), "v": tf.constant([[0.5, 0], [0.5, 0]])}
SEEN = tf.constant([True, True])
JOINT = {"fused": tf.constant(9.0)}


class Passing(tf.Module):
    """A network whose features are its inputs, as far as PMR looks at it."""

    variable_dtype = "float32"

    def __init__(self, channels, classes):
        super().__init__()
        self.feature_channels, self.modalities = dict(channels), tuple(channels)
        self.classes = classes

    def __call__(self, inputs, training):
        assert training is False
        return Outputs(None, {}, inputs, {})


def context_of(channels, classes=2, examples=None, batch_size=64, **facts):
    run = Surroundings(examples=examples, batch_size=batch_size)
    return Context(Passing(channels, classes), {}, surroundings=run, **facts)


def built(prototypes=PROTOTYPES, seen=(True, True), *, early=True, **options):
    """Return a strategy within its window whose prototypes are these."""
    strategy = PMR(**options)
    strategy.context = context_of({m: len(c[0]) for m, c in prototypes.items()}, len(seen))
    strategy.build(strategy.context)
    for m, value in prototypes.items():
        strategy.prototypes[m].assign(value)
    for variable, value in (("seen", seen), ("epoch", 0 if early else 5)):
        getattr(strategy, variable).assign(value)
    return strategy


def step_of(features, labels=LABELS, weight=None):
    outputs = Outputs(None, {}, features, {})
    return Step(Batch.of({}, labels, weight), outputs, branch_loss())


class TestByHand:
    def test_scores_and_coefficients(self):
        similar = {m: similarities(FEATURES[m], tf.constant(PROTOTYPES[m]), SEEN) for m in "av"}
        scores = true_class_scores(similar, LABELS)
        np.testing.assert_allclose(scores, [1.924816, 1.0], atol=1e-5)
        lag, lead = lags_and_leads(scores)
        np.testing.assert_allclose(lag, [0, 0.924816], atol=1e-5)
        np.testing.assert_allclose(lead, [0.924816, 0], atol=1e-5)
        np.testing.assert_allclose(entropy(similar["a"]), 0.160215, atol=1e-5)

    def test_losses(self):
        losses = built().losses(step_of(FEATURES), JOINT)
        assert list(losses) == ["fused", "prototypes", "entropy"]
        np.testing.assert_allclose(losses["prototypes"], 0.924816 * 0.693147, atol=1e-5)
        np.testing.assert_allclose(losses["entropy"], -0.01 * 0.924816 * 0.160215, atol=1e-7)
        np.testing.assert_allclose(sum(losses.values()) - 9, 0.639552, atol=1e-5)

    def test_losses_of_the_released_code(self):
        losses = built(mode="released").losses(step_of(FEATURES), JOINT)
        np.testing.assert_allclose(sum(losses.values()) - 9, 0.693147, atol=1e-5)
        assert float(losses["entropy"]) == 0

    def test_weights(self):
        losses = built(weight=2.0, entropy=0.5).losses(step_of(FEATURES), JOINT)
        np.testing.assert_allclose(losses["prototypes"], 2 * 0.924816 * 0.693147, atol=1e-5)
        np.testing.assert_allclose(losses["entropy"], -0.5 * 0.924816 * 0.160215, atol=1e-5)

    def test_features_with_inner_axes_count_by_their_average(self):
        spread = tf.stack([FEATURES["a"] - 1, FEATURES["a"] + 1], axis=1)[:, :, tf.newaxis]
        ours = built().losses(step_of(FEATURES | {"a": spread}), JOINT)
        flat = built().losses(step_of(FEATURES), JOINT)
        for name, value in flat.items():
            np.testing.assert_allclose(ours[name], value, rtol=1e-6)

    def test_three_modalities(self):
        """The best is not led, the weakest not slowed down, and both coefficients end at 1."""
        lag, lead = lags_and_leads(tf.constant([1.2, 0.8, 0.5]))
        np.testing.assert_allclose(lag, [0, 0.5, 1], rtol=1e-6)
        np.testing.assert_allclose(lead, [1, 0.6, 0], rtol=1e-6)
        features = FEATURES | {"t": tf.constant([[1.0, 0], [0.0, 0]])}
        losses = built(PROTOTYPES | {"t": PROTOTYPES["v"]}).losses(step_of(features), JOINT)
        # Of t: distances 1 and 0 of the first example, 0 and 1 of the second, both wrong.
        wrong = np.log(1 + np.e)
        score = 2 / (1 + np.e)
        expected = 0.924816 * np.log(2) + min(1.924816 / score - 1, 1) * wrong
        np.testing.assert_allclose(losses["prototypes"], expected, atol=1e-5)

    def test_scores_of_nothing_are_no_division_by_zero(self):
        lag, lead = lags_and_leads(tf.constant([0.0, 0.0]))
        assert lag.numpy().tolist() == lead.numpy().tolist() == [0, 0]
        assert lags_and_leads(tf.constant([1.0, 0.0]))[0].numpy().tolist() == [0, 1]


class TestDistances:
    def test_have_a_gradient_where_they_are_0(self):
        feature = tf.Variable([[3.0, 4.0]])
        with tf.GradientTape() as tape:
            near = similarities(feature, tf.constant(PROTOTYPES["a"]), SEEN)
        np.testing.assert_allclose(near, [[-5, 0]], atol=1e-5)
        np.testing.assert_allclose(tape.gradient(near, feature), [[-0.6, -0.8]], rtol=1e-6)

    def test_a_class_never_seen_is_far_and_its_examples_take_no_part(self):
        strategy = built(seen=(False, True))
        first, second = (
            strategy.losses(step_of({m: z + shift for m, z in FEATURES.items()}), JOINT)
            for shift in (tf.constant([[0.0, 0], [0, 0]]), tf.constant([[5.0, 5], [0, 0]]))
        )
        for name in first:  # of the first example, whose class is not known
            np.testing.assert_array_equal(first[name], second[name])
        assert float(first["prototypes"]) == 0  # of the second: it has nowhere else to go
        similar = similarities(FEATURES["a"], tf.constant(PROTOTYPES["a"]), strategy.seen)
        assert similar.numpy()[:, 0].tolist() == [-1e9, -1e9]
        assert np.isfinite(sum(first.values()))

    def test_one_hot_labels_are_classes(self):
        hot, loss = tf.one_hot(LABELS, 2), keras.losses.CategoricalCrossentropy(from_logits=True)
        step = Step(Batch.of({}, hot), Outputs(None, {}, FEATURES, {}), loss)
        expected = built().losses(step_of(FEATURES), JOINT)
        for name, value in built().losses(step, JOINT).items():
            np.testing.assert_allclose(value, expected[name], rtol=1e-6)

    def test_sample_weights_count(self):
        weight = tf.constant([2.0, 0.0])
        losses = built(entropy=0.0).losses(step_of(FEATURES, weight=weight), JOINT)
        np.testing.assert_allclose(losses["prototypes"], 0.924816 * np.log(2), atol=1e-5)


class TestPrototypes:
    DATA = ({"a": np.array([[1.0, 3], [3, 5], [8, 8], [2, 2]]), "v": np.ones((4, 1))}, [0, 0, 2, 0])

    def begin(self, strategy, *epochs, data=None, **facts):
        examples = Examples.from_arrays(*(data or self.DATA))
        context = context_of({"a": 2, "v": 1}, 3, examples, **facts)
        if not hasattr(strategy, "seen"):
            strategy.context = context
            strategy.build(context)
        for epoch in epochs:
            strategy.begin_epoch(epoch, context)
        return strategy.prototypes["a"].numpy(), strategy.seen.numpy().tolist()

    @pytest.mark.parametrize("batch_size", [1, 3, 64])
    def test_are_class_means(self, batch_size):
        prototypes, seen = self.begin(PMR(share=1.0), 0, batch_size=batch_size)
        np.testing.assert_allclose(prototypes, [[2, 10 / 3], [0, 0], [8, 8]], rtol=1e-6)
        assert seen == [True, False, True]

    def test_move_where_there_are_examples(self):
        strategy = PMR(share=1.0, momentum=0.25)
        self.begin(strategy, 0)
        later = ({"a": np.array([[6.0, 6], [4, 8]]), "v": np.ones((2, 1))}, [0, 1])
        prototypes, seen = self.begin(strategy, 1, data=later)
        moved = 0.25 * np.array([2, 10 / 3]) + 0.75 * 6
        np.testing.assert_allclose(prototypes, [moved, [4, 8], [8, 8]], rtol=1e-6)
        assert seen == [True, True, True]

    def test_are_made_from_another_share_every_epoch(self):
        powers = 2 ** np.arange(20.0)[:, None]
        data = ({"a": np.tile(powers, 2), "v": powers}, [0] * 20)
        found = []
        for epochs, seed in (((0,), 0), ((0,), 0), ((1,), 0), ((0,), 1)):
            strategy = PMR(share=0.19, momentum=0.0)
            self.begin(strategy, *epochs, data=data, seed=seed)
            found.append(float(strategy.prototypes["a"].numpy()[0, 0]))
        assert found[0] == found[1]
        assert len(set(found)) == 3
        # The sum of powers of two tells how many they are: 19 % of twenty, rounded up.
        assert [int(4 * mean).bit_count() for mean in found] == [4] * 4

    def test_a_share_is_at_least_one_example(self):
        _, seen = self.begin(PMR(share=0.01), 0)
        assert sum(seen) == 1

    def test_are_left_alone_outside_of_the_window(self):
        for epochs in ((0,), (0, 1), (0, 1, 2, 3, 4)):
            strategy = PMR(share=1.0, starts=2, ends=3, entropy_epochs=3)
            _, seen = self.begin(strategy, *epochs)
            assert any(seen) == (epochs[-1] > 1)
            assert not bool(strategy.acts())
        windows = []
        for epoch in range(5):
            self.begin(strategy, epoch)
            windows.append((bool(strategy.acts()), bool(strategy.counts_entropy())))
        no = (False, False)
        assert windows == [no, no, (True, True), (True, False), no]


@pytest.mark.parametrize("mode", ["paper", "released"])
def test_terms_reach_the_encoder_of_their_modality_alone(toy_steps, mode):
    network, (inputs, labels) = toy_steps.network("late", "abc"), toy_steps.data("abc", 30)
    examples = Examples.from_arrays(inputs, labels)
    run = Surroundings(examples=examples, batch_size=64)
    context = Context(network, network.partition(), surroundings=run)
    strategy = PMR(share=1.0, mode=mode, entropy=1.0)
    strategy.context = context
    strategy.build(context)
    strategy.begin_epoch(0, context)
    with tf.GradientTape(persistent=True) as tape:
        outputs = network(inputs)
        step = Step(Batch.of(inputs, tf.constant(labels)), outputs, branch_loss())
        losses = strategy.losses(step, {"fused": step.loss_of(outputs.logits)})
    similar = {m: similarities(outputs.features[m], strategy.prototypes[m], SEEN[0]) for m in "abc"}
    scores = true_class_scores(similar, step.batch.labels)
    assert len(np.unique(scores)) == 3
    best, weakest = np.argmax(scores), np.argmin(scores)
    for loss, silent in (("prototypes", best), ("entropy", weakest)):
        for group, variables in network.partition().items():
            gradients = [0.0 if g is None else g for g in tape.gradient(losses[loss], variables)]
            reached = any(np.any(g) for g in gradients)
            moves = group.startswith("branch/") and group != f"branch/{'abc'[silent]}"
            assert reached == (moves and (mode == "paper" or loss == "prototypes")), (loss, group)


@pytest.mark.parametrize("kind", ["late", "gated"])
class TestTraining:
    def test_differs_from_joint_training_within_its_window(self, toy_steps, kind):
        ours = toy_steps.train(PMR(share=1.0), kind, adam=True)
        plain = toy_steps.joint(kind, adam=True)
        apart = [name for name in plain if (ours[name] != plain[name]).any()]
        # With a joint classifier, features move the rest from the second step on.
        assert apart == list(plain)
        outside = toy_steps.train(PMR(share=1.0, starts=2), kind, adam=True)
        for name, value in plain.items():
            np.testing.assert_allclose(outside[name], value, rtol=0, atol=1e-7)


def test_graphs_do_as_eager_steps(toy_steps):
    eager, graph = (
        toy_steps.train(PMR(share=0.5, ends=0), modalities="abc", eager=each)
        for each in (True, False)
    )
    for name, value in eager.items():
        np.testing.assert_allclose(graph[name], value, rtol=0, atol=1e-6)


def test_half_precision_stays_finite_and_prototypes_are_single(toy_steps):
    strategy = PMR(share=1.0)
    ours = toy_steps.train(strategy, "gated", "abc", precision="mixed_bfloat16")
    assert all(np.isfinite(value).all() for value in ours.values())
    assert {v.dtype for v in strategy.prototypes.values()} == {tf.float32}
    assert all(np.any(v) for v in strategy.prototypes.values())


def test_examples_of_endless_data_cannot_be_had(toy_steps):
    model = BalancedModel(toy_steps.network(), PMR())
    model.compile()
    rows = tf.data.Dataset.from_tensor_slices(toy_steps.data()).batch(8).repeat()
    with pytest.raises(RequirementError, match="PMR reads the training examples by itself"):
        model.fit(rows, steps_per_epoch=2, verbose=0, shuffle=False)


def test_the_released_program_replaces_the_first_prototypes(toy_steps):
    """It calls what it takes before the first epoch and after it by the same number."""
    means, found = iter((2.0, 6.0, 10.0)), {}
    for mode in ("paper", "released"):
        strategy, means = PMR(mode=mode, momentum=0.25), iter((2.0, 6.0, 10.0))
        context = context_of({"a": 1}, 1)
        strategy.context = context
        strategy.build(context)
        strategy._class_means = lambda *_, means=means: ({"a": [[next(means)]]}, np.ones(1, int))
        found[mode] = []
        for epoch in range(3):
            strategy.begin_epoch(epoch, context)
            found[mode].append(float(strategy.prototypes["a"][0, 0]))
    assert found["paper"] == [2, 0.25 * 2 + 0.75 * 6, 0.25 * 5 + 0.75 * 10]
    assert found["released"] == [2, 6, 0.25 * 6 + 0.75 * 10]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"share": 0}, "greater than 0"),
        ({"momentum": 1}, "less than 1"),
        ({"mode": "code"}, "'paper' or 'released'"),
        ({"entropy": -1}, "greater than or equal to 0"),
        ({"starts": 4, "ends": 3}, "ends must be at least starts, 4; received 3"),
    ],
    ids=str,
)
def test_options_are_checked(options, said):
    with pytest.raises(ConfigError, match=said):
        PMR(**options)
