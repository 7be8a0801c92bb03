"""A process that trains a small network on some replicas and writes down all that came of it.

Run as `python -m mmbal.doctor.selftest SETTING OUT`: SETTING is JSON, OUT an .npz. Devices
must be set before TensorFlow starts, so every number of replicas needs a process of its own.
With TF_CONFIG in the environment it is one of several workers, of which the chief writes.
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from mmbal.doctor.specimen import CLASSES, MODALITIES, WIDTH, IsolateTheFaster, TwoBranches
from mmbal.training.devices import open_strategy
from mmbal.training.distribution import synchronise_batch_norm
from mmbal.training.model import BalancedModel

EPOCHS = 3
DATA_SEED, WEIGHT_SEED = 5, 3


def main(setting: dict[str, Any], out: Path) -> None:
    """Train once per precision, perhaps once more to see whether it repeats, and write.

    Args:
        setting: `distribute` and `logical_devices` as `open_strategy` takes them, `dtypes`,
            `batches` (rows of each batch of an epoch), `repeat` (whether to train twice more,
            deterministically).
        out: name/array pairs; names are `DTYPE/KIND/...`, see `mmbal.doctor.agreement`.
    """
    strategy = open_strategy(setting["distribute"], setting["logical_devices"])
    # Ten bits of mantissa would hide what the self-test looks for.
    tf.config.experimental.enable_tensor_float_32_execution(False)
    found: dict[str, Any] = {"replicas": strategy.num_replicas_in_sync}
    for dtype in setting["dtypes"]:
        trained = train(strategy, dtype, setting["batches"])
        found |= {f"{dtype}/{name}": value for name, value in trained.items()}
    if setting["repeat"]:
        tf.config.experimental.enable_op_determinism()
        for attempt in ("first", "second"):
            trained = train(strategy, "float32", setting["batches"])
            found |= {f"{attempt}/{name}": value for name, value in trained.items()}
    if _is_chief(strategy):
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
    history = model.fit(data, validation_data=data, epochs=EPOCHS, verbose=0)
    steps = model.trace.read()
    found = {f"weights/{i}": v.numpy() for i, v in enumerate(network.variables)}
    found |= {f"optimizer/{i}": v.numpy() for i, v in enumerate(model.optimizer.variables)}
    found |= {f"metrics/{name}": np.array(each) for name, each in history.history.items()}
    return found | {
        "speeds/": steps.speeds,
        "speeds/imbalance": steps.imbalance,
        "isolated/": steps.isolated,
        "metrics/step_loss": steps.loss,
    }


def _batches(sizes: Sequence[int], dtype: str) -> tf.data.Dataset:
    """Return batches of the given numbers of rows, the same ones in every process."""
    draw = np.random.default_rng(DATA_SEED)
    labels = draw.integers(0, CLASSES, sum(sizes))
    inputs = {
        modality: (draw.normal(size=(len(labels), WIDTH)) + strength * labels[:, None])
        for modality, strength in zip(MODALITIES, (0.5, 1.0), strict=True)
    }
    inputs = {modality: x.astype(dtype) for modality, x in inputs.items()}
    rows = tf.data.Dataset.from_tensor_slices((inputs, labels))
    first, *others = sizes
    batches = rows.take(first).batch(first)
    for size in others:
        rows = rows.skip(first)
        first = size
        batches = batches.concatenate(rows.take(size).batch(size))
    return batches


def _is_chief(strategy: tf.distribute.Strategy) -> bool:
    resolver = strategy.cluster_resolver
    return resolver is None or not resolver.cluster_spec().jobs or resolver.task_id == 0


if __name__ == "__main__":
    main(json.loads(sys.argv[1]), Path(sys.argv[2]))
