"""What users can set of the dataset; nothing heavy is imported here."""

from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator

from mmbal import Options
from mmbal.errors import unknown
from mmbal_media import MediaOptions
from mmbal_modelnet40.classes import CLASSES, VIEWS


class RenderOptions(Options):
    """How `mmbal data prepare` draws meshes: camera, light and image.

    The defaults follow Su et al. 2015: 12 cameras on a circle 30 degrees above the object, one
    every 30 degrees, the object scaled to fill the frame, perspective; ambient 0.3 and diffuse
    0.6 as in their published code. Their distance and angle of view are not known.
    """

    size: int = Field(
        default=224, ge=16, le=1024, description="height and width of the images in pixels"
    )
    elevation: float = Field(
        default=30, gt=-90, lt=90, description="degrees of the cameras above the ground plane"
    )
    azimuth: float = Field(
        default=0,
        ge=-360,
        le=360,
        description="degrees of the first camera about +Z, from +X; the next ones follow every 30",
    )
    projection: Literal["perspective", "orthographic"] = Field(
        default="perspective", description="of the camera"
    )
    field_of_view: float = Field(
        default=30, ge=1, le=120, description="degrees that a perspective camera sees"
    )
    framing: Literal["ball", "box", "view"] = Field(
        default="ball",
        description="what fills the frame: the smallest ball around the object (one scale for "
        "all views), twice the largest side of its box (as BlenderPhong does), or the outline "
        "in each view (as the MATLAB code of MVCNN does)",
    )
    margin: float = Field(
        default=0.05, ge=0, le=0.45, description="part of the frame left free on every side"
    )
    ambient: float = Field(default=0.3, ge=0, le=1, description="light from everywhere")
    diffuse: float = Field(
        default=0.6, ge=0, le=1, description="light from the camera; both sides of a face show it"
    )
    specular: float = Field(default=0, ge=0, le=1, description="highlight of the Phong model")
    shininess: float = Field(
        default=10, ge=1, le=1000, description="exponent of the highlight: larger is smaller"
    )
    smooth_angle: float = Field(
        default=0,
        ge=0,
        le=90,
        description="a corner takes the mean normal of its faces unless its own face leans more "
        "than this many degrees from it; 0 shades flat, 90 smoothly everywhere",
    )
    background: int = Field(default=0, ge=0, le=255, description="gray level around the object")
    supersampling: int = Field(
        default=2, ge=1, le=8, description="rays per pixel, in each direction"
    )


class ModelNet40Options(MediaOptions):
    """Options of modelnet40."""

    views: tuple[int, ...] = Field(
        default=(0, 6),
        min_length=2,
        description="views to read, each one modality: 0..11, where 0 is the file ..._v001.png "
        "and 6 looks from the other side",
    )
    image_size: int | None = Field(
        default=None,
        ge=16,
        le=1024,
        description="height and width in pixels, bilinear with antialiasing; none keeps the "
        "files' own, which must then be equal",
    )
    classes: tuple[str, ...] | None = Field(
        default=None,
        min_length=2,
        description="use these classes only, labelled in alphabetical order; none uses those of "
        "the 40 that have a folder",
    )
    validation: Literal["stratified", "reference"] = Field(
        default="stratified",
        description="hold out the same share of every class by the seed, or what the code of Wu "
        "et al. 2022 holds out, which is the same for every seed and not stratified",
    )
    validation_fraction: float = Field(
        default=0.2, gt=0, lt=1, description="share of the training objects held out"
    )
    flip: bool = Field(
        default=True,
        description="mirror every training view with probability 1/2, each on its own; "
        "validation and test images never",
    )
    cache: Path | None = Field(
        default=None,
        description="folder for decoded images, memory-mapped and shared by runs: 150 KB per "
        "view of 224x224; none decodes the files in every epoch",
    )
    sample: int = Field(
        default=6,
        ge=3,
        le=1000,
        description="objects of each of the three classes of `mmbal data sample` and `--sample`, a "
        "third of them to test on",
    )
    render: RenderOptions = Field(
        default=RenderOptions(),
        description="how `mmbal data prepare` draws meshes: "
        + ", ".join(RenderOptions.model_fields),
    )

    def modality_names(self) -> tuple[str, ...]:
        """Return the names of the views."""
        return tuple(f"view_{view}" for view in self.views)

    @field_validator("views")
    @classmethod
    def _existing(cls, value: tuple[int, ...]) -> tuple[int, ...]:
        if not all(0 <= view < VIEWS for view in value):
            raise ValueError(f"views must be in 0..{VIEWS - 1}, received {list(value)}")
        if len(set(value)) != len(value):
            raise ValueError(f"views must be different ones, received {list(value)}")
        return value

    @field_validator("classes")
    @classmethod
    def _known(cls, value: tuple[str, ...] | None) -> tuple[str, ...] | None:
        for name in value or ():
            if name not in CLASSES:
                raise ValueError(unknown("class", name, CLASSES))
        if value is not None and len(set(value)) != len(value):
            raise ValueError(f"classes must be different ones, received {list(value)}")
        return value
