from dataclasses import replace

import pytest

from mmbal.errors import MmbalError
from mmbal.sweep.folder import check_folder, set_aside, standing


@pytest.fixture
def trial(trials_of):
    return trials_of()[0]


def test_a_sweep_goes_into_a_new_an_empty_or_its_own_folder(tmp_path):
    check_folder(tmp_path / "absent")
    check_folder(tmp_path)
    (tmp_path / ".locks").mkdir()
    check_folder(tmp_path)
    (tmp_path / "sweep.toml").write_text("")
    (tmp_path / "more").write_text("")
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


def test_nothing_there_is_waiting(tmp_path, trial):
    assert standing(tmp_path, trial).state == "waiting"
    folder = tmp_path / "trials" / trial.name
    folder.mkdir(parents=True)
    assert standing(tmp_path, trial).state == "waiting"
    (folder / "journal.jsonl").touch()  # of a process that was killed before it began
    assert standing(tmp_path, trial).state == "waiting"


@pytest.mark.parametrize("files", [["config.toml"], ["other"]])
def test_a_folder_without_a_run_is_half_done(tmp_path, trial, files):
    folder = tmp_path / "trials" / trial.name
    folder.mkdir(parents=True)
    for name in files:
        (folder / name).write_text("")

    found = standing(tmp_path, trial)

    assert (found.state, found.resumable) == ("half-done", False)


def test_a_run_with_an_end_is_finished(tmp_path, trial, write_trial):
    write_trial(tmp_path, trial)

    found = standing(tmp_path, trial)

    assert found.state == "finished"
    assert found.record.scores["test", "selected"]["accuracy"] == 0.7


def test_a_damaged_record_beside_a_whole_journal_is_finished(tmp_path, trial, write_trial):
    (write_trial(tmp_path, trial) / "record.h5").write_bytes(b"no HDF5")

    assert standing(tmp_path, trial).state == "finished"


def test_a_run_without_an_end_goes_on_where_it_has_a_checkpoint(tmp_path, trial, write_trial):
    folder = write_trial(tmp_path, trial, leave_out=1)
    assert (standing(tmp_path, trial).state, standing(tmp_path, trial).resumable) == (
        "half-done",
        False,
    )

    (folder / "resume").mkdir()

    assert standing(tmp_path, trial).resumable


def test_another_configuration_is_not_gone_on_with(tmp_path, trials_of, write_trial):
    one, two = trials_of("epochs=1,2")
    folder = write_trial(tmp_path, one, leave_out=1)
    (folder / "resume").mkdir()

    assert not standing(tmp_path, replace(two, name=one.name)).resumable


def test_a_broken_journal_is_begun_again(tmp_path, trial, write_trial):
    folder = write_trial(tmp_path, trial)
    (folder / "journal.jsonl").write_text("no JSON\n")
    (folder / "resume").mkdir()

    assert standing(tmp_path, trial).state == "half-done"


@pytest.mark.parametrize("config", [None, "not = [valid"])
def test_a_finished_run_of_another_configuration_is_refused(
    tmp_path, trials_of, write_trial, config
):
    one, two = trials_of("epochs=1,2")
    folder = write_trial(tmp_path, one)
    if config:
        (folder / "config.toml").write_text(config)

    with pytest.raises(MmbalError, match=r"holds a finished run of another configuration: .*give"):
        standing(tmp_path, replace(two, name=one.name))


def test_a_setting_younger_than_the_run_does_not_matter_at_its_default(
    tmp_path, trial, write_trial
):
    path = write_trial(tmp_path, trial) / "config.toml"
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    path.write_text("".join(line for line in lines if not line.startswith("precision")))

    assert standing(tmp_path, trial).state == "finished"


def test_setting_aside_keeps_everything(tmp_path, trial, write_trial):
    for text in ("first", "second"):
        (write_trial(tmp_path, trial) / "note").write_text(text)
        set_aside(tmp_path, trial)

    kept = sorted((tmp_path / "aside").iterdir())
    assert [path.name for path in kept] == ["guided-seed0-1", "guided-seed0-2"]
    assert [(path / "note").read_text() for path in kept] == ["first", "second"]
    assert not (tmp_path / "trials" / trial.name).exists()
    with pytest.raises(MmbalError, match="cannot move .*guided-seed0: No such file"):
        set_aside(tmp_path, trial)
