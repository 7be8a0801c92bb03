"""What two replicas train, and what becomes of it when their process dies."""

import os

import broken_strategies
import pytest
import tensorflow as tf

from mmbal.strategies.strategy import Strategy
from mmbal.testing import check, subject_of


class Failing(broken_strategies.Scaled):
    """Fails on replicas alone, which train in double precision."""

    def losses(self, step, joint):
        if step.outputs.logits.dtype == tf.float64:
            self.fail()
        return super().losses(step, joint)

    def fail(self):
        raise RuntimeError("out of ideas")


class Ending(Failing):
    """Ends the process of the replicas."""

    def fail(self):
        os._exit(3)


@pytest.mark.deep
@pytest.mark.parametrize(
    ("what", "said"),
    [
        (broken_strategies.Scaled, ""),
        (broken_strategies.Local, "the weights differ from those of one device by"),
        (Failing, "training on 2 replicas: a process ended with 1: RuntimeError: out of ideas"),
        (Ending, "training on 2 replicas: a process ended with 3"),
    ],
)
def test_what_becomes_of_replicas(what, said):
    (finding,) = check(subject_of("strategy", what), ["replicas"])

    assert finding.status == ("failed" if said else "ok")
    assert finding.message.startswith(said) if said else not finding.message


@pytest.mark.deep
def test_options_reach_the_replicas():
    """Guided strategies have nested and empty ones."""
    (finding,) = check(subject_of("strategy", "guided", {"window": 1}), ["replicas"])

    assert (finding.status, finding.message) == ("ok", "")


def test_a_factory_without_a_name_cannot_be_sent():
    subject = subject_of("strategy", lambda options: Strategy())

    (finding,) = check(subject, ["replicas"])

    assert finding.status == "skipped"
    assert finding.message.startswith("another process cannot import")
    assert "<lambda>" in finding.message
