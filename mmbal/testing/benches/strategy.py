"""A strategy, the toys it is tried on, and the trainings that its rules compare."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cached_property, partial
from typing import Any

import numpy as np
import tensorflow as tf

from mmbal.capabilities import missing
from mmbal.data import MultimodalDataset
from mmbal.strategies.strategy import Requirements, Strategy
from mmbal.testing import toy_run, toys
from mmbal.testing.benches.bench import Bench
from mmbal.testing.rules import Inapplicable
from mmbal.testing.subject import Subject, subject_of
from mmbal.testing.worker import Worker


class StrategyBench(Bench):
    """A strategy and the toys it is tried on."""

    _question: int | None = None
    _plain: dict[tuple[Any, int], list[np.ndarray]] = {}  # noqa: RUF012  (shared on purpose)

    @cached_property
    def requirements(self) -> Requirements:
        """What it says it needs."""
        return self.make().requirements()

    @cached_property
    def network(self) -> toy_run.MakeNetwork:
        """Return the first toy, or installed architecture, that offers what it requires.

        Raises:
            Inapplicable: there is none.
        """
        needed = self.requirements.architecture
        for toy in toys.TOYS:
            if not missing(needed, toy.offers):
                return toy  # type: ignore[no-any-return]
        catalogue = self.subject.catalogue
        for component in catalogue.components("architecture"):
            if not missing(needed, component.offers or ()):
                return _builder(subject_of("architecture", component.name, catalogue=catalogue))
        raise Inapplicable(f"no architecture at hand offers {', '.join(sorted(needed))}")

    def make(self, *, identity: bool = False) -> Strategy:
        """Return a new strategy."""
        options = self.subject.identity if identity else None
        return self.subject.build(options=options)  # type: ignore[no-any-return]

    def parts(self, *, identity: bool = False) -> toy_run.Parts:
        """Return what to train."""
        return toy_run.Parts(strategy=lambda: self.make(identity=identity), network=self.network)

    def bare_parts(self) -> toy_run.Parts:
        """Return what to train, on a network that offers no more than is required."""
        parts, offers = self.parts(), self.requirements.architecture
        if parts.network is toys.GatedToy:
            parts.network = partial(toys.BareToy, offers=offers)
        return parts

    def trained(self, *, owner: bool = False) -> toy_run.ToyRun:
        """Train two modalities; other rules compare with it."""
        made = lambda: toy_run.train(self.parts(), data(2), checkpoints=True)  # noqa: E731
        return self.once("training", made, owner=owner)  # type: ignore[no-any-return]

    def eager(self, *, owner: bool = False) -> toy_run.ToyRun:
        """Do the same without a graph."""
        self.trained()
        made = lambda: toy_run.train(self.parts(), data(2), eager=True)  # noqa: E731
        return self.once("eager", made, owner=owner)  # type: ignore[no-any-return]

    @contextmanager
    def around(self) -> Iterator[None]:
        """Do as for all kinds, with graphs as they are traced.

        Those of four steps never earn what optimizing them costs.
        """
        option, optimizer = "disable_meta_optimizer", tf.config.optimizer
        before = optimizer.get_experimental_options().get(option, False)
        optimizer.set_experimental_options({option: True})
        try:
            with super().around():
                yield
        finally:
            optimizer.set_experimental_options({option: before})

    def begin(self) -> None:
        """Have the replicas trained meanwhile, if that is going to be asked for."""
        if "replicas" in self.subject.expected and self._question is None:
            with suppress(Inapplicable):
                self.ask()

    def ask(self) -> int:
        """Return the number of the question what replicas train, asked once."""
        if self._question is None:
            described = self.subject.describe()
            self._question = Worker.of_this_process().begin(described)
        return self._question

    def plain(self, count: int) -> list[np.ndarray]:
        """Return the weights of plain training; the same for all strategies on this network."""
        key = (self.network, count)
        if key not in self._plain:
            self._plain[key] = toy_run.plain(self.network, data(count))
        return self._plain[key]


def _builder(subject: Subject) -> toy_run.MakeNetwork:
    return subject.build


def data(count: int, dtype: str = "float32") -> MultimodalDataset:
    """Return the toy data of so many modalities."""
    return toys.toy_data(count, dtype)
