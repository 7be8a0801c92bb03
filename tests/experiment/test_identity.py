"""What makes two runs the same run."""

from pathlib import Path

import pytest

from mmbal.config.settings import FREE
from mmbal.errors import Interrupted, MmbalError
from mmbal.experiment import run
from mmbal.experiment.identity import MAY_CHANGE, identity, refuse_other
from mmbal.registry.catalogue import Provenance

PROVENANCE = {
    "mmbal": "0.1.0", "tensorflow": "2.20.0", "keras": "3.15.1", "python": "3.11.4",
    "git_commit": "c0ffee", "git_dirty": True, "dataset_fingerprint": "toy0",
    "plugins": {"toy": "toy 1.0"},
}  # fmt: skip


def who(toys, provenance=None, **settings):
    return identity(toys.resolve(**settings).config, PROVENANCE | (provenance or {}))


def refusal(before, now):
    with pytest.raises(MmbalError) as caught:
        refuse_other(before, now, Path("runs/old"))
    return str(caught.value)


def test_what_is_computed_belongs_to_it(toys):
    keys = set(who(toys))

    assert {"seed", "epochs", "batch_size", "precision", "optimizer.learning_rate"} <= keys
    assert {"strategy.name", "strategy.window", "dataset.units"} <= keys
    assert {"provenance.mmbal", "provenance.plugins.toy"} <= keys
    assert "provenance.dataset_fingerprint" in keys
    assert not keys & (FREE | MAY_CHANGE)


def test_the_fields_of_a_run_say_which_of_them_may_change():
    assert {
        "data_dir", "distribute", "logical_devices", "worker_wait", "checkpoint_minutes",
        "checkpoint_steps",
    } == FREE  # fmt: skip


def test_the_same_run_is_let_through(toys):
    refuse_other(who(toys), who(toys), Path("runs/old"))


@pytest.mark.parametrize(
    "settings",
    [
        {"data_dir": "elsewhere"},
        {"distribute": "none"},
        {"logical_devices": 4},
        {"checkpoint_minutes": 60},
        {"checkpoint_steps": 1},
        {"provenance": {"git_commit": "decaf", "git_dirty": False}},
    ],
    ids=str,
)
def test_how_and_where_may_change(toys, settings):
    refuse_other(who(toys), who(toys, **settings), Path("runs/old"))


@pytest.mark.parametrize(
    ("settings", "difference"),
    [
        ({"seed": 5}, "seed was 0, is 5"),
        ({"strategy__window": 3}, "strategy.window was 2, is 3"),
        ({"optimizer__learning_rate": 0.5}, "optimizer.learning_rate was 0.05, is 0.5"),
        ({"precision": "mixed_float16"}, "precision was 'float32', is 'mixed_float16'"),
        ({"steps_per_execution": 2}, "steps_per_execution was 1, is 2"),
        ({"callbacks": ["watcher"]}, "callbacks"),
        ({"provenance": {"mmbal": "0.2.0"}}, "provenance.mmbal was '0.1.0', is '0.2.0'"),
        (
            {"provenance": {"plugins": {"toy": "toy 1.1"}}},
            "provenance.plugins.toy was 'toy 1.0', is 'toy 1.1'",
        ),
        (
            {"provenance": {"dataset_fingerprint": "toy1"}},
            "provenance.dataset_fingerprint was 'toy0', is 'toy1'",
        ),
    ],
    ids=str,
)
def test_anything_else_is_refused_and_shown(toys, settings, difference):
    text = refusal(who(toys), who(toys, **settings))

    assert text.startswith("cannot resume runs/old, it was another run: ")
    assert difference in text
    assert text.endswith("or start a new run in another folder")


def test_every_difference_is_shown_once_in_order():
    text = refusal({"b": 1, "a": 1, "c": 1}, {"b": 2, "a": 1, "d": [3]})

    shown = text.split(": ", 1)[1].split("; resume")[0]
    assert shown == "b was 1, is 2; c was 1, is 'absent'; d was 'absent', is [3]"


@pytest.fixture
def stopped(toys, tmp_path):
    """Return the folder of a run that was stopped with a checkpoint."""
    folder = tmp_path / "run"
    with pytest.raises(Interrupted):
        toys.run(folder, callbacks={"stopper": {"at": 4}}, checkpoint_steps=2)
    return folder


def contents(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def resume(toys, folder, **settings):
    settings = {"callbacks": {"stopper": {"at": 4}}, "checkpoint_steps": 2, **settings}
    return run(toys.resolve(**settings), toys.catalogue, folder, resume=True)


def test_a_run_refuses_another_configuration_and_changes_nothing(toys, stopped):
    before = contents(stopped)

    with pytest.raises(MmbalError, match=r"seed was 0, is 3; resume it with"):
        resume(toys, stopped, seed=3)

    assert contents(stopped) == before


def test_a_run_refuses_another_version_of_a_plugin(toys, stopped, monkeypatch):
    newer = Provenance("toy", "toy 2.0")
    monkeypatch.setattr(toys.catalogue, "provenance", lambda _: newer)

    with pytest.raises(MmbalError, match=r"plugins\.toy was 'toy 1\.0', is 'toy 2\.0'"):
        resume(toys, stopped)


def test_a_run_refuses_another_version_of_mmbal(toys, stopped, monkeypatch):
    monkeypatch.setattr("mmbal.config.provenance.__version__", "9.0")

    with pytest.raises(MmbalError, match=r"provenance\.mmbal was '.*', is '9\.0'"):
        resume(toys, stopped)
