"""What TensorFlow finds on this machine, as far as a process of its own can tell."""

import numpy as np
import tensorflow as tf


def look(_strategy: tf.distribute.Strategy, _setting: object) -> dict[str, np.ndarray]:
    """Return `gpus`, the names of all GPUs."""
    gpus = [
        tf.config.experimental.get_device_details(g) for g in tf.config.list_physical_devices("GPU")
    ]
    return {"gpus": np.array([str(gpu.get("device_name", "unnamed")) for gpu in gpus], np.str_)}
