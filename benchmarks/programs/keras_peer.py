"""One candidate of `benchmarks/peers.py` in mmbal, or in Keras with the same layers.

python keras_peer.py cnn guided SHAPES
"""

import contextlib
import json
import resource
import sys
import time
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from mmbal import BalancedModel
from mmbal.data import Modality
from mmbal_guided import Guided
from mmbal_mmtm.cnn import mmtm_cnn
from mmbal_mmtm.i3d import mmtm_i3d
from mmbal_mmtm.options import I3DOptions, MMTMOptions, ResNetOptions
from mmbal_mmtm.resnet18 import mmtm_resnet18

NETWORKS: dict[str, tuple[Any, Any, int]] = {
    "cnn": (mmtm_cnn, MMTMOptions(), 10),
    "resnet18": (mmtm_resnet18, ResNetOptions(), 40),
    "i3d": (mmtm_i3d, I3DOptions(), 25),
}


class Plain(keras.Model):
    """The same network as stock Keras trains it: one output and one loss per branch."""

    def __init__(self, network: keras.Model) -> None:
        super().__init__()
        self.network = network

    def call(self, inputs: dict[str, tf.Tensor], training: bool = False) -> dict[str, tf.Tensor]:
        """Return the logits of every branch, (batch, classes)."""
        unimodal: dict[str, tf.Tensor] = self.network(inputs, training=training).unimodal
        return unimodal


class Clock(keras.callbacks.Callback):
    """Measures an epoch from its first step to its last: what surrounds them is no step."""

    def on_train_batch_begin(self, batch: int, logs: object = None) -> None:
        """Begin with the first step."""
        if batch == 0:
            self.began = time.perf_counter(), processor_seconds()

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        """Remember how much has gone by."""
        now = time.perf_counter(), processor_seconds()
        self.spent = [end - begin for begin, end in zip(self.began, now, strict=True)]
        self.loss = float((logs or {})["loss"])


def processor_seconds() -> float:
    """Return user and system seconds of this process."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def make(name: str, variant: str, shapes: list[list[int]]) -> tuple[keras.Model, tf.data.Dataset]:
    """Return a compiled model and an endless dataset of one batch."""
    keras.utils.set_random_seed(0)
    build, options, classes = NETWORKS[name]
    modalities = {f"m{i}": Modality(tuple(shape[1:])) for i, shape in enumerate(shapes)}
    network = build(options, modalities, classes)
    rng = np.random.default_rng(0)
    inputs = {
        m: rng.normal(size=shape).astype("float32")
        for m, shape in zip(modalities, shapes, strict=True)
    }
    labels = rng.integers(0, classes, shapes[0][0])
    optimizer = keras.optimizers.SGD(0.01, momentum=0.9)
    if variant == "plain Keras":
        model = Plain(network)
        loss = {m: keras.losses.SparseCategoricalCrossentropy(from_logits=True) for m in modalities}
        # What mmbal tracks.
        model.compile(optimizer, loss=loss, metrics={m: ["accuracy"] for m in loss})
        return model, tf.data.Dataset.from_tensors((inputs, dict.fromkeys(loss, labels))).repeat()
    # Tolerance 0 keeps guided balancing as busy as it can be.
    strategy = Guided(tolerance=0.0, warmup=0) if variant == "mmbal guided" else None
    model = BalancedModel(network, strategy)
    model.compile(optimizer)
    return model, tf.data.Dataset.from_tensors((inputs, labels)).repeat()


def main() -> None:
    """Answer every number of steps on stdin with their seconds, until it ends."""
    # Libraries print now and then; answers go to the real stdout alone.
    with contextlib.redirect_stdout(sys.stderr):
        name, variant, shapes = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
        model, data = make(name, variant, shapes)
        clock = Clock()

        def run(steps: int) -> None:
            model.fit(data, steps_per_epoch=steps, verbose=0, callbacks=[clock])

        run(2)
        trained = sum(int(np.prod(v.shape)) for v in model.trainable_variables)
        version = f"{keras.__version__} on TensorFlow {tf.__version__}"
        say({"trained": trained, "version": version})
        for line in sys.stdin:
            run(int(line))
            say({"wall": clock.spent[0], "cpu": clock.spent[1], "loss": clock.loss})


def say(answer: dict[str, object]) -> None:
    """Write a line to the driver."""
    print(json.dumps(answer), file=sys.__stdout__, flush=True)


if __name__ == "__main__":
    main()
