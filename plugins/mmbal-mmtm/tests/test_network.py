"""Networks of branches joined by MMTMs, and the small one for images."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from pydantic import ValidationError

from mmbal import ConfigError
from mmbal.data import Modality
from mmbal.networks import Controls, blocked
from mmbal_mmtm import MMTMNetwork
from mmbal_mmtm.cnn import mmtm_cnn
from mmbal_mmtm.options import MMTMOptions

GRAY, COLOR = Modality((28, 28, 1)), Modality((28, 28, 3))


def dense_network(modalities="ab", stages=2, **options):
    keras.utils.set_random_seed(0)
    dense = keras.layers.Dense
    branches = {m: [*(dense(4) for _ in range(stages)), dense(3)] for m in modalities}
    network = MMTMNetwork(branches, **options)
    network({m: tf.zeros([1, 2]) for m in modalities})
    return network


def ones(modalities="ab", examples=3):
    return {m: tf.ones([examples, 2]) for m in modalities}


class TestNetwork:
    @pytest.mark.parametrize("modalities", ["a", "ab", "abc", "abcd"])
    def test_outputs(self, modalities):
        network = dense_network(modalities)
        outputs = network(ones(modalities))
        assert outputs.logits.shape == (3, 3)
        assert list(outputs.unimodal) == list(outputs.features) == list(modalities)
        assert {name: len(z) for name, z in outputs.squeezed.items()} == {
            "mmtm_0": len(modalities),
            "mmtm_1": len(modalities),
        }
        mean = sum(x.numpy() for x in outputs.unimodal.values()) / len(modalities)
        np.testing.assert_allclose(outputs.logits, mean, rtol=1e-5)
        for m, head in zip(modalities, network.heads, strict=True):
            np.testing.assert_allclose(outputs.unimodal[m], head(outputs.features[m]), rtol=1e-5)

    def test_groups(self):
        network = dense_network("abc")
        groups = network.partition()
        assert set(groups) == {
            *(f"{kind}/{m}" for kind in ("branch", "fusion") for m in "abc"),
            "fusion/a+b+c",
        }
        sizes = {name: len(members) for name, members in groups.items()}
        # Kernel and bias of: two stages and a head; two excitations; two squeezes.
        assert sizes == {
            **{f"branch/{m}": 6 for m in "abc"},
            **{f"fusion/{m}": 4 for m in "abc"},
            "fusion/a+b+c": 4,
        }
        squeezes = {id(v) for module in network.fusion for v in module.squeeze.variables}
        assert {id(v) for v in groups["fusion/a+b+c"]} == squeezes
        own = {id(v) for module in network.fusion for v in module.excitations[1].variables}
        assert {id(v) for v in groups["fusion/b"]} == own

    def test_one_modality_owns_its_squeeze(self):
        assert list(dense_network("a").partition()) == ["branch/a", "fusion/a"]

    def test_isolation_reaches_every_module(self):
        network = dense_network()
        network(ones(), training=True)
        controls = Controls(tf.constant([True, False]))
        logits = [
            network({"a": tf.ones([3, 2]), "b": scale * tf.ones([3, 2])}, controls)
            for scale in (1.0, 5.0)
        ]
        np.testing.assert_array_equal(logits[0].unimodal["a"], logits[1].unimodal["a"])
        assert (logits[0].unimodal["b"] != logits[1].unimodal["b"]).numpy().any()

    def test_blocking_reaches_every_module(self):
        network = dense_network()
        means = {
            name: tuple(tf.reduce_mean(z, axis=0) for z in squeezed)
            for name, squeezed in network(ones()).squeezed.items()
        }
        logits = [
            network({"a": tf.ones([3, 2]), "b": scale * tf.ones([3, 2])}, blocked(2, means))
            for scale in (1.0, 5.0)
        ]
        np.testing.assert_array_equal(logits[0].unimodal["a"], logits[1].unimodal["a"])

    def test_keep_hides_from_squeeze_and_from_the_mean(self):
        network = dense_network()
        controls = Controls(keep=tf.constant([[1.0, 0.0]] * 3))
        seen = [
            network({"a": tf.ones([3, 2]), "b": scale * tf.ones([3, 2])}, controls)
            for scale in (1.0, 5.0)
        ]
        np.testing.assert_array_equal(seen[0].logits, seen[1].logits)
        np.testing.assert_array_equal(seen[0].logits, seen[0].unimodal["a"])

    def test_transform_is_applied_before_the_heads(self):
        network = dense_network()
        outputs = network(ones(), Controls(transform=lambda f: {m: 0 * x for m, x in f.items()}))
        for m, head in zip("ab", network.heads, strict=True):
            np.testing.assert_allclose(outputs.unimodal[m], np.tile(head.bias.numpy(), (3, 1)))
            assert not outputs.features[m].numpy().any()

    def test_training_reaches_stages_and_heads(self):
        drop = keras.layers.Dropout
        network = MMTMNetwork({"a": [drop(0.5, seed=0), drop(0.5, seed=1)]})
        inputs = {"a": tf.ones([4, 50])}
        assert (network(inputs, training=True).features["a"].numpy() == 0).any()
        assert (network(inputs, training=True).unimodal["a"].numpy() == 0).mean() > 0.6
        assert (network(inputs).unimodal["a"].numpy() != 0).all()

    def test_logits_are_at_least_float32(self):
        before = keras.config.dtype_policy()
        keras.config.set_dtype_policy("mixed_bfloat16")
        try:
            outputs = dense_network()(ones())
        finally:
            keras.config.set_dtype_policy(before)
        assert outputs.features["a"].dtype == tf.bfloat16
        assert {x.dtype for x in (outputs.logits, *outputs.unimodal.values())} == {tf.float32}

    @pytest.mark.parametrize("lengths", [(2, 3), (1, 1), (2, 1)])
    def test_branches_are_of_equal_length(self, lengths):
        branches = {
            m: [keras.layers.Dense(2) for _ in range(n)] for m, n in zip("ab", lengths, strict=True)
        }
        with pytest.raises(ValueError, match="same number of layers") as caught:
            MMTMNetwork(branches)
        assert str(dict(zip("ab", lengths, strict=True))) in str(caught.value)

    def test_ratio_and_gate_scale_reach_every_module(self):
        network = dense_network(ratio=2, gate_scale=2)
        assert [(m.ratio, m.gate_scale, m.squeeze.units) for m in network.fusion] == [
            (2, 2, 8),
            (2, 2, 8),
        ]


def count(variables):
    return sum(int(np.prod(v.shape)) for v in variables)


@pytest.fixture(scope="module")
def cnn():
    keras.utils.set_random_seed(0)
    network = mmtm_cnn(MMTMOptions(), {"gray": GRAY, "color": COLOR}, 10)
    network({"gray": GRAY.empty(), "color": COLOR.empty()})
    return network


class TestCnn:
    def test_parameter_counts_of_the_paper(self, cnn):
        groups = cnn.variable_groups()
        assert count(groups.branch["gray"]) == 66_156
        assert count(groups.branch["color"]) == 67_760
        modules = [v for module in cnn.fusion for v in module.trainable_variables]
        assert count(modules) == 37_344
        assert [count(m.trainable_variables) for m in cnn.fusion] == [4_192, 16_576, 16_576]
        assert count(cnn.trainable_variables) == 66_156 + 67_760 + 37_344

    def test_stages_end_in_the_sizes_of_the_paper(self, cnn):
        features = [GRAY.empty(), COLOR.empty()]
        for number, shape in enumerate([(14, 14, 32), (7, 7, 64), (7, 7, 64)]):
            features = [s[number](f) for s, f in zip(cnn.stages, features, strict=True)]
            assert [f.shape[1:] for f in features] == [shape, shape]

    def test_strided_layers_pad_both_sides(self, cnn):
        """The first stage of the gray branch and its third convolution, by NumPy."""
        image = np.random.default_rng(0).random((1, 28, 28, 1)).astype("float32")
        normalize, *rest = cnn.stages[0][0].layers
        convolutions = [layer for layer in rest if isinstance(layer, keras.layers.Conv2D)]
        # Moving mean 0 and variance 1: normalization only divides.
        x = image[0] / np.sqrt(1 + 1e-5)
        assert isinstance(normalize, keras.layers.BatchNormalization)
        x = pool(convolve(x, convolutions[0], pad=2), size=3, stride=2, pad=1)
        x = convolve(x, convolutions[1], pad=1)
        stage = cnn.stages[0][0](image)
        np.testing.assert_allclose(stage[0], x, rtol=0, atol=1e-5)
        third = cnn.stages[0][1]
        x = convolve(x, third.layers[-1], pad=1, stride=2)
        np.testing.assert_allclose(third(stage)[0], x, rtol=0, atol=1e-5)

    def test_options_reach_the_modules(self):
        network = mmtm_cnn(MMTMOptions(ratio=8, gate_scale=2), {"gray": GRAY}, 10)
        assert {(m.ratio, m.gate_scale) for m in network.fusion} == {(8, 2)}

    @pytest.mark.parametrize("shape", [(28, 28), (784,), (4, 28, 28, 1)])
    def test_other_shapes_are_refused_by_name(self, shape):
        with pytest.raises(ConfigError, match="'sound'") as caught:
            mmtm_cnn(MMTMOptions(), {"gray": GRAY, "sound": Modality(shape)}, 10)
        assert str(shape) in str(caught.value)


def convolve(x, layer, pad, stride=1):
    """Correlate (height, width, channels) with the layer's kernel, add its bias, take ReLU."""
    kernel = layer.kernel.numpy()
    size = kernel.shape[0]
    padded = np.pad(x, ((pad, pad), (pad, pad), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (size, size), axis=(0, 1))
    out = np.einsum("hwcij,ijco->hwo", windows[::stride, ::stride], kernel)
    return np.maximum(out + layer.bias.numpy(), 0)


def pool(x, size, stride, pad):
    padded = np.pad(x, ((pad, pad), (pad, pad), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (size, size), axis=(0, 1))
    return windows[::stride, ::stride].max(axis=(-2, -1))


class TestOptions:
    def test_defaults(self):
        assert MMTMOptions().model_dump() == {"ratio": 4, "gate_scale": 1}

    @pytest.mark.parametrize(
        ("options", "where"),
        [
            ({"ratio": 0}, "ratio"),
            ({"ratio": -1}, "ratio"),
            ({"ratio": "wide"}, "ratio"),
            ({"gate_scale": 3}, "gate_scale"),
            ({"gates": 2}, "gates"),
        ],
    )
    def test_errors(self, options, where):
        with pytest.raises(ValidationError) as caught:
            MMTMOptions(**options)
        assert [error["loc"] for error in caught.value.errors()] == [(where,)]
