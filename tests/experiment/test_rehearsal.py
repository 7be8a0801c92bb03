"""Training that is undone. As a script: a run on two replicas, with rehearsals or without."""

import random
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf
from restless import EXAMPLES, Noisy

from mmbal import Component, Recipe
from mmbal.config.resolution import resolve
from mmbal.errors import Interrupted, MmbalError, RequirementError
from mmbal.experiment import run
from mmbal.experiment.building import Run, build_model, build_strategy, open_dataset
from mmbal.experiment.rehearsal import Rehearsals
from mmbal.experiment.sampler import Sampler
from mmbal.experiment.stopping import StopRequest, StopTraining
from mmbal.options import Options
from mmbal.progress import Progress
from mmbal.records.checkpoint import Generations
from mmbal.records.journal import read_journal
from mmbal.records.run_folder import RunFolder
from mmbal.registry import builtins
from mmbal.registry.catalogue import Catalogue, Provenance
from mmbal.replicas.sums import Replicas
from mmbal.strategies.context import SamplerPlan
from mmbal.strategies.strategy import Requirements, Strategy
from mmbal.strategies.surroundings import Surroundings

EPOCHS = 3
HALT: set[int] = set()
"""Epochs before which SIGTERM comes in a rehearsal, once each."""


class Trying(Options):
    """Of every toy."""

    rehearsals: bool = True


class Tries(Strategy):
    """Tries plain training before epochs 0 and 2, and follows what it measures."""

    options: Trying

    def requirements(self):
        return Requirements(rehearsals=True)

    def build(self, context):
        self.found = tf.Variable(0.0, trainable=False)

    def begin_epoch(self, epoch, context):
        if not self.options.rehearsals or epoch == 1:
            return

        def measure():
            random.random()
            np.random.random()  # noqa: NPY002 - a plugin may
            if epoch in HALT:
                HALT.remove(epoch)
                signal.raise_signal(signal.SIGTERM)
            return float(sum(np.abs(v.numpy()).sum() for v in context.network.variables))

        before, after = context.rehearse(Strategy(), 2, measure, name="a little")
        assert before != after
        context.note(f"found before epoch {epoch}", {"moved": after - before})


def catalogue():
    """Return what runs of these toys need."""
    parts = {
        "dataset": {"noisy": "restless:Noisy"},
        "architecture": {"forgetful": "restless:forgetful"},
        "strategy": {"tries": f"{__name__}:Tries"},
    }
    offers = [
        *builtins.mmbal_components(),
        *(
            Component(kind, name, "a toy", factory, f"{__name__}:Trying")
            for kind, names in parts.items()
            for name, factory in names.items()
        ),
        Recipe(
            "toy", "a toy", "noisy", "forgetful", "tries", EPOCHS, 6,
            {"name": "adam", "learning_rate": 0.02}, settings={"evaluations": ["accuracy"]},
        ),
    ]  # fmt: skip
    found = Catalogue()
    for offer in offers:
        found.add(offer, Provenance("toy", "toy 1.0"))
    assert not found.problems
    return found


def resolved(**settings):
    given = [(key.replace("__", "."), value, "test") for key, value in settings.items()]
    return resolve(catalogue(), "toy", None, given)


def start(folder, *, resume=False, **settings):
    """Run the toys; keep the last checkpoint."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Generations, "clear", lambda self: None)
        return run(resolved(**settings), catalogue(), folder, resume=resume)


def final(folder):
    """Return all arrays of the state after training, and the random state of Python."""
    checkpoint = Generations(folder / "resume").newest(pytest.fail)
    return checkpoint.arrays, checkpoint.facts["state"]["python_random"]


def same(some, other):
    """Return whether two runs ended in the same state to the last bit."""
    (ours, random_state), (theirs, expected) = final(some), final(other)
    assert ours.keys() == theirs.keys()
    equal = all(np.array_equal(ours[name], value) for name, value in theirs.items())
    return equal and random_state == expected


@pytest.fixture(scope="module")
def without(tmp_path_factory):
    """Return the folder of a run without any rehearsal."""
    folder = tmp_path_factory.mktemp("without") / "run"
    start(folder, strategy__rehearsals=False)
    return folder


@pytest.fixture(scope="module")
def tried(tmp_path_factory):
    """Return the folder of a run with rehearsals."""
    folder = tmp_path_factory.mktemp("tried") / "run"
    HALT.clear()
    start(folder)
    return folder


@pytest.mark.deep
class TestRuns:
    def test_end_as_if_nothing_had_been_tried(self, tried, without):
        assert same(tried, without)

    def test_record_what_was_noted(self, tried):
        noted = [e for e in read_journal(tried / "journal.jsonl") if e["event"] == "array"]
        names = [f"found before epoch {epoch}/moved" for epoch in (0, 2)]
        assert [e["name"] for e in noted] == names
        assert all(len(e["values"]) == 1 and e["values"][0] != 0 for e in noted)

    @pytest.mark.parametrize(
        "epoch",
        [pytest.param(0, marks=pytest.mark.soak), pytest.param(2, marks=pytest.mark.deep)],
    )
    def test_stopped_in_a_rehearsal_go_on_with_it_from_the_start(self, tried, tmp_path, epoch):
        folder = tmp_path / "run"
        HALT.add(epoch)
        with pytest.raises(Interrupted, match=f"stopped after {4 * epoch} steps") as caught:
            start(folder)
        assert caught.value.resumable
        assert not HALT
        start(folder, resume=True)
        assert same(folder, tried)
        told, expected = (
            {e["name"]: e["values"] for e in read_journal(each / "journal.jsonl")
             if e["event"] == "array"}
            for each in (folder, tried)
        )  # fmt: skip
        assert told == expected

    @pytest.mark.soak
    def test_on_two_replicas_end_as_if_nothing_had_been_tried(self, tmp_path):
        words = [sys.executable, __file__, tmp_path]
        both = [
            subprocess.Popen([*words, each], stderr=subprocess.PIPE, text=True)
            for each in ("with", "without")
        ]
        said = [process.communicate()[1] for process in both]
        assert [process.returncode for process in both] == [0, 0], said
        assert same(tmp_path / "with", tmp_path / "without")

    def test_need_a_run(self):
        config = resolved().config
        strategy = build_strategy(config, catalogue())
        model = build_model(
            config, catalogue(), Noisy(None).load(None, 0), strategy, Surroundings()
        )
        with pytest.raises(RequirementError, match="Tries trains copies of the network"):
            model.prepare(4)


class Told(Progress):
    """Remembers the stages."""

    def __init__(self):
        self.stages = []

    def stage(self, text):
        self.stages.append(text)


class Watching(Strategy):
    """Remembers the labels that it sees; `broken` makes its loss NaN."""

    def __init__(self, broken=False):
        super().__init__()
        self.seen, self._broken = [], broken

    def losses(self, step, joint):
        tf.py_function(lambda y: self.seen.append(y.numpy().tolist()), [step.batch.labels], [])
        return {n: x * np.nan for n, x in joint.items()} if self._broken else joint


@pytest.fixture
def bench(tmp_path, monkeypatch):
    """Return a model of a run, its rehearsals in eager steps, and what is around them."""

    def eager(*arguments, **options):
        model = build_model(*arguments, **options)
        model.run_eagerly = True
        return model

    monkeypatch.setattr("mmbal.experiment.rehearsal.build_model", eager)
    config = resolved().config
    data = open_dataset(catalogue(), config.dataset).load(None, 0)
    model = build_model(config, catalogue(), data, Strategy(), Surroundings())
    stop, told, sampler = StopRequest(lambda _: None), Told(), Sampler(EXAMPLES, 2)
    around = Run(config, catalogue(), RunFolder(tmp_path), told, Replicas())
    rehearse = Rehearsals(model, around, data, sampler, stop)
    return SimpleNamespace(
        model=model, rehearse=rehearse, stop=stop, told=told, sampler=sampler,
        labels=[int(y) for _, y in data.train.dataset()],
    )  # fmt: skip


def values(network):
    return [v.numpy() for v in network.variables]


class TestRehearsals:
    def test_measure_before_and_after(self, bench):
        network = bench.model.network
        start = values(network)
        before, after = bench.rehearse(Strategy(), 1, lambda: values(network), name="it")
        kinds = {v.path.split("/")[-1] for v in network.variables}
        assert {"seed_generator_state", "moving_mean", "kernel"} <= kinds
        for variable, x, y, z in zip(network.variables, start, before, after, strict=True):
            np.testing.assert_array_equal(x, y)
            np.testing.assert_array_equal(x, variable.numpy())
            # Summaries' statistics move, too: only a bias that ReLU has cut off may stay.
            assert (x != z).any() or variable.path.endswith("bias"), variable.path
        assert bench.told.stages == ["trying it for 1 epoch"]

    @pytest.mark.parametrize("when", [1, 2])
    def test_are_undone_after_an_error(self, bench, when):
        start, calls = values(bench.model.network), []
        drawn = random.getstate(), np.random.get_state()[1].tolist()  # noqa: NPY002

        def measure():
            calls.append(random.random())
            if len(calls) == when:
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            bench.rehearse(Strategy(), 1, measure)
        for variable, x in zip(bench.model.network.variables, start, strict=True):
            np.testing.assert_array_equal(variable.numpy(), x)
        assert drawn == (random.getstate(), np.random.get_state()[1].tolist())  # noqa: NPY002

    def test_are_undone_when_stopped(self, bench):
        start, watching = values(bench.model.network), Watching()
        bench.stop.reason = "interrupt"
        with pytest.raises(StopTraining):
            bench.rehearse(watching, 5, lambda: None)
        assert len(watching.seen) == 1
        for variable, x in zip(bench.model.network.variables, start, strict=True):
            np.testing.assert_array_equal(variable.numpy(), x)

    def test_show_what_the_run_shows_or_what_they_are_told(self, bench):
        def seen(**options):
            watching = Watching()
            bench.rehearse(watching, 1, lambda: None, **options)
            return sorted(label for batch in watching.seen for label in batch)

        def of(ids):
            return sorted(bench.labels[i] for i in ids)

        assert seen() == sorted(bench.labels)
        assert seen(plan=SamplerPlan(np.array([3, 3, 7]))) == of([3, 3, 7])
        assert len(bench.sampler) == EXAMPLES
        bench.sampler.assign(SamplerPlan(np.arange(5, 12)))
        assert seen() == of(range(5, 12))

    def test_name_what_was_tried_when_it_fails(self, bench):
        start = values(bench.model.network)
        with pytest.raises(MmbalError, match="while trying x: .* in step 0 of the rehearsal"):
            bench.rehearse(Watching(broken=True), 1, lambda: None, name="x")
        for variable, x in zip(bench.model.network.variables, start, strict=True):
            np.testing.assert_array_equal(variable.numpy(), x)


if __name__ == "__main__":
    start(
        Path(sys.argv[1], sys.argv[2]), strategy__rehearsals=sys.argv[2] == "with",
        distribute="mirrored", logical_devices=2, sync_batchnorm=False,
    )  # fmt: skip
