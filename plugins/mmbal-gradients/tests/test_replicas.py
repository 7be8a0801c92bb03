"""Every strategy on two replicas, in a process of its own, against one device."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import contextlib, json, sys, warnings
import keras, numpy as np
sys.path.insert(0, sys.argv[1])
from conftest import LateNetwork, WIDTHS, dense
from mmbal import BalancedModel
from mmbal.training.devices import open_strategy
from mmbal_gradients import AGM, OGM, OGMGE, MMPareto

warnings.simplefilter("ignore")
keras.config.set_floatx("float64")

def train(scope, strategy):
    keras.utils.set_random_seed(0)
    with scope:
        network = LateNetwork("abc", dense)
        network({m: np.zeros((1, WIDTHS[m])) for m in "abc"})
        model = BalancedModel(network, strategy, seed=3)
        model.compile(keras.optimizers.SGD(0.2, momentum=0.9))
    generator = np.random.default_rng(0)
    inputs = {m: generator.normal(size=(15, WIDTHS[m])) for m in "abc"}
    labels = generator.integers(0, 3, 15)
    # Batches of 7, 7 and 1: unequal shares, and one that both replicas have whole.
    model.fit(inputs, labels, batch_size=7, epochs=3, shuffle=False, verbose=0)
    return np.concatenate([np.asarray(v).ravel() for v in network.trainable_variables])

two = open_strategy("mirrored", 2)
makes = {"ogm": OGM, "ogm-ge": OGMGE, "agm": lambda: AGM(ends=1, clip=0.3), "mmpareto": MMPareto}
alone = {name: train(contextlib.nullcontext(), make()) for name, make in makes.items()}
found = {name: train(two.scope(), make()) for name, make in makes.items()}
plain = train(contextlib.nullcontext(), None)
print(json.dumps({
    name: [abs(found[name] - alone[name]).max(), abs(alone[name] - plain).max()] for name in makes
}))
"""


@pytest.fixture(scope="module")
def distances():
    """Return strategy to how far two replicas are from one device, and that from plain training."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, Path(__file__).parent], capture_output=True, text=True
    )
    assert not done.returncode, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("strategy", ["ogm", "ogm-ge", "agm", "mmpareto"])
def test_two_replicas_train_as_one_device(distances, strategy):
    replicas, plain = distances[strategy]
    assert replicas < 1e-9
    assert plain > 1e-2
