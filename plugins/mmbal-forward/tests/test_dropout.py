"""Modality dropout: shares by hand, masks by hand, and what a mask keeps from being learnt."""

from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf

from mmbal.errors import ConfigError
from mmbal.strategies import Batch, Context, Phase
from mmbal_forward import ModalityDropout
from mmbal_forward.dropout import keep_mask, kept_shares


def batch(examples):
    return Batch.of({}, tf.zeros([examples], tf.int64))


def built(modalities="ab", seed=0, **options):
    strategy = ModalityDropout(**options)
    strategy.build(Context(SimpleNamespace(modalities=tuple(modalities)), {}, seed))
    return strategy


@pytest.mark.parametrize(
    ("rates", "shares"),
    [
        ([0.5, 0.5], [0.625, 0.625]),
        ([0.2, 0.5], [0.85, 0.55]),
        ([0.5, 0.5, 0.5], [0.541667] * 3),
        ([0.0, 0.9], [1.0, 0.1]),
        ([0.9], [1.0]),
    ],
)
def test_shares_of_examples_that_keep_a_modality(rates, shares):
    np.testing.assert_allclose(kept_shares(rates), shares, atol=1e-5)
    count = 40_000
    drawn = np.random.default_rng(0).random((count, len(rates) + 1), dtype=np.float32)
    keep = keep_mask(tf.constant(drawn), rates).numpy()
    assert keep.any(axis=1).all()
    # Four standard deviations; 5 % at most of which are not met by chance.
    np.testing.assert_allclose(keep.mean(axis=0), shares, atol=4 * 0.5 / np.sqrt(count))


def test_without_giving_back_a_quarter_would_be_empty():
    """Two modalities, p = 0.5: all are lost where both numbers are below."""
    corners = [[x, y, back] for x in (0.4, 0.6) for y in (0.4, 0.6) for back in (0.1, 0.9)]
    keep = keep_mask(tf.constant(corners), [0.5, 0.5]).numpy()
    assert keep.tolist() == [[1, 0], [0, 1], [0, 1], [0, 1], [1, 0], [1, 0], [1, 1], [1, 1]]


def test_the_one_given_back_is_any():
    drawn = [[0.1, 0.1, 0.1, back] for back in (0.0, 0.33, 0.34, 0.66, 0.67, 0.9999999)]
    keep = keep_mask(tf.constant(drawn), [0.5, 0.5, 0.5]).numpy()
    assert keep.argmax(axis=1).tolist() == [0, 0, 1, 1, 2, 2]
    assert keep.sum(axis=1).tolist() == [1] * 6


def test_of_what_a_sampler_shows_something_is_kept():
    """Masks are multiplied: what is given back must be shown."""
    drawn = [[0.1, 0.1, 0.1, back] for back in (0.0, 0.49, 0.51, 0.99)]
    shown = tf.constant([[1.0, 0, 1], [1, 0, 1], [1, 0, 1], [0, 1, 0]])
    keep = keep_mask(tf.constant(drawn), [0.5, 0.5, 0.5], shown).numpy()
    assert keep.tolist() == [[1, 0, 0], [1, 0, 0], [0, 0, 1], [0, 1, 0]]
    strategy, masked = (
        built("abc", p=0.5),
        batch(200)._replace(keep=tf.constant([[1.0, 0, 0]] * 200)),
    )
    assert strategy.forward(masked, Phase()).keep.numpy().tolist() == [[1, 0, 0]] * 200


def test_one_rate_for_all_or_one_each():
    assert built(p=0.3)._rates == (0.3, 0.3)
    assert built("abc", p={"c": 0.5, "a": 0.1})._rates == (0.1, 0.0, 0.5)
    keep = built("abc", p={"c": 0.5}).forward(batch(200), Phase()).keep.numpy()
    assert keep[:, :2].all()
    assert 0.35 < keep[:, 2].mean() < 0.65


def test_every_step_draws_anew_from_the_seed():
    one, same, other = built(p=0.5), built(p=0.5), built(p=0.5, seed=1)
    first = one.forward(batch(32), Phase()).keep.numpy()
    np.testing.assert_array_equal(same.forward(batch(32), Phase()).keep, first)
    assert (other.forward(batch(32), Phase()).keep.numpy() != first).any()
    one.after_step(None)
    assert (one.forward(batch(32), Phase()).keep.numpy() != first).any()


def test_rescaled_features_are_divided_by_their_shares():
    assert built(p=0.5).forward(batch(2), Phase()).transform is None
    transform = built(p={"a": 0.2, "b": 0.5}, rescale=True).forward(batch(2), Phase()).transform
    scaled = transform({"a": tf.constant([0.85, 1.7]), "b": tf.constant([0.55])})
    np.testing.assert_allclose(scaled["a"], [1, 2], rtol=1e-6)
    np.testing.assert_allclose(scaled["b"], [1], rtol=1e-6)


def test_a_wrong_name_is_answered_with_the_nearest():
    with pytest.raises(ConfigError, match="option p of modality-dropout.*'sond'.*mean 'sound'"):
        built(("image", "sound"), p={"sond": 0.1})


@pytest.mark.parametrize("p", [1.0, -0.1, {"a": 1.5}])
def test_rates_are_checked(p):
    with pytest.raises(ConfigError, match=r"\.p(\.a)? must be (less than 1|greater than or)"):
        ModalityDropout(p=p)


@pytest.mark.parametrize("kind", ["late", "gated"])
class TestTraining:
    def test_differs_from_joint_training(self, toy_steps, kind):
        ours, plain = toy_steps.train(ModalityDropout(p=0.5), kind), toy_steps.joint(kind)
        assert all((ours[name] != plain[name]).any() for name in plain)

    def test_loses_nothing_at_rate_0(self, toy_steps, kind):
        ours = toy_steps.train(ModalityDropout(p=0.0, rescale=True), kind)
        for name, value in toy_steps.joint(kind).items():
            np.testing.assert_allclose(ours[name], value, rtol=0, atol=1e-7)


class TestWhatIsHidden:
    def test_teaches_its_encoder_nothing(self, toy_steps):
        ours = toy_steps.train(ModalityDropout(p={"b": 0.999999}))
        before = [v.numpy().ravel() for v in toy_steps.network().partition()["branch/b"]]
        np.testing.assert_array_equal(ours["branch/b"], np.concatenate(before))
        assert (ours["branch/b"] != toy_steps.joint()["branch/b"]).any()

    def test_is_there_in_evaluation(self, toy_steps):
        toy_steps.train(ModalityDropout(p=0.9))
        model, (inputs, labels) = toy_steps.model, toy_steps.data()
        told = model.evaluate(inputs, labels, verbose=0, return_dict=True)
        logits = model.network(inputs).logits
        loss = keras.losses.sparse_categorical_crossentropy(labels, logits, from_logits=True)
        np.testing.assert_allclose(told["loss"], np.mean(loss), rtol=1e-6)


def test_graphs_do_as_eager_steps(toy_steps):
    eager, graph = (
        toy_steps.train(ModalityDropout(p=0.5, rescale=True), modalities="abc", eager=each)
        for each in (True, False)
    )
    for name, value in eager.items():
        np.testing.assert_allclose(graph[name], value, rtol=0, atol=1e-6)


def test_half_precision_stays_finite(toy_steps):
    ours = toy_steps.train(
        ModalityDropout(p=0.5, rescale=True), "gated", "abc", precision="mixed_bfloat16"
    )
    assert all(np.isfinite(value).all() for value in ours.values())
