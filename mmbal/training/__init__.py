"""The Keras model, its strategies and what they may ask of a network."""

import keras

from mmbal.errors import MmbalError

if keras.backend.backend() != "tensorflow":
    raise MmbalError(
        "mmbal trains with Keras on TensorFlow: KERAS_BACKEND must be 'tensorflow', "
        f"received {keras.backend.backend()!r}"
    )
