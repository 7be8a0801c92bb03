"""What authors of callbacks need; nothing heavy is imported here."""

from mmbal.callbacks.options import (
    EarlyStoppingOptions,
    MonitorOptions,
    PerfectOptions,
    PlateauOptions,
)

__all__ = ["EarlyStoppingOptions", "MonitorOptions", "PerfectOptions", "PlateauOptions"]
