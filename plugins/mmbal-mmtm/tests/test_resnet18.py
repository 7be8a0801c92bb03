"""ResNet-18 against torchvision, and the network of two of them."""

from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from mmbal import ConfigError
from mmbal.data import Modality
from mmbal_mmtm.options import ResNetOptions
from mmbal_mmtm.pretrained import assign
from mmbal_mmtm.resnet18 import mmtm_resnet18, resnet18

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


def count(variables):
    return sum(int(np.prod(v.shape)) for v in variables)


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
        assign(backbone, head, tensors, "golden")
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


@pytest.fixture(scope="module")
def network():
    keras.utils.set_random_seed(0)
    modalities = {"front": Modality((32, 32, 3)), "rear": Modality((24, 40, 3))}
    return mmtm_resnet18(ResNetOptions(), modalities, 40)


def batch(network, seed=0):
    return {
        m: tf.random.stateless_normal([2, *stages[0].input_shape[1:]], [seed, i])
        for i, (m, stages) in enumerate(zip(network.modalities, network.stages, strict=True))
    }


class TestNetwork:
    def test_parameter_counts_of_the_authors(self, network):
        network(batch(network))
        groups = network.variable_groups()
        for modality, stages, head in zip(
            network.modalities, network.stages, network.heads, strict=True
        ):
            assert count(v for s in stages for v in s.trainable_variables) == 11_176_512
            assert count(head.trainable_variables) == 20_520
            assert count(groups.branch[modality]) == 11_197_032
        modules = [count(m.trainable_variables) for m in network.modules]
        assert modules == [65_920, 262_912, 1_050_112]
        assert sum(modules) == 1_378_944
        assert count(network.trainable_variables) == 23_773_008
        assert sum(count(v) for v in network.partition().values()) == 23_773_008

    def test_modules_stand_after_stages_2_to_4(self, network):
        outputs = network(batch(network))
        widths = [[z.shape[-1] for z in zs] for zs in outputs.squeezed.values()]
        assert widths == [[128, 128], [256, 256], [512, 512]]
        assert {m: f.shape for m, f in outputs.features.items()} == {
            "front": (2, 1, 1, 512),
            "rear": (2, 1, 2, 512),
        }
        assert outputs.logits.shape == (2, 40)

    def test_weights_start_as_in_torchvision(self, network):
        kernel = network.stages[0][0].get_layer("layer2.0.conv1").kernel.numpy()
        assert kernel.std() == pytest.approx(np.sqrt(2 / (9 * 128)), rel=0.02)
        assert abs(kernel).max() > 4 * kernel.std()  # not cut off
        dense = network.heads[0].get_layer("fc")
        for values in (dense.kernel.numpy(), dense.bias.numpy()):
            assert 0.8 / np.sqrt(512) < abs(values).max() <= 1 / np.sqrt(512)

    def test_branches_differ(self, network):
        one, other = (s[0].get_layer("conv1").kernel.numpy() for s in network.stages)
        assert (one != other).any()

    def test_three_modalities_and_options(self):
        modalities = {m: Modality((16, 16, 1)) for m in "abc"}
        net = mmtm_resnet18(ResNetOptions(ratio=8, gate_scale=2), modalities, 3)
        outputs = net({m: tf.ones([1, 16, 16, 1]) for m in "abc"})
        assert outputs.logits.shape == (1, 3)
        assert [m.squeeze.units for m in net.modules] == [96, 192, 384]
        assert {m.gate_scale for m in net.modules} == {2}

    @pytest.mark.parametrize("shape", [(32, 32), (4, 32, 32, 3)])
    def test_other_shapes_are_refused_by_name(self, shape):
        modalities = {"front": Modality((32, 32, 3)), "sound": Modality(shape)}
        with pytest.raises(ConfigError, match="'sound'") as caught:
            mmtm_resnet18(ResNetOptions(), modalities, 10)
        assert str(shape) in str(caught.value)
