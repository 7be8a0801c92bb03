"""A process that trains small networks on some replicas and writes down all that came of it.

Run as `python train.py WANTED`: WANTED is JSON with settings by layout, both in settings.toml. Each
gets a file LAYOUT/SETTING.npz in the working folder. With TF_CONFIG in the environment the process
is one of several workers.
"""

import json
import math
import sys
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
import tomlkit

from mmbal import BalancedModel, Strategy
from mmbal.data import Examples
from mmbal.evaluation.context import EvaluationContext
from mmbal.evaluation.predictions import Predictor
from mmbal.evaluation.utilization import Utilization
from mmbal.laboratory.toys import GatedBranches
from mmbal.optimizers.keras_optimizers import keras_optimizer
from mmbal.optimizers.options import Adam
from mmbal.replicas.devices import open_strategy
from mmbal.replicas.rows import Annotated
from mmbal.replicas.sums import synchronise_batch_norm
from mmbal.strategies.step import Forward, Phase
from mmbal.strategies.strategy import EpochPlan, Requirements
from mmbal.strategies.surroundings import Surroundings
from mmbal_guided import Guided, Random

WIDTH, SIDE, WORDS, CLASSES = 4, 6, 7, 3
layers, optimizers = keras.layers, keras.optimizers


class TwoPhases(Strategy):
    """Updates the fusion, then the branches, of which one rests at every other step."""

    def build(self, context):
        fusion = tuple(g for g in context.groups if g.startswith("fusion"))
        branches = tuple(g for g in context.groups if g.startswith("branch"))
        self._phases = (Phase("fusion", fusion), Phase("branches", branches))
        self.updates = tf.Variable(0, dtype=tf.int64, trainable=False)

    def phases(self):
        return self._phases

    def forward(self, batch, phase):
        rests = tf.equal(tf.convert_to_tensor(self.updates) % 4, 3)
        return Forward(active={"branch/a": tf.logical_not(rests)}, regular=phase.name == "fusion")

    def after_step(self, signals):
        self.updates.assign_add(1)


class GradientsApart(Strategy):
    """Differentiates the losses one by one and takes the sign that most of them agree on."""

    def combine_gradients(self, tape, losses, variables, step):
        each = [tape.gradient(loss, variables) for loss in losses.values()]
        return [self._combine(found) for found in zip(*each, strict=True)]

    def _combine(self, found):
        present = [g for g in found if g is not None]
        total = tf.add_n(present) if present else None
        if len(present) < 2:
            return total
        agree = tf.reduce_all(tf.stack([tf.sign(g) == tf.sign(total) for g in present]), axis=0)
        return tf.where(agree, total, total / 2)


class Stateful(Strategy):
    """Follows the losses, and isolates the branch that lags where the losses are far apart."""

    def requirements(self):
        return Requirements(frozenset({"isolation"}))

    def build(self, context):
        count = len(context.modalities)
        self.mean = tf.Variable(tf.zeros([count], tf.float64), trainable=False)
        self.steps = tf.Variable(0, dtype=tf.int32, trainable=False)

    def forward(self, batch, phase):
        mean = tf.convert_to_tensor(self.mean)
        apart = tf.reduce_max(mean) - tf.reduce_min(mean) > 0.001
        odd = tf.equal(tf.convert_to_tensor(self.steps) % 2, 1)
        holds = tf.logical_and(apart, odd)
        lags = tf.equal(tf.range(mean.shape[0], dtype=tf.int64), tf.argmax(mean))
        return Forward(isolate=tf.logical_and(lags, holds), active={"shared": True}, regular=~holds)

    def after_step(self, signals):
        losses = tf.stack([tf.cast(x, tf.float64) for x in list(signals.losses.values())])
        self.mean.assign(0.5 * tf.convert_to_tensor(self.mean) + 0.5 * losses)
        self.steps.assign_add(1)


class Multiplier(Strategy):
    """Slows one branch down more with every epoch, by what the metrics say."""

    def begin_epoch(self, epoch, context):
        return EpochPlan(learning_rates={"branch/a": 0.5**epoch, "fusion/b": 2.0})

    def end_epoch(self, epoch, logs, context):
        return EpochPlan(learning_rates={"branch/b": 0.5 + logs["val_accuracy"]})


class OwnVariables(Strategy):
    """Trains a mask of the fused logits from drawn numbers of every row."""

    def build(self, context):
        self.mask = layers.Dense(CLASSES, dtype=context.network.variable_dtype)
        self.mask.build((None, 2))
        self.steps = tf.Variable(0, dtype=tf.int64, trainable=False)

    def trained_variables(self):
        return self.mask.trainable_variables

    def losses(self, step, joint):
        logits = step.outputs.logits
        key = tf.stack([tf.constant(9, tf.int64), tf.convert_to_tensor(self.steps)])

        def draw(count):
            return tf.random.stateless_normal([count, 2], key, dtype=logits.dtype)

        drawn = step.batch.rows.own(draw, tf.shape(logits)[0])
        masked = logits * tf.sigmoid(self.mask(drawn))
        return {**joint, "masked": step.loss_of(masked)}

    def after_step(self, signals):
        self.steps.assign_add(1)


STRATEGIES = {
    "vanilla": Strategy,
    "guided": lambda: Guided(tolerance=0.001, window=2, warmup_steps=2),
    "random": lambda: Random(warmup_steps=1),
    "two_phases": TwoPhases,
    "gradients_apart": GradientsApart,
    "stateful": Stateful,
    "multiplier": Multiplier,
    "own_variables": OwnVariables,
}
OPTIMIZERS = {
    "momentum": lambda: optimizers.SGD(0.05, momentum=0.9),
    "adam": lambda: optimizers.Adam(0.01),
    "adamw": lambda: optimizers.AdamW(0.01, weight_decay=0.1),
    "clipnorm": lambda: optimizers.SGD(0.1, clipnorm=0.02),
    "global_clipnorm": lambda: optimizers.SGD(0.1, momentum=0.5, global_clipnorm=0.05),
    "schedule": lambda: optimizers.SGD(optimizers.schedules.ExponentialDecay(0.1, 2, 0.5)),
    "coupled": lambda: keras_optimizer(Adam(learning_rate=0.01, weight_decay=0.1, decay="coupled")),
    "moving_average": lambda: optimizers.SGD(0.1, use_ema=True, ema_momentum=0.8),
}


def smoothed():
    """Return a loss of one-hot labels."""
    return keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.1)


def squares(labels, logits):
    """Return a loss of class indices per example, (batch,)."""
    hot = tf.one_hot(tf.cast(labels, tf.int32), CLASSES, dtype=logits.dtype)
    return tf.reduce_sum((hot - logits) ** 2, axis=-1)


LOSSES = {"smoothed": smoothed, "function": lambda: squares}


def branch(setting, name):
    """Return a stage and a head."""
    head = layers.Dense(CLASSES)
    kind = setting["network"]
    if kind == "embedding":  # without batch normalisation
        stage = [layers.Embedding(WORDS, 5), layers.GlobalAveragePooling1D()]
    elif kind == "conv":
        stage = [layers.BatchNormalization(momentum=0.9), layers.Conv2D(4, 3, activation="relu")]
        head = keras.Sequential([layers.GlobalAveragePooling2D(), head])
    else:
        penalty = keras.regularizers.L2(1e-2) if kind == "penalised" else None
        dense = layers.Dense(5, activation="tanh", kernel_regularizer=penalty)
        stage = [layers.BatchNormalization(momentum=0.9), dense]
    if kind == "frozen" and name == "a":
        head.trainable = False
    return [keras.Sequential(stage, name=f"{name}_stage"), head]


def draw(setting):
    """Return inputs, labels and sample weights or None, all examples."""
    count, kind = setting["examples"], setting["network"]
    generator = np.random.default_rng(5)
    labels = generator.integers(0, CLASSES, count)
    inputs = {}
    for modality in setting["modalities"]:
        if kind == "embedding":
            words = generator.integers(0, WORDS, (count, 4))
            inputs[modality] = np.where(words > 4, labels[:, None], words)
            continue
        shape = (count, SIDE, SIDE, 2) if kind == "conv" else (count, WIDTH)
        x = generator.normal(size=shape) + 0.5 * labels.reshape(-1, *[1] * (len(shape) - 1))
        inputs[modality] = x.astype(setting["dtype"])
    weights = generator.uniform(0, 2, count) if setting.get("weights") else None
    if setting.get("keep"):
        keep = generator.integers(0, 2, (count, len(inputs)))
        keep[keep.sum(axis=1) == 0] = 1
        inputs = Annotated(inputs, {"keep": keep.astype("float32")})
    if setting.get("labels") == "one_hot":
        labels = keras.utils.to_categorical(labels, CLASSES)
    elif setting.get("labels"):
        labels = labels.astype(setting["labels"])
    return inputs, labels, weights


class Batches(keras.utils.PyDataset):
    """The same batches, read by Keras."""

    def __init__(self, rows, size):
        super().__init__()
        self._rows, self._size = rows, size

    def __len__(self):
        return math.ceil(len(self._rows[1]) / self._size)

    def __getitem__(self, index):
        cut = slice(index * self._size, (index + 1) * self._size)
        return tf.nest.map_structure(lambda x: x[cut], self._rows)


def of_this_host(rows, size, replicas):
    """Yield this host's rows of every global batch, as runs on several hosts read them."""
    for start in range(0, len(rows[1]), size):
        batch = tf.nest.map_structure(lambda x, start=start: x[start : start + size], rows)
        count = len(batch[1])
        whole = count < replicas.count
        first, last = (
            count * w // replicas.workers for w in (replicas.worker, replicas.worker + 1)
        )
        cut = slice(None) if whole else slice(first, last)
        inputs, labels = tf.nest.map_structure(lambda x, cut=cut: x[cut], batch)
        yield Annotated(inputs, {"whole": np.full(len(labels), whole)}), labels


def batches(setting, rows, replicas):
    """Return what `fit` takes as `x`."""
    size = setting["batch"]
    if setting["data"] == "pydataset":
        return Batches(rows, size)
    if setting["data"] == "shared_out":
        inputs, labels = rows
        spec = {m: tf.TensorSpec([None, *x.shape[1:]], x.dtype) for m, x in inputs.items()}
        spec = Annotated(spec, {"whole": tf.TensorSpec([None], tf.bool)})
        known = tf.data.Dataset.from_generator(
            lambda: of_this_host(rows, size, replicas),
            output_signature=(spec, tf.TensorSpec([None], labels.dtype)),
        )
        steps = -(-len(labels) // size)
        return known.apply(tf.data.experimental.assert_cardinality(steps))
    data = tf.data.Dataset.from_tensor_slices(rows)
    if setting["data"] == "unknown_length":
        data = data.filter(lambda *_: True)
    return data.batch(size)


def build(setting):
    """Return a compiled model; to be called in the scope of the replicas."""
    network = GatedBranches({m: branch(setting, m) for m in setting["modalities"]})
    if setting.get("synchronised", True):
        synchronise_batch_norm(network)
    run = Surroundings(
        shared_out=setting["data"] == "shared_out", open_ended=setting["data"] == "unknown_length"
    )
    model = BalancedModel(network, STRATEGIES[setting["strategy"]](), seed=4, surroundings=run)
    metrics = ["accuracy", *extra_metrics(setting)]
    loss = LOSSES[setting["loss"]]() if "loss" in setting else None
    eager = {"run_eagerly": True} if setting.get("eager") else {}
    model.compile(OPTIMIZERS[setting["optimizer"]](), loss=loss, metrics=metrics, **eager)
    return model


def extra_metrics(setting):
    """Return Keras metrics that count, that rank and that integrate."""
    if setting.get("labels") == "one_hot":
        positives = keras.metrics.TruePositives(thresholds=0.5, name="positives")
        return [keras.metrics.AUC(from_logits=True, name="auc"), positives]
    if setting["dtype"] == "float32":  # TensorFlow ranks no others
        return [keras.metrics.SparseTopKCategoricalAccuracy(k=2, name="top2")]
    return [keras.metrics.SparseCategoricalCrossentropy(from_logits=True, name="entropy")]


def train(setting, strategy):
    """Train one setting and return all that came of it by name."""
    keras.backend.clear_session()
    keras.config.set_floatx(setting["dtype"])
    keras.config.set_dtype_policy(setting["dtype"])
    keras.utils.set_random_seed(3)
    inputs, labels, weights = draw(setting)
    rows = (inputs, labels) if weights is None else (inputs, labels, weights)
    with strategy.scope():
        model = build(setting)
    options = {"epochs": setting["epochs"], "verbose": 0, "shuffle": False}
    if setting["data"] == "arrays":
        x = {"x": inputs, "y": labels, "batch_size": setting["batch"], "validation_data": rows}
        x |= {"class_weight": {0: 1.0, 1: 0.5, 2: 2.0}, "validation_batch_size": 5}
    else:
        data = batches(setting, rows, model.replicas)
        x = {"x": data, "validation_data": data}
    history = model.fit(**x, **options)
    found = {f"log/{name}": np.array(values) for name, values in history.history.items()}
    found |= state(model)
    if setting["scores"]:
        found |= scores(model, inputs, labels)
    found["replicas"] = model.replicas.count
    return found


def state(model):
    """Return all variables, and how far they differ between the replicas of this process."""
    modules = [model.strategy, model.learner.learning_speed, model.learner.guard]
    variables = {
        "weight": model.network.variables,
        "optimizer": model.optimizer.variables,
        "strategy": [v for module in modules for v in module.variables],
        "own": model.strategy.trained_variables(),
        "metric": [v for metric in model.own_metrics for v in metric.variables],
    }
    found, unequal = {}, []
    for kind, members in variables.items():
        for number, variable in enumerate(members):
            inner = variable.value if isinstance(variable, keras.Variable) else variable
            copies = model.replicas.strategy.experimental_local_results(inner)
            values = [copy.numpy() for copy in copies]
            found[f"{kind}/{number}"] = values[0]
            if any(value.tobytes() != values[0].tobytes() for value in values[1:]):
                unequal.append(f"{kind}/{number} {variable.name}")
    steps = model.trace.read()
    found |= {f"step/{name}": np.asarray(value) for name, value in vars(steps).items()}
    found["unequal"] = np.array(unequal, dtype=str)
    return found


def scores(model, inputs, labels):
    """Return what evaluation, prediction and utilization say of the trained network."""
    found = {"score/logits": model.predict(inputs, batch_size=5, verbose=0)}
    logs = model.evaluate(inputs, labels, batch_size=5, verbose=0, return_dict=True)
    found |= {f"score/{name}": np.array(value) for name, value in logs.items()}
    rows = Examples.from_arrays(inputs, labels)
    predictor = Predictor(model.network, lambda each: each.dataset().batch(7), model.replicas)
    context = EvaluationContext(predictor, {"test": rows, "train": rows})
    found |= {f"score/{s.name}": np.array(s.value) for s in Utilization()(context)}
    found["score/probed_loss"] = np.array(context.predictions().losses.mean())
    return found


def main(wanted):
    """Train on each layout its settings, and write."""
    path = Path(__file__).with_name("settings.toml")
    tables = tomlkit.parse(path.read_text(encoding="utf-8")).unwrap()
    layouts, defaults = tables.pop("layouts"), tables.pop("defaults")
    for layout, names in wanted.items():
        # Who splits the CPU comes first; one device is then a part of it.
        strategy = open_strategy(**layouts[layout])
        Path(layout).mkdir()
        for name in names:
            np.savez(Path(layout, f"{name}.npz"), **train(defaults | tables[name], strategy))


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
