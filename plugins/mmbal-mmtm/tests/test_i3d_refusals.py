"""Clips, precisions and options that mmtm-i3d refuses."""

import pytest
import tensorflow as tf
from pydantic import ValidationError

from mmbal import ConfigError
from mmbal.data import Modality
from mmbal_mmtm.i3d import mmtm_i3d
from mmbal_mmtm.i3d_network import check_precision
from mmbal_mmtm.options import I3DOptions, StreamOptions

CLIP = (16, 32, 32, 3)


@pytest.mark.parametrize("shape", [(32, 32), (32, 32, 3), (2, 16, 32, 32, 3)])
def test_no_clips(shape):
    modalities = {"rgb": Modality((16, 32, 32, 3)), "sound": Modality(shape)}
    with pytest.raises(ConfigError, match="'sound'") as caught:
        mmtm_i3d(I3DOptions(), modalities, 10)
    assert "(time, height, width, channels)" in str(caught.value)
    assert str(shape) in str(caught.value)


@pytest.mark.parametrize("shape", [(8, 32, 32, 3), (16, 0, 32, 3), (16, 32, 32, 0)])
def test_clips_that_are_too_small(shape):
    modalities = {"rgb": Modality((16, 32, 32, 3)), "depth": Modality(shape)}
    with pytest.raises(ConfigError, match="'depth'") as caught:
        mmtm_i3d(I3DOptions(), modalities, 10)
    text = str(caught.value)
    frames, height, width, channels = shape
    assert "at least 9 frames of 1 x 1 pixels" in text
    assert f"has {frames} frames of {height} x {width} pixels, {channels} channels" in text
    assert "\n" not in text


@pytest.mark.parametrize("precision", ["float64", "mixed_float16"])
def test_precisions_without_pooling(precision, policy, monkeypatch):
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: [])
    policy(precision)
    with pytest.raises(ConfigError) as caught:
        mmtm_i3d(I3DOptions(), {"rgb": Modality(CLIP)}, 10)
    text = str(caught.value)
    assert "needs precision float32 or mixed_bfloat16, or mixed_float16 on a GPU" in text
    assert f"in {precision.removeprefix('mixed_')} on a CPU" in text


def test_float16_on_a_gpu(policy, monkeypatch):
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: [kind])
    policy("mixed_float16")
    check_precision()
    policy("float64")
    with pytest.raises(ConfigError, match="no clips in float64$"):
        check_precision()


def test_unknown_modality():
    options = I3DOptions(branches={"deph": StreamOptions()})
    with pytest.raises(ConfigError, match=r"architecture.branches: .*'deph'.*'depth'"):
        mmtm_i3d(options, {"depth": Modality(CLIP)}, 10)


def test_defaults():
    assert I3DOptions().model_dump() == {
        "ratio": 4,
        "gate_scale": 1,
        "weights": "random",
        "branches": {},
        "dropout_keep": 0.5,
        "bn_momentum": None,
    }


@pytest.mark.parametrize(
    ("options", "where"),
    [
        ({"dropout_keep": 0}, ("dropout_keep",)),
        ({"dropout_keep": 1.5}, ("dropout_keep",)),
        ({"bn_momentum": 1}, ("bn_momentum",)),
        ({"bn_momentum": -0.1}, ("bn_momentum",)),
        ({"weights": 3}, ("weights",)),
        ({"branches": {"rgb": {"weight": "random"}}}, ("branches", "rgb", "weight")),
        ({"dropout": 0.5}, ("dropout",)),
    ],
)
def test_options(options, where):
    with pytest.raises(ValidationError) as caught:
        I3DOptions(**options)
    assert {error["loc"][: len(where)] for error in caught.value.errors()} == {where}
