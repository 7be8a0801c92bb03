import tomllib

import pytest

from mmbal.errors import ConfigError, MmbalError
from mmbal.sweep.axes import fixed
from mmbal.sweep.folder import (
    check_folder,
    extend,
    only_sweep,
    read_plan,
    write_plan,
    write_trial,
)
from mmbal.sweep.plan import make_trials


@pytest.fixture
def write(tmp_path):
    """Return a function that writes a plan."""

    def write(trials, threads=1):
        for trial in trials:
            write_trial(tmp_path, trial)
        write_plan(tmp_path, trials, threads)

    return write


@pytest.fixture
def extended(tmp_path, catalogue):
    return lambda known, asked: extend(known, asked, tmp_path, catalogue)


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


def test_a_missing_sweep_is_not_begun(tmp_path):
    with pytest.raises(MmbalError, match="holds no sweep"), only_sweep(tmp_path / "s", begun=True):
        pass
    assert not (tmp_path / "s").exists()


def test_a_plan_is_read_as_it_was_written(tmp_path, write, catalogue, trials_of):
    trials = trials_of("guided.tolerance=0.2,0.1", 'evaluations=["accuracy"]',
                       strategies="vanilla,guided", seeds="0-1")  # fmt: skip

    write(trials, 3)

    there, threads = read_plan(tmp_path, catalogue)
    assert threads == 3
    assert [trial.name for trial in there] == [trial.name for trial in trials]
    assert [trial.settings for trial in there] == [trial.settings for trial in trials]
    config = (tmp_path / "trials" / "guided-seed1-tolerance=0.2" / "config.toml").read_text()
    assert "tolerance = 0.2 # --set guided.tolerance=0.2" in config


def test_without_a_plan_there_are_no_trials(tmp_path, catalogue):
    assert read_plan(tmp_path, catalogue) == ([], 1)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x", "sweep.toml:1: not valid TOML"),
        ("cpus_per_trial = 1", "is no plan that `mmbal sweep` wrote"),
        ("cpus_per_trial = 'x'\ntrials = []", "is no plan"),
        ("cpus_per_trial = 1\ntrials = [3]", "is no plan"),
        *(
            (f"cpus_per_trial = 1\ntrials = ['{name}']", "is no plan")
            for name in ("", "..", "../x", "a/b", ".hidden", "/etc")
        ),
        ("cpus_per_trial = 1\ntrials = ['gone']", "cannot read .*gone/config.toml: No such file"),
    ],
)
def test_what_is_no_plan_is_refused(tmp_path, catalogue, text, message):
    (tmp_path / "sweep.toml").write_text(text, encoding="utf-8")

    with pytest.raises(ConfigError, match=message):
        read_plan(tmp_path, catalogue)


def test_a_setting_that_is_no_longer_known_is_refused(tmp_path, write, catalogue, trials_of):
    write(trials_of())
    path = tmp_path / "trials" / "guided-seed0" / "config.toml"
    path.write_text(path.read_text().replace("window", "windw"))

    with pytest.raises(ConfigError, match=r"config.toml:\d+: .*unknown option 'windw'"):
        read_plan(tmp_path, catalogue)


def test_a_setting_younger_than_the_trial_stands_at_its_default(
    tmp_path, write, catalogue, trials_of, extended
):
    trials = trials_of()
    write(trials)
    path = tmp_path / "trials" / "guided-seed0" / "config.toml"
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    path.write_text("".join(line for line in lines if not line.startswith("precision")))

    assert len(extended(read_plan(tmp_path, catalogue)[0], trials)) == 1


def test_a_rewritten_configuration_keeps_what_made_the_run(tmp_path, make_run, catalogue):
    def trial(folder):
        axes = [fixed("data_dir", folder, f"--data-dir {folder}")]
        return make_trials(catalogue, "colored-digits", None, axes)[0][0]

    config = make_run(tmp_path, trial("/here"), leave_out=1) / "config.toml"

    write_trial(tmp_path, trial("/there"))

    assert 'data_dir = "/there" # --data-dir /there' in config.read_text()
    assert tomllib.loads(config.read_text())["provenance"] == {"mmbal": "0"}


def test_more_trials_are_added_and_the_others_keep_their_names(extended, trials_of):
    old = trials_of("epochs=1", seeds="0-1")
    new = trials_of("epochs=2,1", seeds="0-2")

    assert [(trial.name, trial.settings["epochs"]) for trial in extended(old, new)] == [
        ("guided-seed0", 1), ("guided-seed1", 1), ("guided-seed0-epochs=2", 2),
        ("guided-seed1-epochs=2", 2), ("guided-seed2-epochs=2", 2), ("guided-seed2-epochs=1", 1),
    ]  # fmt: skip


def test_an_added_trial_takes_no_name_that_is_taken(extended, trials_of):
    old, new = trials_of("epochs=1"), trials_of("epochs=2")

    assert [trial.name for trial in old] == [trial.name for trial in new] == ["guided-seed0"]
    assert extended(old, [*old, *new])[1].name.startswith("guided-seed0-")


def test_a_changed_plan_is_refused_with_what_changed(tmp_path, extended, trials_of):
    old = trials_of("epochs=1", seeds="0-4")

    with pytest.raises(MmbalError) as refused:
        extended(old, trials_of("epochs=2", seeds="0-4"))

    assert str(refused.value) == (
        f"{tmp_path} holds trials that this command lacks: guided-seed0, guided-seed1, "
        "guided-seed2 and 2 more (epochs 2 instead of 1); a sweep can be extended but not "
        "changed: give all its values, or another --out"
    )
    with pytest.raises(MmbalError, match=r"lacks: guided-seed3, guided-seed4; a sweep"):
        extended(old, old[:3])


def test_a_run_of_another_configuration_is_refused(tmp_path, extended, trials_of, make_run):
    (one,), (other,) = trials_of("epochs=1"), trials_of("epochs=2")
    config = make_run(tmp_path, one) / "config.toml"

    assert extended([], [one])[0].name == "guided-seed0"  # the same run may stand there
    with pytest.raises(MmbalError, match=r"holds a run of another.*: epochs 1 instead of 2; give"):
        extended([], [other])
    config.write_text("not = [valid")
    with pytest.raises(MmbalError, match="not valid TOML"):
        extended([], [one])
    config.unlink()
    with pytest.raises(MmbalError, match="cannot read .*config.toml: No such file"):
        extended([], [one])
