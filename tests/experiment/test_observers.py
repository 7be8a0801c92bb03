"""The choice of weights and the journal's lines, without a training around them."""

import json
from contextlib import closing
from types import SimpleNamespace

import pytest
import tensorflow as tf

from mmbal.errors import MmbalError
from mmbal.experiment.observers import JournalWriter, Selection, save_weights
from mmbal.progress import Progress
from mmbal.records.journal import Journal
from mmbal.training.trace import StepTrace

NAN = float("nan")


class Network:
    """Saves a text in place of weights."""

    text, variables = "", ()

    def _flatten_layers(self):
        return [self]

    def save_weights(self, path):
        path.write_text(self.text)


@pytest.mark.parametrize(
    ("rule", "logs", "best"),
    [
        ("accuracy", [{"val_accuracy": v} for v in (0.5, 0.7, 0.6)], 1),
        ("accuracy", [{"val_accuracy": v} for v in (0.7, 0.7, 0.6)], 1),
        ("accuracy", [{"val_accuracy": 0.5, "val_loss": v} for v in (1.0, 2.0)], 1),
        ("loss", [{"val_loss": v} for v in (1.0, 0.4, 0.5)], 1),
        ("loss", [{"val_loss": v} for v in (0.4, 0.4, 0.5)], 1),
        ("loss", [{"val_loss": v} for v in (NAN, 0.5, NAN)], 1),
        ("loss", [{"val_loss": NAN}, {"val_loss": NAN}], None),
        ("last", [{"val_accuracy": v} for v in (0.9, 0.1, 0.2)], 2),
        ("last", [None, None], 1),
    ],
)
def test_selection(tmp_path, rule, logs, best):
    network = Network()
    path = tmp_path / "weights.weights.h5"
    selection = Selection(network, rule, path)

    for epoch, values in enumerate(logs):
        network.text = f"epoch {epoch}"
        selection.on_epoch_end(epoch, values)

    assert selection.epoch == best
    if best is None:
        assert not list(tmp_path.iterdir())
    else:
        assert list(tmp_path.iterdir()) == [path]
        assert path.read_text() == f"epoch {best}"


def test_weights_are_replaced_as_a_whole(tmp_path):
    path = tmp_path / "weights.weights.h5"
    path.write_text("old")

    class Full(Network):
        def save_weights(self, path):
            path.write_text("ha")
            raise OSError("the disk is full")

    with pytest.raises(MmbalError, match=r"cannot write .*weights\.h5: the disk is full"):
        save_weights(Full(), path)

    assert list(tmp_path.iterdir()) == [path]
    assert path.read_text() == "old"
    Network.text = "new"
    save_weights(Network(), path)
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


@pytest.fixture
def write(tmp_path):
    """Return a function that trains epochs of given isolated branches and reads the journal."""

    def write(*epochs, log_every=2):
        trace = StepTrace(2, log_every)
        model = SimpleNamespace(trace=trace, network=SimpleNamespace(modalities=("a", "b")))
        selection = SimpleNamespace(epoch=0)
        with closing(Journal(tmp_path / "journal.jsonl")) as journal:
            position = SimpleNamespace(step=0, steps=0, seconds=0)
            writer = JournalWriter(model, journal, Progress(), position, selection, log_every)
            for epoch, isolated in enumerate(epochs):
                position.step = 0
                writer.on_epoch_begin(epoch)
                for batch, branch in enumerate(isolated):
                    speeds = tf.constant([batch, 2 * batch], tf.float64)
                    trace.write(tf.constant(0.5), tf.constant(branch), speeds, -speeds[0])
                    position.step += 1
                    position.steps += 1
                    writer.on_train_batch_end(batch, {"loss": 0.5})
                logs = {"loss": 0.5, "accuracy": 0.25, "val_accuracy": 0.75, "d_speed": 1.0}
                writer.on_epoch_end(epoch, logs | {"learning_speed/a": 1.0})
        lines = (tmp_path / "journal.jsonl").read_text().splitlines()
        return writer, [json.loads(line) for line in lines]

    return write


def test_lines_hold_log_every_steps_and_the_rest_of_the_epoch(write):
    _, events = write([-1] * 5, [-1] * 2)

    steps = [event for event in events if event["event"] == "steps"]
    assert [(event["epoch"], event["first"], len(event["loss"])) for event in steps] == [
        (0, 0, 2), (0, 2, 2), (0, 4, 1), (1, 5, 2),
    ]  # fmt: skip
    assert steps[1]["learning_speed"] == {"a": [2, 3], "b": [4, 6]}
    assert steps[1]["d_speed"] == [-2, -3]


def test_no_step_is_lost_where_lines_are_longer_than_epochs(write):
    writer, events = write([-1] * 3, [0] * 3, log_every=100)

    assert [len(event["loss"]) for event in events if event["event"] == "steps"] == [3, 3]
    assert writer.steps == 6


def test_epochs_tell_their_own_steps_and_the_writer_all(write):
    writer, events = write([-1, 0, 1, 1], [0, -1])

    epochs = [event for event in events if event["event"] == "epoch"]
    assert [event["rebalancing_steps"] for event in epochs] == [{"a": 1, "b": 2}, {"a": 1, "b": 0}]
    assert writer.rebalancing == {"a": 2, "b": 2}


def test_epoch_event(write):
    _, events = write([-1, 1], [0])

    epoch = events[1]
    assert epoch.pop("seconds") >= 0
    assert epoch == {
        "event": "epoch",
        "epoch": 0,
        "step": 2,
        "train": {"loss": 0.5, "accuracy": 0.25},
        "validation": {"accuracy": 0.75},
        "learning_speed": {"a": 1, "b": 2},
        "d_speed": -1,
        "rebalancing_steps": {"a": 0, "b": 1},
        "selected": True,
    }
    assert events[-1]["selected"] is False
