"""One strategy trained on one device and on several: the work of `mmbal.testing.worker`."""

import gc
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from mmbal.replicas.devices import open_strategy
from mmbal.testing import toy_run
from mmbal.testing.benches.bench import distance
from mmbal.testing.benches.strategy import StrategyBench, data
from mmbal.testing.subject import rebuilt


def make_ready() -> None:
    """Spare every training a look through all that was imported, when the session is cleared."""
    gc.collect()
    gc.freeze()


def compare(description: Mapping[str, Any], devices: int) -> dict[str, float]:
    """Return how far the trainings are apart, and the replicas of one of them.

    In double precision, so that sums in another order make no difference that matters.
    """
    scope = _both(devices)
    bench: StrategyBench = rebuilt(description).bench
    inputs = data(2, "float64")
    with bench.around():
        keras.backend.clear_session()
        alone = toy_run.train(bench.parts(), inputs, precision="float64", eager=True)
        with TemporaryDirectory(prefix="mmbal-testing-") as name:
            with scope.scope():
                run = toy_run.prepare(bench.parts(), inputs, Path(name), precision="float64")
            run.fitting.fit()
    held = [*run.model.network.variables, *run.strategy.variables]
    copies = [_copies(scope, variable) for variable in held]
    weights = [each[0] for each in copies[: len(alone.weights)]]
    return {
        "distance": distance(weights, alone.weights),
        "apart": max(
            distance([each[i] for each in copies], [each[0] for each in copies])
            for i in range(devices)
        ),
    }


@cache
def _both(devices: int) -> tf.distribute.Strategy:
    # One for all trainings: another one would number its reductions from the beginning again, and
    # TensorFlow remembers the shapes of those that had the number before.
    return open_strategy("mirrored", devices)


def _copies(scope: tf.distribute.Strategy, variable: Any) -> list[np.ndarray]:
    inner = variable.value if isinstance(variable, keras.Variable) else variable
    return [each.numpy() for each in scope.experimental_local_results(inner)]
