"""That the self-test can fail: real replicas, planted faults."""

import sys
from dataclasses import replace

import numpy as np
import pytest

from mmbal.doctor import comparison, layouts

FAULTS = ("lost gradient", "local batch norm")


@pytest.fixture(scope="module")
def trained(tmp_path_factory, faulty):
    """Train on one device and on two with each fault, in float64 alone."""
    one, two = layouts.plan([], None, workers=False)
    folder, found = tmp_path_factory.mktemp("faults"), {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(layouts, "PROGRAM", (sys.executable, str(faulty)))
        for module in (layouts, comparison):
            patch.setattr(module, "TOLERANCES", {"float64": 1e-12})
        for number, fault in enumerate(FAULTS):
            patch.setenv("FAULT", fault)
            some = [replace(two, name=fault), *([] if number else [replace(one, twice=False)])]
            place = folder / str(number)
            place.mkdir()
            found |= comparison.train(some, layouts.batch_sizes(2), place, 2, lambda _: None)
        reference = found[one.name]
        others = [found[fault] for fault in FAULTS]
        agreements = comparison.compare(reference, others)
        return reference, agreements, comparison.judge(reference, others, agreements)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_found(trained, fault):
    _, agreements, findings = trained

    (agreement,) = [each for each in agreements if each.layout == fault]
    (finding,) = [each for each in findings if each.name.endswith(fault)]
    assert not agreement.holds
    for kind in ("weights", "speeds", "optimizer", "metrics"):
        assert 1e-6 < agreement.differences[kind] < np.inf
    assert finding.status == "failed"
    assert "float64" in finding.finding


def test_the_specimen_isolates_each_branch(trained):
    isolated = trained[0].arrays["float64/isolated/"]

    assert len(isolated) == 12  # three epochs of four batches
    assert {-1} < set(isolated.tolist()) <= {-1, 0, 1}
