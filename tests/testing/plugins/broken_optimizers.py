"""Optimizers that break one rule each, and one that breaks none."""

import keras
import tensorflow as tf

from mmbal import Component


class Plain(keras.optimizers.SGD):
    """Correct."""

    @classmethod
    def make(cls, options):
        return cls(0.1)


class Unmade(Plain):
    """Cannot be made anew for a group of variables."""

    def __init__(self, learning_rate):
        super().__init__(learning_rate)


class Still(Plain):
    """Moves nothing."""

    def update_step(self, gradient, variable, learning_rate):
        pass


class Diverging(Plain):
    """Divides by the difference of a gradient and itself."""

    def update_step(self, gradient, variable, learning_rate):
        variable.assign(variable - gradient / (gradient - gradient))


class Fixed(Plain):
    """Holds its rate in Python, where no schedule can change it."""

    @property
    def learning_rate(self):
        return 0.1

    @learning_rate.setter
    def learning_rate(self, rate):
        del rate


class Forgetful(Plain):
    """Holds its momentum where no checkpoint finds it."""

    def build(self, variables):
        super().build(variables)
        self.sums = [tf.Variable(tf.zeros(v.shape)) for v in variables]

    @property
    def variables(self):
        return [v for v in super().variables if "variable" not in v.name.lower()]

    def update_step(self, gradient, variable, learning_rate):
        total = self.sums[self._get_variable_index(variable)]
        total.assign_add(gradient)
        variable.assign_sub(0.1 * total)


def offer(factory):
    name = factory.__name__.lower()
    return Component("optimizer", name, factory.__doc__, f"{__name__}:{factory.__name__}.make")


OFFERS = {
    each.name: each for each in map(offer, (Plain, Unmade, Still, Diverging, Fixed, Forgetful))
}
BREAKS = {
    "unmade": "training",
    "still": "training",
    "diverging": "training",
    "fixed": "schedule",
    "forgetful": "resume",
}
