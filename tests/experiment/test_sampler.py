"""The rows that a strategy's plan asks for."""

import numpy as np
import pytest

from mmbal.errors import ContractError
from mmbal.experiment.sampler import Sampler
from mmbal.strategies.context import SamplerPlan

EXAMPLES = 6


def rows(sampler):
    """Return (id, keep mask) of every row, in order."""
    found = sampler.rows()
    return list(zip(found["id"].numpy().tolist(), found["keep"].numpy().tolist(), strict=True))


def test_shows_everything_until_the_first_plan():
    sampler = Sampler(EXAMPLES, 2)
    assert rows(sampler) == [(i, [1, 1]) for i in range(EXAMPLES)]
    assert len(sampler) == EXAMPLES


def test_shows_copies_each_with_its_own_mask():
    sampler = Sampler(EXAMPLES, 2)
    keep = [[1, 0], [0, 1], [1, 1], [0, 0]]
    sampler.assign(SamplerPlan(np.array([4, 1, 4, 1]), np.array(keep)))
    assert rows(sampler) == list(zip([4, 1, 4, 1], keep, strict=True))
    assert len(sampler) == 4


def test_without_masks_all_modalities_are_shown():
    sampler = Sampler(EXAMPLES, 3)
    sampler.assign(SamplerPlan([0, 5]))
    assert rows(sampler) == [(0, [1, 1, 1]), (5, [1, 1, 1])]


def test_another_sampler_follows_the_plan_in_force():
    sampler, other = Sampler(EXAMPLES, 2), Sampler(EXAMPLES, 2)
    sampler.assign(SamplerPlan(np.array([4, 4]), np.array([[1, 0], [0.5, 1]])))
    plan = sampler.plan
    assert (plan.ids.shape, plan.ids.dtype) == ((2,), "int64")
    assert (plan.keep.shape, plan.keep.dtype) == ((2, 2), "float32")
    other.assign(plan)
    assert rows(other) == rows(sampler) == [(4, [1, 0]), (4, [0.5, 1])]


def test_a_plan_of_other_data_is_refused():
    plan = Sampler(EXAMPLES, 2).plan
    with pytest.raises(ContractError, match=r"0\.\.4"):
        Sampler(EXAMPLES - 1, 2).assign(plan)
    with pytest.raises(ContractError, match=r"\(6, 3\), received \(6, 2\)"):
        Sampler(EXAMPLES, 3).assign(plan)


@pytest.mark.parametrize("bad", [[-1], [EXAMPLES], [], [0, 99]])
def test_unknown_ids_are_refused(bad):
    sampler = Sampler(EXAMPLES, 2)
    with pytest.raises(ContractError, match=r"0\.\.5"):
        sampler.assign(SamplerPlan(np.array(bad)))
    assert len(sampler) == EXAMPLES


@pytest.mark.parametrize("shape", [(2,), (2, 3), (3, 2)])
def test_masks_of_another_shape_are_refused(shape):
    with pytest.raises(ContractError, match=r"\(2, 2\)") as caught:
        Sampler(EXAMPLES, 2).assign(SamplerPlan(np.array([0, 1]), np.ones(shape)))
    assert str(shape) in str(caught.value)
