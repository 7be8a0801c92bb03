"""One strategy trained on several replicas, in a process of its own: see `mmbal.laboratory`."""

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from mmbal.laboratory.toys import toy_data
from mmbal.testing import toy_run
from mmbal.testing.subject import rebuilt


def train(scope: tf.distribute.Strategy, description: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Return what every replica holds afterwards, by `REPLICA/NUMBER`.

    In double precision, so that sums in another order make no difference that matters.

    Args:
        scope: of the replicas.
        description: of the strategy, as `Subject.describe` gives it.

    Returns:
        The variables of the network, in its order, and then those of the strategy.
    """
    bench = rebuilt(description).bench
    with bench.around(), TemporaryDirectory(prefix="mmbal-testing-") as folder:
        with scope.scope():
            run = toy_run.prepare(
                bench.parts(), toy_data(dtype="float64"), Path(folder), precision="float64"
            )
        run.fitting.fit()
    arrays = {}
    for number, variable in enumerate([*run.model.network.variables, *run.strategy.variables]):
        inner = variable.value if isinstance(variable, keras.Variable) else variable
        for replica, copy in enumerate(scope.experimental_local_results(inner)):
            arrays[f"{replica}/{number}"] = copy.numpy()
    return arrays
