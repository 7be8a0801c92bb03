import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mmbal.errors import DataFormatError
from mmbal.records.assembly import assemble
from mmbal.records.record import Record
from mmbal.records.record_file import record_of

Events = list[dict[str, Any]]
WriteRun = Callable[..., Path]


def assemble_events(write_run: WriteRun, events: Events) -> Record:
    return record_of(assemble(write_run(events=events) / "journal.jsonl"))


def test_takes_in_every_event(write_run: WriteRun, events: Events) -> None:
    record = assemble_events(write_run, events)
    steps, epochs = record.history.steps, record.history.epochs

    assert (record.recipe, record.seed, record.steps_per_epoch) == ("toy", 0, 4)
    assert record.modalities == ("gray", "color")
    assert (record.status, record.seconds, record.result["steps"]) == ("finished", 3.5, 8)
    assert record.warnings == ("one thing",)
    np.testing.assert_array_equal(steps.index, np.arange(8))
    np.testing.assert_array_equal(steps.epoch, [0, 0, 0, 0, 1, 1, 1, 1])
    np.testing.assert_array_equal(steps.loss, [2.0, 1.9, 1.8, np.nan, 1.6, 1.5, 1.4, 1.3])
    np.testing.assert_array_equal(steps.isolated, [-1, -1, 1, 1, -1, -1, -1, 0])
    np.testing.assert_array_equal(steps.learning_speed[6], [0.4, 0.6])
    np.testing.assert_array_equal(epochs.rebalancing_steps, [[0, 2], [1, 0]])
    np.testing.assert_array_equal(epochs.validation["accuracy"], [0.5, 0.75])
    assert record.scores["test", "selected"]["d_util"] == -0.5
    assert np.isnan(record.scores["test", "last"]["branch_accuracy/color"])
    np.testing.assert_array_equal(record.arrays["squeeze_mean"], [[1, np.nan], [3, 4]])


def test_a_resumed_run_replaces_what_it_tells_again(write_run: WriteRun, events: Events) -> None:
    start, rest = events[0], events[1:]
    again = {
        "event": "steps", "epoch": 1, "first": 5, "loss": [9.0], "isolated": [1],
        "learning_speed": {}, "d_speed": None,
    }  # fmt: skip

    record = assemble_events(write_run, [start, *rest, {**start, "epochs": 3}, again])

    np.testing.assert_array_equal(record.history.steps.index, [0, 1, 2, 3, 4, 5])
    assert record.history.steps.loss[-1] == 9.0
    assert np.isnan(record.history.steps.learning_speed[-1]).all()
    np.testing.assert_array_equal(record.history.epochs.index, [0])
    assert (record.status, record.epochs, record.scores) == ("unfinished", 3, {})


def test_a_finished_run_may_be_scored_again(write_run: WriteRun, events: Events) -> None:
    later = {
        "event": "scores", "split": "test", "weights": "selected",
        "values": {"accuracy": 0.5, "probe/gray": 0.25},
    }  # fmt: skip

    record = assemble_events(write_run, [*events, later])

    assert (record.status, record.seconds) == ("finished", 3.5)
    assert record.scores["test", "selected"]["accuracy"] == 0.5
    assert record.scores["test", "selected"]["probe/gray"] == 0.25
    assert record.scores["test", "selected"]["d_util"] == -0.5


def test_metrics_may_come_and_go_between_epochs(write_run: WriteRun, events: Events) -> None:
    del events[6]["validation"]["branch_accuracy/gray"]
    events[6]["validation"]["loss"] = 1.0

    validation = assemble_events(write_run, events).history.epochs.validation

    np.testing.assert_array_equal(validation["branch_accuracy/gray"], [0.25, np.nan])
    np.testing.assert_array_equal(validation["loss"], [np.nan, 1.0])


def test_a_run_that_only_started_has_an_empty_history(write_run: WriteRun, events: Events) -> None:
    record = assemble_events(write_run, [events[0], {"event": "of a later version"}])

    assert record.status == "unfinished"
    assert record.history.steps.learning_speed.shape == (0, 2)
    assert record.history.epochs.rebalancing_steps.shape == (0, 2)


def test_an_interrupt_is_told_from_a_kill(write_run: WriteRun, events: Events) -> None:
    stop = {"event": "stop", "reason": "interrupt", "step": 4}

    record = assemble_events(write_run, [*events[:3], stop])

    assert (record.status, record.stop_reason) == ("interrupted", "interrupt")


@pytest.mark.parametrize(
    ("index", "changes", "problem"),
    [
        (0, {"epochs": 2**70}, "too large"),
        (1, {"isolated": [-1]}, "expected a list of 4 numbers"),
        (1, {"isolated": [-1, -1, -1, 2]}, r"-1\.\.1"),
        (1, {"d_speed": [0.0]}, "expected a list of 4 numbers"),
        (1, {"loss": 3.0}, "expected a list of 1 numbers"),
        (1, {"first": None}, "int"),
        (2, {"rebalancing_steps": [1]}, "get"),
        (7, {"values": {"accuracy": "high"}}, "high"),
        (10, {"values": [[1.0], [2.0, 3.0]]}, "inhomogeneous"),
        (10, {"name": ""}, "the name is empty"),
    ],
)
def test_a_broken_event_is_named_by_file_and_line(
    write_run: WriteRun, events: Events, index: int, changes: dict[str, Any], problem: str
) -> None:
    events[index].update(changes)

    with pytest.raises(DataFormatError, match=rf"journal\.jsonl:{index + 1}: .*{problem}"):
        assemble_events(write_run, events)


def test_a_missing_key_is_named(write_run: WriteRun, events: Events) -> None:
    del events[0]["recipe"]

    with pytest.raises(DataFormatError, match=r":1: broken event 'start': no 'recipe'"):
        assemble_events(write_run, events)


def test_the_start_must_come_first(write_run: WriteRun, events: Events) -> None:
    with pytest.raises(DataFormatError, match=":1: .*before the start event"):
        assemble_events(write_run, events[1:])


def test_an_empty_journal_says_so(write_run: WriteRun) -> None:
    with pytest.raises(DataFormatError, match="no start event"):
        assemble_events(write_run, [])


def test_only_whole_lines_count(write_run: WriteRun, events: Events) -> None:
    journal = write_run(events=events[:3]) / "journal.jsonl"
    size = journal.stat().st_size
    with open(journal, "a") as file:
        file.write(json.dumps(events[4])[:-5])

    assert assemble(journal).journal_bytes == size
