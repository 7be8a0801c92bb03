"""All strategies on two replicas, in a process of their own, against one device."""

import json
import subprocess
import sys

import pytest

SCRIPT = """
import contextlib, json
import keras, numpy as np
from mmbal import BalancedModel
from mmbal.data import Examples
from mmbal.training.devices import open_strategy
from mmbal_mmtm import MMTMNetwork
from mmbal_objectives import CML, PMR, RUBi

STRATEGIES = {
    "rubi": lambda: RUBi(("a", "c"), hidden=(4,)),
    "pmr": lambda: PMR(share=0.6),
    "cml": CML,
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
        model.run_facts = {"examples": Examples.from_arrays(inputs, labels), "batch_size": 9}
        model.compile(keras.optimizers.SGD(0.05, momentum=0.9))
    # Rows of 5 and 4 on two replicas, then of 2 and 2.
    model.fit(inputs, labels, batch_size=9, epochs=3, shuffle=False, verbose=0)
    own = model.strategy.trained_variables()
    assert len(own) == (12 if name == "rubi" else 0)
    found = [*network.get_weights(), *map(np.asarray, own)]
    found += [v.numpy() for v in model.strategy.variables]
    return np.concatenate([np.ravel(v) for v in found]).astype(float).tolist()

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


@pytest.mark.parametrize("name", ["rubi", "pmr", "cml"])
def test_replicas_train_as_one_device(weights, name):
    (vanilla,), (alone, shared) = weights["vanilla"], weights[name]
    assert max(abs(x - y) for x, y in zip(alone, shared, strict=True)) < 1e-12
    weights_of_network = alone[: len(vanilla)]
    assert max(abs(x - y) for x, y in zip(weights_of_network, vanilla, strict=True)) > 1e-3
