"""Warnings of a run, for its journal and for who looks on."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from mmbal.files.streams import DroppedOutput
from mmbal.progress import Progress
from mmbal.records.journal import Journal


class WarningLog:
    """Sends what mmbal and plugins warn of to the display and to the journal.

    What comes before the journal has begun, such as while the data are loaded, waits for it.
    """

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._journal: Journal | None = None
        self._waiting: list[str] = []
        self._dropped: set[str] = set()

    @contextmanager
    def catching(self) -> Iterator[None]:
        """Take the warnings of what is run meanwhile."""
        with warnings.catch_warnings():
            default = warnings.showwarning

            def show(message: Any, category: type[Warning], *where: Any, **more: Any) -> None:
                if not issubclass(category, UserWarning):
                    default(message, category, *where, **more)
                    return
                if issubclass(category, DroppedOutput) and str(message) in self._dropped:
                    return
                self._dropped.add(str(message))
                self._waiting.append(str(message))
                if self._journal is not None:
                    self.write_to(self._journal)
                self._progress.warn(str(message))

            warnings.showwarning = show
            yield

    def write_to(self, journal: Journal) -> None:
        """Write into a journal that has begun, what waits first."""
        self._journal = journal
        for text in self._waiting:
            journal.write({"event": "warning", "text": text})
        self._waiting.clear()
