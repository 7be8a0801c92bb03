"""The multimodal transfer module against numbers worked by hand."""

import math

import keras
import numpy as np
import pytest
import tensorflow as tf

from mmbal.networks import Controls, blocked
from mmbal_mmtm import MMTM
from mmbal_mmtm.layer import FanInUniform

LN3 = math.log(3.0)


def fill(dense, kernel, bias):
    dense.kernel.assign(kernel)
    dense.bias.assign(bias)


@pytest.fixture
def pair():
    """One channel each, one squeeze unit: e = relu(z_0 + z_1), gates sigmoid(e), sigmoid(-e)."""
    module = MMTM(ratio=4)
    module([tf.zeros([1, 1]), tf.zeros([1, 1])])
    fill(module.squeeze, [[1.0], [1.0]], [0.0])
    fill(module.excitations[0], [[1.0]], [0.0])
    fill(module.excitations[1], [[-1.0]], [0.0])
    return module


def rows(*values):
    return tf.constant([[value] for value in values], tf.float32)


def means(module, *values):
    """Return controls under which every branch sees itself and these means of the others."""
    return blocked(len(values), {module.name: values})


def random_module(channels, seed=0, **options):
    keras.utils.set_random_seed(seed)
    module = MMTM(**options)
    module([tf.zeros([1, c]) for c in channels])
    return module


class TestGates:
    def test_by_hand(self, pair):
        # z = (1, ln 3 - 1): e = ln 3, gates 3/4 and 1/4. z = (-2, 1): e = relu(-1) = 0, both 1/2.
        features = [rows(1, -2), rows(LN3 - 1, 1)]
        (first, second), squeezed = pair(features)
        np.testing.assert_allclose(first, [[0.75], [-1.0]], rtol=1e-6)
        np.testing.assert_allclose(second, [[(LN3 - 1) / 4], [0.5]], rtol=1e-6)
        for z, feature in zip(squeezed, features, strict=True):
            np.testing.assert_array_equal(z, feature)

    def test_features_of_any_rank_are_averaged_and_gated_per_channel(self):
        flat = tf.constant([[1.0, 2.0]])
        series = tf.constant([[[1.0], [3.0]]])  # mean 2 over two times
        image = tf.reshape(tf.range(8, dtype=tf.float32), [1, 2, 2, 2])  # means 3 and 4
        module = random_module([2, 1, 2])
        gated, squeezed = module([flat, series, image])
        assert [z.numpy().tolist() for z in squeezed] == [[[1, 2]], [[2]], [[3, 4]]]
        e = np.maximum(
            np.array([1, 2, 2, 3, 4]) @ module.squeeze.kernel.numpy() + module.squeeze.bias.numpy(),
            0,
        )
        for feature, got, dense in zip(
            [flat, series, image], gated, module.excitations, strict=True
        ):
            gate = 1 / (1 + np.exp(-(e @ dense.kernel.numpy() + dense.bias.numpy())))
            np.testing.assert_allclose(got, feature.numpy() * gate, rtol=1e-5)
            assert got.shape == feature.shape

    @pytest.mark.parametrize("count", [1, 2, 3, 4])
    def test_any_number_of_modalities(self, count):
        module = random_module([2] * count)
        assert module.squeeze.kernel.shape == (2 * count, count)
        assert len(module.excitations) == len(module.held_mean.means) == count
        gated, squeezed = module([tf.ones([3, 2])] * count)
        assert len(gated) == len(squeezed) == count

    @pytest.mark.parametrize(
        ("channels", "ratio", "units"),
        [((64, 64), 4, 64), ((3, 5), 4, 4), ((3, 4), 4, 3), ((4, 4), 16, 1), ((2, 2), 0.5, 16)],
    )
    def test_ratio_sets_the_width_of_the_squeeze(self, channels, ratio, units):
        assert random_module(channels, ratio=ratio).squeeze.units == units

    def test_gate_scale_multiplies(self):
        features = [tf.ones([2, 3]), tf.ones([2, 1])]
        one, two = (random_module([3, 1], gate_scale=scale)(features)[0] for scale in (1, 2))
        for single, double in zip(one, two, strict=True):
            np.testing.assert_allclose(double, 2 * single, rtol=1e-6)

    def test_weights_are_drawn_within_one_over_root_fan_in(self):
        module = random_module([40, 60], ratio=2)  # squeeze 100 -> 100, excitations from 100
        for dense in (module.squeeze, *module.excitations):
            values = np.concatenate([v.numpy().ravel() for v in dense.trainable_variables])
            assert abs(values).max() <= 0.1
            assert abs(values).max() > 0.095
            assert abs(values.mean()) < 0.01
            assert dense.bias.numpy().std() > 0.03

    @pytest.mark.parametrize("ratio", [0, -1])
    def test_ratio_must_be_positive(self, ratio):
        with pytest.raises(ValueError, match=f"ratio must be positive, received {ratio}"):
            MMTM(ratio)

    def test_ratio_must_leave_a_unit(self):
        with pytest.raises(ValueError, match="ratio 8 leaves no unit for 3 channels"):
            MMTM(ratio=8)([tf.zeros([1, 1]), tf.zeros([1, 2])])


def gate_of(module, value):
    """Make every gate of modality 0 equal to `value`, whatever comes in."""
    fill(module.excitations[0], [[0.0]], [math.log(value / (1 - value))])


class TestRunningMeans:
    def test_are_cumulative_over_batches(self, pair):
        features = [rows(1, 1), rows(1, 1)]
        assert pair.held_mean.means[0].numpy().tolist() == [0]
        for gate, mean in ((0.6, 0.6), (0.8, 0.7), (0.1, 0.5)):
            gate_of(pair, gate)
            pair(features, training=True)
            np.testing.assert_allclose(pair.held_mean.means[0].numpy(), [mean], rtol=1e-5)
        assert int(pair.held_mean.batches) == 3

    def test_weigh_batches_alike_and_average_within(self, pair):
        # e = 0 and ln 3: gates 1/2 and 3/4, mean 5/8; then a batch of one with gate 3/4.
        pair([rows(0, LN3), rows(0, 0)], training=True)
        np.testing.assert_allclose(pair.held_mean.means[0].numpy(), [5 / 8], rtol=1e-6)
        np.testing.assert_allclose(pair.held_mean.means[1].numpy(), [3 / 8], rtol=1e-6)
        pair([rows(LN3), rows(0)], training=True)
        np.testing.assert_allclose(
            pair.held_mean.means[0].numpy(), [(5 / 8 + 3 / 4) / 2], rtol=1e-6
        )

    def test_each_modality_has_its_own_also_of_another_width(self):
        module = random_module([3, 5])
        module([tf.ones([2, 3]), tf.ones([2, 5])], training=True)
        assert [mean.shape for mean in module.held_mean.means] == [(3,), (5,)]
        assert all((mean.numpy() > 0).all() for mean in module.held_mean.means)

    def test_stand_still_outside_training(self, pair):
        pair([rows(1), rows(1)], training=True)
        before = [mean.numpy() for mean in pair.held_mean.means]
        pair([rows(5), rows(5)])
        pair([rows(5), rows(5)], controls=Controls(tf.constant([True, False])))
        pair([rows(5), rows(5)], controls=means(pair, tf.ones([1]), tf.ones([1])))
        assert [mean.numpy() for mean in pair.held_mean.means] == before
        assert int(pair.held_mean.batches) == 1

    def test_move_by_the_true_gates_while_a_branch_is_isolated(self, pair):
        for gate, mean in ((0.6, 0.6), (0.8, 0.7)):
            gate_of(pair, gate)
            pair([rows(1), rows(1)], controls=Controls(tf.constant([True, True])), training=True)
            np.testing.assert_allclose(pair.held_mean.means[0].numpy(), [mean], rtol=1e-5)

    def test_are_no_trainable_variables_but_are_saved(self, tmp_path):
        def build():
            inputs = [keras.Input([2]), keras.Input([3])]
            return keras.Model(inputs, MMTM(name="m")(inputs)[0])

        source, target = build(), build()
        module = source.get_layer("m")
        module([tf.ones([2, 2]), tf.ones([2, 3])], training=True)
        assert len(module.trainable_variables) == 6
        source.save_weights(tmp_path / "x.weights.h5")
        target.load_weights(tmp_path / "x.weights.h5")
        loaded = target.get_layer("m")
        assert int(loaded.held_mean.batches) == 1
        for expected, got in zip(module.held_mean.means, loaded.held_mean.means, strict=True):
            np.testing.assert_array_equal(got.numpy(), expected.numpy())


class TestIsolation:
    def test_replaces_the_gate_by_the_mean_the_current_batch_included(self, pair):
        gate_of(pair, 0.6)
        pair([rows(1), rows(1)], training=True)
        gate_of(pair, 0.8)
        (first, second), _ = pair(
            [rows(10, 20), rows(LN3, LN3)],
            controls=Controls(tf.constant([True, False])),
            training=True,
        )
        np.testing.assert_allclose(first, [[7], [14]], rtol=1e-5)  # mean of 0.6 and 0.8
        expected = [[LN3 / (1 + math.exp(x + LN3))] for x in (10, 20)]
        np.testing.assert_allclose(second, expected, rtol=1e-4)

    def test_outside_training_the_other_modalities_cannot_be_seen(self):
        module = random_module([2, 3, 1])
        own = tf.constant([[1.0, 2.0]])
        module([own, tf.ones([1, 3]), tf.ones([1, 1])], training=True)
        controls = Controls(tf.constant([True, False, False]))
        outputs = [
            module([own, scale * tf.ones([1, 3]), -scale * tf.ones([1, 1])], controls=controls)[0]
            for scale in (1.0, 9.0)
        ]
        np.testing.assert_array_equal(outputs[0][0], outputs[1][0])
        assert (outputs[0][1] / 1.0 != outputs[1][1] / 9.0).numpy().any()

    @pytest.mark.parametrize("training", [False, True])
    @pytest.mark.parametrize("isolated", [0, 1, 2])
    def test_no_gradient_crosses(self, isolated, training):
        widths = [2, 3, 1]
        module = random_module(widths)
        fill(module.squeeze, module.squeeze.kernel, tf.ones([3]))  # keep the ReLU open
        features = [tf.Variable(tf.random.stateless_uniform([4, w], [w, 0])) for w in widths]
        controls = Controls(tf.one_hot(isolated, 3, on_value=True, off_value=False))
        with tf.GradientTape(persistent=True) as tape:
            gated, _ = module([f * 1.0 for f in features], controls=controls, training=training)
            losses = [tf.reduce_sum(g) for g in gated]
        zero = tf.UnconnectedGradients.ZERO
        for branch, loss in enumerate(losses):
            to_features = tape.gradient(loss, features, unconnected_gradients=zero)
            crossing = [
                bool(tf.reduce_any(g != 0))
                for other, g in enumerate(to_features)
                if other != branch
            ]
            assert crossing == [branch != isolated] * 2
            to_fusion = tape.gradient(
                loss, module.fusion_variables(branch), unconnected_gradients=zero
            )
            moved = [bool(tf.reduce_any(g != 0)) for g in to_fusion]
            assert moved == [branch != isolated] * 4
        # The isolated branch learns through its own features, gated by a constant.
        own = tape.gradient(losses[isolated], features[isolated])
        assert (own == own[0]).numpy().all()
        assert (own != 0).numpy().all() or not training

    def test_none_isolated_equals_no_flag(self, pair):
        features = [rows(1, 2), rows(3, -4)]
        plain = pair(features)[0]
        flagged = pair(features, controls=Controls(tf.constant([False, False])))[0]
        for one, other in zip(plain, flagged, strict=True):
            np.testing.assert_array_equal(one, other)


class TestBlocked:
    def test_every_branch_sees_itself_and_the_means_of_the_others(self, pair):
        # Means -1 and ln 3. Branch 0: e = relu(z_0 + ln 3); branch 1: e = relu(z_1 - 1).
        controls = means(pair, tf.constant([-1.0]), tf.constant([LN3]))
        (first, second), squeezed = pair([rows(0, -9), rows(1 + LN3, 0)], controls=controls)
        np.testing.assert_allclose(first, [[0], [-4.5]], atol=1e-6)
        np.testing.assert_allclose(second, [[(1 + LN3) / 4], [0]], rtol=1e-6)
        np.testing.assert_array_equal(squeezed[0], [[0], [-9]])  # what is told stays unblocked

    def test_the_others_cannot_be_seen(self):
        module = random_module([2, 3, 1])
        controls = means(module, tf.ones([2]), tf.ones([3]), tf.ones([1]))
        own = tf.constant([[1.0, 2.0]])
        seen = [
            module([own, s * tf.ones([1, 3]), s * tf.ones([1, 1])], controls=controls)[0][0]
            for s in (1.0, 7.0)
        ]
        np.testing.assert_array_equal(*seen)

    def test_with_their_real_values_nothing_changes(self):
        module = random_module([2, 3])
        features = [tf.constant([[1.0, 2.0]]), tf.constant([[3.0, 4.0, 5.0]])]
        plain = module(features)[0]
        filled = module(features, controls=means(module, *(f[0] for f in features)))[0]
        for one, other in zip(plain, filled, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-6)


class TestKeep:
    def test_hides_a_modality_from_the_squeeze_example_by_example(self, pair):
        # Both z are ln 3. Kept: e = 2 ln 3, gate 9/10. One hidden: e = ln 3, gate 3/4.
        keep = tf.constant([[1, 1], [1, 0], [0, 1], [0, 0]])
        (first, _), squeezed = pair(
            [rows(*[LN3] * 4), rows(*[LN3] * 4)], controls=Controls(keep=keep)
        )
        expected = np.array([[0.9], [0.75], [0.75], [0.5]]) * LN3
        np.testing.assert_allclose(first, expected, rtol=1e-5)
        np.testing.assert_allclose(squeezed[1], [[LN3]] * 4, rtol=1e-6)


class TestKeras:
    def test_config_goes_round(self):
        module = MMTM(ratio=8, gate_scale=2, name="here", dtype="mixed_bfloat16")
        twin = MMTM.from_config(module.get_config())
        assert (twin.ratio, twin.gate_scale, twin.name) == (8, 2, "here")
        assert twin.dtype_policy.name == "mixed_bfloat16"

    @pytest.mark.parametrize("fan_in", [None, 9])
    def test_the_initializers_config_goes_round(self, fan_in):
        one = FanInUniform(fan_in, seed=3)
        other = FanInUniform.from_config(one.get_config())
        np.testing.assert_array_equal(one((4, 5)), other((4, 5)))
        assert abs(np.asarray(one((4, 500)))).max() <= 1 / math.sqrt(fan_in or 4)

    def test_mixed_precision_computes_narrow_and_remembers_wide(self):
        module = random_module([2, 3], dtype="mixed_bfloat16")
        wide = random_module([2, 3])
        features = [tf.constant([[1.0, 2.0]]), tf.constant([[3.0, 4.0, 5.0]])]
        controls = Controls(tf.constant([True, False]))
        narrow, _ = module(features, controls=controls, training=True)
        expected, _ = wide(features, controls=controls, training=True)
        for got, value in zip(narrow, expected, strict=True):
            assert got.dtype == tf.bfloat16
            np.testing.assert_allclose(tf.cast(got, tf.float32), value, rtol=0.02)
        assert {v.dtype for v in (*module.trainable_variables, *module.held_mean.means)} == {
            "float32"
        }

    def test_one_seed_one_module(self):
        one, two, three = (random_module([2, 3], seed=s).squeeze.kernel.numpy() for s in (1, 1, 2))
        np.testing.assert_array_equal(one, two)
        assert (one != three).any()

    def test_fusion_variables_are_squeeze_and_own_excitation(self):
        module = random_module([2, 3])
        for index in (0, 1):
            names = [id(v) for v in module.fusion_variables(index)]
            own = module.excitations[index]
            expected = [module.squeeze.kernel, module.squeeze.bias, own.kernel, own.bias]
            assert names == [id(v) for v in expected]
