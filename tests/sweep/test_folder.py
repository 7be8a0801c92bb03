import csv
import tomllib
from pathlib import Path

import pytest

from mmbal.errors import ConfigError, MmbalError
from mmbal.sweep.axes import fixed
from mmbal.sweep.folder import Sweep, check_folder, only_sweep, write_configuration
from mmbal.sweep.job import Outcome
from mmbal.sweep.plan import make_trials


@pytest.fixture
def begin(tmp_path, catalogue):
    """Return a function that opens a sweep and writes its plan."""

    def start(trials=(), **options):
        sweep = Sweep(tmp_path / "s", catalogue, trials, **options)
        sweep.save()
        return sweep

    return start


@pytest.fixture
def opened(tmp_path, catalogue):
    """Return a function that opens the sweep again and writes nothing."""
    return lambda asked=(): Sweep(tmp_path / "s", catalogue, asked)


def table(sweep):
    with sweep.table.open(newline="", encoding="utf-8") as file:
        return {row["trial"]: row for row in csv.DictReader(file)}


def names(trials):
    return [trial.name for trial in trials]


def pending(sweep):
    return [path.name for path in sweep.pending]


def test_a_sweep_goes_into_a_new_an_empty_or_its_own_folder(tmp_path):
    check_folder(tmp_path / "absent")
    check_folder(tmp_path)
    (tmp_path / ".lock").touch()
    (tmp_path / "trials").mkdir()  # of a sweep that was killed while it wrote its plan
    check_folder(tmp_path)
    (tmp_path / "sweep.toml").touch()
    (tmp_path / "more").touch()
    check_folder(tmp_path, begun=True)


def test_any_other_folder_is_refused(tmp_path):
    file = tmp_path / "file"
    file.write_text("mine")

    with pytest.raises(MmbalError, match="file is a file; name a folder"):
        check_folder(file)
    with pytest.raises(MmbalError, match=r"is not empty and holds no sweep.toml; .*nothing ch"):
        check_folder(tmp_path)
    with pytest.raises(MmbalError, match="holds no sweep to go on with: give --plugin RECIPE"):
        check_folder(tmp_path / "absent", begun=True)


def test_only_one_sweep_at_a_time(tmp_path):
    with (
        only_sweep(tmp_path / "s"),
        pytest.raises(MmbalError, match="another `mmbal sweep` is running in"),
        only_sweep(tmp_path / "s"),
    ):
        pass


def test_trials_are_read_as_they_were_written(begin, opened, trials_of):
    trials = trials_of("guided.tolerance=0.1,0.2", 'evaluations=["accuracy"]',
                       strategies="guided,vanilla", seeds="2,10")  # fmt: skip

    begin(trials, threads=3)

    there = opened()
    assert there.threads == 3
    assert list(there.trials) == [
        "guided-seed2-tolerance=0.1", "guided-seed2-tolerance=0.2", "guided-seed10-tolerance=0.1",
        "guided-seed10-tolerance=0.2", "vanilla-seed2", "vanilla-seed10",
    ]  # fmt: skip
    assert all(there.trials[trial.name].settings == trial.settings for trial in trials)
    config = (there.folder / "trials" / "guided-seed2-tolerance=0.2" / "config.toml").read_text()
    assert "tolerance = 0.2 # --set guided.tolerance=0.2" in config


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x", "sweep.toml:1: not valid TOML"),
        ("cpus_per_trial = 'x'", "cpus_per_trial must be a number from 1, received 'x'"),
        ("cpus_per_trial = 0", "cpus_per_trial must be a number from 1, received 0"),
        ("", "received None"),
    ],
)
def test_what_is_no_plan_is_refused(tmp_path, opened, text, message):
    (tmp_path / "s").mkdir()
    (tmp_path / "s" / "sweep.toml").write_text(text, encoding="utf-8")

    with pytest.raises(ConfigError, match=message):
        opened()


def test_a_setting_that_is_no_longer_known_is_refused(begin, opened, trials_of):
    path = begin(trials_of()).folder / "trials" / "guided-seed0" / "config.toml"
    path.write_text(path.read_text().replace("window", "windw"))

    with pytest.raises(ConfigError, match=r"config.toml:\d+: .*unknown option 'windw'"):
        opened()


def test_a_setting_younger_than_the_trial_stands_at_its_default(begin, opened, trials_of):
    path = begin(trials_of()).folder / "trials" / "guided-seed0" / "config.toml"
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    path.write_text("".join(line for line in lines if not line.startswith("precision")))

    assert list(opened(trials_of()).trials) == ["guided-seed0"]


def test_a_rewritten_configuration_keeps_what_made_the_run(tmp_path, make_run, catalogue):
    def trial(folder):
        axes = [fixed("data_dir", folder, f"--data-dir {folder}")]
        return make_trials(catalogue, "colored-digits", None, axes)[0]

    folder = make_run(tmp_path, trial("/here"), leave_out=1)

    write_configuration(folder, trial("/there").resolved)

    config = (folder / "config.toml").read_text()
    assert 'data_dir = "/there" # --data-dir /there' in config
    assert tomllib.loads(config)["provenance"] == {"mmbal": "0"}


def test_more_trials_are_added_and_the_others_keep_their_names(begin, opened, trials_of):
    begin(trials_of("epochs=1", seeds="0-1"))

    found = opened(trials_of("epochs=2,1", seeds="1-2")).trials

    assert {name: trial.settings["epochs"] for name, trial in found.items()} == {
        "guided-seed0": 1, "guided-seed1": 1, "guided-seed1-epochs=2": 2,
        "guided-seed2-epochs=1": 1, "guided-seed2-epochs=2": 2,
    }  # fmt: skip


def test_a_run_of_another_configuration_is_refused(tmp_path, opened, trials_of, make_run):
    (one,), (other,) = trials_of("epochs=1"), trials_of("epochs=2")
    config = make_run(tmp_path / "s", one) / "config.toml"

    assert list(opened([one]).trials) == ["guided-seed0"]  # the same run may stand there
    with pytest.raises(MmbalError, match=r"holds a run of another.*: epochs 1 instead of 2; give"):
        opened([other])
    config.write_text("not = [valid")
    with pytest.raises(MmbalError, match="not valid TOML"):
        opened([one])


def test_looking_at_a_plan_writes_nothing(tmp_path, catalogue, trials_of):
    sweep = Sweep(tmp_path / "s", catalogue, trials_of(seeds="0-1"))

    assert pending(sweep) == ["guided-seed0", "guided-seed1"]
    assert sweep.counts == {"waiting": 2}
    assert not (tmp_path / "s").exists()


def test_what_is_finished_is_not_pending(begin, trials_of, make_run):
    trials = trials_of("strategy.tolerance=0.1,0.2")
    sweep = begin(trials)
    make_run(sweep.folder, trials[0])

    again = begin(trials)

    assert pending(again) == names(trials[1:])
    assert again.counts == {"finished": 1, "waiting": 1}
    assert again.varying == ["strategy.tolerance"]
    rows = table(again)
    assert rows[trials[0].name]["accuracy"] == "0.7"
    assert rows[trials[1].name]["strategy.tolerance"] == "0.2"


def test_the_engine_is_given_absolute_folders(begin, catalogue, trials_of, tmp_path, monkeypatch):
    begin(trials_of())
    monkeypatch.chdir(tmp_path)

    assert Sweep(Path("s"), catalogue).pending == [tmp_path / "s" / "trials" / "guided-seed0"]


def test_the_table_follows_every_outcome(begin, trials_of, make_run):
    trials = trials_of(seeds="0-2")
    sweep = begin(trials)
    first, second, third = names(trials)

    make_run(sweep.folder, trials[0])
    sweep.hear(first, Outcome("finished"))
    sweep.hear(second, Outcome("failed", error="a bug", trace="where"))
    make_run(sweep.folder, trials[2], leave_out=1)
    row = sweep.hear(third, Outcome("interrupted"))

    assert row["status"] == "half-done"
    assert sweep.counts == {"finished": 1, "failed": 1, "half-done": 1}
    rows = table(sweep)
    assert rows[first]["accuracy"] == "0.7"
    assert (rows[second]["status"], rows[second]["error"]) == ("failed", "a bug")
    assert (sweep.folder / "errors" / f"{second}.txt").read_text() == "where"
    assert pending(sweep) == [second, third]


def test_a_run_that_stands_there_is_as_far_as_it_says(begin, trials_of, make_run):
    trials = trials_of(seeds="0-3")
    sweep = begin(trials)
    make_run(sweep.folder, trials[1], leave_out=1)
    (make_run(sweep.folder, trials[2]) / "record.h5").write_bytes(b"no HDF5")
    (make_run(sweep.folder, trials[3]) / "journal.jsonl").write_text("no JSON\n")

    rows = begin().rows

    assert [row["status"] for row in rows] == ["waiting", "half-done", "finished", "half-done"]
    assert rows[3]["error"].endswith("journal.jsonl:1: not a line of JSON (Expecting value: "
                                     "line 1 column 1 (char 0))")  # fmt: skip


def test_the_folder_alone_suffices_to_go_on(begin, trials_of):
    trials = trials_of("guided.tolerance=0.1,0.2", strategies="guided,vanilla")
    begin(trials, threads=2)

    again = begin()

    assert list(again.trials) == names(trials)
    assert again.threads == 2


def test_going_on_leaves_what_is_written(begin, trials_of, make_run):
    trials = trials_of("data_dir=/here", seeds="0-2")
    sweep = begin(trials)
    finished = make_run(sweep.folder, trials[0])
    paths = [sweep.folder / "trials" / trial.name / "config.toml" for trial in trials]
    before = [path.read_bytes() for path in paths]

    begin()
    assert [path.read_bytes() for path in paths] == before
    begin(trials_of("data_dir=/there", seeds="0-2"))

    assert paths[0].read_bytes() == before[0]
    assert finished == paths[0].parent
    assert all('data_dir = "/there" # --set' in path.read_text() for path in paths[1:])


def test_another_number_of_threads_holds_from_then_on(begin, opened, trials_of):
    begin(trials_of())

    assert begin(threads=4).threads == opened().threads == 4
