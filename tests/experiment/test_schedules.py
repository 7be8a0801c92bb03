"""Schedules in whole runs, also in runs that were stopped and go on."""

import pytest

from mmbal.errors import Interrupted, MmbalError
from mmbal.experiment import run
from mmbal.experiment.observers import JournalWriter
from mmbal.records.record_file import read_record

# Nothing gets better by nine tenths: the rate falls after every second epoch but the first.
PLATEAU = {"monitor": "loss", "relative": 0.9, "factor": 0.5, "patience": 2}
STOPPING = {"monitor": "loss", "relative": 0.9, "patience": 4}
SETTINGS = {
    "epochs": 8,
    "checkpoint_steps": 5,
    "callbacks": {"reduce-lr-on-plateau": PLATEAU, "early-stopping": STOPPING},
}


@pytest.fixture(scope="module")
def whole(toys, tmp_path_factory):
    """Return the folder of a run that nothing disturbed."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    toys.run(folder, **SETTINGS)
    return folder


def stop_at(monkeypatch, epoch):
    begin = JournalWriter.on_epoch_begin

    def press(self, now, logs=None):
        if now == epoch:
            raise KeyboardInterrupt
        begin(self, now, logs)

    monkeypatch.setattr(JournalWriter, "on_epoch_begin", press)


def epochs(toys, folder):
    found = {event["epoch"]: event for event in toys.journal(folder, "epoch")}
    return [
        {k: event[k] for k in ("train", "validation", "learning_speed")} for event in found.values()
    ]


def rates(toys, folder):
    return [epoch["train"]["learning_rate"] for epoch in epochs(toys, folder)]


def test_schedule_of_a_run(toys, whole):
    assert rates(toys, whole) == pytest.approx([0.05, 0.05, 0.05, 0.025, 0.025])
    assert read_record(whole / "record.h5").status == "finished"


@pytest.mark.parametrize("at", [2, pytest.param(4, marks=pytest.mark.deep)])
def test_a_resumed_run_is_the_run(toys, whole, tmp_path, monkeypatch, at):
    with monkeypatch.context() as patched:
        stop_at(patched, at)
        with pytest.raises(Interrupted):
            toys.run(tmp_path / "halves", **SETTINGS)
    run(toys.resolve(**SETTINGS), toys.catalogue, tmp_path / "halves", resume=True)

    expected, halves = (epochs(toys, folder) for folder in (whole, tmp_path / "halves"))
    assert len(expected) == 5
    assert halves == expected


def test_a_run_that_ended_itself_does_not_train_on_when_resumed(toys, tmp_path):
    settings = {
        "epochs": 9,
        "callbacks": {"early-stopping": STOPPING},
        "evaluations": {"answer": {"at": 1}},  # is interrupted when it is asked first
    }
    with pytest.raises(Interrupted):
        toys.run(tmp_path / "run", **settings)
    run(toys.resolve(**settings), toys.catalogue, tmp_path / "run", resume=True)

    assert [event["epoch"] for event in toys.journal(tmp_path / "run", "epoch")] == [0, 1, 2, 3, 4]


def test_unknown_number_is_one_line(toys, tmp_path):
    with pytest.raises(MmbalError, match="unknown number to monitor 'val_acc'; did you mean 'val_"):
        toys.run(tmp_path / "run", callbacks={"early-stopping": {"monitor": "val_acc"}})
