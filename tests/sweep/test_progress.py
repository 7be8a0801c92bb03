import csv
from pathlib import Path

import pytest

from mmbal.sweep.job import Outcome
from mmbal.sweep.progress import Sweep


@pytest.fixture
def begin(tmp_path, catalogue):
    """Return a function that opens a sweep and writes its plan."""

    def start(trials, **options):
        sweep = Sweep(tmp_path / "s", catalogue, trials, **options)
        sweep.save()
        return sweep

    return start


def table(sweep):
    with sweep.table.open(newline="", encoding="utf-8") as file:
        return {row["trial"]: row for row in csv.DictReader(file)}


def names(trials):
    return [trial.name for trial in trials]


def test_looking_at_a_plan_writes_nothing(tmp_path, catalogue, trials_of):
    sweep = Sweep(tmp_path / "s", catalogue, trials_of(seeds="0-1"))

    assert names(sweep.pending) == ["guided-seed0", "guided-seed1"]
    assert sweep.counts == {"waiting": 2}
    assert not (tmp_path / "s").exists()


def test_what_is_finished_is_not_pending(begin, trials_of, make_run):
    trials = trials_of("strategy.tolerance=0.1,0.2")
    sweep = begin(trials)
    make_run(sweep.folder, trials[0])

    again = begin(trials)

    assert names(again.pending) == names(trials[1:])
    assert again.counts == {"finished": 1, "waiting": 1}
    assert again.varying == ["strategy.tolerance"]
    rows = table(again)
    assert rows[trials[0].name]["accuracy"] == "0.7"
    assert rows[trials[1].name]["strategy.tolerance"] == "0.2"


def test_the_engine_is_given_absolute_folders(begin, catalogue, trials_of, tmp_path, monkeypatch):
    begin(trials_of())
    monkeypatch.chdir(tmp_path)

    assert Sweep(Path("s"), catalogue, None).jobs() == [tmp_path / "s" / "trials" / "guided-seed0"]


def test_the_table_follows_every_outcome(begin, trials_of, make_run):
    trials = trials_of(seeds="0-2")
    sweep = begin(trials)
    first, second, third = names(trials)

    sweep.hear(first, Outcome("finished", {"test": {"accuracy": 0.5}, "seconds": 2.0}))
    sweep.hear(second, Outcome("failed", error="a bug", trace="where"))
    make_run(sweep.folder, trials[2], leave_out=1)
    row = sweep.hear(third, Outcome("interrupted"))

    assert row["status"] == "half-done"
    assert sweep.counts == {"finished": 1, "failed": 1, "half-done": 1}
    rows = table(sweep)
    assert rows[first]["accuracy"] == "0.5"
    assert (rows[second]["status"], rows[second]["error"]) == ("failed", "a bug")
    assert (sweep.folder / "errors" / f"{second}.txt").read_text() == "where"
    assert names(sweep.pending) == [second, third]


def test_a_run_that_stands_there_is_as_far_as_it_says(begin, trials_of, make_run):
    trials = trials_of(seeds="0-3")
    sweep = begin(trials)
    make_run(sweep.folder, trials[1], leave_out=1)
    (make_run(sweep.folder, trials[2]) / "record.h5").write_bytes(b"no HDF5")
    (make_run(sweep.folder, trials[3]) / "journal.jsonl").write_text("no JSON\n")

    rows = begin(None).rows

    assert [row["status"] for row in rows] == ["waiting", "half-done", "finished", "half-done"]
    assert rows[3]["error"].endswith("journal.jsonl:1: not a line of JSON (Expecting value: "
                                     "line 1 column 1 (char 0))")  # fmt: skip


def test_the_folder_alone_suffices_to_go_on(begin, trials_of):
    trials = trials_of("guided.tolerance=0.1,0.2", strategies="guided,vanilla")
    begin(trials, threads=2)

    again = begin(None)

    assert names(again.trials) == names(trials)
    assert (again.threads, again.remarks) == (2, [])


def test_going_on_leaves_what_is_written(begin, trials_of, make_run):
    trials = trials_of("data_dir=/here", seeds="0-2")
    sweep = begin(trials)
    finished = make_run(sweep.folder, trials[0])
    paths = [sweep.folder / "trials" / trial.name / "config.toml" for trial in trials]
    before = [path.read_bytes() for path in paths]

    begin(None)
    assert [path.read_bytes() for path in paths] == before
    begin(trials_of("data_dir=/there", seeds="0-2"))

    assert paths[0].read_bytes() == before[0]
    assert finished == paths[0].parent
    assert all('data_dir = "/there" # --set' in path.read_text() for path in paths[1:])


def test_more_trials_extend_the_sweep(begin, trials_of):
    begin(trials_of(seeds="0"))

    begin(trials_of(seeds="0-1"))

    assert names(begin(None).trials) == ["guided-seed0", "guided-seed1"]


def test_another_number_of_threads_is_remarked(begin, trials_of):
    begin(trials_of())

    assert begin(None, threads=4).remarks == [
        "trials so far had 1 threads, now they have 4: their sums end in other digits"
    ]
    assert begin(None).threads == 4
