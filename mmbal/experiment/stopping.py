"""Ctrl-C, SIGTERM and SIGHUP: a request to stop after the present step."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from mmbal.replicas.sums import Replicas

INTERRUPT, PREEMPTED = "interrupt", "preempted"
SIGNALS = {signal.SIGINT: INTERRUPT, signal.SIGTERM: PREEMPTED, signal.SIGHUP: PREEMPTED}


class StopTraining(BaseException):
    """Raised between two steps once a request was heard and a checkpoint is safe."""


class StopRequest:
    """What a signal asks for, which is told in one line; a second Ctrl-C stops at once."""

    def __init__(self, notice: Callable[[str], None]) -> None:
        self._notice = notice
        self.reason: str | None = None

    @contextmanager
    def hearing(self) -> Iterator[None]:
        """Hear the signals meanwhile; only the main thread does, for Python gives others none."""
        hears = set(SIGNALS) if threading.current_thread() is threading.main_thread() else set()
        if signal.getsignal(signal.SIGHUP) == signal.SIG_IGN:
            hears.discard(signal.SIGHUP)  # as nohup wants it
        before = {which: signal.signal(which, self._hear) for which in hears}
        try:
            yield
        finally:
            for which, handler in before.items():
                signal.signal(which, handler)

    def asked(self, replicas: Replicas) -> bool:
        """Return whether any host was asked to stop; all must call it at the same moment."""
        if not replicas.any(self.reason is not None):
            return False
        preempted = replicas.any(self.reason == PREEMPTED)
        self.reason = PREEMPTED if preempted else self.reason or INTERRUPT
        return True

    def _hear(self, number: int, frame: FrameType | None) -> None:
        which = signal.Signals(number)
        if self.reason is not None and which is signal.SIGINT:
            raise KeyboardInterrupt
        self.reason = SIGNALS[which]
        self._notice(f"{which.name}: stopping after this step, with a checkpoint")
