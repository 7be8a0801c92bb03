"""How data tell the shapes of a network, and whether its weights come from a file."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from mmbal.networks.controls import NORMAL
from mmbal.networks.groups import VariableGroups
from mmbal.networks.network import FusionNetwork, Outputs
from mmbal.networks.shapes import before_saved_weights, build_from, saved_weights_follow


class TwoDense(FusionNetwork):
    """Two linear branches."""

    def __init__(self):
        super().__init__(("a", "b"))
        self.heads = [keras.layers.Dense(2), keras.layers.Dense(2)]

    def call(self, inputs, controls=NORMAL, training=False):
        unimodal = {m: head(inputs[m]) for m, head in zip("ab", self.heads, strict=True)}
        return Outputs(self.fuse_logits(unimodal, controls.keep), unimodal, {}, {})

    def variable_groups(self):
        return VariableGroups({m: d.variables for m, d in zip("ab", self.heads, strict=True)}, {})


class Batches(keras.utils.PyDataset):
    def __init__(self, inputs, labels):
        super().__init__()
        self.batch = inputs, labels

    def __len__(self):
        return 1

    def __getitem__(self, index):
        return self.batch


INPUTS = {"a": np.zeros((4, 3), "float32"), "b": np.zeros((4, 2), "float32")}
LABELS = np.zeros(4, "int64")


@pytest.mark.parametrize(
    "wrap",
    [
        lambda x, y: x,
        lambda x, y: tf.data.Dataset.from_tensor_slices((x, y)).batch(2),
        lambda x, y: tf.data.Dataset.from_tensor_slices(x).batch(2),
        lambda x, y: tf.data.Dataset.from_tensor_slices((x, y, y)).batch(3),
        Batches,
        lambda x, y: {**x, "extra": np.zeros((4, 9))},
    ],
    ids=["dict", "tf.data", "tf.data without labels", "weights", "PyDataset", "extra"],
)
def test_takes_shapes_from_what_fit_takes(wrap):
    network = TwoDense()
    build_from(network, wrap(INPUTS, LABELS))
    assert [head.kernel.shape for head in network.heads] == [(3, 2), (2, 2)]


def test_leaves_a_built_network_alone():
    network = TwoDense()
    network(INPUTS)
    build_from(network, object())
    assert network.heads[0].kernel.shape == (3, 2)


@pytest.mark.parametrize(
    ("data", "found"),
    [
        ({"a": np.zeros((1, 3))}, "['a']"),
        (np.zeros((1, 3)), "ndarray"),
        (iter(()), "tuple_iterator"),
        (tf.data.Dataset.from_tensors(np.zeros((1, 3))), "TensorSpec"),
    ],
)
def test_tells_what_it_wants_and_what_it_got(data, found):
    with pytest.raises(ValueError, match="inputs must be a dictionary") as caught:
        build_from(TwoDense(), data)
    assert "['a', 'b']" in str(caught.value)
    assert found in str(caught.value)


@pytest.mark.parametrize("shape", [None, [None, None]])
def test_names_the_modality_of_unknown_shape(shape):
    spec = {"a": tf.TensorSpec([None, 3]), "b": tf.TensorSpec(shape)}
    data = tf.data.Dataset.from_generator(lambda: iter(()), output_signature=spec)
    with pytest.raises(ValueError, match="'b'") as caught:
        build_from(TwoDense(), data)
    assert "called once on a batch" in str(caught.value)


def test_weights_follow_only_meanwhile_and_for_the_innermost():
    assert not saved_weights_follow()
    with before_saved_weights(True):
        assert saved_weights_follow()
        with before_saved_weights(False):
            assert not saved_weights_follow()
        assert saved_weights_follow()
    assert not saved_weights_follow()


def test_weights_follow_no_longer_after_an_error():
    with pytest.raises(KeyError), before_saved_weights(True):
        raise KeyError
    assert not saved_weights_follow()
