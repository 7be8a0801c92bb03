"""What users can set of the dataset; nothing heavy is imported here."""

from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator, model_validator

from mmbal_media import MediaOptions
from mmbal_nvgesture.sensors import SensorName

MIRRORED = ((1, 2), (5, 6), (20, 21))
"""Labels that are one another's mirror image."""


class NVGestureOptions(MediaOptions):
    """Options of nvgesture."""

    modalities: tuple[SensorName, ...] = Field(
        default=("color", "depth"),
        min_length=1,
        description="sensors to read; duo_right and duo_disparity have the windows of duo_left",
    )
    frames: int = Field(
        default=64,
        ge=1,
        le=1000,
        description="frames of an example: a random stretch of the window in training, the "
        "middle one otherwise",
    )
    stride: int = Field(default=1, ge=1, le=100, description="take every n-th frame of the window")
    short_side: int | None = Field(
        default=256,
        ge=16,
        le=1024,
        description="pixels of the shorter side after resizing (bilinear); none keeps the files' "
        "own size",
    )
    crop: int = Field(
        default=224,
        ge=16,
        le=1024,
        description="height and width of an example: one crop for all sensors and frames, at "
        "random in training, from the middle otherwise",
    )
    scaling: Literal["signed", "unit", "imagenet"] = Field(
        default="signed",
        description="of pixels: to [-1, 1], to [0, 1], or by ImageNet's mean and deviation for "
        "color and to [0, 1] for gray sensors",
    )
    short_window: Literal["edge", "zero", "tick"] = Field(
        default="edge",
        description="where a window has fewer frames than asked for: repeat its first and last "
        "one, add black ones on both sides, or spread the frames over it and repeat each",
    )
    past_end: Literal["fail", "clamp", "pad_last"] = Field(
        default="fail",
        description="a window that goes on after the end of a video is a bad example, is cut "
        "for all sensors, or is filled up with the last frame",
    )
    damaged_frames: Literal["fail", "conceal"] = Field(
        default="fail",
        description="a frame that cannot be decoded without errors makes a bad example, or is "
        "taken as the decoder guesses it",
    )
    depth_channels: Literal[1, 3] = Field(
        default=3,
        description="channels of depth and duo_*, which are gray: 3 repeats one, as RGB weights "
        "need it",
    )
    flip: bool = Field(
        default=False,
        description="mirror training clips with probability 1/2 and swap the labels of flip_pairs",
    )
    flip_pairs: tuple[tuple[int, int], ...] = Field(
        default=MIRRORED,
        description="labels, as in the lists, that become one another in the mirror; of the "
        "default ones those up to classes",
    )
    classes: int = Field(
        default=25, ge=2, le=1000, description="labels of the lists run from 1 to this"
    )
    train_list: str | None = Field(
        default=None,
        min_length=1,
        description="file name of the training list; none takes the first of the published names "
        "that is there",
    )
    test_list: str | None = Field(
        default=None, min_length=1, description="file name of the test list, as train_list"
    )
    layout: Literal["auto", "video", "frames"] = Field(
        default="auto",
        description="read sk_color.avi, or the folder sk_color (or sk_color_all) of numbered "
        "images; auto takes the video if there is one",
    )
    first_frame: Literal["auto", 0, 1] = Field(
        default="auto",
        description="number of the first image in such a folder; auto takes the smallest one",
    )
    validation_subjects: int | tuple[int, ...] = Field(
        default=2,
        description="subjects of the training list that are held out: how many, drawn by the "
        "seed, or a list of their numbers",
    )
    validation_fraction: float | None = Field(
        default=None,
        gt=0,
        lt=1,
        description="hold out this share of the training clips of every class instead; subjects "
        "are then on both sides",
    )
    sample: int = Field(
        default=6,
        ge=3,
        le=1000,
        description="people of `mmbal data sample` and `--sample`, who make three gestures each; a "
        "third of them are to test on",
    )
    cache: Path | None = Field(
        default=None,
        description="folder of decoded and resized clips, memory-mapped and shared by runs, "
        "about 28 MB per clip; none takes what `mmbal data prepare` has put beside the lists, "
        "and decodes the rest in every epoch",
    )

    def modality_names(self) -> tuple[str, ...]:
        """Return the sensors."""
        return self.modalities

    @field_validator("modalities")
    @classmethod
    def _different(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(value)) != len(value):
            raise ValueError(f"modalities must be different ones, received {list(value)}")
        return value

    @field_validator("validation_subjects")
    @classmethod
    def _some(cls, value: int | tuple[int, ...]) -> int | tuple[int, ...]:
        if value == () or (isinstance(value, int) and value < 1):
            raise ValueError(f"must name or count at least one subject, received {value!r}")
        return value

    @field_validator("flip_pairs")
    @classmethod
    def _each_once(cls, value: tuple[tuple[int, int], ...]) -> tuple[tuple[int, int], ...]:
        labels = [label for pair in value for label in pair]
        if len(set(labels)) != len(labels) or any(label < 1 for label in labels):
            raise ValueError(f"pairs must hold every label once, from 1 on; received {value!r}")
        return value

    @model_validator(mode="after")
    def _flips_to_classes(self) -> "NVGestureOptions":
        far = [p for p in self.flip_pairs if max(p) > self.classes and p not in MIRRORED]
        if self.flip and far:
            raise ValueError(
                f"flip_pairs must hold labels from 1 to classes = {self.classes}, received {far}"
            )
        return self

    @model_validator(mode="after")
    def _crop_fits(self) -> "NVGestureOptions":
        if self.short_side is not None and self.crop > self.short_side:
            raise ValueError(
                f"crop must be at most short_side, received {self.crop} and {self.short_side}"
            )
        return self
