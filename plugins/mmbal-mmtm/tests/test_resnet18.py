"""The network of two ResNet-18."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from mmbal import ConfigError
from mmbal.data import Modality
from mmbal.networks import before_saved_weights
from mmbal_mmtm.options import ResNetOptions
from mmbal_mmtm.resnet18 import mmtm_resnet18


def count(variables):
    return sum(int(np.prod(v.shape)) for v in variables)


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
        modules = [count(m.trainable_variables) for m in network.fusion]
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
        assert [m.squeeze.units for m in net.fusion] == [96, 192, 384]
        assert {m.gate_scale for m in net.fusion} == {2}

    @pytest.mark.parametrize("shape", [(32, 32), (4, 32, 32, 3)])
    def test_other_shapes_are_refused_by_name(self, shape):
        modalities = {"front": Modality((32, 32, 3)), "sound": Modality(shape)}
        with pytest.raises(ConfigError, match="'sound'") as caught:
            mmtm_resnet18(ResNetOptions(), modalities, 10)
        assert str(shape) in str(caught.value)


class TestWeights:
    """What a file must hold is tested in mmbal-backbones."""

    @pytest.fixture
    def conv1(self, tmp_path):
        """Return a function: weights to the first kernels of two branches."""

        def conv1(weights):
            modalities = {"color": Modality((16, 16, 3)), "gray": Modality((16, 16, 1))}
            network = mmtm_resnet18(ResNetOptions(weights=weights), modalities, 5)
            return [s[0].get_layer("conv1").kernel.numpy() for s in network.stages]

        return conv1

    def test_reach_every_branch(self, conv1, monkeypatch):
        given = []
        monkeypatch.setattr("mmbal_mmtm.resnet18.open_tensors", lambda weights: [weights])
        monkeypatch.setattr("mmbal_mmtm.resnet18.assign_tensors", lambda *a: given.append(a))

        conv1("/file")

        assert [(b.name, h.name, t, s) for b, h, t, s in given] == [
            ("color", "color_head", ["/file"], "/file"),
            ("gray", "gray_head", ["/file"], "/file"),
        ]

    def test_are_not_read_where_those_of_a_run_follow(self, conv1):
        with before_saved_weights(True):
            assert conv1("gone.safetensors")[0].std() > 0
        with pytest.raises(ConfigError, match="which is no file"):
            conv1("gone.safetensors")
