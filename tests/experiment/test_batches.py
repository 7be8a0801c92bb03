"""The batches of an epoch: who is shown, how often, in which order, and with what hidden."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from mmbal.data import Modality, MultimodalDataset
from mmbal.experiment import batches
from mmbal.experiment.batches import Sampler, plain_batches, training_batches
from mmbal.training.model import KEEP
from mmbal.training.strategy import SamplerPlan

EXAMPLES = 6


def make(examples=EXAMPLES, augment=None):
    """Return a dataset whose example i is (i, -i) with label i."""
    number = np.arange(examples, dtype="float32")[:, np.newaxis]
    rows = tf.data.Dataset.from_tensor_slices(
        ({"a": number, "b": -number}, np.arange(examples, dtype="int64"))
    )
    modalities = {"a": Modality((1,)), "b": Modality((1,))}
    return MultimodalDataset(modalities, ("zero",), rows, rows, rows, "", augment)


def ids(data):
    return np.concatenate([labels.numpy() for _, labels in data]).tolist()


def rows(sampler, data):
    """Return (label, keep mask) of every example that the sampler shows, in order."""
    return [
        (int(label), inputs[KEEP].numpy().tolist()) for inputs, label in sampler.choose(data.train)
    ]


class TestTrainingBatches:
    def test_every_example_once_an_epoch_inputs_beside_their_label(self):
        seen = []
        for inputs, labels in training_batches(make(), 4, seed=1):
            np.testing.assert_array_equal(inputs["a"].numpy()[:, 0], labels.numpy())
            np.testing.assert_array_equal(inputs["b"].numpy()[:, 0], -labels.numpy())
            seen.append(labels.numpy())
        assert [len(batch) for batch in seen] == [4, 2]
        assert sorted(np.concatenate(seen)) == list(range(EXAMPLES))

    def test_equal_seeds_give_equal_epochs_and_every_epoch_is_another(self):
        epochs = {}
        for seed in (1, 1, 2):
            keras.utils.set_random_seed(seed)
            data = training_batches(make(50), 16, seed=seed)
            epochs.setdefault(seed, []).append([ids(data) for _ in range(3)])
        assert epochs[1][0] == epochs[1][1]
        assert epochs[1][0] != epochs[2][0]
        first, second, third = epochs[1][0]
        assert first != second != third != first
        assert sorted(first) == sorted(second) == list(range(50))

    def test_length_is_known(self):
        assert int(training_batches(make(), 4, seed=1).cardinality()) == 2

    def test_augments_training_examples_only(self):
        def louder(inputs, label, seed):
            return {**inputs, "a": inputs["a"] + 100}, label

        data = make(augment=louder)
        for inputs, labels in training_batches(data, 3, seed=0):
            np.testing.assert_array_equal(inputs["a"].numpy()[:, 0], labels.numpy() + 100)
            np.testing.assert_array_equal(inputs["b"].numpy()[:, 0], -labels.numpy())
        for inputs, labels in plain_batches(data.train, 3):
            np.testing.assert_array_equal(inputs["a"].numpy()[:, 0], labels.numpy())

    def test_augmentation_is_drawn_anew_for_every_showing(self):
        def noisy(inputs, label, seed):
            noise = tf.random.stateless_uniform([1], seed)
            return {**inputs, "a": inputs["a"] + noise}, label

        def showings(seed):
            sampler = Sampler(EXAMPLES, 2)
            sampler.assign(SamplerPlan(np.array([3, 3, 3])))
            data = training_batches(make(augment=noisy), 3, seed=seed, sampler=sampler)
            return [x for _ in range(2) for inputs, _ in data for x in inputs["a"].numpy().flat]

        shown = showings(0)
        assert len(set(shown)) == len(shown) == 6
        assert all(3 <= value < 4 for value in shown)
        assert showings(0) == shown
        assert not set(showings(1)) & set(shown)

    def test_large_datasets_are_shuffled_through_a_window(self, monkeypatch):
        # 8 bytes an example; a budget of 16 KiB holds 2048 of them, never fewer than 1024.
        for budget, window in ((16 * 2**10, 2048), (1, 1024)):
            monkeypatch.setattr(batches, "SHUFFLE_BYTES", budget)
            order = np.array(ids(training_batches(make(6000), 500, seed=0)))
            assert sorted(order) == list(range(6000))
            ahead = (order - np.arange(6000)).max()
            assert window / 2 < ahead <= window


def test_plain_batches_keep_the_order():
    data = plain_batches(make().train, 4)
    assert ids(data) == ids(data) == list(range(EXAMPLES))
    assert int(data.cardinality()) == 2


class TestSampler:
    def test_shows_everything_until_the_first_plan(self):
        sampler = Sampler(EXAMPLES, 2)
        assert rows(sampler, make()) == [(i, [1, 1]) for i in range(EXAMPLES)]

    def test_shows_copies_each_with_its_own_mask(self):
        sampler = Sampler(EXAMPLES, 2)
        keep = np.array([[1, 0], [0, 1], [1, 1], [0, 0]])
        sampler.assign(SamplerPlan(np.array([4, 1, 4, 1]), keep))
        # Copies of one example stand together, in the order of the plan.
        assert rows(sampler, make()) == [(1, [0, 1]), (1, [0, 0]), (4, [1, 0]), (4, [1, 1])]

    def test_without_masks_all_modalities_are_shown(self):
        sampler = Sampler(EXAMPLES, 3)
        sampler.assign(SamplerPlan([0, 5]))
        assert rows(sampler, make()) == [(0, [1, 1, 1]), (5, [1, 1, 1])]

    def test_the_next_epoch_follows_the_new_plan(self):
        sampler = Sampler(EXAMPLES, 2)
        data = training_batches(make(), 2, seed=0, sampler=sampler)
        shown = [sorted(ids(data))]
        for plan in ([2, 2, 2, 0, 1, 3, 3, 5, 5], [4]):
            sampler.assign(SamplerPlan(np.array(plan)))
            shown.append(sorted(ids(data)))
        assert shown == [list(range(EXAMPLES)), [0, 1, 2, 2, 2, 3, 3, 5, 5], [4]]

    def test_batches_carry_masks(self):
        sampler = Sampler(EXAMPLES, 2)
        sampler.assign(SamplerPlan(np.array([1, 2]), np.array([[1, 0], [0, 1]])))
        data = training_batches(make(), 2, seed=0, sampler=sampler)
        ((inputs, labels),) = list(data)
        assert set(inputs) == {"a", "b", KEEP}
        expected = {1: [1, 0], 2: [0, 1]}
        for label, keep in zip(labels.numpy(), inputs[KEEP].numpy(), strict=True):
            assert keep.tolist() == expected[label]

    def test_copies_are_shuffled_apart(self):
        sampler = Sampler(EXAMPLES, 2)
        sampler.assign(SamplerPlan(np.repeat(np.arange(EXAMPLES), 5)))
        keras.utils.set_random_seed(0)
        order = ids(training_batches(make(), 30, seed=0, sampler=sampler))
        assert sorted(order) == sorted(list(range(EXAMPLES)) * 5)
        assert order != sorted(order)

    @pytest.mark.parametrize("bad", [[-1], [EXAMPLES], [], [0, 99]])
    def test_unknown_ids_are_refused(self, bad):
        sampler = Sampler(EXAMPLES, 2)
        with pytest.raises(ValueError, match=r"0\.\.5"):
            sampler.assign(SamplerPlan(np.array(bad)))
        assert len(rows(sampler, make())) == EXAMPLES

    @pytest.mark.parametrize("shape", [(2,), (2, 3), (3, 2)])
    def test_masks_of_another_shape_are_refused(self, shape):
        with pytest.raises(ValueError, match=r"\(2, 2\)") as caught:
            Sampler(EXAMPLES, 2).assign(SamplerPlan(np.array([0, 1]), np.ones(shape)))
        assert str(shape) in str(caught.value)
