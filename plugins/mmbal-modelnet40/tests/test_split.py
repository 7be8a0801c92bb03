"""Validation: the published rule by its golden numbers, ours by its shares."""

import numpy as np

from mmbal_modelnet40.split import hold_out, hold_out_as_reference


def test_the_published_split_of_all_objects() -> None:
    kept, held = hold_out_as_reference(9843, 0.2)
    assert (len(kept), len(held)) == (7875, 1968)
    assert held[:8].tolist() == [6397, 347, 4145, 8623, 7479, 9840, 4594, 6966]
    assert kept[:4].tolist() == [2330, 8251, 6993, 1665]


def test_the_published_split_of_twenty() -> None:
    kept, held = hold_out_as_reference(20, 0.2)
    assert held.tolist() == [14, 11, 5, 6]
    assert kept[:8].tolist() == [19, 8, 9, 12, 16, 2, 10, 4]
    assert sorted([*kept, *held]) == list(range(20))


def test_every_class_gives_its_share() -> None:
    labels = np.repeat([0, 1, 2], [50, 30, 20])
    kept, held = hold_out(labels, 0.2, seed=4)
    assert np.bincount(labels[held]).tolist() == [10, 6, 4]
    assert sorted([*kept, *held]) == list(range(100))
    assert hold_out(labels, 0.2, seed=4)[1].tolist() == held.tolist()
    assert hold_out(labels, 0.2, seed=5)[1].tolist() != held.tolist()
