"""Callbacks that break one rule each, and some that break none."""

import time

import keras
import numpy as np

from mmbal import Component, Configurable, Conformance
from mmbal.options import Options


class Counting(Configurable, keras.callbacks.Callback):
    """Halves the rate after the first epoch: correct. It looks at the clock, too."""

    epochs = 0

    def on_epoch_end(self, epoch, logs=None):
        self.epochs += 1
        self.ended = time.perf_counter()
        if self.epochs == 1:
            self.model.optimizer.learning_rate = 0.05


class Missing(Counting):
    """Reads a number that no epoch has."""

    def on_epoch_end(self, epoch, logs=None):
        self.best = logs["val_f1"]


class Unsaved(Counting):
    """Has a state that JSON does not know."""

    def state(self):
        return {"seen": {self.epochs}}

    def restore(self, state):
        (self.epochs,) = state["seen"]


class Forgetful(Counting):
    """Counts in an array, which no checkpoint holds."""

    def on_train_begin(self, logs=None):
        self.seen = np.zeros(2)

    def on_epoch_end(self, epoch, logs=None):
        self.seen[epoch] += 1


class Beginning(Counting):
    """Counts beginnings of epochs, of which one that goes on has two."""

    def on_epoch_begin(self, epoch, logs=None):
        self.begun = getattr(self, "begun", 0) + 1


class Late(Counting):
    """Acts in the second epoch of a process."""

    def on_train_begin(self, logs=None):
        self.model.optimizer.learning_rate = 0.1

    def state(self):
        return {}

    def restore(self, state):
        del state


class WaitingOptions(Options):
    """Of the callback below."""

    epoch: int = 1


class Hasty(Configurable, keras.callbacks.Callback):
    """Does not wait for its epoch."""

    options: WaitingOptions

    def on_epoch_begin(self, epoch, logs=None):
        self.model.optimizer.learning_rate = 0.05


class Waiting(Hasty):
    """Waits for its epoch: correct."""

    def on_epoch_begin(self, epoch, logs=None):
        if epoch >= self.options.epoch:
            super().on_epoch_begin(epoch, logs)


def offer(factory, conformance=None, options="mmbal.options:NoOptions"):
    name = factory.__name__.lower()
    path = f"{__name__}:{factory.__name__}"
    conformance = conformance or Conformance()
    return Component("callback", name, factory.__doc__, path, options, conformance=conformance)


PROMISE = Conformance(identity={"epoch": 1000})
OFFERS = {
    each.name: each
    for each in (
        *map(offer, (Counting, Missing, Unsaved, Forgetful, Beginning, Late)),
        offer(Hasty, PROMISE, f"{__name__}:WaitingOptions"),
        offer(Waiting, PROMISE, f"{__name__}:WaitingOptions"),
    )
}
BREAKS = {
    "missing": "training",
    "unsaved": "training",
    "forgetful": "resume",
    "beginning": "resume",
    "late": "resume",
    "hasty": "identity",
}
