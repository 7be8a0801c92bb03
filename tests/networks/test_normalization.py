"""The fused layer against Keras's own."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from mmbal.networks import BatchNormalization, fuse_batch_norm

KERNEL = "FusedBatchNormV3"
SHAPES = [(2, 1, 1, 3), (2, 3, 4, 3), (6, 5, 5, 16), (2, 2, 1, 1, 3), (2, 3, 2, 4, 3)]


def drawn(shape, dtype="float32", seed=1):
    return tf.cast(np.random.default_rng(seed).uniform(1, 9, shape), dtype)


def pair(shape, **options):
    """Return Keras's layer and ours with the same values in all variables."""
    layers = [kind(**options) for kind in (keras.layers.BatchNormalization, BatchNormalization)]
    for layer in layers:
        layer.build(shape)
        layer.set_weights([drawn(v.shape, v.dtype, seed=2) / 4 for v in layer.variables])
    return layers


def step(layer, x, **options):
    """Return outputs, gradients of input and variables, and moving statistics of a step."""
    weight = drawn(x.shape, seed=3) - 5
    with tf.GradientTape() as tape:
        tape.watch(x)
        outputs = layer(x, training=True)
        loss = tf.reduce_sum(tf.cast(outputs, weight.dtype) * weight)
    trained = [v.value for v in layer.trainable_variables]
    gradients = tape.gradient(loss, [x, *trained])
    return [outputs, *gradients, layer.moving_mean.value, layer.moving_variance.value]


def operations(layer, x, training=True):
    function = tf.function(lambda x: layer(x, training=training), autograph=False)
    return {
        operation.type for operation in function.get_concrete_function(x).graph.get_operations()
    }


def assert_close(found, expected, tolerance=1e-5):
    for one, other in zip(found, expected, strict=True):
        assert one.dtype == other.dtype
        ours, theirs = (np.asarray(tf.cast(x, tf.float32)) for x in (one, other))
        assert np.abs(ours - theirs).max() <= tolerance * max(1, np.abs(theirs).max())


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("compiled", [None, False, True], ids=["eager", "graph", "xla"])
def test_is_keras_layer(shape, compiled):
    theirs, ours = pair(shape)
    x, call = drawn(shape), step
    if compiled is not None:
        call = tf.function(step, jit_compile=compiled, autograph=False)
    assert KERNEL in operations(BatchNormalization(), x)
    assert_close(call(ours, x), step(theirs, x))


@pytest.mark.parametrize("options", [{"scale": False}, {"center": False}, {"epsilon": 1e-5}])
def test_heeds_its_arguments(options):
    theirs, ours = pair((4, 3, 3, 5), momentum=0.5, **options)
    x = drawn((4, 3, 3, 5))
    assert_close(step(ours, x), step(theirs, x))


def test_moving_variance_is_the_populations():
    """Of 1 and 3 it is 1, where the kernel estimates 2."""
    layer = BatchNormalization(momentum=0.5)
    layer(tf.reshape([1.0, 3.0], [2, 1, 1, 1]), training=True)
    assert layer.moving_mean.numpy() == [1]
    assert layer.moving_variance.numpy() == [1]


def test_a_single_value_varies_nothing():
    layer = BatchNormalization(momentum=0.5)
    layer(tf.ones([1, 1, 1, 1]), training=True)
    assert layer.moving_variance.numpy() == [0.5]


def test_statistics_of_half_precision_are_float32(precision):
    precision("mixed_bfloat16")
    shape = (4, 3, 3, 8)
    theirs, ours = pair(shape)
    x = drawn(shape, "bfloat16")
    assert KERNEL in operations(BatchNormalization(), x)
    found, expected = step(ours, x), step(theirs, x)
    assert found[0].dtype == tf.bfloat16
    assert_close(found[-2:], expected[-2:])
    assert_close(found, expected, tolerance=2**-7)


@pytest.mark.parametrize(
    ("shape", "dtype", "options"),
    [
        ((2, 3, 3, 2), "float64", {}),
        ((2, 3, 3, 2), "float16", {}),
        ((2, 3, 3, 2), "float32", {"axis": 1}),
        ((4, 2), "float32", {}),
        ((2, 3, 2), "float32", {}),
    ],
)
def test_leaves_the_rest_to_keras(shape, dtype, options):
    theirs, ours = pair(shape, dtype=dtype, **options)
    x = drawn(shape, dtype)
    assert KERNEL not in operations(ours, x)
    theirs, ours = pair(shape, dtype=dtype, **options)
    for found, expected in zip(step(ours, x), step(theirs, x), strict=True):
        np.testing.assert_array_equal(found, expected)


def test_a_mask_is_kerass():
    theirs, ours = pair((2, 2, 2, 1))
    x, mask = drawn((2, 2, 2, 1)), tf.constant([[[True, False], [True, True]]] * 2)
    expected = theirs(x, training=True, mask=mask)
    np.testing.assert_array_equal(ours(x, training=True, mask=mask), expected)


@pytest.mark.parametrize("frozen", [False, True])
def test_inference_is_kerass(frozen):
    theirs, ours = pair((2, 2, 2, 3))
    theirs.trainable = ours.trainable = not frozen
    x = drawn((2, 2, 2, 3))
    np.testing.assert_array_equal(ours(x, training=frozen), theirs(x, training=frozen))
    np.testing.assert_array_equal(ours.moving_mean, theirs.moving_mean)


@pytest.mark.parametrize("shape", [(2, 3, 2, 3), (2, 2, 3, 2, 3)])
def test_second_derivatives(shape):
    def curvature(layer, x):
        with tf.GradientTape() as outer:
            outer.watch(x)
            with tf.GradientTape() as inner:
                inner.watch(x)
                loss = tf.reduce_sum(layer(x, training=True) ** 2 * drawn(shape, seed=3))
            penalty = tf.reduce_sum(inner.gradient(loss, x) ** 2)
        return outer.gradient(penalty, [x, layer.gamma.value])

    theirs, ours = pair(shape)
    x = drawn(shape)
    assert_close(curvature(ours, x), curvature(theirs, x))


def model(kind, name):
    layers = keras.layers
    block = [layers.Conv2D(3, 1), kind(), layers.ReLU(), layers.Conv2D(2, 1), kind()]
    return keras.Sequential([keras.Input((4, 4, 2)), *block], name=name)


def test_weights_saved_by_one_are_loaded_by_the_other(tmp_path):
    kinds = {"theirs": keras.layers.BatchNormalization, "ours": BatchNormalization}
    x, path = drawn((2, 4, 4, 2)), tmp_path / "model.weights.h5"
    for writer, reader in (("theirs", "ours"), ("ours", "theirs")):
        written, read = model(kinds[writer], "one"), model(kinds[reader], "other")
        written(x, training=True)
        written.save_weights(path)
        read.load_weights(path)
        np.testing.assert_array_equal(read(x), written(x))


def test_configuration_is_kerass(tmp_path):
    options = {"momentum": 0.7, "name": "norm", "synchronized": True}
    theirs = keras.layers.BatchNormalization(**options)
    config = BatchNormalization(**options).get_config()
    assert config == theirs.get_config()
    assert BatchNormalization.from_config(config).get_config() == config
    model(BatchNormalization, "saved").save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert type(loaded.layers[1]) is BatchNormalization


class Shifted(keras.layers.BatchNormalization):
    """A user's own."""


def test_layers_of_users_are_fused_when_asked():
    network = keras.Sequential([model(keras.layers.BatchNormalization, "inner"), Shifted()])
    x = drawn((2, 4, 4, 2))
    expected = network(x, training=True)
    assert KERNEL not in operations(network, x)
    variables = [id(v) for v in network.variables]
    fuse_batch_norm(network)
    assert KERNEL in operations(network, x)
    assert [id(v) for v in network.variables] == variables
    assert type(network.layers[1]) is Shifted
    assert_close([network(x, training=True)], [expected])


def test_applications_are_fused_when_asked():
    backbone = keras.applications.MobileNetV2((32, 32, 3), 0.35, include_top=False, weights=None)
    norms = [x for x in backbone.layers if isinstance(x, keras.layers.BatchNormalization)]
    fuse_batch_norm(backbone)
    assert {type(norm) for norm in norms} == {BatchNormalization}
    assert KERNEL in operations(backbone, drawn((2, 32, 32, 3)))
