"""A process that trains a small network on some replicas and writes down all that came of it.

Run as `python -m mmbal.doctor.selftest SETTING OUT`: SETTING is JSON, OUT an .npz. Devices
must be set before TensorFlow starts, so every number of replicas needs a process of its own.
With TF_CONFIG in the environment it is one of several workers, of which the chief writes.
"""

import json
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from mmbal.doctor.specimen import CLASSES, MODALITIES, WIDTH, IsolateTheFaster, TwoBranches
from mmbal.replicas.devices import open_strategy
from mmbal.replicas.sums import Replicas, synchronise_batch_norm
from mmbal.training.model import BalancedModel

EPOCHS = 3
DATA_SEED, WEIGHT_SEED = 5, 3


def main(setting: dict[str, Any], out: Path) -> None:
    """Train as often as is asked for, and write.

    Args:
        setting: `distribute` and `logical_devices` as `open_strategy` takes them, `trainings`
            (data type by name), `deterministic`, `batches` (rows of each batch of an epoch)
            and `seconds` until the process ends itself.
        out: gets `replicas`, their number, and `TRAINING/KIND/...`, see `mmbal.doctor.agreement`.
    """
    # The doctor ends its processes; should it be killed, they end all the same.
    signal.alarm(setting["seconds"])
    strategy = open_strategy(setting["distribute"], setting["logical_devices"])
    # Ten bits of mantissa would hide what the self-test looks for.
    tf.config.experimental.enable_tensor_float_32_execution(False)
    if setting["deterministic"]:
        tf.config.experimental.enable_op_determinism()
    found: dict[str, Any] = {"replicas": strategy.num_replicas_in_sync}
    for name, dtype in setting["trainings"].items():
        trained = train(strategy, dtype, setting["batches"])
        found |= {f"{name}/{key}": value for key, value in trained.items()}
    if Replicas(strategy).is_chief:
        np.savez(out, **found)


def train(
    strategy: tf.distribute.Strategy, dtype: str, batches: Sequence[int]
) -> dict[str, np.ndarray]:
    """Train the specimen; return weights, speeds and so on by `KIND/...`."""
    keras.backend.clear_session()
    keras.config.set_floatx(dtype)
    keras.config.set_dtype_policy(dtype)
    keras.utils.set_random_seed(WEIGHT_SEED)
    with strategy.scope():
        network = TwoBranches()
        synchronise_batch_norm(network)
        model = BalancedModel(network, IsolateTheFaster(), seed=4)
        # With Adam's usual epsilon, gradients that are nearly nothing become rounding times 1e7.
        model.compile(
            keras.optimizers.AdamW(0.01, weight_decay=0.1, epsilon=1e-2, global_clipnorm=1.0)
        )
    data = _batches(batches, dtype)
    history = model.fit(data, validation_data=data, epochs=EPOCHS, verbose=0, shuffle=False)
    steps = model.trace.read()
    found = {f"weights/{i}": v.numpy() for i, v in enumerate(network.variables)}
    found |= {f"optimizer/{i}": v.numpy() for i, v in enumerate(model.optimizer.variables)}
    # What is derived from the speeds by subtraction says nothing more, and rounds worse.
    found |= {
        f"metrics/{name}": np.array(values)
        for name, values in history.history.items()
        if not name.endswith("d_speed")
    }
    return found | {
        "speeds/": steps.speeds,
        "isolated/": steps.isolated,
        "metrics/step_loss": steps.loss,
    }


def _batches(sizes: Sequence[int], dtype: str) -> tf.data.Dataset:
    """Return batches of the given numbers of rows, the same ones in every process."""
    draw = np.random.default_rng(DATA_SEED)
    labels = draw.integers(0, CLASSES, sum(sizes))
    ends = np.cumsum(sizes)
    inputs = {
        modality: (draw.normal(size=(len(labels), WIDTH)) + strength * labels[:, None])
        for modality, strength in zip(MODALITIES, (0.5, 1.0), strict=True)
    }
    rows = ({modality: x.astype(dtype) for modality, x in inputs.items()}, labels)

    def cut() -> Any:
        for first, last in zip(ends - sizes, ends, strict=True):
            yield tf.nest.map_structure(lambda x, a=first, b=last: x[a:b], rows)

    shapes = tf.nest.map_structure(lambda x: tf.TensorSpec([None, *x.shape[1:]], x.dtype), rows)
    batches = tf.data.Dataset.from_generator(cut, output_signature=shapes)
    return batches.apply(tf.data.experimental.assert_cardinality(len(sizes)))


if __name__ == "__main__":
    main(json.loads(sys.argv[1]), Path(sys.argv[2]))
