"""Options say what is legal before any file is read (7.1, no. 11)."""

import pytest
from pydantic import ValidationError

from mmbal_colored_mnist.options import PALETTE, ColouringOptions, DigitsOptions, MnistOptions


@pytest.mark.parametrize("variance", [0, -0.02, 1.5, float("nan"), float("inf")])
def test_a_variance_that_cannot_be_drawn_is_refused(variance: float) -> None:
    with pytest.raises(ValidationError, match="colour_variance must be > 0 and at most 1"):
        ColouringOptions(colour_variance=variance)


@pytest.mark.parametrize(
    ("palette", "message"),
    [
        (PALETTE[:9], "palette shape 9x3, expected 10x3"),
        ([(1, 2)] * 10, "palette shape 10x2, expected 10x3"),
        ([*PALETTE[:9], (1, 2)], "palette shape 10x2 or 3, expected 10x3"),
        ([], "palette shape 0x0, expected 10x3"),
        ([*PALETTE[:9], (1, 2, 256)], r"\(1, 2, 256\) of label 9 outside 0..255"),
        ([(-1, 2, 3), *PALETTE[:9]], r"\(-1, 2, 3\) of label 0 outside 0..255"),
    ],
)
def test_a_palette_that_is_not_ten_colours_is_refused(palette: object, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        ColouringOptions(palette=palette)


@pytest.mark.parametrize(
    "wrong",
    [
        {"range_rule": "wrap"},
        {"validation_fraction": 0},
        {"validation_fraction": 1},
        {"train_examples": 0},
        {"image_size": 4},
        {"seed": -1},
        {"color_variance": 0.03},
        {"allow_pickle": True},
    ],
)
def test_other_illegal_values_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        ColouringOptions(**wrong)


def test_defaults_are_the_published_protocol() -> None:
    options = MnistOptions()
    assert options.colour_variance == 0.03
    assert options.range_rule == "reject"
    assert options.palette[0] == (220, 20, 60)
    assert options.palette[9] == (128, 0, 0)
    assert not options.allow_pickle
    assert DigitsOptions().image_size == 16


def test_every_option_is_described() -> None:
    for options in (MnistOptions, DigitsOptions):
        assert all(field.description for field in options.model_fields.values())
