"""Values that options refuse."""

from typing import Any

import pytest
from pydantic import ValidationError

from mmbal_nvgesture.options import NVGestureOptions


def test_defaults_are_those_of_i3d() -> None:
    options = NVGestureOptions()
    assert (options.frames, options.short_side, options.crop) == (64, 256, 224)
    assert (options.modalities, options.scaling) == (("color", "depth"), "signed")
    assert not options.flip


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"crop": 300}, "crop must be at most short_side, received 300 and 256"),
        ({"modalities": ("depth", "depth")}, "different ones, received"),
        ({"modalities": ()}, "at least 1 item"),
        ({"modalities": ("sound",)}, "'color', 'depth'"),
        ({"validation_subjects": 0}, "at least one subject, received 0"),
        ({"validation_subjects": ()}, "at least one subject, received ()"),
        ({"flip_pairs": ((1, 2), (2, 3))}, "every label once"),
        ({"flip_pairs": ((0, 1),)}, "from 1 on"),
        (
            {"flip": True, "classes": 3, "flip_pairs": ((1, 2), (3, 4))},
            "labels from 1 to classes = 3, received [(3, 4)]",
        ),
        ({"frames": 0}, "greater than or equal to 1"),
        ({"first_frame": 2}, "'auto', 0 or 1"),
        ({"depth_channels": 2}, "1 or 3"),
    ],
)
def test_what_is_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError) as caught:
        NVGestureOptions(**values)
    assert message in str(caught.value)


def test_the_default_pairs_fit_any_classes() -> None:
    assert NVGestureOptions(flip=True, classes=3).flip
    assert NVGestureOptions(classes=3, flip_pairs=((3, 4),)).flip_pairs == ((3, 4),)


def test_without_resizing_any_crop_may_fit() -> None:
    assert NVGestureOptions(short_side=None, crop=1000).crop == 1000
