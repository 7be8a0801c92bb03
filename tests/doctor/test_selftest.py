"""That the self-test trains what shows faults, and finds planted ones on real replicas."""

from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from mmbal.doctor import agreement, layouts, selftest
from mmbal.laboratory.difference import below
from mmbal.laboratory.training import train_on

SETTING = {
    "trainings": {"float64": "float64"},
    "deterministic": False,
    "batches": layouts.batch_sizes(2),
}


@pytest.fixture(scope="module")
def alone():
    """Train in float64 on one device, in this process."""
    before = keras.config.floatx(), keras.config.dtype_policy()
    try:
        arrays = selftest.train(tf.distribute.get_strategy(), SETTING)
    finally:
        keras.config.set_floatx(before[0])
        keras.config.set_dtype_policy(before[1])
    return arrays


@pytest.mark.deep
def test_all_that_is_compared_is_there(alone):
    kinds = below(alone, "float64").keys()

    assert kinds == {"weights", "speeds", "isolated", "optimizer", "metrics"}


@pytest.mark.deep
def test_a_branch_is_isolated_at_every_third_step(alone):
    isolated = alone["float64/isolated"]

    assert len(isolated) == 12  # three epochs of four batches
    assert set(isolated[2::3].tolist()) <= {0, 1}
    assert (np.delete(isolated, np.s_[2::3]) == -1).all()


def test_the_last_batch_is_smaller_than_the_replicas():
    data = selftest.draw_batches(selftest.toy_data().train, [4, 4, 3, 1])

    assert [len(labels) for _, labels in data] == [4, 4, 3, 1]
    assert int(data.cardinality()) == 4


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param("lost gradient", marks=pytest.mark.deep),
        pytest.param("local batch norm", marks=pytest.mark.soak),
    ],
)
def test_a_planted_fault_is_found(alone, fault, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))
    monkeypatch.setattr(agreement, "TOLERANCES", {"float64": 1e-12})
    two = layouts.plan([], None, workers=False)[1]
    arrays = train_on(two, "faulty:train", SETTING | {"fault": fault})

    (found,) = agreement.compare(alone, arrays, two.name)
    finding = agreement.judge([found], "1 CPU device")

    assert not found.holds
    for kind in ("weights", "speeds", "optimizer", "metrics"):
        assert 1e-6 < found.differences[kind] < np.inf
    assert (finding.name, finding.status) == ("self-test, 2 CPU devices", "failed")
    assert "float64" in finding.message
