"""What the rules for datasets look at: how many examples, and which files."""

import pickle

import numpy as np
import pytest
from broken_datasets import Sound

from mmbal.data import DatasetSource, Examples, Modality, MultimodalDataset
from mmbal.testing import check, subject_of


class Large(DatasetSource):
    """Its test set has a training example that no even sample of 300 holds."""

    def load(self, data_dir, seed):
        def drawn(rows):
            return Examples.from_arrays({"a": numbers[rows]}, np.zeros(len(numbers[rows]), int))

        numbers = np.random.default_rng(seed).normal(size=(720, 2)).astype("float32")
        numbers[713] = numbers[1]
        return MultimodalDataset(
            {"a": Modality((2,))}, ("zero", "one"), train=drawn(slice(0, 700)),
            validation=drawn(slice(700, 710)), test=drawn(slice(710, None)), fingerprint="0",
        )  # fmt: skip


def test_every_example_of_small_data_is_compared():
    (finding,) = check(subject_of("dataset", Large), ["disjoint-splits"])

    assert (finding.status, finding.message) == ("failed", "example 3 of test is in train as well")


def test_what_is_compared_of_large_data_is_compared_evenly(monkeypatch):
    monkeypatch.setattr("mmbal.testing.datasets.COMPARED", 300)
    (finding,) = check(subject_of("dataset", Large), ["disjoint-splits"])

    assert finding.status == "ok"


@pytest.mark.parametrize("there", [True, False])
def test_files_that_were_given_are_looked_through(tmp_path, there):
    Sound().sample(tmp_path, 0)
    if there:
        (tmp_path / "deep").mkdir()
        (tmp_path / "deep/labels.bin").write_bytes(pickle.dumps([1, 2]))
    (finding,) = check(subject_of("dataset", Sound, data_dir=tmp_path), ["no-pickle"])

    assert finding.message == ("pickles: deep/labels.bin" if there else "")
