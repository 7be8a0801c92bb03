"""Several steps per call of the compiled function, and XLA: the same training, faster."""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf

from mmbal import BalancedModel
from mmbal.training.guard import NonFiniteError
from mmbal_guided import Guided, Random

STRATEGIES = {
    "vanilla": lambda: None,
    "guided": lambda: Guided(tolerance=0.0, warmup_steps=1, window=2),
    "random": lambda: Random(warmup_steps=0),
}


deep = pytest.mark.deep
ALSO_DEEP = [pytest.param(name, marks=deep) for name in STRATEGIES if name != "guided"]
"""Guided isolates and counts, so that it shows the most; the others show as much less often."""


@pytest.fixture(scope="module")
def train(make_network, make_data):
    """Return a function that trains two epochs of five steps, the last of two rows."""

    @functools.cache
    def train(strategy, **options):
        model = BalancedModel(make_network(), STRATEGIES[strategy]())
        model.compile(keras.optimizers.Adam(0.01), **({"jit_compile": False} | options))
        rows = tf.data.Dataset.from_tensor_slices(make_data(examples=34)).batch(8)
        logs = model.fit(rows, epochs=2, shuffle=False, verbose=0).history
        return model, logs, model.trace.read()

    return train


def state(model):
    kinds = (model.network, model.optimizer, model.learner.learning_speed, model.strategy)
    return [v.numpy() for kind in kinds for v in kind.variables]


@pytest.mark.parametrize("strategy", ["guided", *ALSO_DEEP])
@pytest.mark.parametrize("together", [2, *(pytest.param(n, marks=deep) for n in (5, 7))])
def test_several_steps_per_execution_change_no_bit(train, strategy, together):
    """Two that do not divide the epoch, one that does, one that is longer."""
    one, logs, expected_steps = train(strategy)
    several, told, steps = train(strategy, steps_per_execution=together)
    for expected, got in zip(state(one), state(several), strict=True):
        np.testing.assert_array_equal(got, expected)
    assert len(steps.loss) == 10
    for name, values in vars(expected_steps).items():
        np.testing.assert_array_equal(getattr(steps, name), values, err_msg=name)
    assert told == logs


@pytest.mark.parametrize("strategy", ["guided", *ALSO_DEEP])
def test_xla_agrees_within_rounding(xla, train, strategy):
    plain, logs, expected_steps = train(strategy)
    compiled, told, steps = train(strategy, jit_compile=True)
    assert compiled.jit_compile
    for expected, got in zip(state(plain), state(compiled), strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(steps.isolated, expected_steps.isolated)
    np.testing.assert_allclose(steps.loss, expected_steps.loss, rtol=1e-5)
    np.testing.assert_allclose(steps.speeds, expected_steps.speeds, rtol=0, atol=1e-4)
    np.testing.assert_allclose(told["loss"], logs["loss"], rtol=1e-5)


@deep
@pytest.mark.parametrize("policy", ["stop", "skip"])
def test_faults_are_kept_out_under_xla_as_well(xla, make_network, make_data, policy):
    inputs, labels = make_data()
    inputs["a"][25] = np.inf
    model = BalancedModel(make_network(), STRATEGIES["guided"](), on_nonfinite=policy)
    model.compile(keras.optimizers.Adam(0.01), jit_compile=True)
    problems = {
        "stop": pytest.raises(NonFiniteError, match="^step 3: "),
        "skip": pytest.warns(UserWarning, match="^step 3: .*skipped"),
    }
    with problems[policy]:
        model.fit(inputs, labels, batch_size=8, shuffle=False, verbose=0)
    assert all(np.isfinite(value).all() for value in state(model))
