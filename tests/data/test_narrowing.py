"""A dataset with some of its modalities: the others leave no trace, and change nothing."""

from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf

from mmbal.data import Examples, Modality, MultimodalDataset
from mmbal.data.contents import check_contents
from mmbal.data.narrowing import narrow
from mmbal.errors import ConfigError, DataFormatError

NAMES = ("left eye", "größe, cm", "c")
MODALITIES = {name: Modality((2,)) for name in NAMES}
PRESENCE = np.array([[1, 0, 1], [1, 1, 1], [0, 1, 0]], bool)
SEED = tf.constant([3, 4], tf.int64)


def examples():
    inputs = {name: np.full((3, 2), number, "float32") for number, name in enumerate(NAMES)}
    return replace(Examples.from_arrays(inputs, [0, 1, 1]), presence=PRESENCE)


def dataset(**changes):
    splits = {name: examples() for name in ("train", "validation", "test")}
    return MultimodalDataset(
        MODALITIES, ("no", "yes"), **{**splits, "fingerprint": "f", "notes": {"n": 1}, **changes}
    )


def noisy(inputs, label, seed):
    """Draw for all modalities in one go, so that each gets numbers of its own."""
    noise = tf.unstack(tf.random.stateless_uniform([len(NAMES), 2], seed))
    return {n: inputs[n] + each for n, each in zip(NAMES, noise, strict=True)}, label


def test_the_order_is_that_of_the_dataset_and_all_else_stays():
    found = narrow(dataset(), ["c", "left eye"])

    assert list(found.modalities) == ["left eye", "c"]
    assert (found.fingerprint, found.class_names, found.notes) == ("f", ("no", "yes"), {"n": 1})
    for split in (found.train, found.validation, found.test):
        inputs, label = split.read(tf.constant(1, tf.int64))
        assert {name: value.numpy().tolist() for name, value in inputs.items()} == {
            "left eye": [0, 0], "c": [2, 2],
        }  # fmt: skip
        assert label == 1
        assert set(split.inputs) == {"left eye", "c"}
        assert split.presence.tolist() == PRESENCE[:, [0, 2]].tolist()
        assert split.labels.tolist() == [0, 1, 1]
        assert split.vary is None


@pytest.mark.parametrize("modalities", [(), NAMES, NAMES[::-1]])
def test_none_and_all_leave_it_as_it_is(modalities):
    data = dataset()
    assert narrow(data, modalities) is data


def test_augmentation_sees_all_modalities_and_draws_the_same():
    data = dataset(augment=noisy)
    whole, _ = noisy(*data.train.read(tf.constant(2, tf.int64)), SEED)

    found = narrow(data, ["größe, cm"])

    inputs, label = found.train.vary(tf.constant(2, tf.int64), SEED)
    assert found.augment is None
    assert list(inputs) == ["größe, cm"]
    np.testing.assert_array_equal(inputs["größe, cm"], whole["größe, cm"])
    assert label == 1


def test_what_training_shows_is_narrowed_where_the_examples_vary():
    def vary(index, seed):
        return noisy(*examples().read(index), seed)

    found = narrow(dataset(train=replace(examples(), vary=vary)), ["c"])

    inputs, _ = found.train.vary(tf.constant(0, tf.int64), SEED)
    whole, _ = vary(tf.constant(0, tf.int64), SEED)
    assert list(inputs) == ["c"]
    np.testing.assert_array_equal(inputs["c"], whole["c"])


def test_what_is_not_known_stays_unknown():
    plain = replace(examples(), presence=None, inputs=None)
    found = narrow(dataset(test=plain), ["c"])
    assert found.test.presence is None
    assert found.test.inputs is None


def test_an_unknown_modality_is_named_with_the_nearest():
    with pytest.raises(
        ConfigError, match="modalities: unknown modality 'lefteye'; did you mean"
    ) as e:
        narrow(dataset(), ["c", "lefteye"])
    assert "'left eye'? (legal: c, größe, cm, left eye)" in str(e.value)


def test_what_is_promised_and_not_given_is_still_found():
    other = Examples.from_arrays({"left eye": np.zeros((3, 2), "float32")}, [0, 1, 1])
    data = narrow(dataset(test=other), ["c"])
    with pytest.raises(DataFormatError, match="declared are"):
        check_contents(data, ["test"])
