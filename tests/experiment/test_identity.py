"""What makes two runs the same run, and what tells runs apart before they train."""

import hashlib
from pathlib import Path

import keras
import numpy as np
import pytest

from mmbal.config.settings import FREE
from mmbal.data import Examples, Modality, MultimodalDataset
from mmbal.errors import Interrupted, MmbalError
from mmbal.experiment import run
from mmbal.experiment.identity import (
    MAY_CHANGE,
    data_facts,
    digest_of_arrays,
    digest_of_weights,
    identity,
    refuse_other,
)
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
        "checkpoint_steps", "save_predictions",
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


@pytest.fixture(scope="module")
def stopped(toys, tmp_path_factory):
    """Return the folder of a run that was stopped with a checkpoint; what is refused keeps it."""
    folder = tmp_path_factory.mktemp("stopped") / "run"
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


def dataset(labels, ids=None):
    train = Examples.from_arrays({"a": np.zeros((len(labels), 2), "float32")}, labels, ids)
    unread = Examples(1, train.read)
    return MultimodalDataset({"a": Modality((2,))}, ("no", "yes"), train, unread, train, "f00d")


def test_modalities_and_splits_are_told():
    facts = data_facts(dataset([0, 1, 1]))

    assert facts["task"] == "single-label"
    assert facts["modalities"] == {"a": {"shape": [2], "dtype": "float32", "scope": "a"}}
    assert {split: told["examples"] for split, told in facts["splits"].items()} == {
        "train": 3, "validation": 1, "test": 3,
    }  # fmt: skip
    assert facts["splits"]["validation"]["digest"] == ""
    assert facts["splits"]["train"] == facts["splits"]["test"]


def test_digests_of_splits_tell_labels_order_and_ids():
    digests = {
        data_facts(each)["splits"]["train"]["digest"]
        for each in (dataset([0, 1]), dataset([1, 0]), dataset([0, 1], "pq"), dataset([0, 1], "pr"))
    }

    assert len(digests) == 4


def test_a_digest_is_of_types_shapes_and_bytes():
    array = np.array([[1, 2]], "int64")

    expected = hashlib.sha256(b"int64 (1, 2) " + array.tobytes()).hexdigest()
    assert digest_of_arrays(array) == expected
    assert digest_of_arrays(array.T) != expected
    assert digest_of_arrays(array.astype("int32")) != expected


def test_equal_weights_have_equal_digests():
    def network(seed):
        keras.utils.set_random_seed(seed)
        return keras.Sequential([keras.Input((2,)), keras.layers.Dense(3)])

    assert digest_of_weights(network(1)) == digest_of_weights(network(1))
    assert digest_of_weights(network(1)) != digest_of_weights(network(2))
