"""The evaluation contract: what an evaluation sees and what it yields."""

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import numpy as np
import tensorflow as tf

from mmbal.data import Examples
from mmbal.errors import MmbalError, counted, unknown
from mmbal.evaluation.absence import ABSENCES, DRAWS, Donors, donors, fused, mixed
from mmbal.evaluation.prediction_file import PredictionFile
from mmbal.evaluation.predictions import MOST_ENTRIES, Means, Predictions, Predictor, in_memory
from mmbal.evaluation.results import Yielded
from mmbal.networks.controls import NORMAL, Controls, blocked
from mmbal.options import Configurable
from mmbal.progress import Progress

Measured = TypeVar("Measured")
LARGE = 2**30
"""Bytes of predictions from which on they lie in a file."""


@dataclass
class EvaluationContext:
    """A trained network and the data to score it on. Everything is measured once, when asked.

    Args:
        predictor: runs the network.
        splits: their examples, by name: train, validation, test; training means and probes need
            "train".
        split: name of the scored one.
        seed: of the run, for an evaluation's own random numbers.
        class_names: one per class, by label; () where they are unknown.
        reads: what evaluations need beside logits, of `Evaluation.needs`.
        progress: told of passes that are to come.
        folder: where predictions of the splits are kept, as SPLIT-WEIGHTS.h5; None keeps none.
        facts: attributes of such files; "weights" is a part of their names.
    """

    predictor: Predictor
    splits: Mapping[str, Examples]
    split: str = "test"
    seed: int = 0
    class_names: tuple[str, ...] = ()
    reads: frozenset[str] = frozenset()
    progress: Progress = field(default_factory=Progress)
    folder: Path | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    _measured: dict[Hashable, Any] = field(default_factory=dict, repr=False)

    @property
    def modalities(self) -> tuple[str, ...]:
        """Names of the modalities in the order of the branches."""
        return self.predictor.network.modalities

    @property
    def unimodal_kind(self) -> str:
        """What `Predictions.unimodal` are, "branch" or "slice"; see `FusionNetwork`."""
        return self.predictor.network.unimodal_kind

    @property
    def classes(self) -> int:
        """Number of classes of the logits."""
        return int(self.predictions().logits.shape[-1])

    def has(self, split: str) -> bool:
        """Return whether there is such a split, with examples."""
        return split in self.splits and len(self.splits[split]) > 0

    def another(self, split: str) -> "EvaluationContext":
        """Return the context that scores another split; what was measured is shared."""
        return replace(self, split=split)

    def predictions(self, split: str | None = None) -> Predictions:
        """Return what the network says of a split, with normal gates.

        Args:
            split: None for the scored one.

        Raises:
            MmbalError: there is no such split, or nothing in it.
        """
        split = split or self.split
        return self.once(("full", split), lambda: self._predict_split(split))

    def blocked(self, split: str | None = None) -> Predictions:
        """Return what branches say that hear the training means of the others.

        Source: Wu et al., ICML 2022 (arXiv 2202.05306), section 3.
        """
        split = split or self.split
        return self.once(("blocked", split), lambda: self._predict_blocked(split))

    def hearing(self, split: str | None, modalities: Collection[str]) -> Predictions:
        """Return what is said where all branches hear some modalities alone.

        The others stand at their training means.

        Args:
            split: None for the scored one.
            modalities: those heard, at least one.
        """
        split, present = split or self.split, self._known(modalities)
        if present == self.modalities:
            return self.predictions(split)
        return self.once(
            ("hearing", split, present),
            lambda: self._pass(split, self._present(present, "mean")),
        )

    @property
    def means(self) -> Means:
        """Mean summaries over the training set: module to (channels,) per modality."""
        return self.once("means", lambda: self.predictor.means(self._examples("train")))

    @property
    def has_means(self) -> bool:
        """Whether `means` have been measured."""
        return "means" in self._measured

    def subset(self, split: str | None, modalities: Collection[str], absence: str) -> np.ndarray:
        """Return fused logits where only some modalities are present, (draw, example, class).

        Args:
            split: None for the scored one.
            modalities: those present, at least one.
            absence: what stands for the others: "zero", "mean" (over the training set) or
                "marginal" (those of other examples of the split, in seeded permutations).

        Raises:
            MmbalError: a name is unknown.
        """
        split, present = split or self.split, self._known(modalities)
        if absence not in ABSENCES:
            raise MmbalError(unknown("absence", absence, ABSENCES))
        if present == self.modalities:
            return self.predictions(split).logits[None]
        key = ("subset", split, present, absence)
        return self.once(key, lambda: self._predict_subset(split, present, absence))

    def donors(self, split: str | None = None) -> list[Donors]:
        """Return the seeded permutations of absence "marginal", one per draw.

        Each is modality to the (example,) places of those whose inputs stand in each place.
        """
        return donors(self.modalities, len(self._examples(split or self.split)), self.seed)

    def features(
        self, split: str | None, modalities: Collection[str], part: str = "features"
    ) -> np.ndarray:
        """Return features of modalities side by side, (example, columns), the others at means.

        Args:
            split: None for the scored one.
            modalities: whose.
            part: of `Predictions`: features, grids or flats.
        """
        split, present = split or self.split, self._known(modalities)
        if self.predictor.independent or present == self.modalities:
            said = self.predictions(split)
        elif len(present) == 1:
            said = self.blocked(split)
        else:
            said = self.hearing(split, present)
        found = getattr(said, part)
        if found is None:
            raise MmbalError(f"{part} are not read: an evaluation says so by `needs`")
        return np.concatenate([found[m] for m in present], axis=1)

    def once(self, key: Hashable, measure: Callable[[], Measured]) -> Measured:
        """Return what is measured, the first time, for all evaluations and splits of these weights.

        Args:
            key: of what it depends on, begun with a name of its own.
            measure: what is returned and kept.
        """
        if key not in self._measured:
            self._measured[key] = measure()
        measured: Measured = self._measured[key]
        return measured

    def announce(self, wanted: Iterable[tuple[Collection[str], str]]) -> None:
        """Tell how many passes subsets of the scored split cost, before they are made.

        Args:
            wanted: (modalities, absence) each.
        """
        count = 0
        for modalities, absence in wanted:
            present = tuple(m for m in self.modalities if m in modalities)
            arithmetic = self.predictor.independent or present == self.modalities
            if not arithmetic and ("subset", self.split, present, absence) not in self._measured:
                single = absence == "mean" and len(present) == 1
                count += DRAWS if absence == "marginal" else not single
        seconds = self._measured.get(("seconds", self.split), 0.0) * count
        if count:
            rows = counted(len(self._examples(self.split)), "example")
            text = f"{count} more passes over {rows} of {self.split}"
            self.progress.stage(f"{text} for subsets of modalities, about {seconds:.0f} s")

    def _known(self, modalities: Collection[str]) -> tuple[str, ...]:
        """Return modalities in the order of the branches."""
        for modality in modalities:
            if modality not in self.modalities:
                raise MmbalError(unknown("modality", modality, self.modalities))
        if not modalities:
            raise MmbalError(f"a subset needs a modality of {', '.join(self.modalities)}")
        return tuple(m for m in self.modalities if m in modalities)

    def _examples(self, split: str) -> Examples:
        if not self.has(split):
            there = [name for name in self.splits if self.has(name)]
            raise MmbalError(f"there are no {split} examples; splits with examples: {there}")
        return self.splits[split]

    def _predict_split(self, split: str) -> Predictions:
        kept = None
        if self.folder is not None:
            kept = self.folder / f"{split}-{self.facts.get('weights', 'present')}.h5"
        examples, network = self._examples(split), self.predictor.network
        began = time.perf_counter()
        logits = (3 * len(self.modalities) + 1) * (network.classes or 1)
        width = logits + sum(network.feature_channels.values())
        if self.reads & {"grids", "flats"}:  # as wide as they may be
            width += MOST_ENTRIES * len(self.modalities)
        if kept is None and 4 * width * len(examples) < LARGE:
            said = self._pass(split, NORMAL)
        else:
            file = PredictionFile(kept, {"split": split, **self.facts})
            said = self.predictor.predict(examples, NORMAL, self.reads, file)
            file.close()
        self._measured["seconds", split] = time.perf_counter() - began
        return said

    def _pass(self, split: str, controls: Controls) -> Predictions:
        return self.predictor.predict(self._examples(split), controls, self.reads, in_memory)

    def _predict_blocked(self, split: str) -> Predictions:
        if len(self.modalities) == 1:
            return self.predictions(split)
        return self._pass(split, blocked(len(self.modalities), self.means))

    def _present(self, present: Collection[str], absence: str) -> Controls:
        keep = tf.constant([[float(m in present) for m in self.modalities]])
        return Controls(keep=keep, fill=self.means if absence == "mean" else None)

    def _predict_subset(self, split: str, present: tuple[str, ...], absence: str) -> np.ndarray:
        examples, full = self._examples(split), self.predictions(split)
        drawn = absence == "marginal"
        strangers = self.donors(split) if drawn else []
        if self.predictor.independent and full.features is not None:
            absent: Mapping[str, np.ndarray] | Sequence[Donors] | None = None
            if absence != "zero":
                absent = self._mean_features() if absence == "mean" else strangers
            return fused(self.predictor.fuse, full.features, present, absent)
        if drawn:
            others = set(self.modalities) - set(present)
            mixtures = [mixed(examples, {m: rows[m] for m in others}) for rows in strangers]
            return np.stack([self.predictor.predict(each).logits for each in mixtures])
        if absence == "mean" and len(present) == 1:
            return self.blocked(split).conditional[present[0]][None]
        if absence == "mean" and ("hearing", split, present) in self._measured:
            return self.hearing(split, present).logits[None]
        return self._pass(split, self._present(present, absence)).logits[None]

    def _mean_features(self) -> Mapping[str, np.ndarray]:
        features = self.predictions("train").features or {}
        return {m: np.asarray(z, np.float64).mean(axis=0) for m, z in features.items()}


class Evaluation(Configurable, ABC):
    """Yields scores of a trained network; knows nothing of files.

    Annotate `options` with the class of what can be set.
    """

    reads: ClassVar[frozenset[str]] = frozenset()
    """What it needs of `Predictions` beside logits: "features", "heads", "grids", "flats"."""
    meanings: ClassVar[Mapping[str, str]] = {}
    """Score to one line that tells what the number is, for where it is printed."""

    def needs(self) -> frozenset[str]:
        """Return `reads` and what follows from options."""
        return self.reads

    @abstractmethod
    def __call__(self, context: EvaluationContext) -> Iterator[Yielded]:
        """Yield scores and tables, each name in the grammar of `ScoreName` and once.

        A plain (name, value) is a score without more.
        """
