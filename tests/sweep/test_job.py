"""What the process of a trial does, with a door to TensorFlow that leads nowhere."""

import sys
from types import ModuleType

import pytest

from mmbal.errors import Interrupted, MmbalError
from mmbal.sweep.folder import write_configuration
from mmbal.sweep.job import Outcome, run_trial


class FakeExperiment(ModuleType):
    """Remembers how it was called, and fails if it is told to."""

    def __init__(self):
        super().__init__("mmbal.experiment")
        self.calls = []
        self.error = None

    def run(self, resolved, catalogue, folder, *, resume):
        self.calls.append((resolved, folder, resume))
        if self.error:
            raise self.error
        return {"steps": 8}


@pytest.fixture
def experiment(monkeypatch):
    fake = FakeExperiment()
    monkeypatch.setitem(sys.modules, "mmbal.experiment", fake)
    return fake


@pytest.fixture
def folder(tmp_path, trials_of):
    (trial,) = trials_of("strategy.tolerance=0.2")
    write_configuration(tmp_path / trial.name, trial.resolved)
    return tmp_path / trial.name


def test_what_stands_in_the_folder_is_run_from_where_it_is(folder, experiment):
    assert run_trial(folder) == Outcome("finished")
    [(resolved, where, resume)] = experiment.calls
    assert resolved.config.strategy.options.tolerance == 0.2
    assert (where, resume) == (folder, True)


def test_a_mistake_is_one_line(folder, experiment):
    experiment.error = MmbalError("cannot\n  do it")

    done = run_trial(folder)

    assert (done.status, done.error, done.trace) == ("failed", "cannot do it", "")


def test_a_bug_keeps_its_traceback(folder, experiment):
    experiment.error = ZeroDivisionError("ours")

    done = run_trial(folder)

    assert (done.status, done.error) == ("failed", "ZeroDivisionError: ours")
    assert "in run_trial" in done.trace


@pytest.mark.parametrize("error", [KeyboardInterrupt(), Interrupted("r", "stopped")])
def test_a_stopped_trial_is_no_failure(folder, experiment, error):
    experiment.error = error

    assert run_trial(folder).status == "interrupted"


def test_a_configuration_that_is_not_there_is_told(folder, experiment):
    (folder / "config.toml").unlink()

    assert run_trial(folder).error == f"cannot read {folder}/config.toml: No such file or directory"
