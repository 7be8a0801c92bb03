"""A process with three replicas that calls each function of a step and prints what came of it."""

import json

import keras
import tensorflow as tf

from mmbal import BalancedModel
from mmbal.laboratory.toys import GatedBranches
from mmbal.networks import BatchNormalization
from mmbal.networks.held import HeldMean
from mmbal.replicas.devices import open_strategy
from mmbal.replicas.rows import Annotated
from mmbal.replicas.sums import (
    Replicas,
    global_losses,
    global_mean,
    global_rows,
    global_sum,
    own_rows,
    replica_count,
)
from mmbal.strategies.tape import GlobalTape

ROWS = [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0], [7.0, 8.0]]


def step():
    """Return what every function makes of four rows on three replicas, and of two."""
    replicas = Replicas()
    rows, whole = replicas.share(tf.constant(ROWS))
    few, all_of_few = replicas.share({"x": tf.constant(ROWS[:2]), "none": None})
    everything = global_rows([rows, None, tf.constant(5.0), tf.cast(rows[:, 0], tf.uint8)], whole)
    return {
        "count": tf.constant(replica_count()),
        "whole": [whole, all_of_few],
        "sum": global_sum({"a": tf.reduce_sum(rows), "b": tf.constant(1, tf.int64)}),
        "mean": global_mean(rows),
        "rows": [everything[0], everything[2], everything[3]],
        "of host": [of_host(False), of_host(True)],
        "few": [few["x"], *global_rows([few["x"]], all_of_few)],
        "own": [own(rows, whole), own(few["x"], all_of_few)],
    }


def of_host(whole):
    """Return what the replicas have together of rows that are those of this host already."""
    batch = Annotated({"x": tf.constant(ROWS)}, {"whole": tf.fill([len(ROWS)], whole)})
    share, all_of_them = Replicas().share(batch, of_worker=True)
    return {"whole": all_of_them, "rows": global_rows([share.inputs["x"]], all_of_them)[0]}


def own(rows, whole):
    """Return the first of this replica's rows, their total, and what is drawn for all of them."""
    count = tf.shape(rows)[0]
    mine = own_rows(count, whole)
    drawn = mine.own(draw, count)
    return {"first": mine.first, "total": mine.total, "drawn": global_rows([drawn], whole)[0]}


def draw(count):
    """Draw two numbers for each row."""
    return tf.random.stateless_uniform([count, 2], [7, 1])


def training(weight, table, idle):
    """Return the global loss, and gradients of it and of what stays local, unscaled."""
    rows, _ = Replicas().share(tf.constant(ROWS))
    with tf.GradientTape() as tape:
        looked_up = tf.reduce_sum(tf.gather(table, [0, 0, 1]))
        local = tf.reduce_mean(rows[:, 0]) * weight + looked_up
        losses = global_losses({"loss": local}, tf.shape(rows)[0])
        loss = losses["loss"]
    gradients = GlobalTape(tape, tf.constant(1024.0)).gradient(loss, [weight, table, idle])
    assert gradients[2] is None
    return {"loss": loss, "gradients": gradients[:2]}


def normalized(norm):
    """Return outputs, gradients and statistics of a synchronised layer over four 1 x 1 maps."""
    maps = tf.constant(ROWS, shape=[4, 1, 1, 2])
    (rows, weights), whole = Replicas().share((maps, maps**2))
    with tf.GradientTape() as tape:
        tape.watch(rows)
        outputs = norm(rows, training=True)
        loss = tf.reduce_sum(outputs * weights)
    of_input, *of_variables = tape.gradient(loss, [rows, norm.gamma.value, norm.beta.value])
    everywhere = global_rows([outputs, of_input], whole)
    statistics = [tf.identity(x.value) for x in (norm.moving_mean, norm.moving_variance)]
    return [*everywhere, *global_sum(of_variables), *statistics]


def main():
    """Print JSON."""
    strategy = open_strategy("mirrored", 3)
    replicas = Replicas(strategy)
    with strategy.scope():
        weight, table, idle = tf.Variable(2.0), tf.Variable([[1.0], [2.0]]), tf.Variable(0.0)
        held = HeldMean()
        held.build([(None, 2)])
        norm = BatchNormalization()
        norm.build((None, 1, 1, 2))
    # Set once it is built, as a run does it.
    norm.synchronized = True
    replicas.run(lambda: held([replicas.share(tf.constant(ROWS))[0]], training=True))
    found = {
        "step": replicas.run(step),
        "held": [*strategy.experimental_local_results(held.means[0].value)],
        "training": replicas.run(training, weight, table, idle),
        "refused": refusals(strategy),
        "firsts": firsts(strategy, replicas),
        "alone": [draw(4), draw(2)],
        "all reduced": all_reduced(strategy),
        "normalized": replicas.run(normalized, norm),
        "normalized alone": normalized(BatchNormalization()),
    }
    found = tf.nest.map_structure(lambda x: x.numpy().tolist() if tf.is_tensor(x) else x, found)
    keras.config.set_floatx("float64")
    keras.config.set_dtype_policy("float64")
    with strategy.scope():
        found["fitted"] = fitted()
    found["fitted alone"] = fitted()
    found["hosts"] = [replicas.workers, replicas.worker, replicas.is_chief, replicas.any(True)]
    print(json.dumps(found))


def firsts(strategy, replicas):
    """Return where the rows of each replica begin, of four rows and of two."""

    def here():
        found = []
        for rows in (ROWS, ROWS[:2]):
            share, whole = Replicas().share(tf.constant(rows))
            found.append(own_rows(tf.shape(share)[0], whole).first)
        return found

    found = strategy.run(tf.function(here))
    return [[int(x) for x in strategy.experimental_local_results(each)] for each in found]


def all_reduced(strategy):
    """Return how many values a step trains, and how many each sum over the replicas holds."""
    with strategy.scope():
        dense = keras.layers.Dense
        model = BalancedModel(GatedBranches({m: [dense(4), dense(3)] for m in "ab"}))
        model.compile(keras.optimizers.SGD(0.1))
        batch = ({m: tf.ones([6, 5]) for m in "ab"}, tf.constant([0, 1, 2] * 2))
        model.network(batch[0])
        model.prepare(steps_per_epoch=1)

    def step(batch):
        return model.replicas.run(model.train_step, batch)

    graph = tf.function(step, autograph=False).get_concrete_function(batch).graph
    sums = [op for op in graph.get_operations() if op.type == "CollectiveReduceV2"]
    return {
        "trained": sum(v.shape.num_elements() for v in model.network.trainable_variables),
        "summed": [op.inputs[0].shape.num_elements() for op in sums if op.device.endswith(":0")],
    }


def fitted():
    """Return the logs of two epochs of two steps, and of an evaluation, in the present scope."""
    keras.utils.set_random_seed(1)
    dense = keras.layers.Dense
    model = BalancedModel(GatedBranches({m: [dense(2), dense(2)] for m in "ab"}))
    model.compile(keras.optimizers.SGD(0.1))
    rows = tf.constant(ROWS + ROWS[:2])  # a batch of four and one of two
    data = tf.data.Dataset.from_tensor_slices(({"a": rows, "b": -rows}, [0, 1, 0, 1, 1, 1]))
    history = model.fit(data.batch(4), epochs=2, shuffle=False, verbose=0).history
    scores = model.evaluate(data.batch(4), verbose=0, return_dict=True)
    return {  # of tensors, in some versions of Keras
        "fit": {name: [float(value) for value in values] for name, values in history.items()},
        "evaluate": {name: float(value) for name, value in scores.items()},
        "steps": len(model.trace.read().loss),
        "replicas": model.replicas.count,
    }


def refusals(strategy):
    """Return why a model on replicas cannot be compiled, by option."""
    dense, said = keras.layers.Dense, {}
    sgd = keras.optimizers.SGD
    attempts = {
        "steps_per_execution": {"steps_per_execution": 2},
        "jit_compile": {"jit_compile": True},
        "gradient_accumulation_steps": {"optimizer": sgd(gradient_accumulation_steps=2)},
        "ema_overwrite_frequency": {"optimizer": sgd(use_ema=True, ema_overwrite_frequency=2)},
        "reduction": {"loss": keras.losses.MeanSquaredError(reduction="sum")},
        "none": {"jit_compile": "auto", "steps_per_execution": 1},
    }
    with strategy.scope():
        model = BalancedModel(GatedBranches({m: [dense(2), dense(2)] for m in "ab"}))
        for name, arguments in attempts.items():
            try:
                model.compile(**arguments)
            except ValueError as error:
                said[name] = str(error)
    return said


if __name__ == "__main__":
    main()
