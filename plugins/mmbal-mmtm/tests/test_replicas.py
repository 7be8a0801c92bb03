"""Joined models on two replicas, in a process of their own, against one device."""

import json
import subprocess
import sys

import pytest

pytestmark = pytest.mark.deep

SCRIPT = """
import json, sys
import keras, numpy as np
from mmbal import BalancedModel
from mmbal.replicas import open_strategy
from mmbal.replicas import synchronise_batch_norm
from mmbal_mmtm import join

layers = keras.layers
KINDS = {"image": ([6, 6, 1], layers.Conv2D), "series": ([8, 2], layers.Conv1D)}

def backbone(shape, convolution):
    x = keras.Input(shape)
    y = convolution(4, 3, activation="relu", name="first")(x)
    y = layers.BatchNormalization(momentum=0.5, name="first_normal")(y)
    y = layers.Add(name="second")([y, convolution(4, 1, name="side")(y)])
    return keras.Model(x, layers.BatchNormalization(momentum=0.5, name="last")(y))

def train(scope, synchronised):
    keras.utils.set_random_seed(0)
    with scope:
        network = join(
            {m: backbone(shape, kind) for m, (shape, kind) in KINDS.items()},
            ["first_normal", "second"], classes=3,
        )
        if synchronised:
            synchronise_batch_norm(network)
        model = BalancedModel(network)
        model.compile(keras.optimizers.SGD(0.05, momentum=0.9))
    generator = np.random.default_rng(0)
    inputs = {m: generator.normal(size=(14, *shape)) for m, (shape, _) in KINDS.items()}
    model.fit(inputs, np.arange(14) % 3, batch_size=8, epochs=2, shuffle=False, verbose=0)
    return {v.path + str(i): np.asarray(v).tolist() for i, v in enumerate(network.variables)}

keras.config.set_floatx("float64")
two = open_strategy("mirrored", 2)
found = [train(two.scope(), True), train(two.scope(), False)]
import contextlib
print(json.dumps([*found, train(contextlib.nullcontext(), True)]))
"""


def flat(values):
    return [x for value in values for x in flat(value)] if isinstance(values, list) else [values]


def deviation(one, other):
    pairs = zip(flat(list(one.values())), flat(list(other.values())), strict=True)
    return max(abs(a - b) for a, b in pairs)


def test_replicas_train_as_one_device_with_synchronised_normalisation():
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True)
    assert not done.returncode, done.stderr[-3000:]
    synchronised, apart, alone = json.loads(done.stdout.splitlines()[-1])

    assert len(alone) > 40
    assert deviation(synchronised, alone) < 1e-9
    assert deviation(apart, alone) > 1e-4
