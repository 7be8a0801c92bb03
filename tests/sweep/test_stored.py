import pytest
import tomlkit

from mmbal.errors import ConfigError, MmbalError
from mmbal.sweep.stored import Plan, extend, read_plan, write_plan


@pytest.fixture
def path(tmp_path):
    return tmp_path / "sweep.toml"


def test_a_plan_is_read_as_it_was_written(path, catalogue, trials_of):
    trials = trials_of("guided.tolerance=0.1,0.2", 'evaluations=["accuracy"]',
                       strategies="guided,vanilla", seeds="0-1")  # fmt: skip

    write_plan(path, Plan(tuple(trials), 3))

    assert read_plan(path, catalogue) == Plan(tuple(trials), 3)
    document = tomlkit.parse(path.read_text(encoding="utf-8")).unwrap()
    assert document["common"]["recipe"] == "colored-digits"
    assert document["trials"][0]["own"]["seed"] == 0
    assert "epochs" not in document["trials"][0]["own"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x", "sweep.toml:1: not valid TOML"),
        ("version = 1", "is no plan that `mmbal sweep` wrote"),
        ("version = 1\ncommon = 3\ntrials = []\ncpus_per_trial = 1", "is no plan"),
        ("version = 2", "version 2 is newer than 1, the newest this mmbal reads; upgrade mmbal"),
    ],
)
def test_what_is_no_plan_is_refused(path, catalogue, text, message):
    path.write_text(text, encoding="utf-8")

    with pytest.raises(MmbalError, match=message):
        read_plan(path, catalogue)


@pytest.mark.parametrize("name", ["", "..", "../x", "a/b", ".hidden", "a\\\\b"])
def test_a_name_that_leads_elsewhere_is_refused(path, catalogue, trials_of, name):
    write_plan(path, Plan(tuple(trials_of()), 1))
    text = path.read_text(encoding="utf-8").replace('"guided-seed0"', f'"{name}"')
    path.write_text(text, encoding="utf-8")

    with pytest.raises(ConfigError, match="the name of a trial must be a plain file name"):
        read_plan(path, catalogue)


def test_a_setting_that_is_no_longer_known_is_refused(path, catalogue, trials_of):
    write_plan(path, Plan(tuple(trials_of()), 1))
    text = path.read_text(encoding="utf-8").replace("window", "windw")
    path.write_text(text, encoding="utf-8")

    with pytest.raises(ConfigError, match=r"sweep.toml: .*unknown option 'windw'"):
        read_plan(path, catalogue)


def test_more_trials_are_added_and_the_others_keep_their_names(path, trials_of):
    old = trials_of("epochs=1", seeds="0-1")
    new = trials_of("epochs=2,1", seeds="0-2")

    found = extend(old, new, path)

    assert [(trial.name, trial.config["epochs"]) for trial in found] == [
        ("guided-seed0", 1), ("guided-seed1", 1), ("guided-seed0-epochs=2", 2),
        ("guided-seed1-epochs=2", 2), ("guided-seed2-epochs=2", 2), ("guided-seed2-epochs=1", 1),
    ]  # fmt: skip


def test_an_added_trial_takes_no_name_that_is_taken(path, trials_of):
    old = trials_of("epochs=1")
    new = [*old, *trials_of("epochs=2")]

    assert [trial.name for trial in old] == ["guided-seed0"]
    assert extend(old, new, path)[1].name.startswith("guided-seed0-")


def test_a_changed_plan_is_refused_with_what_changed(path, trials_of):
    old = trials_of("epochs=1", seeds="0-4")

    with pytest.raises(MmbalError) as refused:
        extend(old, trials_of("epochs=2", seeds="0-4"), path)

    assert str(refused.value) == (
        f"{path} holds trials that this command lacks: guided-seed0, guided-seed1, guided-seed2 "
        "and 2 more (epochs 2 instead of 1); a sweep can be extended but not changed: give all "
        "its values, or another --out"
    )
    with pytest.raises(MmbalError, match=r"lacks: guided-seed3, guided-seed4; a sweep"):
        extend(old, old[:3], path)
