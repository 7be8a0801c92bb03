"""What a re-balancing step moves in a real network, under optimizers with memory."""

import functools

import keras
import numpy as np
import pytest

from mmbal import BalancedModel
from mmbal_guided import Guided
from mmbal_mmtm import MMTMNetwork

GROUPS = ["branch/a", "branch/b", "fusion/a+b", "fusion/a", "fusion/b"]
OPTIMIZERS = {
    "momentum": functools.partial(keras.optimizers.SGD, 0.1, momentum=0.9),
    "adamw": functools.partial(keras.optimizers.AdamW, 0.01, weight_decay=0.1),
}
EAGER = ("momentum",)
"""The others train as graphs."""


class Scheduled(Guided):
    """Isolates b in every step but the first."""

    def after_step(self, signals):
        super().after_step(signals)
        self.target.assign(1)


@pytest.fixture
def moves():
    """Return a function: which groups a regular step moves, and which an isolated step."""

    def run(optimizer, update):
        keras.utils.set_random_seed(0)
        dense = keras.layers.Dense
        network = MMTMNetwork({m: [dense(4), dense(3)] for m in "ab"})
        model = BalancedModel(network, Scheduled(warmup_steps=0, update=update))
        generator = np.random.default_rng(0)
        inputs = {m: generator.normal(size=(8, 2)).astype("float32") for m in "ab"}
        network(inputs)
        model.compile(OPTIMIZERS[optimizer](), run_eagerly=optimizer in EAGER)
        moved, counters = [], []
        for _ in range(2):
            before = [[v.numpy() for v in members] for members in network.partition().values()]
            model.fit(inputs, generator.integers(0, 3, 8), verbose=0)
            after = network.partition().items()
            moved.append(
                [
                    name
                    for (name, members), old in zip(after, before, strict=True)
                    if any((v.numpy() != o).any() for v, o in zip(members, old, strict=True))
                ]
            )
            state = {v.path: v.numpy() for v in model.optimizer.variables}
            counters.append([n for path, n in state.items() if path.endswith("iteration")])
        assert model.trace.read().isolated.tolist() == [-1, 1]
        return moved, counters

    return run


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize(
    ("update", "isolated"),
    [("all", [g for g in GROUPS if g != "fusion/b"]), ("isolated", ["branch/b"])],
)
def test_only_what_it_should(moves, optimizer, update, isolated):
    (regular, rebalancing), counters = moves(optimizer, update)
    assert sorted(regular) == sorted(GROUPS)
    assert sorted(rebalancing) == sorted(isolated)
    # The step counters: the common one, then one per group.
    assert sum(counters[0]) == 1 + len(GROUPS)
    assert sum(counters[1]) == 2 + len(GROUPS) + len(isolated)
