"""What may be set, and what a wrong value is told."""

from typing import Any

import pytest
from pydantic import ValidationError

from mmbal_modelnet40.classes import CLASSES
from mmbal_modelnet40.options import ModelNet40Options


def test_forty_classes_in_alphabetical_order() -> None:
    assert len(CLASSES) == 40
    assert sorted(CLASSES) == list(CLASSES)
    assert CLASSES.index("flower_pot") == 15


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"views": (0, 12)}, r"views must be in 0..11, received [0, 12]"),
        ({"views": (-1, 6)}, r"views must be in 0..11, received [-1, 6]"),
        ({"views": (3, 3)}, "views must be different ones"),
        ({"views": (3,)}, "at least 2"),
        ({"classes": ("bed", "nightstand")}, "did you mean 'night_stand'?"),
        ({"classes": ("bed", "bed")}, "classes must be different ones"),
        ({"classes": ("bed",)}, "at least 2"),
        ({"render": {"elevation": 90}}, "less than 90"),
        ({"render": {"colour": 1}}, "Extra inputs"),
    ],
)
def test_wrong_options_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError) as caught:
        ModelNet40Options(**options)
    assert message in str(caught.value)


def test_every_option_says_what_it_does() -> None:
    for model in (ModelNet40Options, type(ModelNet40Options().render)):
        assert all(field.description for field in model.model_fields.values())
