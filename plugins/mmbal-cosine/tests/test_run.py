"""Runs by the command line's own way, scored again; and two replicas."""

import json
import signal
import subprocess
import sys

import keras
import pytest

from mmbal import Component
from mmbal.errors import MmbalError, Preempted
from mmbal.testing import Provenance, discover, evaluate, resolve, run

OPTIONS = {"mmcosine": {}, "adaptive-margin": {"strategy.min_count": 2, "strategy.clusters": 4}}
DEEP_MARGIN = pytest.param("adaptive-margin", marks=pytest.mark.deep)

SCRIPT = """
import contextlib, json, sys
import keras, numpy as np
from mmbal import BalancedModel, Examples
from mmbal.replicas import open_strategy
from mmbal.strategies import Surroundings
from mmbal_cosine import AdaptiveMargin, MMCosine
from mmbal_late import LateConcat

keras.config.set_floatx("float64")
generator = np.random.default_rng(0)
labels = np.arange(21) % 3
inputs = {m: generator.normal(size=(21, 3)) + labels[:, None] for m in "ab"}

def train(scope, strategy):
    keras.utils.set_random_seed(0)
    with scope:
        network = LateConcat({m: keras.layers.Dense(4, activation="tanh") for m in "ab"}, 3)
        run = Surroundings(examples=Examples.from_arrays(inputs, labels))
        model = BalancedModel(network, strategy, surroundings=run)
        model.compile(keras.optimizers.Adam(0.05))
    model.fit(inputs, labels, batch_size=8, epochs=2, shuffle=False, verbose=0)
    return np.concatenate([np.ravel(v) for v in network.get_weights()])

two = open_strategy("mirrored", 2)
for make in (lambda: MMCosine(scale=4), lambda: AdaptiveMargin(scale=8, clusters=3, min_count=2)):
    one, other = train(contextlib.nullcontext(), make()), train(two.scope(), make())
    print(json.dumps([float(abs(one - other).max()), len(one)]))
"""


@pytest.fixture(autouse=True)
def _precision():
    policy, floatx = keras.config.dtype_policy(), keras.config.floatx()
    yield
    keras.config.set_floatx(floatx)
    keras.config.set_dtype_policy(policy)


@pytest.fixture
def start():
    """Return a function that trains a small late-concat under a strategy."""

    def start(folder, strategy, *, catalogue=None, resume=False, **more):
        catalogue = catalogue or discover()
        settings = {
            "architecture.name": "late-concat", "architecture.width": 4,
            "strategy.name": strategy, "dataset.train_examples": 120, "epochs": 1,
            **OPTIONS[strategy], **more,
        }  # fmt: skip
        given = [(key, value, "test") for key, value in settings.items()]
        resolved = resolve(catalogue, "colored-digits", None, given)
        return run(resolved, catalogue, folder, resume=resume)

    return start


STOPS = set()
"""Steps after which the process is told to end."""


class Halting(keras.callbacks.Callback):
    """Sends this process a SIGTERM where `STOPS` says so."""

    def __init__(self, options):
        super().__init__()
        self.seen = 0

    def on_train_batch_end(self, batch, logs=None):
        self.seen += 1
        if self.seen in STOPS:
            STOPS.remove(self.seen)
            signal.raise_signal(signal.SIGTERM)


@pytest.mark.parametrize(
    "strategy",
    [
        pytest.param("mmcosine", marks=pytest.mark.soak),
        pytest.param("adaptive-margin", marks=pytest.mark.deep),  # which has state besides
    ],
)
def test_a_stopped_run_goes_on_to_the_same_end(tmp_path, monkeypatch, start, strategy):
    monkeypatch.setitem(sys.modules, "users", sys.modules[__name__])
    catalogue = discover()
    component = Component("callback", "halting", "stops", "users:Halting")
    catalogue.add(component, Provenance("users", "users 1.0"))
    more = {"catalogue": catalogue, "epochs": 2, "batch_size": 40, "callbacks": ["halting"]}
    straight = start(tmp_path / "straight", strategy, **more)
    STOPS.add(4)
    with pytest.raises(Preempted):
        start(tmp_path / "broken", strategy, **more)

    resumed = start(tmp_path / "broken", strategy, resume=True, **more)

    assert not STOPS
    assert resumed["test"] == straight["test"]
    assert resumed["last"] == straight["last"]


@pytest.mark.parametrize("strategy", ["mmcosine", DEEP_MARGIN])
def test_evaluation_predicts_by_the_cosines_that_were_trained(tmp_path, start, strategy):
    catalogue, folder = discover(), tmp_path / "run"
    told = start(folder, strategy, evaluations=["accuracy"])["test"]

    again = evaluate(folder, catalogue)

    assert again["accuracy"] == told["accuracy"]
    assert again["loss"] == pytest.approx(told["loss"])
    slices = {name: value for name, value in told.items() if name.startswith("slice_accuracy/")}
    assert slices.items() <= again.items()
    assert len(slices) == 2
    # They tell their rule, and are no weights of another one.
    config = folder / "config.toml"
    before, _, after = config.read_text().partition("[strategy]")
    rest = after.partition("\n[")[2]
    config.write_text(f'{before}[strategy]\nname = "vanilla"\n' + (f"\n[{rest}" if rest else ""))
    with pytest.raises(MmbalError, match="these weights predict by .*Cosine"):
        evaluate(folder, catalogue)


@pytest.mark.deep
def test_two_replicas_train_as_one_device():
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True)
    assert not done.returncode, done.stderr[-3000:]
    found = [json.loads(line) for line in done.stdout.splitlines()[-2:]]
    assert [size for _, size in found] == [2 * 16 + 8 * 3 + 3 + 2 * 15] * 2
    assert max(deviation for deviation, _ in found) < 1e-9
