"""The architecture keeps the contract; tokens and attention give numbers worked by hand."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from pydantic import ValidationError

from mmbal import ConfigError
from mmbal.data import Modality
from mmbal.networks import Controls, blocked
from mmbal.testing import parametrize_with_rules
from mmbal_cross_attention.attention import CrossAttention
from mmbal_cross_attention.network import build
from mmbal_cross_attention.options import AttentionOptions
from mmbal_cross_attention.tokens import Tokens


@parametrize_with_rules("architecture", "cross-attention")
def test_contract(rule: Callable[[], None]) -> None:
    rule()


@pytest.mark.parametrize(
    ("shape", "tokens"),
    [((8, 8, 1), 16), ((7, 5, 3), 12), ((6, 2), 6), ((9,), 9)],
)
def test_tokens(shape: tuple[int, ...], tokens: int) -> None:
    assert Tokens(4, stride=2)(np.ones((3, *shape), "float32")).shape == (3, tokens, 4)


def test_a_token_per_number_of_a_table() -> None:
    layer = Tokens(1, stride=2)
    layer.build((None, 3))
    layer.set_weights(weights(layer))

    tokens = layer(np.array([[1.0, 2.0, 3.0]], "float32"))

    np.testing.assert_allclose(tokens[0, :, 0], [2 + 1 + 10, 4 + 1 + 20, 6 + 1 + 30])


def weights(layer: Tokens) -> list[np.ndarray]:
    """Return kernel 2, bias 1 and positions 10, 20, 30, in the layer's order."""
    values = {(1, 1): [[2.0]], (1,): [1.0], (3, 1): [[10.0], [20.0], [30.0]]}
    return [np.array(values[tuple(v.shape)], "float32") for v in layer.weights]


@pytest.fixture
def attention() -> CrossAttention:
    """Return one that passes on the mean of what it attends to, one channel, two branches."""
    layer = CrossAttention(channels=1, heads=1)
    layer.build([(None, 2, 1), (None, 1, 1)])
    for each in layer.attentions:
        query, query_bias, key, key_bias, value, value_bias, output, output_bias = each.weights
        for variable in (query, query_bias, key, key_bias, value_bias, output_bias):
            variable.assign(tf.zeros_like(variable))
        value.assign(tf.ones_like(value))
        output.assign(tf.ones_like(output))
    return layer


ASKING = [tf.constant([[[1.0], [5.0]]]), tf.constant([[[7.0]]])]


def heard(attention: CrossAttention, asking: list[tf.Tensor], **how: Any) -> list[list[float]]:
    """Return what is added to the tokens of every branch."""
    told, _ = attention(asking, **how)
    return [(each - own)[0, :, 0].numpy() for each, own in zip(told, asking, strict=True)]


def test_every_branch_hears_the_others(attention: CrossAttention) -> None:
    first, second = heard(attention, ASKING)

    np.testing.assert_allclose(first, [7, 7])
    np.testing.assert_allclose(second, [(1 + 5) / 2])


def test_a_blocked_branch_hears_means(attention: CrossAttention) -> None:
    means = {attention.name: (tf.constant([2.0]), tf.constant([4.0]))}

    first, second = heard(attention, ASKING, controls=blocked(2, means))

    np.testing.assert_allclose(first, [4, 4])
    np.testing.assert_allclose(second, [2])


def test_an_isolated_branch_hears_the_mean_over_training(attention: CrossAttention) -> None:
    attention(ASKING, training=True)
    attention([3 * each for each in ASKING], training=True)

    alone, free = heard(attention, ASKING, controls=Controls(tf.constant([True, False])))

    np.testing.assert_allclose(alone, [(7 + 21) / 2] * 2)
    np.testing.assert_allclose(free, [3])


def test_three_branches_ask_all_others(attention: CrossAttention) -> None:
    tokens = [tf.fill([1, count, 1], float(count)) for count in (1, 2, 3)]
    told = attention.message(1, tokens)

    np.testing.assert_allclose(told[0, :, 0], [(1 + 3 * 3) / 4] * 2)


def test_a_single_modality_hears_nothing() -> None:
    network = build(AttentionOptions(channels=4), {"a": Modality((5,))}, 3)

    outputs = network({"a": np.ones((2, 5), "float32")}, training=True)

    assert outputs.logits.shape == (2, 3)
    assert set(network.partition()) == {"branch/a"}


def test_options() -> None:
    network = build(AttentionOptions(channels=6, heads=3, stride=4), {
        "image": Modality((8, 8, 1)), "table": Modality((5,))
    }, 3)  # fmt: skip
    network({"image": np.ones((1, 8, 8, 1)), "table": np.ones((1, 5))})

    assert [tokens.count for tokens, _ in network.stages] == [4, 5]
    assert network.fusion[0].attentions[0].num_heads == 3
    with pytest.raises(ValidationError, match="heads must divide channels, received 4 heads of 6"):
        AttentionOptions(channels=6, heads=4)
    with pytest.raises(ConfigError, match="modality 'video' has shape"):
        build(AttentionOptions(), {"video": Modality((2, 3, 4, 5))}, 2)
