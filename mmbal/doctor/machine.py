"""What TensorFlow finds on this machine, as far as a process of its own can tell."""

from typing import Any

import numpy as np
import tensorflow as tf


def look(_strategy: tf.distribute.Strategy, _setting: Any) -> dict[str, np.ndarray]:
    """Return `gpus`, their names, and `onednn`, whether it is on, as far as that is known."""
    gpus = [
        tf.config.experimental.get_device_details(g) for g in tf.config.list_physical_devices("GPU")
    ]
    names = [str(details.get("device_name", "unnamed")) for details in gpus]
    return {"gpus": np.array(names, np.str_), **_onednn()}


def _onednn() -> dict[str, np.ndarray]:
    try:  # TensorFlow has no public way to ask
        from tensorflow.python.util._pywrap_util_port import IsMklEnabled
    except ImportError:
        return {}
    return {"onednn": np.array(bool(IsMklEnabled()))}
