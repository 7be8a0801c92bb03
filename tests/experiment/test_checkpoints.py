"""When checkpoints are written, what is asked before, and what a run says of them."""

import shutil
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from mmbal.errors import Interrupted, MmbalError
from mmbal.experiment import checkpoints as module
from mmbal.experiment import run
from mmbal.experiment.checkpoints import Checkpoints, Position
from mmbal.experiment.stopping import StopRequest, StopTraining
from mmbal.progress import Progress
from mmbal.records.checkpoint import Checkpoint, Generations
from mmbal.replicas.sums import Replicas
from mmbal.training.guard import NonFiniteError

STEPS = 5


class Clock:
    """Stands still until it is told."""

    now = 1000.0

    def monotonic(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    return clock


class Training:
    """Checkpoints within a training of no model at all; what they did."""

    def __init__(self, epochs=2, steps=None, minutes=0.0):
        self.done, self.reason, self.fault = [], None, False
        config = SimpleNamespace(
            epochs=epochs, checkpoint_steps=steps, checkpoint_minutes=minutes, log_every=3
        )
        run = SimpleNamespace(config=config, replicas=Replicas())
        self.stop, self.position = StopRequest(print), Position(self)
        self.callback = Checkpoints(run, self, self, self.position, self.stop, {"who": "me"})
        self.callback.set_model(SimpleNamespace(stop_training=False, faults=self))

    length = STEPS

    def start(self, epoch, step):
        self.done.append(f"start {epoch} {step}")

    def capture(self):
        return {"w": np.zeros(1)}, {}

    def restore(self, arrays, state):
        self.done.append("restore")

    def restore_callbacks(self, state):
        self.done.append("callbacks")

    def restore_metrics(self, arrays):
        self.done.append(f"metrics {sorted(arrays)}")

    def look(self):
        if self.fault:
            raise NonFiniteError(3, "the loss")

    def save(self, checkpoint):
        position = checkpoint.facts["position"]
        self.done.append((checkpoint.step, position["epoch"], position["step"]))
        self.saved = checkpoint

    def begin_epoch(self, epoch):
        self.position.on_epoch_begin(epoch)
        self.callback.on_epoch_begin(epoch)

    def end_batch(self, batch):
        self.position.on_train_batch_end(batch)
        self.callback.on_train_batch_end(batch)

    def run(self, epochs=2, first=0, skipped=0, at=None):
        """Train; `at` is called before every callback of a step with its number."""
        for epoch in range(first, epochs):
            self.begin_epoch(epoch)
            for batch in range(STEPS - skipped):
                if at is not None:
                    at(epoch * STEPS + skipped + batch + 1)
                self.end_batch(batch)
            skipped = 0
            self.callback.on_epoch_end(epoch)
        return [each for each in self.done if isinstance(each, tuple)]


class TestWhen:
    def test_only_the_end_unless_asked_for(self):
        assert Training().run() == [(10, 2, 0)]

    @pytest.mark.parametrize(
        ("steps", "saved"),
        [
            (3, [(3, 0, 3), (6, 1, 1), (9, 1, 4), (10, 2, 0)]),
            (5, [(5, 1, 0), (10, 2, 0)]),
            (1, [(n, n // 5, n % 5) for n in range(1, 11)]),
            (100, [(10, 2, 0)]),
        ],
    )
    def test_every_so_many_steps(self, steps, saved):
        """The state after an epoch's last step is that after its validation."""
        assert Training(steps=steps).run() == saved

    def test_every_so_many_minutes_since_the_last_one(self, clock):
        training = Training(minutes=2)

        def at(step):
            clock.now += {3: 119, 4: 1, 8: 240}.get(step, 0)

        assert training.run(at=at) == [(4, 0, 4), (8, 1, 3), (10, 2, 0)]

    def test_steps_and_minutes_share_one_count(self, clock):
        training = Training(steps=4, minutes=1)

        def at(step):
            clock.now += 60 * (step == 2)

        assert training.run(at=at) == [(2, 0, 2), (6, 1, 1), (10, 2, 0)]

    def test_several_steps_at_once_are_counted_as_such(self):
        training = Training(steps=3)
        training.begin_epoch(0)
        for batch in (1, 3, 4):
            training.end_batch(batch)
        training.callback.on_epoch_end(0)
        assert training.done[1:] == [(4, 0, 4)]

    def test_stopping_early_is_an_end(self):
        training = Training(epochs=9)
        training.begin_epoch(0)
        training.callback.model.stop_training = True
        training.callback.on_epoch_end(0)
        assert (training.position.epoch, training.position.step) == (9, 0)
        assert training.done[1:] == [(0, 9, 0)]


class TestStop:
    @pytest.mark.parametrize(
        ("step", "saved"), [(2, (2, 0, 2)), (5, (5, 1, 0)), (7, (7, 1, 2)), (10, (10, 2, 0))]
    )
    def test_saves_and_leaves(self, step, saved):
        training = Training()

        def at(now):
            training.stop.reason = "preempted" if now == step else training.stop.reason

        with pytest.raises(StopTraining):
            training.run(at=at)
        assert training.done[-1] == saved
        assert training.callback.saved == step

    def test_what_is_saved_is_not_saved_again(self):
        training = Training(steps=2)
        training.run()
        before = list(training.done)
        training.callback.save()
        assert training.done == before


def test_no_faulty_state_is_saved():
    training = Training(steps=1)
    training.fault = True
    with pytest.raises(NonFiniteError):
        training.run()
    assert training.done == ["start 0 0"]


def test_it_goes_on_inside_an_epoch():
    training = Training(steps=4)
    position = {"epoch": 1, "step": 2, "steps": 7, "seconds": 60}
    facts = {"position": position, "state": {}}
    training.callback.resume(Checkpoint(7, {"metrics/0": np.zeros(1)}, facts))
    training.callback.on_train_begin()

    saved = training.run(first=1, skipped=2)

    assert training.done[:4] == ["restore", "callbacks", "start 1 2", "metrics ['metrics/0']"]
    assert training.position.seconds >= 60
    assert saved == [(10, 2, 0)]


def test_it_goes_on_between_two_epochs():
    training = Training(steps=4)
    position = {"epoch": 1, "step": 0, "steps": 5, "seconds": 60}
    facts = {"position": position, "state": {}}
    training.callback.resume(Checkpoint(5, {"metrics/0": np.zeros(1)}, facts))
    training.callback.on_train_begin()

    saved = training.run(first=1)

    assert training.done[:3] == ["restore", "callbacks", "start 1 0"]
    assert saved == [(9, 1, 4), (10, 2, 0)]


class Told(Progress):
    """Keeps warnings."""

    def __init__(self):
        self.warned = []

    def warn(self, text):
        self.warned.append(text)


SETTINGS = {"callbacks": {"stopper": {"at": 8}}, "checkpoint_steps": 2}


@pytest.fixture(scope="module")
def stopped(toys, tmp_path_factory):
    """Return the folder of a run that was stopped with two checkpoints."""
    folder = tmp_path_factory.mktemp("stopped") / "run"
    with pytest.raises(Interrupted) as caught:
        toys.run(folder, **SETTINGS)
    assert caught.value.resumable
    return folder


class TestOfARun:
    @pytest.fixture
    def folder(self, stopped, tmp_path):
        return Path(shutil.copytree(stopped, tmp_path / "run"))

    def resume(self, toys, folder):
        told = Told()
        resolved = toys.resolve(**SETTINGS)
        with suppress(Interrupted):
            run(resolved, toys.catalogue, folder, told, resume=True)
        return told.warned, toys.journal(folder, "start")[-1]

    def test_two_are_kept(self, folder):
        # Ctrl-C came in step 8, before its checkpoint; step 5 ends an epoch.
        assert sorted(path.name for path in (folder / "resume").iterdir()) == [
            "00000004.safetensors", "00000006.safetensors",
        ]  # fmt: skip
        facts = Generations(folder / "resume").newest().facts
        assert facts["position"].pop("seconds") > 0
        assert facts["position"] == {"epoch": 1, "step": 1, "steps": 6}
        assert facts["identity"]["strategy.window"] == 2
        assert facts["state"]["callbacks"]["journal"]["steps"] == 5

    def test_of_the_newest_it_goes_on(self, toys, folder):
        warned, start = self.resume(toys, folder)
        assert start["resumed_at"] == 6
        assert warned == []

    def test_a_damaged_newest_falls_back_and_says_so(self, toys, folder):
        newest = folder / "resume" / "00000006.safetensors"
        newest.write_bytes(newest.read_bytes()[:-100])
        warned, start = self.resume(toys, folder)
        assert start["resumed_at"] == 4
        (text,) = warned
        assert text.startswith(f"{newest}: damaged checkpoint (")
        assert text.endswith("; using 00000004.safetensors instead")

    def test_all_damaged_is_an_error(self, toys, folder):
        for path in (folder / "resume").iterdir():
            path.write_bytes(b"")
        with pytest.raises(
            MmbalError, match=r"no intact checkpoint in .*: 00000006.safetensors \("
        ):
            self.resume(toys, folder)

    def test_none_begins_anew(self, toys, folder):
        for path in (folder / "resume").iterdir():
            path.unlink()
        _, start = self.resume(toys, folder)
        assert "resumed_at" not in start
