"""What a label bit may be, and how likely everything is that modalities are told of it."""

import pytest
from pydantic import ValidationError

from mmbal_planted import Bit


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            {"kind": "unique", "flips": {"a": 0.1, "b": 0.1}},
            "unique bit is told to exactly one modality, received",
        ),
        ({"kind": "unique", "flips": {}}, "exactly one modality, received flips = {}"),
        ({"kind": "redundant", "flips": {"a": 0.1}}, "redundant bit is told to two or more"),
        ({"kind": "synergistic", "flips": {"a": 0.1}}, "synergistic bit is told to two or more"),
        ({"kind": "unique", "flips": {"a": 0.51}}, "less than or equal to 0.5"),
        ({"kind": "unique", "flips": {"a": -0.01}}, "greater than or equal to 0"),
        ({"kind": "unique", "flips": {"a": float("nan")}}, "less than or equal to 0.5"),
        ({"kind": "xor", "flips": {"a": 0.1}}, "'unique', 'redundant' or 'synergistic'"),
        (
            {"kind": "unique", "flips": {"left": 0.1}, "test_flips": {"lefd": 0.2}},
            "test_flips: unknown modality 'lefd'; did you mean 'left'",
        ),
    ],
)
def test_a_bit_that_cannot_be_is_refused(given, message):
    with pytest.raises(ValidationError) as caught:
        Bit(**given)

    assert message in str(caught.value)


def test_a_redundant_bit_is_flipped_for_each_apart():
    bit = Bit(kind="redundant", flips={"a": 0.1, "b": 0.2})

    assert bit.outcomes("b") == [(0.8, 0.2), (0.2, 0.8)]
    assert [sum(each) for each in zip(*bit.outcomes("ab"), strict=True)] == pytest.approx([1, 1])
    assert bit.outcomes("ab")[1] == pytest.approx((0.9 * 0.2, 0.1 * 0.8))  # a heard 0, b heard 1


def test_one_bit_of_two_says_nothing_of_their_parity():
    bit = Bit(kind="synergistic", flips={"a": 0.1, "b": 0.1})

    assert bit.outcomes("a") == [(0.5, 0.5), (0.5, 0.5)]
    assert bit.outcomes("ab")[1] == pytest.approx((0.25 * 0.36, 0.25 * 1.64))


def test_those_who_are_told_nothing_do_not_count():
    bit = Bit(kind="unique", flips={"a": 0.1})

    assert bit.outcomes("b") == bit.outcomes("") == [(1, 1)]
    assert bit.told_to(["b", "a"]) == ["a"]


def test_the_test_may_flip_otherwise():
    bit = Bit(kind="redundant", flips={"a": 0, "b": 0.05}, test_flips={"a": 0.5})

    assert bit.in_test() == Bit(kind="redundant", flips={"a": 0.5, "b": 0.05})
