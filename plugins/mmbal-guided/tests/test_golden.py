"""Replays traces of the authors' code (float64, tiny two-branch CNN) through the public API.

`trace.mode` must be equal at every step; losses, speeds, weights, gate means, blocked logits
and utilization to 1e-9 in float64 and 1e-4 in float32.
"""

import json
import math
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from mmbal import BalancedModel
from mmbal.data import Examples
from mmbal.evaluation import EvaluationContext, Predictor, Utilization
from mmbal.networks import blocked
from mmbal_guided import Guided
from mmbal_mmtm import MMTMNetwork

DATA = Path(__file__).parent / "data"
LN10 = math.log(10)
MODALITIES = ("view_0", "view_1")
EXCITATIONS = ("fc_visual", "fc_skeleton")


@pytest.fixture(params=["float64", "float32"])
def precision(request):
    before = keras.config.floatx()
    keras.config.set_floatx(request.param)
    keras.config.set_dtype_policy(request.param)
    yield request.param
    keras.config.set_floatx(before)
    keras.config.set_dtype_policy(before)


def build_network():
    layers = keras.layers
    branches = {
        modality: [
            layers.Conv2D(6, 3, padding="same", activation="relu"),
            layers.Conv2D(8, 3, padding="same", activation="relu"),
            keras.Sequential([layers.GlobalAveragePooling2D(), layers.Dense(5)]),
        ]
        for modality in MODALITIES
    }
    network = MMTMNetwork(branches, ratio=4)
    network({m: np.zeros((1, 8, 8, 3)) for m in MODALITIES})
    return network


def weights_in_order(network):
    """Pair every variable with its name in the authors' code."""
    for index in range(2):
        convs, head = network.stages[index], network.heads[index].layers[-1]
        for name, layer in [("conv1", convs[0]), ("conv2", convs[1]), ("fc", head)]:
            yield f"net_view_{index}.{name}.weight", layer.kernel
            yield f"net_view_{index}.{name}.bias", layer.bias
    for number, module in enumerate(network.fusion, start=1):
        dense = {"fc_squeeze": module.squeeze} | dict(
            zip(EXCITATIONS, module.excitations, strict=True)
        )
        for name, layer in dense.items():
            yield f"mmtm{number}.{name}.weight", layer.kernel
            yield f"mmtm{number}.{name}.bias", layer.bias


def to_keras(array):
    """Turn (out, in, ...) into Keras's (..., in, out)."""
    return {4: lambda: array.transpose(2, 3, 1, 0), 2: lambda: array.T, 1: lambda: array}[
        array.ndim
    ]()


def replay(golden, precision, strategy):
    hyper = json.loads(str(golden["hyper"]))
    network = build_network()
    for name, variable in weights_in_order(network):
        variable.assign(to_keras(golden[f"init.{name}"]))
    model = BalancedModel(network, strategy)
    model.compile(optimizer=keras.optimizers.SGD(hyper["lr"]))
    images = {
        m: golden[f"x{i}"].reshape(-1, 3, 8, 8).transpose(0, 2, 3, 1).astype(precision)
        for i, m in enumerate(MODALITIES)
    }
    rows = tf.data.Dataset.from_tensor_slices((images, golden["y"].reshape(-1)))
    per_epoch = hyper["steps_per_epoch"]
    model.fit(
        rows.batch(hyper["batch"]),
        epochs=hyper["steps"] // per_epoch,
        steps_per_epoch=per_epoch,
        shuffle=False,
        verbose=0,
    )
    return model, network


CASES = ["guided_seed4", "guided_seed7", "vanilla_seed4"]


@pytest.mark.parametrize("case", CASES)
def test_replay_equals_the_authors_trace(case, precision):
    golden = np.load(DATA / f"{case}.npz")
    hyper = json.loads(str(golden["hyper"]))
    guided = Guided(
        tolerance=hyper["tolerance_log10"] * LN10,
        window=hyper["window"],
        warmup=hyper["warmup_epochs"],
    )
    model, network = replay(golden, precision, guided if "guided" in case else None)
    close = {"rtol": 0, "atol": 1e-9 if precision == "float64" else 1e-4}

    steps = model.trace.read()
    np.testing.assert_array_equal(steps.isolated + 1, golden["trace.mode"])
    np.testing.assert_allclose(steps.loss, golden["trace.loss"], **close)
    np.testing.assert_allclose(steps.imbalance / LN10, golden["trace.d_speed_log10"], **close)
    for name, variable in weights_in_order(network):
        np.testing.assert_allclose(
            variable.numpy(), to_keras(golden[f"final.{name}"]), err_msg=name, **close
        )
    for number, module in enumerate(network.fusion, start=1):
        for mean, sensor in zip(module.held_mean.means, ("visual", "skeleton"), strict=True):
            np.testing.assert_allclose(
                mean.numpy(), golden[f"gate_mean.mmtm{number}.{sensor}"], **close
            )
    check_utilization(golden, network, precision, close)


def check_utilization(golden, network, precision, close):
    def dataset(images, labels):
        inputs = {
            m: x.reshape(-1, 3, 8, 8).transpose(0, 2, 3, 1).astype(precision)
            for m, x in zip(MODALITIES, images, strict=True)
        }
        return Examples.from_arrays(inputs, labels.reshape(-1))

    test = dataset([golden["eval_x0"], golden["eval_x1"]], golden["eval_y"])
    train = dataset([golden["x0"], golden["x1"]], golden["y"])
    context = EvaluationContext(Predictor(network), {"test": test, "train": train})
    for number in (1, 2):
        for index in (0, 1):
            np.testing.assert_allclose(
                context.means[f"mmtm_{number - 1}"][index],
                golden[f"squeeze_mean.mmtm{number}.{index}"],
                **close,
            )
    inputs = dict(test.inputs)
    full = network(inputs)
    alone = network(inputs, blocked(2, context.means))
    for index, modality in enumerate(MODALITIES):
        for outputs, kind in ((full, "full"), (alone, "blocked")):
            np.testing.assert_allclose(
                outputs.unimodal[modality], golden[f"eval_logits.{kind}.{index}"], **close
            )
    scores = {score.name: score.value for score in Utilization()(context)}
    for index, modality in enumerate(MODALITIES):
        expected = golden["utilization"][index]
        np.testing.assert_allclose(scores[f"utilization/{modality}"], expected, **close)
    gap = golden["utilization"][0] - golden["utilization"][1]
    np.testing.assert_allclose(scores["d_util"], gap, **close)
