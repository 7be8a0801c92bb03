"""The program of a process that trains: `python -m mmbal.laboratory.program ORDER OUT`.

Devices must be set before TensorFlow starts, so every layout needs processes of its own. With
TF_CONFIG in the environment it is one of several workers, of which the chief writes.
"""

import json
import os
import signal
import sys
import traceback
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

import numpy as np

from mmbal.errors import MmbalError
from mmbal.replicas.devices import open_strategy
from mmbal.replicas.keras_globals import set_keras_globals
from mmbal.replicas.sums import Replicas


def main(order: dict[str, Any], out: Path) -> None:
    """Train, and write the arrays.

    Args:
        order: of `mmbal.laboratory.training.train_on`.
        out: an .npz that gets the arrays.

    Raises:
        MmbalError: there are other devices than were asked for.
    """
    # Whoever started this process ends it; should that one be killed, it ends all the same.
    signal.alarm(order["seconds"])
    set_keras_globals()
    strategy = open_strategy(order["distribute"], order["logical_devices"])
    replicas = strategy.num_replicas_in_sync
    if order["replicas"] not in (0, replicas):  # one device would agree with itself
        raise MmbalError(f"it would train on {replicas} replicas, not on {order['replicas']}")
    arrays = resolve_name(order["train"])(strategy, order["setting"])
    if Replicas(strategy).is_chief:
        np.savez(out, **arrays)


if __name__ == "__main__":
    try:
        main(json.loads(sys.argv[1]), Path(sys.argv[2]))
    except BaseException:  # noqa: BLE001  (of whatever is trained)
        traceback.print_exc()
        # Replicas that one of them left in the middle of a sum never meet again, nor end.
        os._exit(1)
