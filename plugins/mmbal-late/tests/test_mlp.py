"""late-mlp: a hidden layer between the features and the prediction."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from mmbal import BalancedModel
from mmbal.data import Modality
from mmbal.errors import RequirementError
from mmbal.networks import Controls, LinearRule, blocked
from mmbal_late import LateMLP
from mmbal_late.mlp import late_mlp
from mmbal_late.options import MLPOptions
from mmbal_late.plugin import mmbal_components


@pytest.fixture
def network(make_network):
    """Return a network of modalities a, b and c."""
    return make_network(LateMLP, "abc")


def by_hand(network, features):
    """Return the logits of (modality, (batch, channels)) arrays."""
    joined = np.concatenate([features[m] for m in network.modalities], axis=1)
    hidden, out = network.joint.hidden, network.joint.classifier
    inner = np.maximum(joined @ hidden.kernel.numpy() + hidden.bias.numpy(), 0)
    return inner @ out.kernel.numpy() + out.bias.numpy()


def test_the_prediction_is_that_of_a_hidden_layer(make_network, make_data):
    network, (inputs, _) = make_network(LateMLP, "ba"), make_data("ba")
    outputs = network(inputs)

    assert outputs.logits.shape == (12, 3)
    assert list(outputs.unimodal) == list(outputs.features) == ["b", "a"]
    np.testing.assert_allclose(outputs.logits, by_hand(network, outputs.features), atol=1e-5)
    assert outputs.joint["fused"] is outputs.logits
    assert all(each is outputs.logits for each in outputs.predictions.values())
    assert outputs.slices is None


def test_what_one_modality_says_is_the_prediction_without_the_others(network, make_data):
    outputs = network(make_data("abc")[0])

    zeros = {m: tf.zeros_like(z) for m, z in outputs.features.items()}
    masked = network.logits_of(outputs.features, "mask")
    for m in "abc":
        alone = by_hand(network, {**zeros, m: outputs.features[m]})
        np.testing.assert_allclose(outputs.unimodal[m], alone, atol=1e-5)
        np.testing.assert_array_equal(masked[m], outputs.unimodal[m])
        own = network.joint.heads[m](outputs.features[m])
        np.testing.assert_array_equal(network.logits_of(outputs.features, "head")[m], own)


def test_absent_features_are_zeros_or_means_example_by_example(make_network, make_data):
    network, (inputs, _) = make_network(LateMLP), make_data(examples=2)
    full, keep = network(inputs), tf.constant([[1.0, 0.0], [1.0, 1.0]])
    means = {"fusion": (tf.fill([4], 0.5), tf.constant([1.0, 2.0]))}
    for fill, absent in ((None, [0.0, 0.0]), (means, [1.0, 2.0])):
        outputs = network(inputs, Controls(keep=keep, fill=fill))
        features = {"a": full.features["a"], "b": np.array([absent, full.features["b"][1]])}
        np.testing.assert_allclose(outputs.logits, by_hand(network, features), atol=1e-5)


def test_blocked_predictions_hold_the_others_at_their_means(network, make_data):
    inputs, _ = make_data("abc")
    means = {"fusion": tuple(tf.fill([n], 0.1 * n) for n in (4, 2, 3))}
    outputs = network(inputs, blocked(3, means))
    features = network(inputs).features

    for m in "abc":
        held = {
            o: features[o] if o == m else np.tile(means["fusion"][i], [12, 1])
            for i, o in enumerate("abc")
        }
        np.testing.assert_allclose(outputs.predictions[m], by_hand(network, held), atol=1e-5)
    mean = sum(each.numpy() for each in outputs.predictions.values()) / 3
    np.testing.assert_allclose(outputs.logits, mean, atol=1e-6)


def test_encoders_are_branches_and_the_rest_is_shared_or_a_head(network):
    sizes = {name: len(variables) for name, variables in network.partition().items()}

    kinds = [f"{kind}/{m}" for kind in ("branch", "head") for m in "abc"]
    assert sizes == {**dict.fromkeys(kinds, 2), "shared": 4}
    (component,) = [each for each in mmbal_components() if each.name == "late-mlp"]
    assert frozenset(component.offers) == network.offers


def test_there_are_no_slices_rules_or_gates(network, make_data):
    inputs, _ = make_data("abc")
    with pytest.raises(RequirementError, match="no 'slice' logits"):
        network.logits_of(network(inputs).features, "slice")
    with pytest.raises(RequirementError, match="no other rule"):
        network.set_rule(LinearRule())
    with pytest.raises(ValueError, match="no gates that could isolate"):
        network(inputs, Controls(tf.constant([True, False, False])))


def test_the_hidden_layer_is_as_wide_as_one_says():
    network = late_mlp(MLPOptions(hidden=7, units=(5,)), {"a": Modality((3,))}, 2)
    network({"a": np.zeros((1, 3), "float32")})

    assert network.joint.hidden.kernel.shape == (5, 7)
    assert network.accuracy_names == ["branch_accuracy/a"]


def test_it_learns_the_parity_of_two_bits_which_no_sum_can():
    keras.utils.set_random_seed(1)
    bits = np.random.default_rng(0).integers(0, 2, (2, 64))
    inputs = {
        m: 2.0 * each[:, None].astype("float32") - 1 for m, each in zip("ab", bits, strict=True)
    }
    network = LateMLP({m: keras.layers.Dense(2) for m in "ab"}, 2, hidden=8)
    model = BalancedModel(network)
    model.compile(keras.optimizers.Adam(0.05))
    history = model.fit(inputs, bits.sum(axis=0) % 2, epochs=30, verbose=0).history

    assert history["accuracy"][-1] == 1
    assert history["loss"][-1] < 0.1
