import json
from pathlib import Path

import pytest

from mmbal.records.listing import find_runs, glance
from mmbal.records.run_folder import RunFolder

NO_JOURNAL = {"recipe", "strategy", "seed", "status", "validation", "test", "started"}


def test_a_finished_run(write_run):
    folder = write_run()
    (folder / "resume").mkdir()
    (folder / "resume" / "7.safetensors").write_bytes(b"1234567")
    size = 7 + sum((folder / name).stat().st_size for name in ("journal.jsonl", "config.toml"))

    assert glance(folder) == {
        "run": str(folder), "recipe": "toy", "strategy": "guided", "seed": 0,
        "status": "finished", "validation": 0.75, "test": 0.7, "bytes": size,
        "started": "2026-01-02T03:04:05+00:00", "error": None,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("count", "more", "status", "validation", "test"),
    [
        (0, [], "not begun", None, None),
        (1, [], "unfinished", None, None),
        (3, [], "unfinished", 0.5, None),
        (3, [{"event": "stop", "reason": "interrupt"}], "interrupted", 0.5, None),
        (9, [], "unfinished", 0.75, 0.7),
        (15, [{"event": "scores", "split": "test", "weights": "selected",
               "values": {"auc": 1.0}}], "finished", 0.75, 0.7),
    ],
)  # fmt: skip
def test_how_far_a_run_is(write_run, events, count, more, status, validation, test):
    row = glance(write_run(events=[*events[:count], *more]))

    assert (row["status"], row["validation"], row["test"]) == (status, validation, test)
    assert row["error"] is None


def test_a_resumed_run_began_at_first_and_forgets_scores_of_other_weights(write_run, events):
    again = {**events[0], "time": "2027-01-01T00:00:00+00:00", "resumed_at": 8}
    row = glance(write_run(events=[*events[:9], {"event": "stop"}, again, events[6]]))

    assert row["started"] == events[0]["time"]
    assert (row["status"], row["validation"], row["test"]) == ("unfinished", 0.75, None)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("{", ":2: not a line of JSON"),
        ('{"event":"steps","first":0', ":2: not a line of JSON"),
        ('{"event": "scores", "split": "test"}', "KeyError('weights')"),
    ],
)
def test_a_damaged_run_is_named_with_what_is_wrong(write_run, events, line, words):
    folder = write_run(events=events[:1])
    with (folder / "journal.jsonl").open("a") as file:
        file.write(f"{line}\n")
    row = glance(folder)

    assert (row["recipe"], row["status"]) == ("toy", "damaged")
    assert words in row["error"]
    assert str(folder / "journal.jsonl") in row["error"]


def test_bulk_that_the_writer_wrote_is_passed_over(write_run, events):
    folder = write_run(events=events[:1])
    with (folder / "journal.jsonl").open("a") as file:
        file.write('{"event":"steps",of which nothing is read}\n{"event": "end"}\n')

    assert glance(folder)["status"] == "finished"


def test_a_record_without_a_journal(write_run):
    folder = write_run()
    before = glance(folder)
    RunFolder(folder).open()
    (folder / "journal.jsonl").unlink()
    after = glance(folder)

    assert {key: after[key] for key in NO_JOURNAL} == {key: before[key] for key in NO_JOURNAL}

    (folder / "record.h5").write_bytes(b"no HDF5")
    row = glance(folder)
    assert row["status"] == "damaged"
    assert "record.h5" in row["error"]


def test_what_a_newer_mmbal_wrote_is_not_called_damaged(write_run):
    import h5py

    folder = write_run()
    RunFolder(folder).open()
    (folder / "journal.jsonl").unlink()
    with h5py.File(folder / "record.h5", "a") as file:
        file.attrs["version"] = 99

    assert glance(folder)["status"] == "unreadable"


def test_runs_are_found_in_sweeps_but_not_in_runs(write_run, tmp_path):
    (tmp_path / "sweep" / "trials").mkdir(parents=True)
    (tmp_path / "sweep" / "trials" / "waiting").mkdir()
    one, two = write_run("sweep/trials/b"), write_run("a")
    write_run("a/sample")
    (tmp_path / "link").symlink_to(one)
    (tmp_path / "round").symlink_to(tmp_path)

    assert [*find_runs(tmp_path)] == [two, tmp_path / "link", one]
    assert [*find_runs(one)] == [one]


def test_a_folder_that_is_not_there_is_told():
    said = []

    assert [*find_runs(Path("absent"), said.append)] == []
    assert said == ["left out: absent: No such file or directory"]


def test_the_journal_of_a_run_reads_alike_without_its_bulk(write_run, events):
    from mmbal.records.journal import read_journal

    folder = write_run(events=[])
    compact = (json.dumps(event, separators=(",", ":")) for event in events)
    (folder / "journal.jsonl").write_text("\n".join([*compact, ""]))

    kept = [each["event"] for each in read_journal(folder / "journal.jsonl", ("steps", "array"))]
    assert kept == ["start", "epoch", "warning", "epoch", "scores", "scores", "scores", "end"]
