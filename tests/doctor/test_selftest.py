"""That the self-test trains what shows faults, and finds planted ones on real replicas."""

import sys
from dataclasses import replace

import keras
import numpy as np
import pytest

from mmbal.doctor import comparison, layouts, selftest
from mmbal.doctor.agreement import KINDS, below

BATCHES = layouts.batch_sizes(2)


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """Train in float64 on one device, in this process."""
    out = tmp_path_factory.mktemp("alone") / "found.npz"
    setting = {
        "distribute": "none", "logical_devices": None, "trainings": {"float64": "float64"},
        "deterministic": False, "batches": BATCHES,
        "seconds": 0,  # no alarm
    }  # fmt: skip
    before = keras.config.floatx(), keras.config.dtype_policy()
    try:
        selftest.main(setting, out)
    finally:
        keras.config.set_floatx(before[0])
        keras.config.set_dtype_policy(before[1])
    with np.load(out) as file:
        return comparison.Training(layouts.one_device([]), dict(file))


def test_all_that_is_compared_is_written(alone):
    assert alone.arrays["replicas"] == 1
    kinds = {name.split("/")[0] for name in below(alone.arrays, "float64")}
    assert kinds == set(KINDS)


def test_the_specimen_isolates_each_branch(alone):
    isolated = alone.arrays["float64/isolated/"]

    assert len(isolated) == 12  # three epochs of four batches
    assert {-1} < set(isolated.tolist()) <= {-1, 0, 1}


@pytest.mark.deep
@pytest.mark.parametrize("fault", ["lost gradient", "local batch norm"])
def test_a_planted_fault_is_found(alone, faulty, fault, tmp_path, monkeypatch):
    monkeypatch.setattr(layouts, "PROGRAM", (sys.executable, str(faulty)))
    for module in (layouts, comparison):
        monkeypatch.setattr(module, "TOLERANCES", {"float64": 1e-12})
    monkeypatch.setenv("FAULT", fault)
    two = replace(layouts.plan([], None, workers=False)[1], name=fault)

    trained = comparison.train([two], BATCHES, tmp_path, 1, lambda _: None)
    agreements = comparison.compare(alone, [trained[fault]])
    findings = comparison.judge(alone, [trained[fault]], agreements)

    ((agreement,), (finding,)) = agreements, findings
    assert not agreement.holds
    for kind in ("weights", "speeds", "optimizer", "metrics"):
        assert 1e-6 < agreement.differences[kind] < np.inf
    assert (finding.name, finding.status) == (f"self-test, {fault}", "failed")
    assert "float64" in finding.finding
