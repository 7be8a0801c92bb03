"""Late fusion on two replicas, in a process of its own, against one device."""

import json
import subprocess
import sys

import pytest

SCRIPT = """
import contextlib, json
import keras, numpy as np
from mmbal import BalancedModel
from mmbal.data import Modality
from mmbal.replicas import open_strategy
from mmbal.replicas import synchronise_batch_norm
from mmbal_late.concat import late_concat
from mmbal_late.options import LateOptions
from mmbal_late.summed import late_sum

keras.config.set_floatx("float64")
SHAPES = {"image": Modality((6, 6, 1), "float64"), "table": Modality((3,), "float64")}
generator = np.random.default_rng(0)
labels = np.arange(21) % 3
inputs = {m: generator.normal(size=(21, *each.shape)) for m, each in SHAPES.items()}

def train(scope, architecture):
    keras.utils.set_random_seed(0)
    with scope:
        network = architecture(LateOptions(width=4, units=(5,)), SHAPES, 3)
        synchronise_batch_norm(network)
        model = BalancedModel(network)
        model.compile(keras.optimizers.SGD(0.05, momentum=0.9))
    model.fit(inputs, labels, batch_size=8, epochs=2, shuffle=False, verbose=0)
    return np.concatenate([np.ravel(v) for v in network.get_weights()])

two = open_strategy("mirrored", 2)
for architecture in (late_concat, late_sum):
    one, other = (train(scope, architecture) for scope in (contextlib.nullcontext(), two.scope()))
    print(json.dumps([float(abs(one - other).max()), float(abs(one).max())]))
"""


@pytest.mark.soak
def test_two_replicas_train_as_one_device():
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True)
    assert not done.returncode, done.stderr[-3000:]
    for line in done.stdout.splitlines()[-2:]:
        deviation, largest = json.loads(line)
        assert deviation < 1e-9 < largest
