"""Weights from a file of the real format, and every way in which they may not fit."""

import sys
from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf

from mmbal import ConfigError, DataFormatError
from mmbal_backbones import assign_tensors, open_tensors, resnet18

safetensors = pytest.importorskip("safetensors.numpy")

NORM = ("weight", "bias", "running_mean", "running_var")


@pytest.fixture
def state_dict(torch_shapes):
    """Return a function that returns all 122 tensors, each with values of its own."""

    def state_dict(classes=1000):
        tensors = {
            name: np.full(shape, number, "float32")
            for number, (name, shape) in enumerate(torch_shapes(classes).items())
        }
        tensors["conv1.weight"] += np.arange(3, dtype="float32").reshape(1, 3, 1, 1)
        norms = [n.removesuffix("running_mean") for n in tensors if n.endswith("running_mean")]
        return tensors | {f"{n}num_batches_tracked": np.asarray(7) for n in norms}

    return state_dict


@pytest.fixture
def save(tmp_path):
    def save(tensors):
        path = tmp_path / "model.safetensors"
        safetensors.save_file(tensors, path)
        return str(path)

    return save


def build(weights, classes=5, channels=3):
    """Return a ResNet-18 with weights of a file, and its classifier."""
    backbone = resnet18((16, 16, channels))
    dense = keras.layers.Dense(classes, name="fc")
    head = keras.Sequential([keras.Input((512,)), dense])
    assign_tensors(backbone, head, open_tensors(weights), weights)
    return backbone, dense


def kernels(backbone):
    return {
        layer.name: layer.kernel.numpy() for layer in backbone.layers if hasattr(layer, "kernel")
    }


def test_every_tensor_arrives_and_the_classifier_keeps_its_own(save, state_dict):
    tensors = state_dict()
    assert len(tensors) == 122

    backbone, dense = build(save(tensors))

    for name, kernel in kernels(backbone).items():
        np.testing.assert_array_equal(kernel, tensors[f"{name}.weight"].transpose(2, 3, 1, 0))
    for layer in backbone.layers:
        for part, own in zip(
            NORM, ("gamma", "beta", "moving_mean", "moving_variance"), strict=True
        ):
            if hasattr(layer, "gamma"):
                np.testing.assert_array_equal(getattr(layer, own), tensors[f"{layer.name}.{part}"])
    assert abs(dense.kernel.numpy()).max() < 1


def test_a_classifier_of_equal_width_is_taken_over(save, state_dict):
    tensors = state_dict(5)

    _, dense = build(save(tensors))

    np.testing.assert_array_equal(dense.kernel, tensors["fc.weight"].T)
    np.testing.assert_array_equal(dense.bias, tensors["fc.bias"])


def test_batch_counters_and_classifier_may_be_absent(save, state_dict):
    kept = {n: t for n, t in state_dict().items() if "num_batches" not in n and "fc" not in n}

    build(save(kept))


def test_gray_images_meet_the_sum_over_colors(save, state_dict):
    tensors = state_dict()

    path = save(tensors)

    color, gray = (kernels(build(path, channels=count)[0])["conv1"] for count in (3, 1))
    np.testing.assert_array_equal(gray, color.sum(axis=2, keepdims=True))
    image = tf.random.stateless_normal([1, 8, 8, 1], [0, 0])
    np.testing.assert_allclose(
        tf.nn.conv2d(image, gray, 1, "VALID"),
        tf.nn.conv2d(tf.repeat(image, 3, axis=3), color, 1, "VALID"),
        rtol=1e-4, atol=1e-4,
    )  # fmt: skip


def test_all_mismatches_are_listed_at_once(save, state_dict):
    tensors = state_dict()
    del tensors["layer1.0.conv1.weight"], tensors["bn1.running_var"]
    tensors["layer5.0.conv1.weight"] = np.zeros((2, 2), "float32")
    tensors["layer2.0.conv2.weight"] = np.zeros((128, 64, 3, 3), "float32")
    path = save(tensors)

    with pytest.raises(DataFormatError) as caught:
        build(path)

    text = str(caught.value)
    assert text.startswith(f"{path} does not fit ResNet-18: ")
    assert set(text.partition("ResNet-18: ")[2].split("; ")) == {
        "layer1.0.conv1.weight is missing",
        "bn1.running_var is missing",
        "layer5.0.conv1.weight is not part of a ResNet-18",
        "layer2.0.conv2.weight must be (128, 128, 3, 3), is (128, 64, 3, 3)",
    }


def test_images_of_other_channels_do_not_fit(save, state_dict):
    with pytest.raises(DataFormatError, match=r"conv1.weight must be \(64, 5, 7, 7\), is \(64, 3"):
        build(save(state_dict()), channels=5)


def test_damaged_file(tmp_path):
    path = tmp_path / "model.safetensors"
    path.write_bytes(b"no tensors here")

    with pytest.raises(DataFormatError, match="no readable safetensors file"):
        build(str(path))


def test_unknown_weights_name_what_is_legal():
    with pytest.raises(ConfigError) as caught:
        build("imagenets")

    text = str(caught.value)
    assert "'random', 'imagenet' or a safetensors file" in text
    assert "received 'imagenets'" in text
    assert "did you mean 'imagenet'?" in text


@pytest.mark.parametrize("package", ["safetensors", "huggingface_hub"])
def test_missing_extra_is_named(monkeypatch, package):
    for name in list(sys.modules):
        if name.split(".")[0] == package:
            monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setitem(sys.modules, package, None)

    with pytest.raises(ConfigError, match=r"pip install 'mmbal-backbones\[imagenet\]'") as caught:
        build("imagenet")

    assert package in str(caught.value)


def test_imagenet_downloads_once_from_timm(save, monkeypatch, state_dict):
    path, asked = save(state_dict()), []
    hub = SimpleNamespace(hf_hub_download=lambda *which: asked.append(which) or path)
    monkeypatch.setitem(sys.modules, "huggingface_hub", hub)

    backbone, _ = build("imagenet")

    assert asked == [("timm/resnet18.tv_in1k", "model.safetensors")]
    assert kernels(backbone)["conv1"].max() == 2


def test_random_weights_read_nothing(monkeypatch):
    monkeypatch.setitem(sys.modules, "safetensors", None)

    assert open_tensors("random") is None


def test_failed_download_says_how_to_go_on(monkeypatch):
    def fail(*which):
        raise ConnectionError("no route to host\nand a long trace")

    monkeypatch.setitem(sys.modules, "huggingface_hub", SimpleNamespace(hf_hub_download=fail))

    with pytest.raises(ConfigError, match="ConnectionError: no route to host; give the file") as c:
        build("imagenet")

    assert "--set architecture.weights=FILE" in str(c.value)
