"""What networks said of every example, where runs kept it; the ensemble of single modalities."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np

from mmbal.comparison.arms import Group
from mmbal.errors import DataFormatError
from mmbal.evaluation.statistics import right
from mmbal.evaluation.temperature import fit_temperature
from mmbal.files.safe_hdf5 import open_sealed
from mmbal.records.record import Record
from mmbal.records.run_folder import RunFolder
from mmbal.report.outcome import selected_epoch

ENSEMBLE = "ensemble"


class Said(NamedTuple):
    """Predictions of a split.

    Attributes:
        ids: (example,) places in the split.
        labels: (example,).
        logits: (example, class), fused.
    """

    ids: np.ndarray
    labels: np.ndarray
    logits: np.ndarray

    def is_of(self, other: "Said") -> bool:
        """Return whether both are predictions of the same examples."""
        return np.array_equal(self.ids, other.ids) and np.array_equal(self.labels, other.labels)

    @property
    def hits(self) -> np.ndarray:
        """(example,) 1 where right."""
        return right(self.logits, self.labels)


@dataclass
class Sayings:
    """Reads what runs kept, each once.

    Args:
        weights: whose predictions count.
        remarks: are told of files that cannot be read.
    """

    weights: str
    remarks: list[str] = field(default_factory=list)
    _known: dict[tuple[str, str], Said | None] = field(default_factory=dict)

    def of(self, run: str, record: Record, split: str = "test") -> Said | None:
        """Return the predictions of a run; None where it kept none, or those of other data."""
        if (run, split) not in self._known:
            try:
                self._known[run, split] = self._read(run, record, split)
            except DataFormatError as broken:
                self.remarks.append(f"left out: {broken}")
                self._known[run, split] = None
        return self._known[run, split]

    def _read(self, run: str, record: Record, split: str) -> Said | None:
        epochs = record.history.epochs
        # Where these are the same weights, only the last ones were scored.
        same = selected_epoch(epochs) in (None, len(epochs.index) - 1)
        for weights in (self.weights, *(["last"] if same else [])):
            path = RunFolder(run).predictions / f"{split}-{weights}.h5"
            if path.is_file():
                with open_sealed(path) as file:
                    if file.attrs.get("fingerprint") == record.fingerprint:
                        return Said(*(file[name][:] for name in Said._fields))
        return None

    def ensembles(self, groups: Sequence[Group]) -> Iterator[Group]:
        """Yield the ensembles of single modalities that differ in nothing but their modality."""
        alike: dict[tuple[tuple[str, str], ...], list[Group]] = {}
        for group in groups:
            if group.control == "alone":
                rest = {k: v for k, v in group.settings.items() if k != "modalities"}
                alike.setdefault(tuple(rest.items()), []).append(group)
        fused = {m for group in groups if not group.control for m in group.modalities}
        for alone in alike.values():
            first = alone[0]
            if {*fused} != {group.modalities[0] for group in alone}:
                continue
            names = ", ".join(group.modalities[0] for group in alone)
            settings = {**first.settings, "modalities": names, "strategy.name": ENSEMBLE}
            members = dict(self._members(alone))
            if members:
                yield Group(first.recipe, ENSEMBLE, settings, first.kind, members, ENSEMBLE)

    def _members(self, alone: Sequence[Group]) -> Iterator[tuple[int, tuple[str, Record]]]:
        for seed in alone[0].members:
            parts = [group.members[seed] for group in alone if seed in group.members]
            test = [said for part in parts if (said := self.of(*part))]
            fitted = [said for part in parts if (said := self.of(*part, "validation"))]
            like = all(said.is_of(test[0]) for said in test)
            if len(test) == len(fitted) == len(alone) and like:
                said = ensemble(test, fitted)
                run = " + ".join(run for run, _ in parts)
                self._known[run, "test"] = said
                record = replace(
                    parts[0][1],
                    strategy=ENSEMBLE,
                    scores={("test", self.weights): {"accuracy": float(said.hits.mean())}},
                    seconds=sum(record.seconds for _, record in parts),
                    modalities=tuple(record.modalities[0] for _, record in parts),
                    initial_weights="",
                )
                yield seed, (run, record)


def ensemble(test: Sequence[Said], validation: Sequence[Said]) -> Said:
    """Average probabilities of networks, each at the temperature that its validation likes best.

    Both have one entry per network; logarithms of the mean probabilities stand for logits.
    """
    from scipy.special import softmax

    pairs = zip(test, validation, strict=True)
    parts = [
        softmax(said.logits.astype(np.float64) / fit_temperature(held.logits, held.labels), axis=1)
        for said, held in pairs
    ]
    tiny = np.finfo(np.float64).tiny
    return test[0]._replace(logits=np.log(np.maximum(np.mean(parts, axis=0), tiny)))
