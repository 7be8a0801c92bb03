"""Both strategies on two replicas, in a process of their own, against one device."""

import json
import subprocess
import sys

import pytest

SCRIPT = """
import contextlib, json
import keras, numpy as np
from mmbal import BalancedModel
from mmbal.training.devices import open_strategy
from mmbal_forward import OPM, ModalityDropout
from mmbal_mmtm import MMTMNetwork

STRATEGIES = {
    "modality-dropout": lambda: ModalityDropout(0.5, rescale=True),
    "opm": lambda: OPM(rate=0.4, starts=0),
}

def train(scope, name):
    keras.utils.set_random_seed(0)
    dense = keras.layers.Dense
    generator = np.random.default_rng(0)
    labels = np.arange(13) % 3
    inputs = {m: generator.normal(size=(13, 4)) + k * labels[:, None]
              for k, m in enumerate("abc")}
    with scope:
        network = MMTMNetwork({m: [dense(4, "tanh"), dense(3)] for m in "abc"})
        network({m: x[:1] for m, x in inputs.items()})
        model = BalancedModel(network, STRATEGIES[name] and STRATEGIES[name]())
        model.compile(keras.optimizers.SGD(0.05, momentum=0.9))
    # Rows of 5 and 4 on two replicas, then of 2 and 2.
    model.fit(inputs, labels, batch_size=9, epochs=3, shuffle=False, verbose=0)
    return np.concatenate([np.ravel(v) for v in network.get_weights()]).tolist()

keras.config.set_floatx("float64")
two = open_strategy("mirrored", 2)
STRATEGIES["vanilla"] = None
nothing = contextlib.nullcontext
print(json.dumps({
    name: [train(nothing(), name)] + ([train(two.scope(), name)] if name != "vanilla" else [])
    for name in STRATEGIES
}))
"""


@pytest.fixture(scope="module")
def weights():
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True)
    assert not done.returncode, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("name", ["modality-dropout", "opm"])
def test_replicas_train_as_one_device(weights, name):
    (vanilla,), (alone, shared) = weights["vanilla"], weights[name]
    assert max(abs(x - y) for x, y in zip(alone, shared, strict=True)) < 1e-12
    assert max(abs(x - y) for x, y in zip(alone, vanilla, strict=True)) > 1e-3
