"""Whole subjects are held out, or a share of every class."""

from typing import Any

import numpy as np
import pytest

from mmbal.errors import ConfigError
from mmbal_nvgesture.lists import Clip
from mmbal_nvgesture.options import NVGestureOptions
from mmbal_nvgesture.split import split_clips

# The subjects of the published training list.
SUBJECTS = (1, 2, 3, 4, 6, 7, 11, 12, 15, 16, 17, 18)


def clips(subjects: tuple[int | None, ...] = SUBJECTS) -> list[Clip]:
    return [
        Clip(
            key=f"train.lst:{number}",
            split="train",
            path=f"subject{subject}_r0",
            subject=subject,
            label=number % 5,
            windows={},
        )
        for number, subject in enumerate(subjects * 10)
    ]


def subjects_of(indices: Any) -> set[int | None]:
    return {clips()[index].subject for index in indices}


def test_subjects_are_drawn_whole_by_the_seed() -> None:
    drawn = []
    for seed in range(20):
        _, kept, held = split_clips(clips(), NVGestureOptions(), seed)
        assert sorted([*kept, *held]) == list(range(120))
        assert len(subjects_of(held)) == 2
        assert not subjects_of(kept) & subjects_of(held)
        drawn.append(frozenset(subjects_of(held)))
    assert len(set(drawn)) > 10
    again = split_clips(clips(), NVGestureOptions(), 7)[2]
    assert subjects_of(again) == drawn[7]


def test_named_subjects() -> None:
    for seed in (0, 1):
        held = split_clips(clips(), NVGestureOptions(validation_subjects=(4, 18)), seed)[2]
        assert subjects_of(held) == {4, 18}


def test_a_share_of_every_class() -> None:
    _, kept, held = split_clips(clips(), NVGestureOptions(validation_fraction=0.25), 0)
    labels = np.array([clip.label for clip in clips()])
    assert np.bincount(labels[held]).tolist() == [6] * 5
    assert len(kept) == 90


@pytest.mark.parametrize(
    ("options", "subjects", "message"),
    [
        ({"validation_subjects": 12}, SUBJECTS, "= 12 leaves none of 12 to train on (1, 2, 3"),
        ({"validation_subjects": (5,)}, SUBJECTS, "no training clip of subject 5 (there are 1, 2"),
        ({}, (1, None), "train.lst:1: subjectNone_r0 does not tell the subject"),
    ],
)
def test_what_cannot_be_held_out(
    options: dict[str, Any], subjects: tuple[int | None, ...], message: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        split_clips(clips(subjects), NVGestureOptions(**options), 0)
    assert message in str(caught.value)


def test_a_share_needs_no_subjects() -> None:
    options = NVGestureOptions(validation_fraction=0.5)
    assert len(split_clips(clips((None,)), options, 0)[2]) == 5


def test_the_rule_is_told_where_nothing_is_left() -> None:
    options = NVGestureOptions(validation_subjects=(2, 1))
    rule, kept, held = split_clips(clips((1, 2)), options, 0)
    assert (rule, len(kept), len(held)) == ("validation_subjects = [1, 2]", 0, 20)
