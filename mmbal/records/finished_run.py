"""A run as it is handed over to the hook `mmbal_card`."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from mmbal.records.record import Record


@dataclass(frozen=True)
class FinishedRun:
    """A run, finished or not, and what can be asked of it.

    Args:
        path: its folder.
        record: as it stands.
        alone: modality to the record of a run of it alone beside, of the same data and seed.
        measure: applies evaluations by name to the selected weights on the test split, keeps in
            the record what that does not hold yet, and returns it.
    """

    path: str
    record: Record
    alone: Mapping[str, Record]
    measure: Callable[[Sequence[str]], Record]
