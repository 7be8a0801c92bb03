"""The batches of an epoch: who is shown, in which order, and which host reads it."""

import dataclasses
from itertools import chain
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf

from mmbal.data import Examples, Modality, MultimodalDataset
from mmbal.errors import MmbalError
from mmbal.experiment.batches import TrainingBatches, plain_batches
from mmbal.experiment.sampler import Sampler
from mmbal.replicas.rows import annotated
from mmbal.strategies.context import SamplerPlan


def counted(count):
    """Return examples whose i-th is (i, -i) with label i, and how often each was read."""
    reads = tf.Variable(tf.zeros([count], tf.int64))

    def read(index):
        reads.scatter_nd_add([[index]], tf.ones([1], tf.int64))
        number = tf.cast(index, tf.float32)[tf.newaxis]
        return {"a": number, "b": -number}, index

    return Examples(count, read), reads


def make(count=10, augment=None):
    """Return such a dataset; all its splits are the same."""
    examples, _ = counted(count)
    modalities = {"a": Modality((1,)), "b": Modality((1,))}
    return MultimodalDataset(modalities, ("zero",), examples, examples, examples, "", augment)


def noisy(inputs, label, seed):
    """Show the seed in place of an input."""
    return {**inputs, "a": seed}, label


def hosts(workers, local=1):
    """Return what every one of several hosts knows of the replicas."""
    return [
        SimpleNamespace(count=workers * local, workers=workers, worker=worker)
        for worker in range(workers)
    ]


def labels(dataset):
    """Return the labels of every batch."""
    return [labels.numpy().tolist() for _, labels in dataset]


def joined(parts):
    """Return one list of many."""
    return list(chain.from_iterable(parts))


def epoch(batches, number=0, step=0):
    """Return the labels of the batches of an epoch from a step on."""
    batches.start(number, step)
    return labels(batches.dataset)


def seeds(batches, number=0, step=0):
    """Return (label, seed) of every showing of an epoch from a step on."""
    batches.start(number, step)
    return [
        (int(label), *seed.numpy().tolist())
        for x, found in batches.dataset
        for label, seed in zip(found, annotated(x).inputs["a"], strict=True)
    ]


class TestOrder:
    def test_every_example_once_an_epoch_inputs_beside_their_label(self):
        batches = TrainingBatches(make(), 4, seed=1)
        seen = []
        for inputs, found in batches.dataset:
            np.testing.assert_array_equal(inputs["a"].numpy()[:, 0], found.numpy())
            np.testing.assert_array_equal(inputs["b"].numpy()[:, 0], -found.numpy())
            seen.append(found.numpy())
        assert [len(batch) for batch in seen] == [4, 4, 2]
        assert sorted(np.concatenate(seen)) == list(range(10))
        assert batches.steps_per_epoch == batches.length == 3

    def test_follows_seed_and_epoch_alone(self):
        data = make(50)
        orders = {}
        for seed in (1, 2, 1):
            tf.random.set_seed(seed + len(orders))
            batches = TrainingBatches(data, 16, seed)
            found = [epoch(batches, number) for number in (0, 1, 2)]
            assert orders.setdefault(seed, found) == found
        every = [tuple(joined(order)) for found in orders.values() for order in found]
        assert len(set(every)) == 6
        assert {tuple(sorted(order)) for order in every} == {tuple(range(50))}

    def test_batch_size_cuts_the_same_order(self):
        data = make(20)
        orders = [joined(epoch(TrainingBatches(data, size, 3), 5)) for size in (1, 7, 20, 99)]
        assert orders == orders[:1] * 4

    def test_an_iteration_without_a_start_repeats_the_epoch(self):
        batches = TrainingBatches(make(), 4, seed=1)
        first = labels(batches.dataset)
        assert labels(batches.dataset) == first == epoch(batches, 0)
        assert epoch(batches, 1) != first

    @pytest.mark.parametrize("step", range(4))
    def test_starts_at_any_step_and_reads_nothing_before_it(self, step):
        examples, reads = counted(10)
        batches = TrainingBatches(SimpleNamespace(train=examples, augment=None), 4, seed=1)
        whole = epoch(batches, 3)
        reads.assign(tf.zeros_like(reads))
        assert epoch(batches, 3, step) == whole[step:]
        shown = joined(whole[step:])
        assert reads.numpy().tolist() == [int(index in shown) for index in range(10)]

    def test_rows_name_the_examples_of_a_step(self):
        batches = TrainingBatches(make(), 4, seed=1)
        for number in (0, 1):
            found = [batches.rows(number, step).tolist() for step in range(3)]
            assert found == epoch(batches, number)


class TestHosts:
    @pytest.mark.parametrize(
        ("workers", "local"), [(2, 1), pytest.param(3, 1, marks=pytest.mark.deep), (3, 2)]
    )
    @pytest.mark.parametrize("count", [12, 13, 17, 22])
    def test_share_the_batches_of_one_host(self, count, workers, local):
        """Batches of 6: the last is full, or of 1, 5 or 4, which is too small for some."""
        data = make(count)
        alone = TrainingBatches(data, 6, 4)
        parts = [TrainingBatches(data, 6, 4, None, each) for each in hosts(workers, local)]
        for number, step in ((0, 0), (1, 1), (1, -(-count // 6))):
            for each in parts:
                each.start(number, step)
            read = [list(each.dataset) for each in parts]
            for batch, *shares in zip(epoch(alone, number, step), *read, strict=True):
                few = len(batch) < workers * local
                shown = [found.numpy().tolist() for _, found in shares]
                if few:
                    assert shown == [batch] * workers
                else:
                    bounds = [len(batch) * worker // workers for worker in range(workers + 1)]
                    assert [len(share) for share in shown] == np.diff(bounds).tolist()
                    assert joined(shown) == batch
                assert all(set(x.notes["whole"].numpy()) == {few} for x, _ in shares)

    def test_read_every_example_once_together(self):
        examples, reads = counted(11)
        data = SimpleNamespace(train=examples, augment=None)
        for replicas in hosts(3):
            epoch(TrainingBatches(data, 4, 0, None, replicas))
        assert reads.numpy().tolist() == [1] * 11

    def test_score_plain_batches_by_the_same_rule(self):
        examples = make().train
        parts = [plain_batches(examples, 4, replicas) for replicas in hosts(2)]
        assert [labels(part) for part in parts] == [[[0, 1], [4, 5], [8]], [[2, 3], [6, 7], [9]]]
        assert [int(part.cardinality()) for part in parts] == [3, 3]

    def test_a_batch_has_a_row_for_every_replica(self):
        with pytest.raises(MmbalError, match="at least the number of replicas, 6; received 5"):
            TrainingBatches(make(), 5, 0, None, hosts(3, local=2)[0])


class TestAugmentation:
    def test_touches_training_examples_only(self):
        data = make(augment=lambda inputs, label, seed: ({**inputs, "a": -inputs["a"]}, label))
        for inputs, found in TrainingBatches(data, 3, seed=0).dataset:
            np.testing.assert_array_equal(inputs["a"].numpy()[:, 0], -found.numpy())
        for inputs, found in plain_batches(data.train, 3):
            np.testing.assert_array_equal(inputs["a"].numpy()[:, 0], found.numpy())

    def test_every_showing_has_a_seed_of_its_own_and_equal_runs_the_same(self):
        data = make(augment=noisy)
        shown = [
            [seeds(TrainingBatches(data, 4, seed), number) for number in (0, 1)]
            for seed in (0, 0, 1)
        ]
        assert shown[0] == shown[1]
        pairs = [pair[1:] for run in shown[1:] for number in run for pair in number]
        assert len(set(pairs)) == len(pairs) == 40

    def test_seeds_depend_neither_on_hosts_nor_on_interruptions(self):
        data = make(13, augment=noisy)
        alone = TrainingBatches(data, 4, 2)
        whole = seeds(alone, 3)
        assert seeds(alone, 3, 2) == whole[8:]
        parts = [seeds(TrainingBatches(data, 4, 2, None, r), 3) for r in hosts(2)]
        assert set(parts[0]) | set(parts[1]) == set(whole)
        # Four in each full batch, and the last one's only example on both hosts.
        assert [len(part) for part in parts] == [7, 7]

    def test_a_second_reader_shows_what_the_first_does_not(self):
        data, plain = make(13, augment=noisy), make(13)
        varied = Examples(13, plain.train.read, lambda index, seed: ({"a": seed, "b": seed}, index))
        second = dataclasses.replace(plain, train=varied)
        for inputs, found in plain_batches(second.train, 4):
            np.testing.assert_array_equal(inputs["a"].numpy()[:, 0], found.numpy())
        # The seeds of an augmentation, so that they too follow seed, epoch and step alone.
        for replicas in (None, *hosts(2)):
            augmented = seeds(TrainingBatches(data, 4, 2, None, replicas), 3, 1)
            assert seeds(TrainingBatches(second, 4, 2, None, replicas), 3, 1) == augmented

    def test_seeds_belong_to_showings_not_to_examples(self):
        sampler = Sampler(10, 2)
        sampler.assign(SamplerPlan(np.array([3, 3, 3])))
        shown = seeds(TrainingBatches(make(augment=noisy), 2, 0, sampler))
        assert [label for label, *_ in shown] == [3, 3, 3]
        assert len(set(shown)) == 3


class TestSampledBatches:
    def test_carry_ids_and_masks_shuffled(self):
        sampler = Sampler(10, 2)
        keep = {4: [1, 0], 2: [0, 1], 9: [0, 0]}
        ids = [4, 2, 9] * 5
        sampler.assign(SamplerPlan(np.array(ids), np.array([keep[i] for i in ids])))
        batches = TrainingBatches(make(), 4, 0, sampler)
        shown = []
        for x, found in batches.dataset:
            assert set(x.inputs) == {"a", "b"}
            assert x.notes["keep"].numpy().tolist() == [keep[label] for label in found.numpy()]
            shown += found.numpy().tolist()
        assert sorted(shown) == sorted(ids)
        assert shown != ids
        assert np.concatenate([batches.rows(0, step) for step in range(4)]).tolist() == shown

    def test_tell_which_examples_they_show_where_that_is_asked_for(self):
        data = make()
        for x, found in TrainingBatches(data, 4, 0, ids=True).dataset:
            assert x.notes["ids"].numpy().tolist() == found.numpy().tolist()
            assert set(x.notes) == {"ids"}
        assert all(isinstance(x, dict) for x, _ in TrainingBatches(data, 4, 0).dataset)

    def test_every_epoch_follows_the_plan_then_in_force(self):
        sampler = Sampler(4, 2)
        batches = TrainingBatches(make(4), 2, 0, sampler)
        assert batches.steps_per_epoch is None
        shown, lengths = [sorted(joined(epoch(batches)))], [batches.length]
        for number, plan in enumerate([[2, 2, 2, 0, 1], [3]], start=1):
            sampler.assign(SamplerPlan(np.array(plan)))
            shown.append(sorted(joined(epoch(batches, number))))
            lengths.append(batches.length)
        assert shown == [[0, 1, 2, 3], [0, 1, 2, 2, 2], [3]]
        assert lengths == [2, 3, 1]

    def test_hosts_share_them_and_resume_inside(self):
        sampler = Sampler(10, 2)
        sampler.assign(SamplerPlan(np.array([1, 1, 7, 5, 5, 0, 2])))
        alone = epoch(TrainingBatches(make(), 3, 0, sampler), 1, 1)
        parts = [epoch(TrainingBatches(make(), 3, 0, sampler, r), 1, 1) for r in hosts(2)]
        assert [len(batch) for batch in alone] == [3, 1]
        assert joined(part[0] for part in parts) == alone[0]
        assert [part[1] for part in parts] == [alone[1]] * 2


def test_plain_batches_keep_the_order():
    data = plain_batches(make(6).train, 4)
    assert labels(data) == labels(data) == [[0, 1, 2, 3], [4, 5]]
    assert int(data.cardinality()) == 2
