"""OPM: rates and factors by hand, what is dropped, and when."""

import numpy as np
import pytest
import tensorflow as tf

from mmbal.errors import ConfigError
from mmbal.networks import Controls
from mmbal.strategies import Batch, Context, Phase, true_class_scores
from mmbal_forward import OPM
from mmbal_forward.opm import dropping_rates, enlargement

LABELS = tf.constant([0, 1])
LOGITS = {
    "a": tf.constant([[2.0, 0, 0], [0, 1, 0]]),
    "v": tf.constant([[0.5, 0, 0], [0, 0.2, 0.1]]),
    "t": tf.constant([[0, 0.4, 0], [0.3, 0, 0]]),
}
ALWAYS = {"rate": 1.0, "probability": 1.0, "starts": 0}


def built(network, **options):
    """Return a strategy at the start of training this network."""
    strategy = OPM(**options)
    strategy.context = Context(network, network.partition(), seed=0)
    strategy.build(strategy.context)
    strategy.begin_epoch(0, strategy.context)
    return strategy


class TestByHand:
    def test_two_modalities(self):
        scores = true_class_scores({m: LOGITS[m] for m in "av"}, LABELS)
        rates = dropping_rates(scores, 0.5, 0.5)
        np.testing.assert_allclose(rates, [0.645303, 0], atol=1e-5)
        # (0.645303 / 0.5 - 1) / 0.5 is the lead
        np.testing.assert_allclose(dropping_rates(scores, 0.5, 0), [0.5, 0])
        np.testing.assert_allclose((rates[0] / 0.5 - 1) / 0.5, 0.581213, atol=1e-5)
        np.testing.assert_allclose(1 - 1 / enlargement(rates, [4, 2]), 0.430202, atol=1e-5)
        np.testing.assert_allclose(enlargement(rates, [4, 2]), 1.755009, atol=1e-5)

    def test_three_modalities(self):
        rates = dropping_rates(true_class_scores(LOGITS, LABELS), 0.5, 0.5)
        np.testing.assert_allclose(rates, [0.684016, 0, 0], atol=1e-5)
        np.testing.assert_allclose((rates[0] / 0.5 - 1) / 0.5, 0.736065, atol=1e-5)

    def test_a_single_modality_is_never_ahead(self):
        assert dropping_rates(tf.constant([3.0]), 1.0, 1.0).numpy().tolist() == [0]
        assert float(enlargement(tf.constant([0.0]), [7])) == 1

    def test_rates_end_at_1_and_the_factor_is_bounded(self):
        rates = dropping_rates(tf.constant([9.0, 1.0]), 0.9, 4.0)
        assert rates.numpy().tolist() == [1, 0]
        np.testing.assert_allclose(enlargement(tf.constant([1.0, 1.0]), [1, 1]), 1e5, rtol=1e-6)

    @pytest.mark.parametrize("count", [2, 3, 4, 7])
    def test_the_weakest_is_never_dropped(self, count):
        """So that no example loses everything, also where scores are equal but for rounding."""
        generator = np.random.default_rng(count)
        for scale in (0.0, 1e-7, 1e-3, 1.0, 30.0):
            for _ in range(20):
                scores = (0.1 + scale * generator.random(count)).astype("float32")
                rates = dropping_rates(tf.constant(scores), 1.0, 1.0).numpy()
                assert (
                    rates[scores == scores.min()].tolist() == [0] * (scores == scores.min()).sum()
                )
        equal = np.full(count, np.float32(0.7))
        assert not dropping_rates(tf.constant(equal), 1.0, 1.0).numpy().any()


@pytest.fixture
def modulate(toy_steps):
    """Return a function: features before and after one step, and the rates of its scores."""

    def run(kind="late", modalities="ab", examples=16, **options):
        network = toy_steps.network(kind, modalities)
        strategy = built(network, **{**ALWAYS, **options})
        inputs, labels = toy_steps.data(modalities, examples)
        batch = Batch.of(inputs, tf.constant(labels))
        before = network(inputs).features
        after = network(
            inputs, Controls(transform=strategy.forward(batch, Phase()).transform)
        ).features
        scores = true_class_scores(network.logits_of(before, "slice"), labels)
        rates = dropping_rates(scores, strategy.options.rate, strategy.options.sensitivity)
        return before, after, dict(zip(modalities, rates.numpy(), strict=True))

    return run


@pytest.mark.parametrize("kind", ["late", "gated"])
class TestFeatures:
    @pytest.mark.parametrize("modalities", ["ab", "abc"])
    def test_whole_vectors_go_and_the_rest_grows(self, modulate, kind, modalities):
        before, after, rates = modulate(kind, modalities, 64, rate=0.4)
        share = sum(rates.values()) / len(modalities)  # all have 4 channels
        assert share > 0
        for m in modalities:
            gone = (after[m].numpy() == 0).all(axis=1)
            assert abs(gone.mean() - rates[m]) < 4 * 0.5 / np.sqrt(64)
            kept = before[m].numpy()[~gone] / (1 - share)
            np.testing.assert_allclose(after[m].numpy()[~gone], kept, rtol=1e-5)
        gone = [(after[m].numpy() == 0).all(axis=1) for m in modalities]
        assert not np.all(gone, axis=0).any()

    def test_steps_that_drop_nothing_leave_features_as_they_are(self, modulate, kind):
        before, after, rates = modulate(kind, probability=0.0)
        assert max(rates.values()) > 0
        for m, feature in before.items():
            np.testing.assert_array_equal(after[m], feature)

    def test_trains_otherwise_and_only_in_its_epochs(self, toy_steps, kind):
        for window in ({"starts": 2}, {"probability": 0.0, "starts": 0}):
            for name, value in toy_steps.train(OPM(**window), kind).items():
                np.testing.assert_array_equal(value, toy_steps.joint(kind)[name])
        # Dropping is no scaling of gradients: Adam does not undo it.
        ours = toy_steps.train(OPM(**ALWAYS), kind, adam=True)
        plain = toy_steps.joint(kind, adam=True)
        assert all((ours[name] != plain[name]).any() for name in plain)


def test_the_share_of_steps_with_dropping(toy_steps):
    network, (inputs, labels) = toy_steps.network(), toy_steps.data()
    strategy = built(network, rate=1.0, probability=0.3, starts=0)
    batch = Batch.of(inputs, tf.constant(labels))
    features, found = network(inputs).features, []
    for _ in range(100):
        changed = strategy.forward(batch, Phase()).transform(features)
        found.append(any((changed[m].numpy() != z.numpy()).any() for m, z in features.items()))
        strategy.after_step(None)
    assert 0.3 - 4 * 0.046 < np.mean(found) < 0.3 + 4 * 0.046


@pytest.mark.parametrize(
    ("starts", "ends", "epochs"), [(0, None, [0, 1, 2, 3]), (1, 2, [1, 2]), (3, 3, [3])]
)
def test_the_window_has_both_its_ends(toy_steps, starts, ends, epochs):
    network, strategy = toy_steps.network(), OPM(starts=starts, ends=ends)
    strategy.build(Context(network, network.partition()))
    active = []
    for epoch in range(4):
        strategy.begin_epoch(epoch, None)
        active += [epoch] if bool(strategy.acts()) else []
    assert active == epochs


def test_scores_teach_nothing(toy_steps):
    """What is dropped depends on the classifier; its gradient is that of the loss alone."""
    network, (inputs, labels) = toy_steps.network(), toy_steps.data()
    strategy = built(network, **ALWAYS)
    batch = Batch.of(inputs, tf.constant(labels))
    with tf.GradientTape() as tape:
        features = {m: tf.identity(z) for m, z in network(inputs).features.items()}
        tape.watch(features)
        total = sum(
            tf.reduce_sum(z) for z in strategy.forward(batch, Phase()).transform(features).values()
        )
    weights = [v for head in network.heads for v in head.trainable_variables]
    gradients = tape.gradient(total, [*features.values(), *weights])
    assert gradients[2:] == [None] * len(weights)
    constants = [np.unique(g.numpy()) for g in gradients[:2]]
    assert all(len(each) <= 2 for each in constants)  # 0 where dropped, else the factor


def test_graphs_do_as_eager_steps(toy_steps):
    eager, graph = (
        toy_steps.train(OPM(**ALWAYS | {"starts": 1}), modalities="abc", eager=each)
        for each in (True, False)
    )
    for name, value in eager.items():
        np.testing.assert_allclose(graph[name], value, rtol=0, atol=1e-6)


def test_half_precision_stays_finite_and_scores_are_single(toy_steps):
    ours = toy_steps.train(OPM(**ALWAYS), modalities="abc", precision="mixed_bfloat16")
    assert all(np.isfinite(value).all() for value in ours.values())


@pytest.mark.parametrize(
    "wrong", [{"rate": 1.5}, {"probability": -0.1}, {"sensitivity": -1.0}], ids=str
)
def test_options_are_checked(wrong):
    with pytest.raises(ConfigError, match="must be (less|greater) than or equal to"):
        OPM(**wrong)


def test_windows_end_after_they_start():
    with pytest.raises(ConfigError, match="OPM: ends must be at least starts, 6; received 3"):
        OPM(ends=3)
    assert OPM(starts=3, ends=3).options.ends == 3
