"""The one place that decides how TensorFlow and Keras start. Import it before either."""

import os
import platform

from mmbal.errors import MmbalError

# Keras and TensorFlow read these once, when they are first imported. oneDNN is off by
# default on CPUs without AVX512-VNNI, where it still halves the time of a convolution.
os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
# What matters is raised as an exception; the rest is noise about absent GPUs.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf

if keras.backend.backend() != "tensorflow":
    raise MmbalError(
        "mmbal needs Keras on TensorFlow: KERAS_BACKEND must be 'tensorflow', "
        f"received {keras.backend.backend()!r}"
    )


def seed_everything(seed: int) -> None:
    """Seed Python, NumPy, TensorFlow and Keras, so that equal seeds give equal weights."""
    keras.utils.set_random_seed(seed)


def versions() -> dict[str, str]:
    """Return the versions that a run's numbers depend on."""
    return {
        "python": platform.python_version(),
        "tensorflow": tf.__version__,
        "keras": keras.__version__,
        "numpy": np.__version__,
    }
