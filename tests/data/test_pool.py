"""Work over processes: in order, and clear about one that dies."""

import os

import pytest

from mmbal.data.pool import FEW, over_processes, processors
from mmbal.errors import MmbalError


def add(item, *shared):
    return item + sum(shared), os.getpid()


def die(item):
    os._exit(1)


@pytest.mark.parametrize("workers", [1, 2])
def test_results_keep_the_order_of_the_items(workers):
    found = list(over_processes(add, range(12), workers, 100, 1000))
    assert [result for result, _ in found] == list(range(1100, 1112))
    assert (os.getpid() in {process for _, process in found}) == (workers == 1)


def test_few_items_are_not_worth_a_process():
    assert {process for _, process in over_processes(add, range(FEW), 8)} == {os.getpid()}
    assert list(over_processes(add, [], None)) == []


def test_a_process_that_dies_is_told():
    with pytest.raises(MmbalError, match=r"was killed, .* run again, with fewer workers"):
        list(over_processes(die, range(12), 2))


def test_processors_are_those_that_may_be_used():
    assert 1 <= processors() <= os.cpu_count()
