"""Validation by the published rule: its golden numbers."""

from mmbal_modelnet40.split import hold_out_as_reference


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
