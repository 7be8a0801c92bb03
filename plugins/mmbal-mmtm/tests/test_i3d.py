"""I3D against one in PyTorch, and against the sizes of the paper."""

from functools import cache
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from mmbal.data import Modality
from mmbal_mmtm.i3d import mmtm_i3d
from mmbal_mmtm.i3d_checkpoint import assign, open_checkpoint
from mmbal_mmtm.i3d_network import classifier, i3d
from mmbal_mmtm.options import I3DOptions

# Made by data/i3d_torch.py, in float64.
GOLDEN = Path(__file__).parent / "data" / "i3d_torch.npz"
CASES = {"small": (2, 16, 32, 32, 3), "odd": (1, 35, 107, 83, 3), "training": (2, 19, 47, 65, 3)}
# Of the authors' code for 64 frames of 224 x 224 pixels: time, height, width, channels.
ENDPOINTS = {
    "Conv3d_1a_7x7": (32, 112, 112, 64),
    "MaxPool3d_2a_3x3": (32, 56, 56, 64),
    "Conv3d_2b_1x1": (32, 56, 56, 64),
    "Conv3d_2c_3x3": (32, 56, 56, 192),
    "MaxPool3d_3a_3x3": (32, 28, 28, 192),
    "Mixed_3b": (32, 28, 28, 256),
    "Mixed_3c": (32, 28, 28, 480),
    "MaxPool3d_4a_3x3": (16, 14, 14, 480),
    "Mixed_4b": (16, 14, 14, 512),
    "Mixed_4c": (16, 14, 14, 512),
    "Mixed_4d": (16, 14, 14, 512),
    "Mixed_4e": (16, 14, 14, 528),
    "Mixed_4f": (16, 14, 14, 832),
    "MaxPool3d_5a_2x2": (8, 7, 7, 832),
    "Mixed_5b": (8, 7, 7, 832),
    "Mixed_5c": (8, 7, 7, 1024),
}


def count(variables):
    return sum(int(np.prod(v.shape)) for v in variables)


@pytest.fixture(scope="module")
def drawn(i3d_tensors, save_checkpoint):
    """Return the path of a checkpoint with the weights of the golden file."""
    return save_checkpoint(i3d_tensors, dtype="float64")


@pytest.fixture(scope="module")
def twin(drawn, i3d_clip):
    """Return a function that runs a case of the golden file in Keras."""
    golden, checkpoint = np.load(GOLDEN), open_checkpoint(drawn)
    backbone = i3d((None, None, None, 3))
    probe = keras.Model(backbone.input, [backbone.get_layer(name).output for name in ENDPOINTS])
    norm = backbone.get_layer("Conv3d_1a_7x7.batch_norm")

    @cache
    def run(case):
        """Return values of every endpoint, logits, first running mean and variance after them."""
        head = classifier(tuple(golden[f"{case}/Mixed_5c/shape"][1:]), 400, 0.5, "i3d")
        assign(backbone, head, checkpoint, "rgb")
        clip = i3d_clip(CASES[case]).astype("float32")
        found = probe(clip, training=case == "training")
        named = {k: v.numpy() for k, v in zip(ENDPOINTS, found, strict=True)}
        moved = norm.moving_mean.numpy(), norm.moving_variance.numpy()
        return named, head(found[-1]).numpy(), moved

    return run


def deviations(case, found, logits):
    """Return, for every endpoint, the largest deviation over the largest golden value."""
    golden = np.load(GOLDEN)
    told = {}
    for name, values in found.items():
        expected = golden[f"{case}/{name}/values"]
        assert values.shape == tuple(golden[f"{case}/{name}/shape"])
        places = np.linspace(0, values.size - 1, len(expected)).astype(int)
        moments = np.array([values.mean(dtype="float64"), values.std(dtype="float64")])
        apart = [values.flat[places] - expected, moments - golden[f"{case}/{name}/moments"]]
        told[name] = max(abs(each).max() for each in apart) / abs(expected).max()
    expected = golden[f"{case}/logits"]
    return told | {"logits": abs(logits - expected).max() / abs(expected).max()}


class TestAgainstTorch:
    # Statistics of a few values amplify rounding, so training mode is allowed more of it.
    @pytest.mark.parametrize(
        ("case", "tolerance"), [("small", 1e-5), ("odd", 1e-5), ("training", 3e-4)]
    )
    def test_endpoints_and_logits(self, case, tolerance, twin):
        found, logits, _ = twin(case)

        for name, deviation in deviations(case, found, logits).items():
            assert deviation < tolerance, f"{name} deviates by {deviation:.1e}"

    def test_running_statistics_move_as_in_torch_but_for_the_unbiased_variance(
        self, twin, i3d_tensors
    ):
        golden = np.load(GOLDEN)

        _, _, (mean, variance) = twin("training")

        rows = 2 * 10 * 24 * 33
        np.testing.assert_allclose(mean, golden["training/moving_mean"], atol=1e-6)
        before = 0.9 * i3d_tensors["Conv3d_1a_7x7/batch_norm/moving_variance"]
        added = (variance - before) * rows / (rows - 1)
        np.testing.assert_allclose(before + added, golden["training/moving_variance"], rtol=1e-5)

    def test_with_gates_of_one_every_stream_of_the_network_is_that_i3d(self, drawn, i3d_clip):
        """Also the way from the option to the logits, over all six modules and the heads."""
        modalities = {m: Modality(CASES["small"][1:]) for m in ("rgb", "other")}
        network = mmtm_i3d(I3DOptions(weights=drawn), modalities, 400)
        clip = i3d_clip(CASES["small"]).astype("float32")
        network({"rgb": clip, "other": clip})
        for module in network.fusion:
            for dense in module.excitations:
                dense.kernel.assign(tf.zeros_like(dense.kernel))
                dense.bias.assign(tf.fill(dense.bias.shape, 50.0))

        outputs = network({"rgb": clip, "other": clip[::-1]})

        golden = np.load(GOLDEN)["small/logits"]
        scale = abs(golden).max()
        np.testing.assert_allclose(outputs.unimodal["rgb"] / scale, golden / scale, atol=5e-5)
        np.testing.assert_allclose(
            outputs.unimodal["other"][::-1] / scale, golden / scale, atol=5e-5
        )


@pytest.fixture(scope="module")
def full():
    return i3d((64, 224, 224, 3))


class TestBackbone:
    def test_shapes_of_the_paper(self, full):
        assert {name: full.get_layer(name).output.shape[1:] for name in ENDPOINTS} == ENDPOINTS

    @pytest.mark.parametrize(
        ("classes", "parameters", "trainable"),
        [(400, 12_704_544, 12_689_984), (25, 12_320_169, 12_305_609)],
    )
    def test_parameter_counts(self, full, classes, parameters, trainable):
        head = classifier(full.output.shape[1:], classes, 0.5, "i3d")
        weights = [v for v in head.variables if "seed" not in v.path]
        assert count(full.variables) + count(weights) == parameters
        assert count(full.trainable_variables) + count(head.trainable_variables) == trainable

    def test_normalization_has_no_gain(self, full):
        norms = [x for x in full.layers if isinstance(x, keras.layers.BatchNormalization)]
        convolutions = [x for x in full.layers if isinstance(x, keras.layers.Conv3D)]
        assert (len(norms), len(convolutions)) == (57, 57)
        assert {(n.scale, n.center, n.epsilon, n.momentum) for n in norms} == {
            (False, True, 1e-3, 0.9)
        }
        assert {(c.padding, c.use_bias) for c in convolutions} == {("same", False)}

    @pytest.mark.parametrize(
        ("clip", "last", "averages"),
        [
            ((80, 224, 224, 3), (10, 7, 7), 9),
            ((16, 32, 32, 3), (2, 1, 1), 1),
            ((33, 256, 340, 1), (5, 8, 11), 4),
            ((9, 1, 1, 3), (2, 1, 1), 1),
        ],
    )
    def test_other_sizes_round_up(self, clip, last, averages):
        shape = i3d(clip).output.shape[1:]
        assert shape == (*last, 1024)
        head = classifier(shape, 25, 0.5, "i3d")
        found = [layer.output.shape[1:] for layer in head.layers]
        assert found == [*[(averages, 1, 1, 1024)] * 2, (averages, 1, 1, 25), (25,)]

    def test_logits_are_the_mean_over_time(self):
        head = classifier((4, 2, 3, 1024), 5, 0.5, "i3d")
        x = np.random.default_rng(0).normal(size=(2, 4, 2, 3, 1024)).astype("float32")
        frames = x.mean(axis=(2, 3))
        averages = (frames[:, 1:] + frames[:, :-1]) / 2
        kernel, bias = (v.numpy() for v in head.trainable_variables)
        bias += np.arange(5, dtype="float32")
        head.trainable_variables[1].assign(bias)
        expected = (averages @ kernel[0, 0, 0] + bias).mean(axis=1)
        np.testing.assert_allclose(head(x), expected, rtol=0, atol=1e-5)
