"""The end of a run on several hosts."""

from types import SimpleNamespace

import pytest
import tensorflow as tf

from mmbal.errors import MmbalError
from mmbal.experiment.session import _part


def run(result):
    def agree(number):
        raise tf.errors.UnavailableError(None, None, "Socket closed")

    replicas = SimpleNamespace(workers=2, worker=0, agree=agree)
    return SimpleNamespace(replicas=replicas, folder=SimpleNamespace(result=lambda: result))


def test_a_host_that_went_once_all_was_told_is_not_lost():
    _part(run({"steps": 8}))


def test_a_host_that_went_before_is():
    with pytest.raises(MmbalError, match="worker 0 of 2 lost another one: Socket closed"):
        _part(run(None))
