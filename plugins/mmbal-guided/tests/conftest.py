"""Strategies fed with speeds that the test chooses, without a network."""

from itertools import count
from types import SimpleNamespace

import pytest
import tensorflow as tf

from mmbal.strategies import Context, Phase, Signals


class Machine:
    """Runs a strategy step by step and writes down whom it isolates."""

    def __init__(self, strategy, modalities="ab", per_epoch=4, seed=0):
        self.strategy = strategy
        network = SimpleNamespace(modalities=tuple(modalities))
        kinds = [f"{kind}/{m}" for kind in ("branch", "fusion") for m in modalities]
        groups = {name: [] for name in [*kinds, f"fusion/{'+'.join(modalities)}", "shared"]}
        self.context = Context(network, groups, seed, per_epoch)
        strategy.context = self.context
        strategy.build(self.context)
        self._after = tf.function(strategy.after_step)
        self._epochs = count()  # over all fits

    def forward(self):
        return self.strategy.forward(None, Phase())

    def step(self, *speeds):
        """Run one step; return '.' for a regular one, else the isolated modality's number."""
        plan = self.forward()
        isolated = plan.isolate.numpy().nonzero()[0]
        assert len(isolated) <= 1
        assert bool(plan.regular) == (len(isolated) == 0)
        speeds = tf.constant(speeds, tf.float64)
        self._after(Signals(speeds, {}, tf.convert_to_tensor(plan.regular)))
        return str(isolated[0]) if len(isolated) else "."

    def steps(self, *speeds):
        """Run one step for every tuple of speeds."""
        return "".join(self.step(*each) for each in speeds)

    def epochs(self, *lengths, speeds=(1.0, 0.0)):
        """Run epochs of so many steps under constant speeds."""
        told = []
        for length in lengths:
            self.strategy.begin_epoch(next(self._epochs), self.context)
            told.append(self.steps(*[speeds] * length))
        return told


@pytest.fixture
def machine():
    """Return the class."""
    return Machine


@pytest.fixture
def warmups(machine):
    """Return a function: how many first steps are regular under constant imbalance."""

    def regular(strategy, per_epoch=4, epochs=4):
        told = "".join(machine(strategy, per_epoch=per_epoch).epochs(*[4] * epochs))
        return len(told) - len(told.lstrip("."))

    return regular
