"""Schedules that break one rule each, and one that breaks none."""

import keras
from keras import ops

from mmbal import Component, MmbalError


class Falling(keras.optimizers.schedules.LearningRateSchedule):
    """A line down to zero: correct. It refuses runs of a single step."""

    def __init__(self, options, learning_rate, epochs, steps_per_epoch):
        self.rate, self.steps = learning_rate, epochs * steps_per_epoch
        if self.steps == 1:
            raise MmbalError("a line needs two steps")

    def __call__(self, step):
        return self.rate * (1 - ops.cast(step, "float32") / self.steps)


class Below(Falling):
    """Goes on below zero."""

    def __call__(self, step):
        return super().__call__(step) - 0.1


class Short(Falling):
    """Warms up over a tenth of the steps, of which a short run has none."""

    def __call__(self, step):
        return self.rate * ops.minimum(1.0, ops.cast(step, "float32") / (self.steps // 10))


class Nothing(Falling):
    """Is 0 all the time."""

    def __call__(self, step):
        return 0 * super().__call__(step)


class Counting(Falling):
    """Counts calls in Python."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.calls = 0

    def __call__(self, step):
        self.calls += 1
        return self.rate / self.calls + 0 * super().__call__(step)


def offer(factory):
    name = factory.__name__.lower()
    return Component("schedule", name, factory.__doc__, f"{__name__}:{factory.__name__}")


OFFERS = {each.name: each for each in map(offer, (Falling, Below, Short, Nothing, Counting))}
BREAKS = {"below": "rates", "short": "rates", "nothing": "rates", "counting": "graph"}
