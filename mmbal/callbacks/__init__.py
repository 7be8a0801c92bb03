"""What authors of callbacks need; nothing heavy is imported here."""

from typing import TYPE_CHECKING

from mmbal.callbacks.options import (
    EarlyStoppingOptions,
    MonitorOptions,
    PerfectOptions,
    PlateauOptions,
)
from mmbal.lazy import lazy_names

if TYPE_CHECKING:
    from mmbal.callbacks.record import Record

__all__ = ["EarlyStoppingOptions", "MonitorOptions", "PerfectOptions", "PlateauOptions", "Record"]

__getattr__ = lazy_names(__name__, {"Record": "mmbal.callbacks.record"})
