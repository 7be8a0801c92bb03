"""Operations that are counted, against numbers worked by hand."""

from dataclasses import replace
from types import SimpleNamespace

import keras
import pytest
import tensorflow as tf

from mmbal.data import Examples, Modality, MultimodalDataset
from mmbal.errors import MmbalError
from mmbal.experiment.building import build_network
from mmbal.experiment.costing import forward_operations, measure_cost
from mmbal.records.run_folder import RunFolder


def operations_of(layer, shape, after=lambda x: x):
    """Return what is counted of a network of one layer, which it calls as a function."""
    none = Examples(0, None)
    data = MultimodalDataset({"a": Modality(shape)}, ("x", "y"), none, none, none, "ab")
    layer.build((None, *shape))
    called = tf.function(lambda x: after(layer(x)))

    def network(inputs, *, training):
        assert not training
        return SimpleNamespace(logits=called(inputs["a"]))

    return forward_operations(network, data)


def test_a_multiply_add_counts_twice_also_in_functions_that_are_called():
    assert operations_of(keras.layers.Dense(4, use_bias=False), (3,)) == (2 * 3 * 4, ())
    # 3 x 3 kernels of 2 channels at 4 x 4 places, into 5
    convolution = keras.layers.Conv2D(5, 3, padding="same", use_bias=False)
    assert operations_of(convolution, (4, 4, 2)) == (2 * 9 * 2 * 5 * 16, ())


def test_what_computes_and_is_not_counted_is_named():
    flops, uncounted = operations_of(
        keras.layers.Dense(4, use_bias=False), (3,), lambda x: tf.einsum("bi,bj->bij", x, x)
    )

    assert flops == 2 * 3 * 4
    assert uncounted == ("Einsum",)


def test_a_run_costs_what_its_configuration_and_shapes_say(toys, finished):
    record = RunFolder(finished[0]).open()
    cost = measure_cost(record, toys.catalogue)

    network = build_network(toys.resolve().config, toys.catalogue, toys.load())
    assert cost.parameters == network.count_params()
    assert cost.forward > cost.parameters
    assert cost.extra_passes == 0
    with pytest.raises(MmbalError, match="recorded no shapes"):
        measure_cost(replace(record, data={}), toys.catalogue)
