"""A few steps of training a toy, by which tests compare a strategy with joint training."""

from functools import cache
from typing import Any

import keras
import numpy as np

from mmbal.laboratory.toys import GatedToy, LateToy, toy_data
from mmbal.networks.network import FusionNetwork
from mmbal.strategies.strategy import Strategy
from mmbal.testing import toy_run
from mmbal.testing.fixtures.bench import unchanged
from mmbal.training.model import BalancedModel

KINDS: dict[str, Any] = {"gated": GatedToy, "late": LateToy}
"""A gate between branches with a classifier each; one joint classifier on all features."""


class ToySteps:
    """Trains toys as the kit does, from the same seeds whenever asked; `toy_steps` in pytest.

    Everywhere `modalities` are names of one letter each.

    Attributes:
        model: that was trained last.
    """

    model: BalancedModel

    def network(self, kind: str = "late", modalities: str = "ab") -> FusionNetwork:
        """Return an untrained network, without classifiers beside its own to train."""
        network = toy_run.build(KINDS[kind], toy_data(modalities))
        for head in network.own if kind == "late" else ():
            head.trainable = False
        return network

    def data(self, modalities: str = "ab", examples: int = 16) -> Any:
        """Return inputs, (examples, channels) by modality, and labels, (examples,)."""
        drawn = toy_data(modalities, examples=examples).train.dataset().batch(examples)
        return next(drawn.as_numpy_iterator())

    def train(
        self,
        strategy: Strategy,
        kind: str = "late",
        modalities: str = "ab",
        *,
        adam: bool = False,
        eager: bool = True,
        precision: Any = "float32",
    ) -> dict[str, np.ndarray]:
        """Train four steps, by SGD with momentum or by Adam; return the weights by group.

        Without the heads beside a network's prediction, which few strategies train.
        """
        parts = toy_run.Parts(strategy=lambda: strategy, network=KINDS[kind])
        if adam:
            parts.optimizer = lambda: keras.optimizers.Adam(0.01)
        with unchanged():
            run = toy_run.train(parts, toy_data(modalities), eager=eager, precision=precision)
        self.model = run.model
        return {
            name: np.concatenate([v.numpy().ravel() for v in group])
            for name, group in run.model.network.partition().items()
            if not name.startswith("head/")
        }

    @cache  # noqa: B019  (as long as the fixture)
    def joint(
        self, kind: str = "late", modalities: str = "ab", *, adam: bool = False
    ) -> dict[str, np.ndarray]:
        """Return the weights after joint training, done once."""
        return ToySteps().train(Strategy(), kind, modalities, adam=adam)
