"""The dataset: find the views, look through them, split, hand out examples."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmbal.errors import MmbalError
from mmbal_media import (
    Indices,
    MediaSource,
    Survey,
    by_imagenet,
    hold_out_share,
)
from mmbal_modelnet40.checking import check_folder
from mmbal_modelnet40.classes import SPLITS
from mmbal_modelnet40.layout import image_root, no_views
from mmbal_modelnet40.listing import Object3D, list_objects
from mmbal_modelnet40.options import ModelNet40Options
from mmbal_modelnet40.preparing import prepare_folder
from mmbal_modelnet40.sampling import write_sample
from mmbal_modelnet40.sidecar import refuse_unfinished
from mmbal_modelnet40.split import hold_out_as_reference
from mmbal_modelnet40.survey import survey

if TYPE_CHECKING:
    import tensorflow as tf

FORMAT = 1  # of what the fingerprint covers


class ModelNet40(MediaSource[Object3D]):
    """Objects seen from two or more sides; every view is a modality.

    Modalities `view_0`, `view_6` and so on, as the option `views` orders them: (height, width,
    3) float32, normalised by the mean and deviation of ImageNet. Labels follow the alphabet.

    Source: Wu et al., "3D ShapeNets", CVPR 2015, arXiv 1406.5670; views of Su et al.,
    "Multi-view convolutional neural networks for 3D shape recognition", ICCV 2015.
    """

    name = "modelnet40"
    noun = "object"
    smaller = "image_size"
    options: ModelNet40Options

    def survey(self, data_dir: Path | None) -> Survey[Object3D]:
        """Look through the views that the options ask for."""
        options, root = self.options, image_root(data_dir)
        if root is None:
            raise no_views(data_dir)
        refuse_unfinished(root, data_dir)
        listing = list_objects(root, options.classes, options.views)
        listing.refuse(strict=False)  # before the long way through the files
        return survey(listing, options.views, options, self.cache(root).holds)

    def hold_out(self, train: Sequence[Object3D], seed: int) -> tuple[str, Indices, Indices]:
        """Hold out a share of every class, or what the published code does."""
        fraction = self.options.validation_fraction
        if self.options.validation == "reference":
            kept, held = hold_out_as_reference(len(train), fraction)
            return f"validation_fraction = {fraction}", kept, held
        return hold_out_share(train, fraction, seed)

    def require_sound(self, survey: Survey[Object3D]) -> None:
        """Refuse classes of which skipping has left nothing to train or to test on."""
        sound = {(item.class_name, item.split) for item in survey.sound()}
        for name in self.class_names(survey.examples):
            if not {(name, split) for split in SPLITS} <= sound:
                raise MmbalError(f"{survey.root}/{name}: no sound object to train or to test on")

    def class_names(self, examples: Sequence[Object3D]) -> tuple[str, ...]:
        """Return the classes by the alphabet."""
        return tuple(sorted({item.class_name for item in examples}))

    def scale(self, name: str, pixels: "tf.Tensor") -> "tf.Tensor":
        """Normalise by the mean and deviation of ImageNet."""
        return by_imagenet(pixels)

    def settings(self, examples: Sequence[Object3D]) -> str:
        """Return classes and size."""
        shape = next(iter(self.modalities(examples).values())).shape
        return f"{FORMAT} {self.class_names(examples)} {shape}"

    def facts(self, example: Object3D) -> bytes:
        """Return label and digests of the views."""
        digests = [bytes.fromhex(view.digest) for view in example.arrays.values()]
        return example.label.to_bytes(2, "big") + b"".join(digests)

    def augment(self) -> Any:
        """Return what mirrors views, if the options say so."""
        from mmbal_modelnet40.pipeline import flip  # TensorFlow: not to check or sample

        return flip if self.options.flip else None

    def check(self, data_dir: Path | None) -> list[str]:
        """Return every problem of all 12 views, and of the meshes if there are any."""
        return check_folder(data_dir, self.options)

    def sample(self, directory: Path, seed: int) -> list[Path]:
        """Write meshes of three classes and their views, 64x64 unless `render.size` is set."""
        return write_sample(directory, seed, self.options)

    def prepare(self, data_dir: Path | None) -> str:
        """Draw the 12 views of all meshes that have none yet."""
        return prepare_folder(data_dir, self.options)
