"""What a model on several replicas refuses, and how it runs on one."""

import pytest
import tensorflow as tf

from mmbal.replicas.model import ReplicatedModel


@pytest.mark.parametrize(
    ("option", "why"),
    [
        ("steps_per_execution", "steps_per_execution must be 1 on 3 replicas, received 2"),
        ("jit_compile", "jit_compile must be False on 3 replicas, received True"),
        ("gradient_accumulation_steps", "must be None on 3 replicas, received 2"),
        ("ema_overwrite_frequency", "must be None on 3 replicas, received 2"),
        ("reduction", "must be a mean over examples on 3 replicas"),
    ],
)
def test_what_replicas_cannot_do_is_refused(on_three_replicas, option, why):
    assert why in on_three_replicas["refused"][option]


def test_nothing_else_is_refused(on_three_replicas):
    assert "none" not in on_three_replicas["refused"]


def test_training_and_evaluation_tell_what_one_device_tells(on_three_replicas):
    """Also of a batch of two rows, which all three replicas have whole."""
    shared, alone = on_three_replicas["fitted"], on_three_replicas["fitted alone"]
    assert (shared["replicas"], alone["replicas"]) == (3, 1)
    assert shared["steps"] == alone["steps"] == 4
    assert shared["fit"].keys() == alone["fit"].keys()
    for name, values in alone["fit"].items():
        assert shared["fit"][name] == pytest.approx(values, rel=1e-12), name
    assert shared["evaluate"] == pytest.approx(alone["evaluate"], rel=1e-12)


@pytest.mark.filterwarnings("ignore:Model doesn't support")  # under deterministic operations
def test_one_device_is_keras_own_way():
    model = ReplicatedModel("plain")
    assert model.replicas.count == 1
    assert model.distribute_strategy.num_replicas_in_sync == 1
    model.compile("sgd", steps_per_execution=9, jit_compile=True)
    rows, whole = model.share(tf.constant([[1.0], [2.0]]))
    assert rows.shape == (2, 1)
    assert whole
