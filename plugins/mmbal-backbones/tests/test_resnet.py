"""ResNet-18 against torchvision."""

from pathlib import Path

import keras
import numpy as np
import pytest

from mmbal.networks import BatchNormalization
from mmbal_backbones import assign_tensors, convolution_stages, resnet18

# Made once on a CPU, outside of this repository: torchvision 0.28's resnet18(num_classes=5) on
# torch 2.13 was given the weights of `draw` by `load_state_dict`; forward hooks kept, of the
# first image, every 16th channel of maxpool and layer1 to layer3 and every 8th of layer4;
# logits are of all images. "even" is the images of `draw`, "odd" the first one's upper left
# 61 x 45 pixels, "training" the images in training mode with the running statistics after it.
GOLDEN = Path(__file__).parent / "data" / "resnet18_torch.npz"
LAYERS = {"maxpool": 16, "layer1": 16, "layer2": 16, "layer3": 16, "layer4": 8}
NORMS = ("running_var", "bn1.weight", "bn2.weight", "downsample.1.weight")


def draw(name, shape):
    """Return the values of a tensor of torch, which its name decides."""
    generator = np.random.default_rng(list(name.encode()))
    if name.endswith(NORMS):
        values = generator.uniform(0.5, 1.5, shape)
    elif len(shape) > 1 and name != "image":
        values = generator.normal(size=shape) * np.sqrt(2 / np.prod(shape[1:]))
    else:
        values = generator.normal(size=shape) * (1 if name == "image" else 0.1)
    return values.astype("float32")


@pytest.fixture(scope="module")
def twin(torch_shapes):
    """Return a function that runs a case of the golden file in Keras."""
    backbone = resnet18((None, None, 3))
    dense = keras.layers.Dense(5, name="fc")
    head = keras.Sequential([keras.layers.GlobalAveragePooling2D(), dense])
    head.build((None, None, None, 512))
    tensors = {name: draw(name, shape) for name, shape in torch_shapes(5).items()}
    image = draw("image", (2, 64, 48, 3))
    names = ["maxpool", *(f"layer{stage}.1" for stage in range(1, 5))]
    probe = keras.Model(backbone.input, [backbone.get_layer(name).output for name in names])

    def run(case):
        assign_tensors(backbone, head, tensors, "golden")
        x = image[:1, :61, :45] if case == "odd" else image
        found = dict(zip(LAYERS, probe(x, training=case == "training"), strict=True))
        logits = head(found["layer4"]).numpy()
        found = {k: v.numpy()[:1, :, :, :: LAYERS[k]] for k, v in found.items()}
        return {**found, "logits": logits}, backbone

    return run


@pytest.mark.parametrize("case", ["even", "odd", "training"])
def test_activations_equal_torch(twin, case):
    golden = np.load(GOLDEN)

    found, _ = twin(case)

    for name, value in found.items():
        expected = golden[f"{case}/{name}"]
        assert value.shape == expected.shape
        deviation = abs(value - expected).max() / abs(expected).max()
        assert deviation < 5e-5, f"{name} deviates by {deviation:.1e}"


def test_running_statistics_move_as_in_torch_but_for_the_unbiased_variance(twin):
    golden = np.load(GOLDEN)

    _, backbone = twin("training")

    norm, rows = backbone.get_layer("bn1"), 2 * 32 * 24
    np.testing.assert_allclose(norm.moving_mean, golden["training/bn1.running_mean"], atol=1e-6)
    before = 0.9 * draw("bn1.running_var", (64,))
    added = (norm.moving_variance.numpy() - before) * rows / (rows - 1)
    np.testing.assert_allclose(before + added, golden["training/bn1.running_var"], rtol=1e-5)


def test_layers_that_copy_stand_before_strided_ones_alone():
    layers = resnet18((64, 64, 3)).layers
    pads = [x.name for x in layers if isinstance(x, keras.layers.ZeroPadding2D)]
    strided = [f"layer{stage}.0.conv1.pad" for stage in (2, 3, 4)]
    assert pads == ["conv1.pad", "maxpool.pad", *strided]


@pytest.mark.parametrize(
    "layers", [lambda: resnet18((64, 64, 3)).layers, lambda: next(convolution_stages("a")).layers]
)
def test_normalisations_are_of_one_kernel(layers):
    norms = [x for x in layers() if isinstance(x, keras.layers.BatchNormalization)]
    assert {type(norm) for norm in norms} == {BatchNormalization}
