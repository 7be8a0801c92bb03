"""Runs on some of a dataset's modalities are ordinary runs."""

import sys

import numpy as np
import pytest

from mmbal import Component
from mmbal.config.resolution import resolve
from mmbal.config.toml import read_file
from mmbal.data import DatasetSource, Examples, Modality, MultimodalDataset
from mmbal.errors import ConfigError, Interrupted, MmbalError
from mmbal.experiment import evaluate, run
from mmbal.records.run_folder import RunFolder
from mmbal.registry.catalogue import Provenance
from mmbal.registry.discovery import discover

pytestmark = [
    pytest.mark.filterwarnings("always:strategy 'guided' does nothing"),
    pytest.mark.filterwarnings("always:ignored, being of modalities"),
]
NAMES = ("left eye", "größe, cm", "c")
LABELS = np.arange(24) % 3


def branches(scores):
    """Return the modalities whose branches, or slices, have an accuracy."""
    kinds = ("branch_accuracy/", "slice_accuracy/")
    return [name.partition("/")[2] for name in scores if name.startswith(kinds)]


class Named(DatasetSource):
    """Vectors of which only the files know the names."""

    def load(self, data_dir, seed):
        x = np.random.default_rng(0).normal(size=(24, 4)).astype("float32")
        rows = Examples.from_arrays(dict.fromkeys(NAMES, x), LABELS)
        modalities = dict.fromkeys(NAMES, Modality((4,)))
        return MultimodalDataset(modalities, ("x", "y", "z"), rows, rows, rows, "f")


@pytest.fixture(scope="module")
def single(toys, tmp_path_factory):
    """Return the folder and the result of a guided run on one of two modalities, for one epoch."""
    folder = tmp_path_factory.mktemp("single") / "run"
    return folder, toys.run(folder, modalities=["b"], dataset__augment=True, epochs=1)


def test_a_single_modality_trains_plainly_with_a_remark(toys, single, tmp_path):
    folder, result = single

    assert branches(result["test"]) == ["b"]
    assert result["rebalancing_steps"] == {"b": 0}
    assert result["test"]["accuracy"] == result["test"]["branch_accuracy/b"]
    [warning] = toys.journal(folder, "warning")
    assert warning["text"] == (
        "strategy 'guided' does nothing: there is no other modality to balance 'b' with, so "
        "training is plain"
    )
    plain = toys.run(tmp_path / "plain", modalities=["b"], strategy="vanilla", epochs=1)
    assert plain["last"] == result["last"]
    assert toys.journal(tmp_path / "plain", "warning") == []


def test_it_shares_data_and_order_with_the_run_on_all(toys, single, finished):
    one, both = (toys.journal(folder, "start")[0] for folder in (single[0], finished[0]))

    assert (one["modalities"], both["modalities"]) == (["b"], ["a", "b"])
    assert list(one["data"]["modalities"]) == ["b"]
    for same in ("fingerprint", "data_order", "classes"):
        assert one[same] == both[same]
    assert read_file(single[0] / "config.toml").values["modalities"] == ["b"]
    assert RunFolder(single[0]).open().modalities == ("b",)


def test_it_is_evaluated_as_it_was_trained(toys, single):
    folder, result = single

    scores = evaluate(folder, toys.catalogue, "test", "last")

    assert scores["accuracy"] == result["last"]["test"]["accuracy"]
    assert scores["branch_accuracy/b"] == result["last"]["test"]["branch_accuracy/b"]
    assert "branch_accuracy/a" not in scores


def test_it_is_resumed_as_it_began(toys, tmp_path):
    folder = tmp_path / "run"
    # Ctrl-C comes while the first split is scored, and only then.
    settings = {"evaluations": {"accuracy": {}, "answer": {"at": 1}}, "epochs": 1}
    with pytest.raises(Interrupted):
        toys.run(folder, modalities=["a"], **settings)

    def resumed(*modalities):
        resolved = toys.resolve(modalities=list(modalities), **settings)
        return run(resolved, toys.catalogue, folder, resume=True)

    with pytest.raises(MmbalError, match=r"modalities was \['a'\], is \['b'\]"):
        resumed("b")
    assert branches(resumed("a")["test"]) == ["a"]


def test_an_unknown_modality_is_told_before_the_run_begins(toys, tmp_path):
    with pytest.raises(ConfigError, match=r"modalities: unknown modality 'c'.*\(legal: a, b\)"):
        toys.run(tmp_path / "run", modalities=["a", "c"])
    assert not (tmp_path / "run" / "record.h5").exists()


def test_options_of_those_that_are_left_out_are_ignored_with_a_remark(toys, tmp_path, monkeypatch):
    catalogue = discover()
    catalogue.add(Component("dataset", "named", "", "named_eyes:Named"), Provenance("n", "n 1"))
    monkeypatch.setitem(sys.modules, "named_eyes", sys.modules[__name__])
    settings = {
        "dataset": "named", "architecture": "late-concat", "epochs": 1, "batch_size": 12,
        "modalities": ["c", "größe, cm"],
        "architecture.branches": {
            "left eye": {"backbone": "nothing:there"}, "c": {"backbone": "small"},
        },
        "strategy": "modality-dropout", "strategy.p": {"left eye": 0.5, "c": 0.25},
        "evaluations": ["accuracy"],
    }  # fmt: skip
    given = [(key, value, "test") for key, value in settings.items()]
    resolved = resolve(catalogue, None, None, given)

    result = run(resolved, catalogue, tmp_path / "run")

    assert branches(result["test"]) == ["größe, cm", "c"]
    [warning] = toys.journal(tmp_path / "run", "warning")
    keys = 'architecture.branches."left eye", strategy.p."left eye"'
    assert warning["text"] == f"ignored, being of modalities that are left out: {keys}"
    again = evaluate(tmp_path / "run", catalogue)
    assert again["accuracy"] == result["test"]["accuracy"]
