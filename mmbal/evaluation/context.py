"""The evaluation contract: what an evaluation sees and what it yields."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import tensorflow as tf

from mmbal.evaluation.probe import BranchScores, Probe, SqueezeMeans
from mmbal.options import Configurable


@dataclass
class EvaluationContext:
    """A trained network and the data to score it on. Everything is measured once, when asked.

    Args:
        probe: the network.
        data: batches of `({modality: tensor}, label)` of the scored split.
        plain_train: batches of the training set without augmentation.
        validation: batches of the validation set, for what is fitted before it is scored; None
            where there is none.
        split: name of the scored split.
        seed: of the run, for an evaluation's own random numbers.
        class_names: one per class, by label; () where they are unknown.
    """

    probe: Probe
    data: tf.data.Dataset
    plain_train: tf.data.Dataset
    validation: tf.data.Dataset | None = None
    split: str = "test"
    seed: int = 0
    class_names: tuple[str, ...] = ()

    @property
    def modalities(self) -> tuple[str, ...]:
        """Names of the modalities in the order of the branches."""
        return self.probe.network.modalities

    @cached_property
    def squeeze_means(self) -> SqueezeMeans:
        """Mean squeezed features over the training set: module to (channels,) per modality."""
        return self.probe.squeeze_means(self.plain_train)

    @cached_property
    def full(self) -> BranchScores:
        """Scores with normal gates."""
        return self.probe.scores(self.data)

    @cached_property
    def blocked(self) -> BranchScores:
        """Scores with every other modality replaced by its training mean."""
        return self.probe.scores(self.data, self.squeeze_means)

    @property
    def has_means(self) -> bool:
        """Whether `squeeze_means` has been measured."""
        return "squeeze_means" in self.__dict__

    def another(self, data: tf.data.Dataset, split: str) -> "EvaluationContext":
        """Return a context for another split of the same weights; training means are shared."""
        context = replace(self, data=data, split=split)
        if self.has_means:
            context.squeeze_means = self.squeeze_means
        return context


class Evaluation(Configurable, ABC):
    """Yields named scores of a trained network; knows nothing of files.

    Annotate `options` with the class of what can be set.
    """

    @abstractmethod
    def __call__(self, context: EvaluationContext) -> Iterator[tuple[str, float]]:
        """Yield (name, value), each name in the grammar of `ScoreName`."""
