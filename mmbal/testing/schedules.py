"""The rules for schedules, tried over all steps of short runs."""

import numpy as np
import tensorflow as tf

from mmbal.errors import MmbalError
from mmbal.laboratory.difference import difference
from mmbal.testing.rules import Rulebook, require
from mmbal.testing.subject import Subject, owned_by

RATE = 0.5
LENGTHS = ((6, 4), (1, 1), (3, 1))
"""Epochs and steps per epoch of the runs; a schedule may refuse short ones in words."""
SAME = 1e-6
"""Largest relative difference that is still rounding."""
RULES = Rulebook()


class ScheduleSubject(Subject):
    """A schedule and its rates."""

    @owned_by("rates")
    def schedules(self) -> dict[int, tuple[object, np.ndarray]]:
        """Return by the number of steps of a run its schedule, and the rates in eager mode."""
        found, refusals = {}, []
        for epochs, steps in LENGTHS:
            try:
                made = self.build(RATE, epochs, steps)
            except MmbalError as refusal:
                refusals.append(refusal)
                continue
            count = epochs * steps
            rates = [float(made(tf.constant(i, tf.int64))) for i in range(count + 1)]
            found[count] = made, np.array(rates)
        if not found:
            raise refusals[0]
        return found


SUBJECT = ScheduleSubject


@RULES.rule(
    why="a rate that is NaN or negative in one step spoils all weights from there on",
    fix="keep divisors off zero for the first and last step and for short runs, or refuse such a "
    "run by an MmbalError",
)
def rates(subject: ScheduleSubject) -> None:
    """In every step of a run the rate is finite and not negative, and not 0 in all of them."""
    for count, (_, found) in subject.schedules().items():
        wrong = [f"{rate} in step {i}" for i, rate in enumerate(found) if not 0 <= rate < np.inf]
        require(not wrong, f"of {count} steps: {', '.join(wrong[:3])}")
        require(found[:count].any(), f"the rates of all {count} steps are 0")


@RULES.rule(
    why="what differs is decided by Python while the graph is traced, and frozen from then on",
    fix="compute with the step by `keras.ops`, `where` in place of `if`",
)
def graph(subject: ScheduleSubject) -> None:
    """A compiled step gets the same rates."""
    for count, (made, found) in subject.schedules().items():
        compiled = tf.function(made, autograph=False)
        rates = [float(compiled(tf.constant(i, tf.int64))) for i in range(count + 1)]
        apart = difference([np.array(rates)], [found])
        require(apart <= SAME, f"the rates of {count} steps differ by {apart:.1e}")
