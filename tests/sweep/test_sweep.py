import csv

import pytest

from mmbal.errors import MmbalError
from mmbal.sweep.sweep import Sweep, only_sweep
from mmbal.sweep.trial import Outcome


@pytest.fixture
def begin(tmp_path, catalogue):
    """Return a function that opens a sweep and writes its plan."""

    def start(trials, **options):
        with only_sweep(tmp_path / "s"):
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


def test_what_is_finished_is_not_pending(begin, trials_of, write_trial):
    trials = trials_of("strategy.tolerance=0.1,0.2")
    sweep = begin(trials)
    write_trial(sweep.folder, trials[0])

    again = begin(trials)

    assert [job.trial for job in again.jobs()] == trials[1:]
    assert again.counts == {"finished": 1, "waiting": 1}
    assert again.varying == ["strategy.tolerance"]
    assert list(again.records()) == [str(sweep.folder / "trials" / trials[0].name)]
    rows = table(again)
    assert rows[trials[0].name]["accuracy"] == "0.7"
    assert rows[trials[1].name]["strategy.tolerance"] == "0.2"


def test_jobs_name_an_absolute_folder(begin, trials_of, tmp_path):
    (job,) = begin(trials_of(), cpus=3).jobs()

    assert job.sweep == str(tmp_path / "s")
    assert job.cpus == 3


def test_the_table_follows_every_outcome(begin, trials_of, write_trial):
    trials = trials_of(seeds="0-2")
    sweep = begin(trials)
    first, second, third = sweep.jobs()

    sweep.hear(first, Outcome("finished", {"test": {"accuracy": 0.5}, "seconds": 2.0}))
    sweep.hear(second, Outcome("failed", error="a bug", trace="where"))
    write_trial(sweep.folder, trials[2], leave_out=1)
    row = sweep.hear(third, Outcome("interrupted"))

    assert row["status"] == "half-done"
    assert sweep.counts == {"finished": 1, "failed": 1, "half-done": 1}
    rows = table(sweep)
    assert rows["guided-seed0"]["accuracy"] == "0.5"
    assert (rows["guided-seed1"]["status"], rows["guided-seed1"]["error"]) == ("failed", "a bug")
    assert (sweep.folder / "errors" / "guided-seed1.txt").read_text() == "where"
    assert names(sweep.pending) == ["guided-seed1", "guided-seed2"]


def test_the_folder_alone_suffices_to_go_on(begin, trials_of):
    trials = trials_of("guided.tolerance=0.1,0.2", strategies="guided,vanilla")
    begin(trials, cpus=2)

    again = begin(None)

    assert again.trials == trials
    assert (again.cpus, again.remarks) == (2, [])


def test_more_trials_extend_the_sweep(begin, trials_of):
    begin(trials_of(seeds="0"))

    begin(trials_of(seeds="0-1"))

    assert names(begin(None).trials) == ["guided-seed0", "guided-seed1"]


def test_fewer_trials_are_refused_and_change_nothing(begin, trials_of):
    plan = begin(trials_of(seeds="0-1")).folder / "sweep.toml"
    before = plan.read_bytes()

    with pytest.raises(MmbalError, match="holds trials that this command lacks: guided-seed1"):
        begin(trials_of(seeds="0"))
    assert plan.read_bytes() == before


def test_another_number_of_threads_is_remarked(begin, trials_of):
    begin(trials_of())

    assert begin(None, cpus=4).remarks == [
        "trials so far had 1 threads, now they have 4: their sums end in other digits"
    ]
    assert begin(None).cpus == 4


def test_only_one_sweep_at_a_time(tmp_path):
    with (
        only_sweep(tmp_path / "s"),
        pytest.raises(MmbalError, match="another `mmbal sweep` is running in"),
        only_sweep(tmp_path / "s"),
    ):
        pass


def test_a_missing_sweep_is_not_begun(tmp_path):
    with pytest.raises(MmbalError, match="holds no sweep"), only_sweep(tmp_path / "s", begun=True):
        pass
    assert not (tmp_path / "s").exists()
