"""Keras's global settings, which decide what layers compute."""

import keras

from mmbal.errors import ConfigError

EPSILON = 1e-7


def set_keras_globals(policy: str = "float32") -> None:
    """Set them in a process of mmbal's own, whatever keras.json and variables say.

    Args:
        policy: dtype policy of the run.
    """
    keras.config.set_floatx("float64" if policy == "float64" else "float32")
    keras.config.set_dtype_policy(policy)
    keras.config.set_image_data_format("channels_last")
    keras.config.set_epsilon(EPSILON)
    for name in ("set_max_epochs", "set_max_steps_per_epoch"):
        getattr(keras.config, name, lambda _: None)(None)  # since Keras 3.12


def check_keras_globals() -> None:
    """Check them in a process of the user's.

    Raises:
        ConfigError: nothing can be trained with them.
    """
    if (form := keras.config.image_data_format()) != "channels_last":
        raise ConfigError(
            "mmbal's layers take channels last: keras.config.set_image_data_format"
            f"('channels_last') before any layer is made, received {form!r}"
        )
    if (floatx := keras.config.floatx()) not in ("float32", "float64"):
        raise ConfigError(
            "Keras's floatx must be float32 or float64, received "
            f"{floatx!r}; for 16 bits set a policy: keras.config.set_dtype_policy('mixed_{floatx}')"
        )
