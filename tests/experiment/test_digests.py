"""What tells runs apart before they train."""

import hashlib

import keras
import numpy as np

from mmbal.data import Examples, Modality, MultimodalDataset
from mmbal.experiment.digests import data_facts, digest_of_arrays, digest_of_weights


def dataset(labels, ids=None):
    train = Examples.from_arrays({"a": np.zeros((len(labels), 2), "float32")}, labels, ids)
    unread = Examples(1, train.read)
    return MultimodalDataset({"a": Modality((2,))}, ("no", "yes"), train, unread, train, "f00d")


def test_modalities_and_splits_are_told():
    facts = data_facts(dataset([0, 1, 1]))

    assert facts["task"] == "single-label"
    assert facts["modalities"] == {"a": {"shape": [2], "dtype": "float32"}}
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
