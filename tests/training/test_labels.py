"""What form labels have, and who refuses which."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from mmbal import BalancedModel
from mmbal.errors import ContractError, RequirementError
from mmbal.laboratory.toys import GatedBranches
from mmbal.training.labels import ONE_LOGIT, SEVERAL, comparable, fault_of
from mmbal_gradients import OGM

HOT = np.eye(3, dtype="float32")
CASES = [
    (np.array([0, 2]), 3, ""),
    (np.array([[0], [2]]), 3, ""),
    (HOT, 3, ""),
    (HOT * 0.9 + 0.1 / 3, 3, "soft labels"),
    (np.array([[1, 1, 0], [0, 0, 1]]), 3, SEVERAL),
    (np.zeros((2, 3)), 3, SEVERAL),
    (HOT, 4, "labels of shape (3, 3)"),
    (np.array([0, 1]), 1, ONE_LOGIT),
    (np.array([[0.0], [1.0]]), 1, ONE_LOGIT),
    (None, 3, ""),
]


@pytest.mark.parametrize(("labels", "classes", "fault"), CASES)
def test_forms(labels, classes, fault):
    assert fault_of({}, labels, classes) == fault
    if labels is not None:
        batches = tf.data.Dataset.from_tensor_slices((np.zeros(len(labels)), labels)).batch(2)
        if fault.startswith("labels of"):
            fault = "labels of shape (2, 3)"
        assert fault_of(batches, None, classes) == fault


def test_of_class_indices_no_batch_is_read():
    def never():
        raise AssertionError
        yield

    spec = (tf.TensorSpec([None, 2]), tf.TensorSpec([None], tf.int64))
    endless = tf.data.Dataset.from_generator(never, output_signature=spec)
    assert fault_of(endless, None, 3) == ""


def test_of_a_pydataset_the_first_batch_is_looked_at():
    class Soft(keras.utils.PyDataset):
        def __len__(self):
            return 1

        def __getitem__(self, index):
            return {}, HOT / 2 + 1 / 6

    assert fault_of(Soft(), None, 3) == "soft labels"


def test_only_the_largest_of_several_logits_is_right_or_wrong():
    assert comparable("") is comparable("soft labels") is True
    assert comparable(ONE_LOGIT) is comparable(SEVERAL) is False


@pytest.fixture
def binary(make_data):
    """Return a function from logits and metrics to a compiled model, and its inputs."""

    def make(logits, metrics, strategy=None):
        dense = keras.layers.Dense
        model = BalancedModel(GatedBranches({m: [dense(4), dense(logits)] for m in "ab"}), strategy)
        loss = keras.losses.BinaryCrossentropy(from_logits=True)
        model.compile("sgd", loss, metrics, run_eagerly=True)
        return model, make_data(examples=8)[0]

    return make


@pytest.mark.parametrize(
    ("logits", "labels", "fault"),
    [
        (1, np.arange(8) % 2, ONE_LOGIT),
        (3, np.stack([np.arange(8) % 2, np.ones(8), np.arange(8) < 5], axis=1), SEVERAL),
    ],
)
class TestAccuracy:
    def test_is_refused_before_training(self, binary, logits, labels, fault):
        model, inputs = binary(logits, ["accuracy"])
        with pytest.raises(ContractError, match=f"received {fault}: name another metric") as error:
            model.fit(inputs, labels.astype("float32"), verbose=0)
        assert int(model.trace.steps) == 0
        with pytest.raises(ContractError, match=fault):
            model.evaluate(inputs, labels.astype("float32"), verbose=0)
        assert "BinaryAccuracy" in str(error.value)

    def test_of_branches_is_not_told(self, binary, logits, labels, fault):
        model, inputs = binary(logits, [keras.metrics.BinaryAccuracy(threshold=0.0)])
        logs = model.fit(inputs, labels.astype("float32"), verbose=0).history
        assert {"loss", "binary_accuracy"} <= set(logs)
        assert not {"accuracy", "branch_accuracy/a", "branch_accuracy/b"} & set(logs)

    def test_strategies_that_read_classes_refuse_them_too(self, binary, logits, labels, fault):
        model, inputs = binary(logits, [], OGM())
        with pytest.raises(RequirementError, match=f"OGM needs one class of each.*{fault}"):
            model.fit(inputs, labels.astype("float32"), verbose=0)
