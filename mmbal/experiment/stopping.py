"""Ctrl-C and SIGTERM: a request to stop after the present step."""

import signal
import threading
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any, Self

from mmbal.replicas.sums import Replicas

INTERRUPT, PREEMPTED = "interrupt", "preempted"
SIGNALS = {signal.SIGINT: INTERRUPT, signal.SIGTERM: PREEMPTED}


class StopTraining(BaseException):
    """Raised between two steps once a request was heard and a checkpoint is safe."""


class StopRequest:
    """Hears the signals while it is entered; a second Ctrl-C stops at once.

    Outside of the main thread, where Python gives no signals, it hears nothing.

    Args:
        notice: told in one line when a request comes.
    """

    def __init__(self, notice: Callable[[str], None]) -> None:
        self._notice = notice
        self._before: dict[signal.Signals, Any] = {}
        self.reason: str | None = None

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            self._before = {which: signal.signal(which, self._hear) for which in SIGNALS}
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for which, handler in self._before.items():
            signal.signal(which, handler)

    def asked(self, replicas: Replicas) -> bool:
        """Return whether any host was asked to stop; all must call it at the same moment."""
        if replicas.workers == 1:
            return self.reason is not None
        if not replicas.any(self.reason is not None):
            return False
        preempted = replicas.any(self.reason == PREEMPTED)
        self.reason = PREEMPTED if preempted else INTERRUPT
        return True

    def _hear(self, number: int, frame: FrameType | None) -> None:
        which = signal.Signals(number)
        if self.reason is not None and which is signal.SIGINT:
            raise KeyboardInterrupt
        self.reason = SIGNALS[which]
        self._notice(f"{which.name}: stopping after this step, with a checkpoint")
