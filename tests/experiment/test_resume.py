"""Runs of toys that stop anywhere and go on to the very same end, bit for bit."""

import random
import signal

import h5py
import keras
import numpy as np
import pytest
import tensorflow as tf
from restless import EXAMPLES

from mmbal import Component
from mmbal.errors import Interrupted
from mmbal.experiment import run
from mmbal.options import Options
from mmbal.records.checkpoint import Generations
from mmbal.records.journal import read_journal
from mmbal.registry.catalogue import Provenance
from mmbal.strategies.context import SamplerPlan
from mmbal.strategies.strategy import EpochPlan, Requirements, Strategy
from mmbal.training import precision

STEPS, EPOCHS = 5, 4  # in batches of 5
STOPS: set[int] = set()
"""Global steps after which SIGTERM comes, once each; -1 - N stands for the end of epoch N."""


class Plain(Options):
    """None."""


class Gambler(Strategy):
    """Draws examples and masks of every epoch from the generators that everybody shares."""

    def __init__(self, options):
        super().__init__()

    def requirements(self):
        return Requirements(sampler=True)

    def build(self, context):
        self.drawn = tf.Variable(0, dtype=tf.int64, trainable=False)

    def begin_epoch(self, epoch, context):
        rows = 13 + random.randrange(2) + int(self.drawn) % 3
        keep = np.random.randint(0, 2, (rows, 2))  # noqa: NPY002 - a plugin may
        keep[keep.sum(axis=1) == 0] = 1
        ids = random.choices(range(EXAMPLES), k=rows)
        return EpochPlan({"branch/a": 1 / (epoch + 1)}, sampler=SamplerPlan(np.array(ids), keep))

    def after_step(self, signals):
        self.drawn.assign_add(1)


class Masking(Strategy):
    """Trains a layer of its own: a mask of the fused logits."""

    def __init__(self, options):
        super().__init__()

    def build(self, context):
        self.mask = keras.layers.Dense(context.classes)
        self.mask.build((None, context.channels["a"]))

    def trained_variables(self):
        return self.mask.trainable_variables

    def losses(self, step, joint):
        mask = tf.sigmoid(self.mask(step.outputs.features["a"]))
        return {**joint, "masked": step.loss_of(step.outputs.logits * mask)}


class Halting(keras.callbacks.Callback):
    """Sends this process a SIGTERM where `STOPS` says so."""

    def __init__(self, options):
        super().__init__()
        self.seen = 0

    def on_train_batch_end(self, batch, logs=None):
        self.seen += 1
        self._stop_at(self.seen)

    def on_epoch_end(self, epoch, logs=None):
        self._stop_at(-1 - epoch)

    def _stop_at(self, moment):
        if moment in STOPS:
            STOPS.remove(moment)
            signal.raise_signal(signal.SIGTERM)


def patient(options):
    """Stop early, in the third epoch: nothing ever counts as better than the first."""
    return keras.callbacks.EarlyStopping("loss", patience=2, min_delta=1e9)


def lowering(options):
    return keras.callbacks.ReduceLROnPlateau("loss", factor=0.5, patience=2, min_delta=1e9)


TOYS = {
    "dataset": {"noisy": "restless:Noisy"},
    "architecture": {"forgetful": "restless:forgetful"},
    "strategy": {"gambler": f"{__name__}:Gambler", "masking": f"{__name__}:Masking"},
    "callback": {
        "halting": f"{__name__}:Halting",
        "patient": f"{__name__}:patient",
        "lowering": f"{__name__}:lowering",
    },
}
ADAM = {"optimizer": {"name": "adam", "learning_rate": 0.02}}
MOMENTUM = {"optimizer": {"name": "sgd", "learning_rate": 0.05, "momentum": 0.9}}
RUNS = {
    "random": ADAM | {"strategy": {"name": "random", "warmup_steps": 1}},
    "guided": MOMENTUM
    | {"strategy": {"name": "guided", "tolerance": 0.0, "window": 4, "warmup_steps": 1}},
    "sampler": ADAM | {"strategy": "gambler"},
    "own variables": ADAM | {"strategy": "masking"},
    "float16": MOMENTUM | {"strategy": "vanilla", "precision": "mixed_float16"},
    "callbacks": ADAM | {"strategy": "vanilla", "callbacks": ["halting", "patient", "lowering"]},
    "several steps": ADAM | {"strategy": "vanilla", "steps_per_execution": 2},
    "sampler and own variables": {
        "strategy": "gambler+masking",
        "optimizer": ADAM["optimizer"] | {"weight_decay": 0.01, "decay": "coupled"},
        "schedule": {"name": "cosine", "warmup_epochs": 1},
    },
    "float16 in several steps": MOMENTUM
    | {"strategy": "vanilla", "precision": "mixed_float16", "steps_per_execution": 2},
}
CASES = [("guided", [9])]  # within a window
DEEP_CASES = [
    ("sampler and own variables", [4, 7]),
    ("float16 in several steps", [4]),
    # The last step of an epoch, at once again, between two epochs, all trained and nothing scored.
    ("random", [STEPS, STEPS + 1, -2, -EPOCHS]),
    ("callbacks", [-1, 12, -3]),  # in the end in the moment of stopping early
]
SOAK_CASES = [
    ("guided", [9, 14]),
    ("random", [2]),  # in the first epoch
    ("random", [STEPS]),  # its last step
    ("random", [-1]),  # between two epochs
    ("random", [8, 9, -2]),  # again and again
    ("random", [-EPOCHS]),  # all is trained, nothing is scored
    ("sampler", [4]),
    ("own variables", [7, -2]),
    ("float16", [8]),
    ("callbacks", [-1, 12]),
    ("callbacks", [-3]),  # in the moment of stopping early
    ("several steps", [4]),
]


@pytest.fixture(scope="module")
def start(toys):
    """Return a function that starts or resumes a run."""
    fresh = type(toys)()
    for kind, names in TOYS.items():
        for name, factory in names.items():
            component = Component(kind, name, "a toy", factory, f"{__name__}:Plain")
            fresh.catalogue.add(component, Provenance("toy", "toy 1.0"))
    assert not fresh.catalogue.problems

    def start(folder, name, *, resume=False):
        settings = {
            "dataset": "noisy", "architecture": "forgetful", "callbacks": ["halting"],
            "epochs": EPOCHS, "batch_size": 5, "log_every": 2, **RUNS[name],
        }  # fmt: skip
        return run(fresh.resolve(**settings), fresh.catalogue, folder, resume=resume)

    return start


@pytest.fixture(scope="module", autouse=True)
def _kept():
    """Keep the last checkpoint of runs that end, and let loss scales grow within a toy run."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Generations, "clear", lambda self: None)
        patch.setattr(precision, "PATIENCE", 3)
        yield


@pytest.fixture(scope="module")
def unbroken(start, tmp_path_factory):
    """Return a function that gives the folder of an undisturbed run."""
    folders = {}

    def unbroken(name):
        if name not in folders:
            folders[name] = tmp_path_factory.mktemp("unbroken") / "run"
            STOPS.clear()
            start(folders[name], name)
        return folders[name]

    return unbroken


def lines(folder):
    """Return the journal's events by what they are about; what is told again replaces."""
    told = {}
    for event in read_journal(folder / "journal.jsonl"):
        for volatile in ("time", "seconds", "resumed_at"):
            event.pop(volatile, None)
        if event["event"] == "end":
            event["result"] |= {"run": None, "seconds": None}
        keys = ("event", "first", "epoch", "split", "weights", "name")
        told[tuple(str(event.get(key)) for key in keys)] = event
    return {key: event for key, event in told.items() if event["event"] != "stop"}


def final(folder):
    """Return arrays and facts of the state when all was trained."""
    checkpoint = Generations(folder / "resume").newest(pytest.fail)
    facts = dict(checkpoint.facts)
    assert facts["position"].pop("seconds") > 0
    facts["state"]["callbacks"]["journal"].pop("_seconds_before")
    return checkpoint.step, checkpoint.arrays, facts


@pytest.mark.parametrize(
    ("name", "stops"),
    [
        *CASES,
        *(pytest.param(*case, marks=pytest.mark.deep) for case in DEEP_CASES),
        *(pytest.param(*case, marks=pytest.mark.soak) for case in SOAK_CASES),
    ],
    ids=str,
)
def test_resumed_runs_end_as_unbroken_ones(start, unbroken, tmp_path, name, stops):
    step, arrays, facts = final(unbroken(name))
    folder = tmp_path / "run"
    STOPS.clear()
    STOPS.update(stops)

    for number in range(len(stops)):
        with pytest.raises(Interrupted, match="stopped after") as caught:
            start(folder, name, resume=number > 0)
        assert caught.value.resumable
    start(folder, name, resume=True)

    assert not STOPS
    ours = final(folder)
    assert (ours[0], ours[2]) == (step, facts)
    assert ours[1].keys() == arrays.keys()
    for key, value in arrays.items():
        np.testing.assert_array_equal(ours[1][key], value, err_msg=key)
    assert lines(folder) == lines(unbroken(name))


def isolated(folder):
    """Return the isolated branch of every step."""
    lines = read_journal(folder / "journal.jsonl")
    return [branch for line in lines if line["event"] == "steps" for branch in line["isolated"]]


def test_a_window_of_guided_balancing_lies_around_every_stop(unbroken):
    branches = isolated(unbroken("guided"))
    for stop in (9, 14):
        before, after = branches[stop - 1 : stop + 1]
        assert before == after >= 0


@pytest.mark.deep
def test_a_scale_has_grown_until_some_steps_overflowed(unbroken):
    _, arrays, _ = final(unbroken("float16 in several steps"))
    # Which the optimizer has not counted.
    assert 0 < arrays["optimizer/0"] < EPOCHS * STEPS


@pytest.mark.deep
def test_each_branch_was_isolated_at_random(unbroken):
    assert set(isolated(unbroken("random"))) == {-1, 0, 1}


@pytest.mark.deep
def test_it_stopped_early(unbroken):
    step, _, facts = final(unbroken("callbacks"))
    assert step == 3 * STEPS
    assert facts["state"]["callbacks"]["callback/patient"]["wait"] == 2


def test_variables_of_a_strategy_are_in_checkpoints_and_not_in_weight_files(unbroken):
    folder = unbroken("sampler and own variables")
    _, arrays, _ = final(folder)
    own = [arrays[f"strategy_trained/{index}"] for index in range(2)]
    assert [value.shape for value in own] == [(6, 3), (3,)]
    assert own[1].any()  # a bias begins with zeros

    def shapes(name):
        found = {}
        with h5py.File(unbroken(name) / "last.weights.h5") as file:
            file.visititems(lambda key, x: found.update({key: getattr(x, "shape", None)}))
        return found

    assert shapes("sampler and own variables") == shapes("guided")  # which trains the network alone
    assert (6, 3) in shapes("guided").values()
