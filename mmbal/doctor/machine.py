"""What TensorFlow finds on this machine, as far as a process of its own can tell."""

import numpy as np
import tensorflow as tf


def look(strategy: tf.distribute.Strategy, _setting: object) -> dict[str, np.ndarray]:
    """Return `gpus`, the names of all GPUs, and `replicas`, how many devices train."""
    gpus = [
        tf.config.experimental.get_device_details(g) for g in tf.config.list_physical_devices("GPU")
    ]
    names = [str(gpu.get("device_name", "unnamed")) for gpu in gpus]
    return {"gpus": np.array(names, np.str_), "replicas": np.array(strategy.num_replicas_in_sync)}
