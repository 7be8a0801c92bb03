"""The rule of a joint classifier that is a sum, by hand."""

import numpy as np
import tensorflow as tf

from mmbal.networks import LinearRule

FEATURES = {"a": tf.constant([[3.0, 4.0]]), "v": tf.constant([[0.0, 5.0]])}
KERNELS = {"a": tf.constant([[1.0, 0], [0, 2]]), "v": tf.constant([[1.0, 1], [1, -1]])}
BIAS = tf.constant([0.5, -1.0])


def test_linear_shares_the_bias_out():
    parts = LinearRule().contributions(FEATURES, KERNELS, BIAS)
    np.testing.assert_allclose(parts["a"], [[3.25, 7.5]])
    np.testing.assert_allclose(parts["v"], [[5.25, -5.5]])
    assert LinearRule.biased
