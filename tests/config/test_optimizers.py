"""The table of optimizer arguments is that of the installed Keras."""

import inspect

from mmbal.config.optimizers import arguments
from mmbal.config.settings import OPTIMIZERS


def test_arguments_are_those_of_keras() -> None:
    import keras

    for name in OPTIMIZERS:
        constructor = type(keras.optimizers.get(name)).__init__
        parameters = set(inspect.signature(constructor).parameters) - {"self", "name", "kwargs"}
        # Older Keras releases lack some; a name that no Keras knows would be wrong.
        assert parameters <= arguments(name), name
        assert len(arguments(name) - parameters) <= 1, name


def test_default_rates_are_those_of_keras() -> None:
    import keras

    from mmbal.config.settings import OptimizerSettings

    for name in OPTIMIZERS:
        ours = OptimizerSettings.model_validate({"name": name}).learning_rate
        rate = float(keras.optimizers.get(name).learning_rate)
        assert abs(ours - rate) < 1e-8, name
