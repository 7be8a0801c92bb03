"""Examples read by Python code: on several threads, and with errors that users can read."""

import threading

import numpy as np
import pytest
import tensorflow as tf

from mmbal.data import Examples, Modality
from mmbal.data.python_reader import from_python, telling_bad_examples
from mmbal.errors import DataFormatError

MODALITIES = {"a": Modality((2,), "uint8"), "b": Modality((), "float32")}


def example(index):
    return {"b": np.float32(index / 2), "a": np.array([index, 7], "uint8")}


def examples(read, count=4):
    reader = from_python(read, MODALITIES)
    return Examples(count, lambda index: (reader(index), index))


def test_arrays_become_tensors_of_known_shape():
    data = examples(example).dataset([3, 1])
    spec = data.element_spec[0]
    assert spec == {"a": tf.TensorSpec((2,), tf.uint8), "b": tf.TensorSpec((), tf.float32)}
    found = [(inputs["a"].numpy().tolist(), float(inputs["b"])) for inputs, _ in data]
    assert found == [([3, 7], 1.5), ([1, 7], 0.5)]


@pytest.fixture
def _deterministic():
    tf.config.experimental.enable_op_determinism()
    yield
    from tensorflow.python.framework import config  # there is no public way back

    config.disable_op_determinism()


@pytest.mark.usefixtures("_deterministic")
def test_two_threads_read_at_a_time_even_where_runs_are_deterministic():
    both = threading.Barrier(2, timeout=120)

    def wait(index):
        both.wait()  # breaks unless somebody else comes as well
        return example(index)

    rows = tf.data.Dataset.range(2).map(examples(wait).read, num_parallel_calls=2)
    assert [int(label) for _, label in rows] == [0, 1]


def test_a_bad_example_is_told_in_its_own_words():
    def refuse(index):
        if index == 2:
            raise DataFormatError("train.lst:3: sk_color.avi: cannot decode frame 5")
        return example(index)

    message = r"^train\.lst:3: sk_color\.avi: cannot"
    with pytest.raises(DataFormatError, match=message) as caught, telling_bad_examples():
        list(examples(refuse).dataset())
    assert caught.value.__suppress_context__


def test_a_file_that_cannot_be_read_is_a_bad_example():
    def refuse(index):
        raise PermissionError(13, "Permission denied", "clips/sk_color.avi")

    message = r"^clips/sk_color\.avi: Permission denied$"
    with pytest.raises(DataFormatError, match=message), telling_bad_examples():
        list(examples(refuse).dataset())


def test_other_failures_stay_what_they_are():
    def fail(index):
        raise KeyError("a bug")

    with pytest.raises(tf.errors.OpError, match="a bug"), telling_bad_examples():
        list(examples(fail).dataset())
