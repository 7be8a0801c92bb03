"""What users can set of the three datasets; nothing heavy is imported here."""

from typing import Literal

from pydantic import Field, field_validator

from mmbal import Options

Colour = tuple[int, int, int]

# The mean colours of Kim et al. 2019 (supplement), RGB in 0..255, for the labels 0..9.
PALETTE: tuple[Colour, ...] = (
    (220, 20, 60),  # crimson
    (0, 128, 128),  # teal
    (253, 233, 16),  # lemon
    (0, 149, 182),  # bondi blue
    (237, 145, 33),  # carrot
    (145, 30, 188),  # violet
    (70, 240, 240),  # cyan
    (250, 197, 187),  # pink
    (210, 245, 60),  # lime
    (128, 0, 0),  # maroon
)


class ColouringOptions(Options):
    """How images are coloured, chosen and sized; shared by the three datasets."""

    colour_variance: float = Field(
        default=0.03,
        description="variance of every colour channel around its mean, on a scale of 0..1; "
        "published values are 0.020 to 0.050 in steps of 0.005, and less is easier to learn",
    )
    range_rule: Literal["reject", "clip"] = Field(
        default="reject",
        description="a channel drawn outside 0..1 is drawn again (reject) or moved to the "
        "border (clip)",
    )
    palette: tuple[tuple[int, ...], ...] = Field(
        default=PALETTE, description="mean colour of each of the 10 labels, RGB in 0..255"
    )
    seed: int | None = Field(
        default=None,
        ge=0,
        description="seed of the split and of the colours; none takes the run's seed, a number "
        "keeps the data the same over runs of different seeds",
    )
    train_examples: int | None = Field(
        default=None,
        ge=20,
        description="use a seeded subset of this many training images, from which validation "
        "is carved; none uses all",
    )
    validation_fraction: float = Field(
        default=0.1, gt=0, lt=1, description="share of the training images held out, by label"
    )
    image_size: int | None = Field(
        default=None,
        ge=8,
        le=512,
        description="height and width in pixels, bilinear; none keeps the files' own",
    )

    def modality_names(self) -> tuple[str, ...]:
        """Return both, in their order."""
        return ("gray", "color")

    @field_validator("colour_variance")
    @classmethod
    def _positive(cls, value: float) -> float:
        # Above 1 nearly every draw leaves the range and rejection would not come to an end.
        if not 0 < value <= 1:
            raise ValueError(f"colour_variance must be > 0 and at most 1, received {value}")
        return value

    @field_validator("palette")
    @classmethod
    def _ten_colours(cls, value: tuple[tuple[int, ...], ...]) -> tuple[tuple[int, ...], ...]:
        widths = sorted({len(colour) for colour in value})
        if len(value) != 10 or widths != [3]:
            width = " or ".join(map(str, widths)) or "0"
            raise ValueError(f"palette shape {len(value)}x{width}, expected 10x3")
        for label, colour in enumerate(value):
            if not all(0 <= channel <= 255 for channel in colour):
                raise ValueError(f"palette colour {colour} of label {label} outside 0..255")
        return value


class FashionOptions(ColouringOptions):
    """Options of colored-fashion-mnist."""


class MnistOptions(ColouringOptions):
    """Options of colored-mnist."""

    colours: Literal["drawn", "published"] = Field(
        default="drawn",
        description="draw the colours here, or read Kim et al.'s published file "
        "mmnist_10color_jitter_var_<colour_variance>.npy from --data-dir",
    )
    allow_pickle: bool = Field(
        default=False,
        description="the published file is a Python pickle, and reading one runs the code in it: "
        "say true only if you trust the file",
    )


class DigitsOptions(ColouringOptions):
    """Options of colored-digits."""

    image_size: int | None = Field(
        default=16,
        ge=8,
        le=512,
        description="height and width in pixels, bilinear; none keeps the native 8",
    )
    test_fraction: float = Field(
        default=0.2, gt=0, lt=1, description="share of all images held out for testing, by label"
    )
