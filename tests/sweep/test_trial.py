"""What a worker does, with a door to TensorFlow that leads nowhere."""

import os
import sys
from dataclasses import replace
from types import ModuleType

import pytest

from mmbal.errors import Interrupted, MmbalError
from mmbal.files.locking import exclusive
from mmbal.sweep import trial as module
from mmbal.sweep.trial import Job, run_trial

VARIABLES = ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OMP_NUM_THREADS",
             "CUDA_VISIBLE_DEVICES", "TF_FORCE_GPU_ALLOW_GROWTH", "TF_CONFIG")  # fmt: skip


class FakeExperiment(ModuleType):
    """Writes a finished run, or fails."""

    def __init__(self, write):
        super().__init__("mmbal.experiment")
        self.write = write
        self.calls = []
        self.error = None

    def run(self, resolved, catalogue, folder, progress=None, *, resume=False):
        self.calls.append((resolved, folder, resume))
        if self.error:
            raise self.error
        if not resume:
            self.write()


@pytest.fixture
def job(tmp_path, trials_of, monkeypatch):
    for name in VARIABLES:
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    (tmp_path / "sweep.toml").write_text("")
    return Job(str(tmp_path), trials_of()[0], cpus=2)


@pytest.fixture
def experiment(monkeypatch, tmp_path, job, write_trial):
    fake = FakeExperiment(lambda: write_trial(tmp_path, job.trial))
    monkeypatch.setitem(sys.modules, "mmbal.experiment", fake)
    return fake


def test_a_waiting_trial_is_run(job, experiment, tmp_path):
    done = run_trial(job)

    assert done.status == "finished"
    assert done.result["test"]["accuracy"] == 0.7
    assert done.result["run"] == str(tmp_path / "trials" / "guided-seed0")
    [(resolved, folder, resume)] = experiment.calls
    assert (resolved.config.strategy.name, resume) == ("guided", False)
    assert folder == tmp_path / "trials" / "guided-seed0"


def test_a_finished_trial_is_not_run_again(job, experiment):
    run_trial(job)
    again = run_trial(job)

    assert (again.status, again.result["test"]["accuracy"]) == ("finished", 0.7)
    assert len(experiment.calls) == 1


def test_a_half_done_trial_is_set_aside_and_begun_again(job, experiment, tmp_path, write_trial):
    write_trial(tmp_path, job.trial, leave_out=1)

    assert run_trial(job).status == "finished"
    assert [path.name for path in (tmp_path / "aside").iterdir()] == ["guided-seed0-1"]


def test_a_trial_with_a_checkpoint_is_resumed(job, experiment, tmp_path, write_trial):
    (write_trial(tmp_path, job.trial, leave_out=1) / "resume").mkdir()

    run_trial(job)

    [(_, _, resume)] = experiment.calls
    assert resume
    assert not (tmp_path / "aside").exists()


def test_a_mistake_is_one_line(job, experiment):
    experiment.error = MmbalError("cannot\n  do it")

    done = run_trial(job)

    assert (done.status, done.error, done.trace) == ("failed", "cannot do it", "")


def test_a_bug_keeps_its_traceback(job, experiment):
    experiment.error = ZeroDivisionError("ours")

    done = run_trial(job)

    assert (done.status, done.error) == ("failed", "ZeroDivisionError: ours")
    assert "in run_trial" in done.trace


@pytest.mark.parametrize("error", [KeyboardInterrupt(), Interrupted("r", "stopped")])
def test_a_stopped_trial_is_no_failure(job, experiment, error):
    experiment.error = error

    assert run_trial(job).status == "interrupted"


def test_a_folder_that_this_machine_does_not_see_is_told(job, experiment, tmp_path):
    (tmp_path / "sweep.toml").unlink()

    done = run_trial(job)

    assert done.status == "failed"
    assert "is not to be seen on" in done.error
    assert "that all machines of the cluster share" in done.error
    assert list(tmp_path.iterdir()) == []


def test_two_processes_do_not_run_one_trial(job, experiment, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_PATIENCE", 0.0)

    with exclusive(tmp_path / ".locks" / "trial-guided-seed0", ""):
        done = run_trial(job)

    assert "another process is running" in done.error
    assert not experiment.calls


@pytest.mark.parametrize(
    ("gpus", "expected"),
    [
        (0, {"CUDA_VISIBLE_DEVICES": "-1"}),
        (0.5, {"TF_FORCE_GPU_ALLOW_GROWTH": "true"}),
        (1, {}),
    ],
)
def test_threads_and_gpus_are_those_of_the_trial(job, experiment, monkeypatch, gpus, expected):
    monkeypatch.setenv("TF_CONFIG", "{}")

    run_trial(replace(job, gpus=gpus))

    threads = dict.fromkeys(VARIABLES[:3], "2")
    assert {name: os.environ[name] for name in VARIABLES if name in os.environ} == (
        threads | expected
    )
