"""Weight decay beside the update and within the gradient, worked by hand."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from packaging.version import Version

from mmbal.optimizers.keras_optimizers import keras_optimizer
from mmbal.optimizers.options import SGD, Adam, Lion, OptimizerOptions
from mmbal.training.optimizer import GroupedOptimizer

START, GRADIENTS = 2.0, (0.5, -1.0)


def trained(options, gradients=GRADIENTS, exclude=(), names=("kernel",)):
    """Return the variables after steps of these gradients, as a run applies them."""
    variables = {name: keras.Variable([START], name=name) for name in names}
    template = keras_optimizer(options)
    if exclude:
        template.exclude_from_weight_decay(var_names=list(exclude))
    optimizer = GroupedOptimizer(template, {"branch/a": [*variables.values()]})
    step = tf.function(lambda g: optimizer.apply([g] * len(names), [*variables.values()]))
    for gradient in gradients:
        step(tf.constant([gradient]))
    return [float(v.numpy()[0]) for v in variables.values()]


class TestSGD:
    """weight_decay 0.1, momentum 0.5, learning rate 0.1."""

    def options(self, decay):
        return SGD(learning_rate=0.1, momentum=0.5, weight_decay=0.1, decay=decay)

    def test_coupled(self):
        # g = 0.5 + 0.1 x 2 = 0.7, v = 0.7, w = 2 - 0.07 = 1.93
        assert trained(self.options("coupled"), [0.5]) == pytest.approx([1.93])
        # g = -1 + 0.1 x 1.93 = -0.807, v = 0.35 - 0.807 = -0.457, w = 1.93 + 0.0457
        assert trained(self.options("coupled")) == pytest.approx([1.9757])

    def test_decoupled(self):
        # w = 2 x (1 - 0.1 x 0.1) - 0.1 x 0.5 = 1.93; v = 0.5
        assert trained(self.options("decoupled"), [0.5]) == pytest.approx([1.93])
        # v = 0.25 - 1 = -0.75, w = 1.93 x 0.99 + 0.075
        assert trained(self.options("decoupled")) == pytest.approx([1.9857])


class TestAdam:
    """weight_decay 0.1, beta_1 0.5, beta_2 0.75, learning rate 0.1; epsilon too small to count."""

    def options(self, decay):
        return Adam(
            learning_rate=0.1, beta_1=0.5, beta_2=0.75, epsilon=1e-12, weight_decay=0.1, decay=decay
        )

    def test_coupled(self):
        # g = 0.7: mean and root are both 0.7 after the corrections, so w = 2 - 0.1 x 1
        assert trained(self.options("coupled"), [0.5]) == pytest.approx([1.9])
        # g = -1 + 0.19 = -0.81
        mean = (0.5 * 0.5 * 0.7 + 0.5 * -0.81) / 0.75
        square = (0.75 * 0.25 * 0.49 + 0.25 * 0.6561) / 0.4375
        assert trained(self.options("coupled")) == pytest.approx([1.9 - 0.1 * mean / square**0.5])

    def test_decoupled(self):
        # w = 2 x 0.99 - 0.1 x 1
        assert trained(self.options("decoupled"), [0.5]) == pytest.approx([1.88])
        mean = (0.5 * 0.5 * 0.5 + 0.5 * -1) / 0.75
        square = (0.75 * 0.25 * 0.25 + 0.25 * 1) / 0.4375
        expected = 1.88 * 0.99 - 0.1 * mean / square**0.5
        assert trained(self.options("decoupled")) == pytest.approx([expected])


def test_coupled_changes_a_sign_where_decoupled_cannot():
    # The gradient -0.1 is outweighed by the decay 0.1 x 2.
    lion = {"learning_rate": 0.25, "weight_decay": 0.1}
    assert trained(Lion(**lion, decay="coupled"), [-0.1]) == [1.75]
    assert trained(Lion(**lion), [-0.1]) == pytest.approx([2 * 0.975 + 0.25])


@pytest.mark.parametrize("decay", ["coupled", "decoupled"])
def test_excluded_variables_do_not_decay(decay):
    options = SGD(learning_rate=0.5, weight_decay=0.5, decay=decay)

    assert trained(options, [1.0], ["gate"], ("kernel", "gate")) == [1.0, 1.5]


def test_none_is_no_decay():
    assert trained(SGD(learning_rate=0.5, decay="coupled"), [1.0]) == [1.5]


def test_clipping_comes_before_it_as_in_torch():
    # The gradient 4 becomes 1; with 0.5 x 2 that is 2.
    options = SGD(learning_rate=0.25, weight_decay=0.5, decay="coupled", global_clipnorm=1.0)
    assert trained(options, [4.0]) == [1.5]
    options = SGD(learning_rate=0.25, weight_decay=0.5, decay="coupled", clipvalue=1.0)
    assert trained(options, [4.0]) == [1.5]


def test_rows_of_an_embedding_decay_with_all_the_others():
    table = keras.Variable(np.full((3, 1), 2.0))
    optimizer = keras_optimizer(SGD(learning_rate=0.5, weight_decay=0.5, decay="coupled"))

    slices = tf.IndexedSlices(tf.ones([1, 1]), tf.constant([1]), tf.constant([3, 1]))
    optimizer.apply([slices], [table])

    assert table.numpy().tolist() == [[1.5], [1.0], [1.5]]


@pytest.mark.skipif(
    Version(keras.__version__) < Version("3.11"), reason="Muon fails there within Keras itself"
)
def test_a_plugin_offers_another_one_of_keras_by_the_name_of_its_options():
    class Muon(OptimizerOptions):
        momentum: float = 0.5

    built = keras_optimizer(Muon(learning_rate=0.25))
    matrix = keras.Variable(np.eye(2, dtype="float32"))
    before = matrix.numpy()
    optimizer = GroupedOptimizer(built, {"branch/a": [matrix]})
    optimizer.apply([tf.eye(2)], [matrix])

    assert (built.momentum, float(built.learning_rate)) == (0.5, 0.25)
    assert (matrix.numpy() != before).any()
