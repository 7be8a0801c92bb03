"""CML: confidence by hand, the chain that is drawn, and whom it teaches."""

from collections import Counter

import keras
import numpy as np
import pytest
import tensorflow as tf

from mmbal.errors import ConfigError
from mmbal.networks import Controls, Outputs
from mmbal.strategies import Batch, Context, Draws, Step
from mmbal.training import branch_loss
from mmbal_objectives import CML
from mmbal_objectives.cml import chain, confidence_gained

LABELS = tf.constant([0, 1])
LOGITS = {
    "a": tf.constant([[2.0, 0, 0], [0, 1, 0]]),
    "v": tf.constant([[-1.0, 0, 0], [0, 0.2, 0.1]]),
    "t": tf.constant([[0, 0.4, 0], [0.3, 0, 0]]),
}


class Sum:
    """A network whose fused logits are the sum of its features, as far as CML looks at it."""

    def __init__(self, modalities):
        self.modalities = tuple(modalities)

    def fuse(self, features, keep):
        return sum(keep[:, i, None] * features[m] for i, m in enumerate(self.modalities))


def losses_of(modalities, first, weight=0.1):
    """Return the losses of the first update whose draws let modality `first` leave first."""
    strategy = CML(weight=weight)
    strategy.context = Context(Sum(modalities), {}, seed=0)
    strategy.build(strategy.context)
    features = {m: LOGITS[m] for m in modalities}
    logits = sum(features.values())
    outputs = Outputs(logits, {}, features, {}, {"fused": logits})
    step = Step(Batch.of({}, LABELS), outputs, branch_loss())
    while (lowest(strategy, step, modalities) != modalities.index(first)).any():
        strategy.after_step(None)
    return strategy.losses(step, {"fused": tf.constant(9.0)}), strategy


def lowest(strategy, step, modalities):
    """Return the modality that leaves first, by example."""
    return strategy._draws.by_row(step.batch, len(modalities)).numpy().argmin(axis=1)


def cross_entropy(logits):
    return keras.losses.SparseCategoricalCrossentropy(from_logits=True)(LABELS, logits)


class TestByHand:
    def test_confidence(self):
        both, alone = LOGITS["a"] + LOGITS["v"], LOGITS["a"]
        sure = [tf.reduce_max(tf.nn.softmax(x), axis=-1) for x in (both, alone)]
        np.testing.assert_allclose(sure[0], [0.576117, 0.611971], atol=1e-5)
        np.testing.assert_allclose(sure[1], [0.786986, 0.576117], atol=1e-5)
        # Example by example: the second one's loss of confidence makes up for nothing, as it
        # would in a difference of means, 0.087508.
        np.testing.assert_allclose(confidence_gained([both, alone]), 0.105435, atol=1e-5)

    def test_no_gain_costs_nothing(self):
        video = tf.constant([[0.5, 0, 0], [0, 0.2, 0.1]])
        both = LOGITS["a"] + video
        assert float(confidence_gained([both, video])) == 0
        assert float(confidence_gained([both, LOGITS["a"]])) == 0

    def test_losses_of_two_modalities(self):
        losses, _ = losses_of("av", first="v")
        assert list(losses) == ["subsets", "confidence"]
        np.testing.assert_allclose(losses["confidence"], 0.0105435, atol=1e-6)
        np.testing.assert_allclose(sum(losses.values()), 0.468920, atol=1e-5)

    def test_losses_of_three_modalities(self):
        losses, strategy = losses_of("avt", first="v", weight=2.0)
        drawn = strategy._draws.by_row(Batch.of({}, LABELS), 3).numpy()
        last = (drawn[:, 2] > drawn[:, 0])[:, None]
        three, two = sum(LOGITS.values()), LOGITS["a"] + LOGITS["t"]
        one = tf.where(last, LOGITS["t"], LOGITS["a"])
        expected = np.mean([cross_entropy(x) for x in (three, two, one)])
        np.testing.assert_allclose(losses["subsets"], expected, rtol=1e-6)
        sure = [np.exp(x).max(-1) / np.exp(x).sum(-1) for x in (three, two, one)]
        gained = [np.maximum(sure[k + 1] - sure[k], 0).mean() for k in (0, 1)]
        assert gained[0] > 0
        np.testing.assert_allclose(losses["confidence"], 2 * sum(gained), rtol=1e-5)


def test_what_an_example_lacks_is_in_no_set_of_its_chain():
    strategy = CML()
    strategy.context = Context(Sum("av"), {}, seed=0)
    strategy.build(strategy.context)
    keep = tf.constant([[1.0, 0], [1, 1]])
    features = {m: LOGITS[m] * keep[:, i, None] for i, m in enumerate("av")}
    outputs = Outputs(sum(features.values()), {}, LOGITS, {}, {})
    step = Step(Batch.of({}, LABELS), outputs, branch_loss(), controls=Controls(keep=keep))
    drawn = strategy._draws.by_row(step.batch, 2).numpy()
    kept = (drawn > drawn.min(axis=1, keepdims=True)) * keep
    one = sum(LOGITS[m] * kept[:, i, None] for i, m in enumerate("av"))
    expected = np.mean([cross_entropy(x) for x in (outputs.logits, one)])
    np.testing.assert_allclose(strategy.losses(step, {})["subsets"], expected, rtol=1e-6)


def test_examples_count_by_their_weights():
    logits = [LOGITS["a"] + LOGITS["v"], LOGITS["a"]]
    each = [float(confidence_gained([x[i : i + 1] for x in logits])) for i in (0, 1)]
    found = confidence_gained(logits, tf.constant([3.0, 0.0]))
    np.testing.assert_allclose(found, 3 * each[0] / 2, rtol=1e-6)


class TestChain:
    def test_is_nested_and_ends_with_one(self):
        drawn = tf.constant([[0.3, 0.9, 0.1, 0.5], [0.1, 0.2, 0.3, 0.4]])
        first, second = zip(*(keep.numpy().tolist() for keep in chain(drawn)), strict=True)
        assert first == ([1, 1, 0, 1], [0, 1, 0, 1], [0, 1, 0, 0])
        assert second == ([0, 1, 1, 1], [0, 0, 1, 1], [0, 0, 0, 1])
        assert chain(tf.constant([[0.5]])) == []

    def test_every_order_is_equally_likely(self):
        drawn = Draws(0, "cml").by_row(Batch.of({}, tf.zeros([600])), 3)
        orders = np.stack(chain(drawn), axis=1).astype(int).tolist()
        seen = Counter(map(str, orders))
        assert len(seen) == 6
        # 99.9 % quantile of chi-square with 5 degrees of freedom
        assert sum((n - 100) ** 2 / 100 for n in seen.values()) < 20.52


def test_both_confidences_have_gradients():
    both, alone = LOGITS["a"] + LOGITS["v"], LOGITS["a"]
    with tf.GradientTape() as tape:
        tape.watch([both, alone])
        gained = confidence_gained([both, alone])
    more, fewer = tape.gradient(gained, [both, alone])
    assert more[0, 0] < 0 < fewer[0, 0]
    assert not np.any([more[1], fewer[1]])  # this example gains none


@pytest.mark.parametrize("kind", ["late", "gated"])
class TestTraining:
    def test_weight_and_subsets_both_change_what_is_learnt(self, toy_steps, kind):
        ours, without = (
            toy_steps.train(CML(weight=weight), kind, adam=True) for weight in (5.0, 0.0)
        )
        for name, value in toy_steps.joint(kind, adam=True).items():
            assert (without[name] != value).any()
            assert (ours[name] != without[name]).any()

    def test_logits_of_fewer_modalities(self, toy_steps, kind):
        """What the loss of a chain is made of: means are over those kept."""
        network, (inputs, _) = toy_steps.network(kind, "abc"), toy_steps.data("abc")
        outputs = network(inputs)
        keep = tf.constant([1.0, 0.0, 1.0])
        found = network.fuse(outputs.features, keep)
        expected = (outputs.unimodal["a"] + outputs.unimodal["c"]) / 2
        np.testing.assert_allclose(found, expected, atol=1e-6)


def test_half_precision_stays_finite(toy_steps):
    ours = toy_steps.train(CML(), modalities="abc", precision="mixed_bfloat16")
    assert all(np.isfinite(value).all() for value in ours.values())


def test_weights_are_not_negative():
    with pytest.raises(ConfigError, match="weight must be greater than or equal to 0, received -1"):
        CML(weight=-1)
