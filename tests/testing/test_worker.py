"""The process with two devices: what it says, and what becomes of it when it dies."""

import os

import broken_strategies
import pytest

from mmbal.errors import MmbalError
from mmbal.strategies.strategy import Strategy
from mmbal.testing import subject_of
from mmbal.testing.rules import Inapplicable
from mmbal.testing.worker import Worker


class Ending(Strategy):
    """Ends the process that builds it."""

    def build(self, context):
        os._exit(3)


def ask(what):
    worker = Worker.of_this_process()
    return worker, worker.answer(worker.begin(subject_of("strategy", what).describe()))


@pytest.mark.deep
def test_answers_errors_and_the_end_of_the_process():
    Worker.end()  # whoever started it
    worker, found = ask(broken_strategies.Local)
    assert found["distance"] > 1e-3
    assert found["apart"] == 0
    with pytest.raises(MmbalError, match="on 2 replicas it raises RuntimeError: out of ideas"):
        ask(broken_strategies.OFFERS["failing"])
    # Begun anew in the same process: replicas that failed in a sum do not meet again.
    assert ask(broken_strategies.Scaled)[1]["distance"] < 1e-9
    assert Worker.of_this_process() is worker
    with pytest.raises(MmbalError, match="the process with 2 devices ended"):
        ask(Ending)
    assert worker.has_ended()


def test_a_factory_without_a_name_cannot_be_sent():
    with pytest.raises(Inapplicable, match="another process cannot import .*<lambda>"):
        subject_of("strategy", lambda options: Strategy()).describe()
