"""Backbones by name."""

import sys

import keras
import pytest

from mmbal import ConfigError
from mmbal_backbones.backbones import names_when_fresh, open_backbone
from mmbal_backbones.cutting import find_places

SHAPE = (32, 32, 3)


def own(shape, units=4):
    """A user's function."""
    x = keras.Input(shape)
    return keras.Model(x, keras.layers.Dense(units)(x))


def number(shape):
    return 3


@pytest.fixture(autouse=True)
def _importable(monkeypatch):
    monkeypatch.setitem(sys.modules, "users", sys.modules[__name__])


class TestOpen:
    def test_application_without_classifier_and_with_arguments(self):
        model = open_backbone("MobileNetV2", (48, 32, 3), {"alpha": 0.35})
        assert model.input_shape == (None, 48, 32, 3)
        assert model.output_shape == (None, 2, 1, 1280)

    def test_applications_are_random_unless_weights_are_asked_for(self, monkeypatch):
        asked = []

        def fake(include_top, weights, input_shape):
            asked.append((include_top, weights, input_shape))
            return own(input_shape)

        monkeypatch.setattr(keras.applications, "VGG16", fake)
        open_backbone("VGG16", SHAPE, {})
        open_backbone("VGG16", SHAPE, {"weights": "imagenet"})
        assert asked == [(False, None, SHAPE), (False, "imagenet", SHAPE)]

    def test_resnet18(self):
        assert open_backbone("resnet18", (16, 16, 1), {}).output_shape == (None, 1, 1, 512)

    def test_functions_of_users(self):
        model = open_backbone("users:own", (7,), {"units": 5})
        assert model.output_shape == (None, 5)

    def test_unknown_name_tells_the_nearest_and_the_other_ways(self):
        with pytest.raises(ConfigError) as caught:
            open_backbone("MobilNetV2", SHAPE, {})
        text = str(caught.value)
        assert "unknown backbone 'MobilNetV2'; did you mean 'MobileNetV2'?" in text
        assert "ResNet50" in text
        assert "resnet18" in text
        assert "package.module:function" in text

    @pytest.mark.parametrize("name", ["no_such_module:f", "users:absent", ":f"])
    def test_what_cannot_be_imported(self, name):
        with pytest.raises(ConfigError, match="cannot be imported"):
            open_backbone(name, SHAPE, {})

    def test_functions_must_return_a_model(self):
        with pytest.raises(ConfigError, match=r"must return a keras.Model, returned int"):
            open_backbone("users:number", SHAPE, {})

    @pytest.mark.parametrize(
        ("shape", "arguments", "what"),
        [((8, 8, 3), {}, "32x32"), (SHAPE, {"alhpa": 1}, "alhpa")],
    )
    def test_refusals_name_the_backbone(self, shape, arguments, what):
        with pytest.raises(ConfigError, match="backbone 'MobileNetV2' refuses") as caught:
            open_backbone("MobileNetV2", shape, arguments)
        assert what in str(caught.value)
        assert str(shape) in str(caught.value)

    def test_keras_hub_is_named_where_it_is_missing(self, monkeypatch):
        monkeypatch.setitem(sys.modules, "keras_hub", None)
        with pytest.raises(ConfigError, match="pip install keras-hub"):
            open_backbone("keras_hub:resnet_18_imagenet", SHAPE, {})

    def test_keras_hub_preset_from_a_folder(self, tmp_path):
        models = pytest.importorskip("keras_hub").models
        small = models.MobileNetBackbone(**HUB_MOBILENET, image_shape=(None, None, 3))
        small.save_to_preset(tmp_path / "small")

        model = open_backbone(f"keras_hub:{tmp_path / 'small'}", SHAPE, {})

        assert model.input_shape == (None, *SHAPE)
        assert sum(place.is_bottleneck for place in find_places(model)) > 3


HUB_MOBILENET = {
    "stackwise_expansion": [[40, 56], [64, 144, 144]],
    "stackwise_num_blocks": [2, 3],
    "stackwise_num_filters": [[16, 16], [24, 24, 24]],
    "stackwise_kernel_size": [[3, 3], [5, 5, 5]],
    "stackwise_num_strides": [[2, 1], [2, 1, 1]],
    "stackwise_se_ratio": [[None, None], [0.25, 0.25, 0.25]],
    "stackwise_activation": [["relu", "relu"], ["hard_swish"] * 3],
    "stackwise_padding": [[1, 1], [2, 2, 2]],
    "output_num_filters": 32,
    "input_activation": "hard_swish",
    "output_activation": "hard_swish",
    "input_num_filters": 16,
    "depthwise_filters": 8,
    "depthwise_stride": 2,
    "depthwise_residual": False,
    "squeeze_and_excite": 0.5,
    "last_layer_filter": 32,
}


class TestNames:
    def unnamed(self):
        dense = keras.layers.Dense
        x = keras.Input([3])
        y = keras.layers.ReLU()(dense(2, name="mine_7")(dense(2)(dense(2)(x))))
        return keras.Model(x, y)

    def test_are_those_of_a_new_process(self):
        first, second = self.unnamed(), self.unnamed()
        names = [names_when_fresh(model) for model in (first, second)]
        assert list(names[0]) == list(names[1])
        assert {"dense", "dense_1", "re_lu"} <= set(names[0])
        assert "mine_7" not in names[0]
        assert names[0]["dense_1"] != names[1]["dense_1"]
        for model, mapped in zip((first, second), names, strict=True):
            assert {mapped["dense"], mapped["dense_1"]} == {
                layer.name for layer in model.layers[1:3]
            }
