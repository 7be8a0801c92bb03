"""Encoders by shape and by backbone."""

import sys

import keras
import numpy as np
import pytest
from packaging.version import Version
from pydantic import ValidationError

from mmbal import ConfigError
from mmbal.data import Modality
from mmbal.networks import BatchNormalization
from mmbal_late.concat import late_concat
from mmbal_late.options import BranchOptions, LateOptions
from mmbal_late.summed import late_sum

IMAGE, VECTOR, SERIES = Modality((12, 10, 3)), Modality((7,)), Modality((9, 4))
HERE = "users:"


@pytest.fixture(autouse=True)
def _importable(monkeypatch):
    monkeypatch.setitem(sys.modules, "users", sys.modules[__name__])


def series(shape, channels=6):
    """Return a network of sequences: (batch, 9, 4) to (batch, 7, channels)."""
    x = keras.Input(shape)
    return keras.Model(x, keras.layers.Conv1D(channels, 3)(x))


def pictures(shape, channels):
    """Return a network of images: (batch, height, width, 3) to (batch, ..., channels)."""
    x = keras.Input(shape)
    return keras.Model(x, keras.layers.Conv2D(channels, 3, strides=2)(x))


def normalised(shape):
    """Return a network of images whose output is normalised."""
    x = keras.Input(shape)
    return keras.Model(x, keras.layers.BatchNormalization()(keras.layers.Conv2D(4, 3)(x)))


def two_outputs(shape):
    x = keras.Input(shape)
    return keras.Model(x, [x, x])


class Subclassed(keras.Model):
    pass


def subclassed(shape):
    return Subclassed()


def build(modalities, architecture=late_concat, **options):
    network = architecture(LateOptions(**options), modalities, 5)
    outputs = network({m: modality.empty() for m, modality in modalities.items()})
    assert outputs.logits.shape == (1, 5)
    return network, outputs


def widths(outputs):
    return {m: z.shape[-1] for m, z in outputs.features.items()}


@pytest.mark.parametrize("architecture", [late_concat, late_sum])
def test_shapes_choose_encoders(architecture):
    network, outputs = build({"image": IMAGE, "table": VECTOR}, architecture)
    assert widths(outputs) == {"image": 64, "table": 64}
    convolutions = [v for v in network.encoders["image"].variables if len(v.shape) == 4]
    assert [v.shape[2:] for v in convolutions] == [(3, 32), (32, 32), (32, 64), (64, 64)]
    assert [v.shape for v in network.encoders["table"].variables[::2]] == [(7, 64), (64, 64)]


@pytest.mark.parametrize("length", [1, 2, 40])
def test_series_of_any_length_are_taken(length):
    assert widths(build({"m": Modality((length, 3))})[1]) == {"m": 64}


def test_the_series_encoder_has_convolutions_over_time():
    network, outputs = build({"sound": SERIES}, width=4)
    assert widths(outputs) == {"sound": 8}
    kernels = [tuple(v.shape) for v in network.encoders["sound"].variables if len(v.shape) == 3]
    assert kernels == [(5, 4, 4), (3, 4, 4), (3, 4, 8), (3, 8, 8)]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"arguments": {"alpha": 1}}, "arguments are of a backbone, and none is named"),
        (
            {"branches": {"table": BranchOptions(arguments={"alpha": 1})}},
            "branches.table.arguments are of a backbone",
        ),
    ],
)
def test_arguments_of_no_backbone_are_refused_with_the_options(options, told):
    with pytest.raises(ValidationError, match=told):
        LateOptions(**options)


def test_the_image_encoder_is_the_branch_of_mmtm_cnn_without_its_head():
    network, _ = build({"gray": Modality((28, 28, 1))})
    count = sum(int(np.prod(v.shape)) for v in network.encoders["gray"].trainable_variables)
    assert count == 66_156 - (64 * 10 + 10)


@pytest.mark.parametrize("side", [1, 2, 3, 28])
def test_images_of_any_size_are_taken(side):
    assert widths(build({"m": Modality((side, side, 1))})[1]) == {"m": 64}


def test_sizes():
    _, outputs = build({"image": IMAGE, "table": VECTOR}, width=4, units=(6, 5, 3))
    assert widths(outputs) == {"image": 8, "table": 3}
    _, outputs = build({"image": IMAGE, "table": VECTOR}, features=11)
    assert widths(outputs) == {"image": 11, "table": 11}


def test_dropout_drops_features_in_training():
    network, _ = build({"table": VECTOR}, dropout=0.5, features=200)
    assert isinstance(network.encoders["table"].layers[-1], keras.layers.Dropout)
    inputs = {"table": np.ones((2, 7), "float32")}
    assert (network(inputs, training=True).features["table"].numpy() == 0).mean() > 0.3
    assert (network(inputs).features["table"].numpy() != 0).mean() > 0.9


@pytest.mark.parametrize(
    ("backbone", "arguments", "width"),
    [
        (f"{HERE}pictures", {"channels": 7}, 7),
        pytest.param("MobileNetV2", {"alpha": 0.35}, 1280, marks=pytest.mark.deep),
    ],
)
def test_backbones_for_all_and_for_one(backbone, arguments, width):
    modalities = {"image": Modality((32, 32, 3)), "series": SERIES}
    _, outputs = build(
        modalities,
        backbone=backbone,
        arguments=arguments,
        branches={"series": BranchOptions(backbone=f"{HERE}series", arguments={"channels": 5})},
    )
    assert widths(outputs) == {"image": width, "series": 5}
    _, outputs = build(
        {"one": SERIES, "two": SERIES},
        backbone=f"{HERE}series",
        branches={"two": BranchOptions(arguments={"channels": 2})},
    )
    assert widths(outputs) == {"one": 6, "two": 2}


def test_one_backbone_beside_the_encoders_of_shapes():
    _, outputs = build(
        {"series": SERIES, "table": VECTOR},
        branches={"series": BranchOptions(backbone=f"{HERE}series")},
    )
    assert widths(outputs) == {"series": 6, "table": 64}


@pytest.mark.parametrize("fused", [False, True])
def test_a_backbone_keeps_its_normalisations_unless_asked(fused):
    network, _ = build({"image": IMAGE}, backbone=f"{HERE}normalised", fuse_batch_norm=fused)
    norms = [x for x in network._flatten_layers() if isinstance(x, keras.layers.BatchNormalization)]
    assert [isinstance(norm, BatchNormalization) for norm in norms] == [fused]


@pytest.mark.parametrize("architecture", [late_concat, late_sum])
@pytest.mark.parametrize("shape", [(4, 28, 28, 1), ()])
def test_other_shapes_are_refused_by_name(architecture, shape):
    with pytest.raises(ConfigError, match="modality 'sound' has shape") as caught:
        build({"gray": IMAGE, "sound": Modality(shape)}, architecture)
    message = str(caught.value)
    assert str(shape) in message
    assert "architecture.branches.sound.backbone" in message
    assert message.startswith(architecture.__name__.replace("_", "-"))


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (
            {"branches": {"tabel": BranchOptions()}},
            "unknown modality 'tabel'; did you mean 'table'",
        ),
        ({"backbone": "MobileNetV"}, "unknown backbone 'MobileNetV'; did you mean 'MobileNetV2'"),
        pytest.param(
            {"backbone": f"{HERE}two_outputs"},
            "two_outputs': a branch has one input and one output",
            marks=pytest.mark.skipif(
                Version(keras.__version__) < Version("3.11"), reason="Keras says so in other words"
            ),
        ),
        ({"backbone": f"{HERE}subclassed"}, "is no functional model"),
    ],
)
def test_what_does_not_fit_is_one_line(options, told):
    with pytest.raises(ConfigError) as caught:
        build({"table": VECTOR}, **options)
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


def test_defaults():
    assert LateOptions().model_dump() == {
        "width": 32, "units": (64, 64), "features": None, "dropout": 0, "backbone": "",
        "arguments": {}, "fuse_batch_norm": False, "branches": {},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("options", "where"),
    [
        ({"width": 0}, ("width",)),
        ({"units": ()}, ("units",)),
        ({"units": (4, 0)}, ("units", 1)),
        ({"features": 0}, ("features",)),
        ({"dropout": 1}, ("dropout",)),
        ({"dropout": -0.1}, ("dropout",)),
        ({"backbone": 3}, ("backbone",)),
        ({"branches": {"a": {"cuts": ()}}}, ("branches", "a", "cuts")),
        ({"ratio": 4}, ("ratio",)),
    ],
)
def test_errors(options, where):
    with pytest.raises(ValidationError) as caught:
        LateOptions(**options)
    assert [error["loc"] for error in caught.value.errors()] == [where]
