"""The dataset contract: examples by index and from arrays."""

import numpy as np
import pytest
import tensorflow as tf

import mmbal
from mmbal.data import Examples, Modality, MultimodalDataset, claim
from mmbal.errors import MmbalError

INPUTS = {
    "a": np.arange(12, dtype="float32").reshape(4, 3),
    "b": np.array(["w", "x", "y", "z"]),
}
LABELS = np.array([3, 1, 4, 1], "int32")


def collect(dataset):
    """Return (values of a, b, label) of every example."""
    return [
        (inputs["a"].numpy().tolist(), inputs["b"].numpy().decode(), int(label))
        for inputs, label in dataset
    ]


ROWS = [([0, 1, 2], "w", 3), ([3, 4, 5], "x", 1), ([6, 7, 8], "y", 4), ([9, 10, 11], "z", 1)]


def test_examples_are_offered_by_the_package():
    assert mmbal.Examples is Examples


class TestExamples:
    def test_all_in_order(self):
        examples = Examples.from_arrays(INPUTS, LABELS)
        data = examples.dataset()
        assert collect(data) == ROWS
        assert len(examples) == int(data.cardinality()) == 4
        inputs, label = data.element_spec
        assert (inputs["a"].shape, inputs["a"].dtype) == ((3,), tf.float32)
        assert (label.shape, label.dtype) == ((), tf.int64)

    @pytest.mark.parametrize("wanted", [[2, 0, 2], np.array([3]), []])
    def test_chosen_ones_in_the_given_order(self, wanted):
        data = Examples.from_arrays(INPUTS, LABELS).dataset(wanted)
        assert collect(data) == [ROWS[index] for index in wanted]
        assert int(data.cardinality()) == len(wanted)

    @pytest.mark.parametrize("wanted", [[4], [-1], [[0]], 0])
    def test_unknown_ones_are_refused(self, wanted):
        with pytest.raises(ValueError, match=r"integers in 0\.\.3, received"):
            Examples.from_arrays(INPUTS, LABELS).dataset(wanted)

    def test_any_function_of_the_index_will_do(self):
        examples = Examples(3, lambda index: ({"a": tf.cast(index, tf.float32) / 2}, index * 10))
        seen = [(float(inputs["a"]), int(label)) for inputs, label in examples.dataset([2, 1])]
        assert seen == [(1.0, 20), (0.5, 10)]

    def test_what_arrays_hold_is_known_without_reading(self):
        examples = Examples.from_arrays(INPUTS, LABELS, ids=["p", "q", "r", "s"])
        assert examples.labels.tolist() == [3, 1, 4, 1]
        assert examples.labels.dtype == np.int64
        assert list(examples.ids) == ["p", "q", "r", "s"]
        assert examples.presence is None

    @pytest.mark.parametrize(
        ("what", "given"), [("labels", [1, 2]), ("presence", [[True]] * 4), ("ids", ["a"])]
    )
    def test_facts_are_of_every_example(self, what, given):
        with pytest.raises(
            ValueError, match=f"{what} must be of 3 examples, received {len(given)}"
        ):
            Examples(3, lambda index: ({}, index), **{what: given})

    @pytest.mark.parametrize("count", [-1, 1.5, None])
    def test_counts_are_numbers_of_examples(self, count):
        with pytest.raises(ValueError, match=f"0 or a positive integer, received {count}"):
            Examples(count, lambda index: ({}, index))


class TestFromArrays:
    @pytest.mark.parametrize(
        ("inputs", "labels", "message"),
        [
            ({"a": np.zeros((4, 2)), "b": np.zeros(3)}, LABELS, "hold 4 examples.*'b': 3"),
            ({"a": np.float32(1)}, LABELS, "'a': None"),
            ({}, LABELS, "received no modality"),
            (INPUTS, np.zeros((4, 2), int), r"labels must be \(examples,\) integers.*\(4, 2\)"),
            (INPUTS, LABELS / 2, "float64"),
        ],
    )
    def test_what_does_not_fit_is_refused(self, inputs, labels, message):
        with pytest.raises(ValueError, match=message):
            Examples.from_arrays(inputs, labels)

    def test_arrays_are_no_part_of_the_graph(self):
        examples = Examples.from_arrays({"a": np.zeros((1000, 100))}, np.zeros(1000, int))
        graph = tf.function(examples.read).get_concrete_function(tf.TensorSpec((), tf.int64)).graph
        assert graph.as_graph_def().ByteSize() < 10_000


def test_examples_are_varied_by_one_of_two_ways_only():
    few = Examples.from_arrays(INPUTS, LABELS)
    varied = Examples(4, few.read, vary=lambda index, seed: few.read(index))
    parts = ({"a": Modality((3,))}, ("zero",), varied, few, few, "")
    assert MultimodalDataset(*parts).train.vary is not None
    with pytest.raises(ValueError, match=r"train\.vary or by augment, not both"):
        MultimodalDataset(*parts, augment=lambda inputs, label, seed: (inputs, label))


def test_samples_need_a_folder_of_their_own(tmp_path):
    claim(tmp_path / "new" / "folder")
    with pytest.raises(MmbalError, match=rf"{tmp_path}: not empty \(holds new\)"):
        claim(tmp_path)
