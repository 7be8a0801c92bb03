"""Weights from checkpoints that TensorFlow wrote, and every way in which they may not fit."""

import os

import keras
import numpy as np
import pytest
import tensorflow as tf

from mmbal import ConfigError, DataFormatError
from mmbal.data import Modality
from mmbal_mmtm.i3d import mmtm_i3d
from mmbal_mmtm.i3d_checkpoint import assign, open_checkpoint
from mmbal_mmtm.i3d_network import classifier, i3d
from mmbal_mmtm.options import I3DOptions, StreamOptions

DATA = ".data-00000-of-00001"
FIRST, LOGITS = "Conv3d_1a_7x7/conv_3d/w", "Logits/Conv3d_0c_1x1/conv_3d/"
VECTORS = ("beta", "moving_mean", "moving_variance", "/b")


def build(weights, classes=5, branches=None, **channels):
    """Build streams of the smallest clips; names and channels of the modalities as given."""
    channels = channels or {"rgb": 3}
    modalities = {name: Modality((9, 8, 8, count)) for name, count in channels.items()}
    options = I3DOptions(weights=weights, branches=branches or {})
    return mmtm_i3d(options, modalities, classes)


def variables(layers):
    """Return all variables of a stream by the names of the checkpoint, without a prefix."""
    found = {}
    for layer in layers:
        name = layer.name.replace(".", "/")
        if isinstance(layer, keras.layers.Conv3D):
            found[f"{name}/w"] = layer.kernel.numpy()
            if layer.use_bias:
                found[f"{name}/b"] = layer.bias.numpy()
        elif isinstance(layer, keras.layers.BatchNormalization):
            for part in ("beta", "moving_mean", "moving_variance"):
                found[f"{name}/{part}"] = getattr(layer, part).numpy()
    return found


def stream(network, branch):
    """Return the variables of a stream of a network."""
    layers = [layer for stage in network.stages[branch] for layer in stage.layers]
    return variables([*layers, *network.heads[branch].layers])


def momenta(network, branch):
    layers = [layer for stage in network.stages[branch] for layer in stage.layers]
    return {x.momentum for x in layers if isinstance(x, keras.layers.BatchNormalization)}


@pytest.fixture(scope="module")
def fill():
    """Return a function that fills one stream and returns its variables by name.

    Its I3D is built once for a number of channels, and is all zeros again whenever it is filled.
    """
    backbones = {}

    def fill(path, classes=5, channels=3, modality="rgb"):
        if channels not in backbones:
            backbones[channels] = i3d((9, 8, 8, channels))
        backbone = backbones[channels]
        for variable in backbone.variables:
            variable.assign(tf.zeros_like(variable))
        head = classifier(backbone.output.shape[1:], classes, 0.5, modality)
        assign(backbone, head, open_checkpoint(path), modality)
        return variables([*backbone.layers, *head.layers])

    return fill


@pytest.fixture(scope="module")
def tensors(i3d_tensors):
    return {name: value.astype("float32") for name, value in i3d_tensors.items()}


@pytest.fixture(scope="module")
def rgb(tensors, save_checkpoint):
    """Return the path of a checkpoint with the names and shapes of rgb_imagenet."""
    return save_checkpoint(tensors)


@pytest.fixture(scope="module")
def flow(tensors, save_checkpoint):
    """Return the path of a checkpoint with the names and shapes of flow_imagenet."""
    two = tensors | {FIRST: tensors[FIRST][:, :, :, :2]}
    return save_checkpoint(two, prefix="Flow/inception_i3d/")


@pytest.fixture(scope="module")
def network(rgb, flow):
    """Return four streams: two of the same weights, one of its own, one of none."""
    own = {"flow": StreamOptions(weights=flow), "sketch": StreamOptions(weights="random")}
    return build(rgb, 400, own, rgb=3, other=3, flow=2, sketch=2)


@pytest.fixture
def broken(rgb, tmp_path):
    """Return a function that copies a checkpoint and returns its path; files are the test's."""
    path = str(tmp_path / "model.ckpt")
    for ending in (".index", DATA):
        os.link(rgb + ending, path + ending)
    return path


class TestLoading:
    def test_every_tensor_arrives_in_every_stream(self, network, tensors):
        assert len(tensors) == 230
        for branch in (0, 1):
            found = stream(network, branch)
            assert set(found) == set(tensors)
            for name, value in found.items():
                np.testing.assert_array_equal(value, tensors[name], err_msg=name)
        assert "Mixed_5b/Branch_2/Conv3d_0a_3x3/conv_3d/w" in tensors  # their slip

    def test_the_path_of_the_index_will_do(self, fill, rgb, tensors):
        found = fill(f"{rgb}.index")
        np.testing.assert_array_equal(found[FIRST], tensors[FIRST])

    def test_logits_of_other_classes_start_at_random(self, fill, rgb, tensors):
        found = fill(rgb, 5)

        assert found.pop(LOGITS + "w").shape == (1, 1, 1, 1024, 5)
        assert not found.pop(LOGITS + "b").any()
        assert len(found) == 228
        for name, value in found.items():
            np.testing.assert_array_equal(value, tensors[name], err_msg=name)

    def test_600_classes_without_prefix_with_slots_and_unsqueezed_vectors(
        self, fill, tensors, save_checkpoint
    ):
        """The form of rgb_scratch_kin600: 346 tensors, of which 116 are an optimizer's."""
        form = {
            name: value.reshape(1, 1, 1, 1, -1)
            if name.endswith(VECTORS) and "Logits" not in name
            else value
            for name, value in tensors.items()
        }
        form[LOGITS + "w"] = np.ones((1, 1, 1, 1024, 600), "float32")
        form[LOGITS + "b"] = np.arange(600, dtype="float32")
        trained = [n for n in form if not n.endswith(("moving_mean", "moving_variance"))]
        slots = {f"{name}/Momentum": np.full_like(form[name], 7) for name in trained}
        assert len(form | slots) == 346
        path = save_checkpoint(form | slots, prefix="")

        found = fill(path, 600)

        np.testing.assert_array_equal(found.pop(LOGITS + "b"), np.arange(600))
        assert (found.pop(LOGITS + "w") == 1).all()
        for name, value in found.items():
            np.testing.assert_array_equal(value, tensors[name], err_msg=name)

    def test_one_channel_meets_the_sum_over_colors(self, fill, rgb, tensors):
        color, gray = (fill(rgb, channels=channels) for channels in (3, 1))

        assert gray[FIRST].shape == (7, 7, 7, 1, 64)
        clip = tf.random.stateless_normal([1, 9, 8, 8, 1], [0, 0])
        np.testing.assert_allclose(
            tf.nn.conv3d(clip, gray[FIRST], [1, 2, 2, 2, 1], "SAME"),
            tf.nn.conv3d(tf.repeat(clip, 3, axis=4), color[FIRST], [1, 2, 2, 2, 1], "SAME"),
            rtol=1e-4, atol=1e-4,
        )  # fmt: skip
        for name, value in gray.items():
            if name != FIRST and "Logits" not in name:
                np.testing.assert_array_equal(value, tensors[name], err_msg=name)

    def test_every_stream_may_have_weights_of_its_own(self, network, tensors):
        first = [stream(network, branch)[FIRST] for branch in (0, 2, 3)]
        np.testing.assert_array_equal(first[0], tensors[FIRST])
        np.testing.assert_array_equal(first[1], tensors[FIRST][:, :, :, :2])
        assert (first[2] != first[1]).all()
        assert [momenta(network, branch) for branch in (0, 2, 3)] == [{0.99}, {0.99}, {0.9}]

    def test_momentum_that_is_set_holds_for_all(self, rgb):
        modalities = {name: Modality((9, 8, 8, 3)) for name in "ab"}
        options = I3DOptions(
            weights=rgb, bn_momentum=0.95, branches={"b": StreamOptions(weights="random")}
        )
        network = mmtm_i3d(options, modalities, 5)
        assert [momenta(network, branch) for branch in (0, 1)] == [{0.95}, {0.95}]


class TestMismatches:
    def test_all_are_listed_at_once(self, fill, tensors, save_checkpoint):
        changed = dict(tensors)
        kernel, offset = "Mixed_3b/Branch_0/Conv3d_0a_1x1/conv_3d/w", "batch_norm/beta"
        del changed[kernel], changed[f"Conv3d_2b_1x1/{offset}"]
        changed["Mixed_6a/conv_3d/w"] = np.zeros(3)
        changed[f"Conv3d_2c_3x3/{offset}"] = np.zeros(64)
        # As if the slip in the name had been corrected.
        slip = "Mixed_5b/Branch_2/Conv3d_0{}_3x3/conv_3d/w"
        changed[slip.format("b")] = changed.pop(slip.format("a"))
        path = save_checkpoint(changed)

        with pytest.raises(DataFormatError) as caught:
            fill(path, 400)

        text = str(caught.value)
        assert text.startswith(f"{path} does not fit I3D: ")
        assert set(text.partition("I3D: ")[2].split("; ")) == {
            f"{kernel} is missing",
            f"Conv3d_2b_1x1/{offset} is missing",
            f"{slip.format('a')} is missing",
            f"{slip.format('b')} is not part of an I3D",
            "Mixed_6a/conv_3d/w is not part of an I3D",
            f"Conv3d_2c_3x3/{offset} must be (192,), is (64,)",
        }

    def test_logits_that_are_not_there(self, fill, tensors, save_checkpoint):
        path = save_checkpoint({n: v for n, v in tensors.items() if "Logits" not in n})
        with pytest.raises(DataFormatError, match="conv_3d/b is missing") as caught:
            fill(path)
        assert f"{LOGITS}w is missing" in str(caught.value)

    def test_only_the_slots_of_that_optimizer_are_passed_over(self, fill, tensors, save_checkpoint):
        path = save_checkpoint(tensors | {f"{FIRST}/Adam": tensors[FIRST]})
        with pytest.raises(DataFormatError, match=f"{FIRST}/Adam is not part of an I3D"):
            fill(path)

    def test_a_stream_of_the_other_prefix_is_left_over(self, fill, tensors, save_checkpoint):
        path = save_checkpoint(
            {f"RGB/inception_i3d/{n}": v for n, v in tensors.items()}
            | {"Flow/inception_i3d/x": np.zeros(1)},
            prefix="",
        )
        with pytest.raises(DataFormatError, match="I3D: Flow/inception_i3d/x is not part"):
            fill(path, 400)

    def test_nothing_of_an_i3d(self, fill, save_checkpoint):
        path = save_checkpoint({"dense/kernel": np.zeros((2, 2))}, prefix="")
        with pytest.raises(DataFormatError, match="dense/kernel is not part of an I3D") as caught:
            fill(path)
        assert str(caught.value).count(" is missing") == 230


class TestChannels:
    def test_two_need_a_flow_checkpoint(self, rgb):
        with pytest.raises(ConfigError) as caught:
            build(rgb, 5, flow=2)
        assert str(caught.value) == (
            f"modality 'flow' has 2 channels, but the weights of {rgb} (RGB) take 3 channels, or "
            "1, which meets their sum; 2 channels need a Flow checkpoint"
        )

    @pytest.mark.parametrize("count", [1, 3])
    def test_flow_takes_no_others(self, fill, flow, count):
        with pytest.raises(ConfigError) as caught:
            fill(flow, channels=count)
        assert str(caught.value) == (
            f"modality 'rgb' has {count} channels, but the weights of {flow} (Flow) take 2 channels"
        )

    def test_four(self, fill, rgb):
        with pytest.raises(ConfigError, match="'rgbd' has 4 channels, but .* take 3 channels"):
            fill(rgb, channels=4, modality="rgbd")


class TestFiles:
    def test_absent(self, tmp_path):
        path = str(tmp_path / "model.ckpt")
        with pytest.raises(ConfigError) as caught:
            build(path)
        assert str(caught.value) == (
            "architecture.weights must be 'random' or a TensorFlow checkpoint such as "
            f"DIR/model.ckpt, received {path!r}, and there is no file {path}.index"
        )

    def test_a_word_like_random(self):
        with pytest.raises(ConfigError, match=r"'.*/randm', .* \(did you mean 'random'\?\)"):
            build("randm")

    def test_absent_of_one_stream(self, rgb):
        with pytest.raises(
            ConfigError, match=r"^architecture.branches.b.weights must .* '/no/model.ckpt'"
        ):
            build(rgb, 5, {"b": StreamOptions(weights="/no/model.ckpt")}, b=3, a=3)

    def test_a_folder_names_the_checkpoint_in_it(self, broken):
        with pytest.raises(ConfigError, match=r"did you mean '.*/model.ckpt'\?"):
            build(os.path.dirname(broken))

    @pytest.mark.parametrize("content", [b"", b"no checkpoint", b"no checkpoint" * 1000])
    def test_no_checkpoint(self, tmp_path, content):
        path = tmp_path / "model.ckpt"
        path.with_suffix(".ckpt.index").write_bytes(content)
        with pytest.raises(DataFormatError) as caught:
            build(str(path))
        text = str(caught.value)
        assert text.startswith(f"{path}.index: no readable TensorFlow checkpoint: ")
        assert "\n" not in text

    @pytest.mark.parametrize("damage", ["missing", "empty", "short", "changed"])
    def test_damaged_data(self, fill, broken, damage):
        data = broken + DATA
        with open(data, "rb") as file:
            content = bytearray(file.read())
        os.remove(data)
        if damage == "changed":
            content[1000] ^= 1
        kept = {"empty": 0, "short": len(content) // 2, "changed": len(content)}
        if damage != "missing":
            with open(data, "wb") as file:
                file.write(content[: kept[damage]])

        with pytest.raises(DataFormatError) as caught:
            fill(broken)

        text = str(caught.value)
        assert text.startswith(f"{broken}: cannot read RGB/inception_i3d/")
        assert "\n" not in text
        if damage == "missing":
            assert "model.ckpt.data-00000-of-00001; No such file" in text

    def test_truncated_index(self, broken):
        with open(broken + ".index", "rb") as file:
            content = file.read()
        os.remove(broken + ".index")
        with open(broken + ".index", "wb") as file:
            file.write(content[: len(content) // 2])
        with pytest.raises(DataFormatError, match="no readable TensorFlow checkpoint"):
            build(broken)
