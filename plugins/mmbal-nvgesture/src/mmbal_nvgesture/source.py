"""The dataset: read the lists, look at the files, split, hand out examples."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmbal.data import Modality
from mmbal_media import ArrayCache, Indices, MediaSource, Reader, Survey, by_imagenet
from mmbal_nvgesture.layout import find_root
from mmbal_nvgesture.lists import Clip
from mmbal_nvgesture.options import NVGestureOptions
from mmbal_nvgesture.reader import ClipReader
from mmbal_nvgesture.sampling import write_sample
from mmbal_nvgesture.sensors import SENSORS
from mmbal_nvgesture.split import split_clips
from mmbal_nvgesture.survey import survey

if TYPE_CHECKING:
    import tensorflow as tf

FORMAT = 2  # of what the fingerprint covers

# Options that change what an example holds.
PIXELS = (
    "modalities", "frames", "stride", "short_side", "crop", "scaling", "short_window", "past_end",
    "damaged_frames", "depth_channels", "classes",
)  # fmt: skip


class NVGesture(MediaSource[Clip]):
    """Hand gestures of 20 people in a car, seen by several sensors; every sensor is a modality.

    Modalities `color`, `depth` and so on, as the option orders them: (frames, height, width,
    channels) float32. Training shows a random stretch of a clip's window in a random crop;
    plainly read, it is the middle of both. Classes are called by the lists' labels.

    Source: Molchanov et al., "Online detection and classification of dynamic hand gestures with
    recurrent 3D convolutional neural networks", CVPR 2016.
    """

    name = "nvgesture"
    noun = "clip"
    smaller = "short_side"
    options: NVGestureOptions

    def survey(self, data_dir: Path | None) -> Survey[Clip]:
        """Read the lists and look at the files that they name."""
        root = find_root(data_dir, (self.options.train_list, self.options.test_list))
        return survey(root, self.options)

    def hold_out(self, train: Sequence[Clip], seed: int) -> tuple[str, Indices, Indices]:
        """Hold out whole people, or a share of every class."""
        return split_clips(train, self.options, seed)

    def modalities(self, examples: Sequence[Clip]) -> dict[str, Modality]:
        """Return (frames, height, width, channels) by sensor."""
        frames, side, gray = self.options.frames, self.options.crop, self.options.depth_channels
        return {
            name: Modality((frames, side, side, 3 if name == "color" else gray))
            for name in self.options.modalities
        }

    def class_names(self, examples: Sequence[Clip]) -> tuple[str, ...]:
        """Return the labels of the lists."""
        return tuple(str(label) for label in range(1, self.options.classes + 1))

    def readers(self, examples: Sequence[Clip], cache: ArrayCache) -> tuple[Reader, Reader]:
        """Return what reads the middle of clips, and what training shows."""
        reader = ClipReader(examples, cache, self.options)
        return reader.plain, reader.varied

    def scale(self, name: str, pixels: "tf.Tensor") -> "tf.Tensor":
        """Scale pixels as the option says."""
        import tensorflow as tf

        scaling = self.options.scaling
        if scaling == "imagenet" and not SENSORS[name].gray:
            return by_imagenet(pixels)
        if scaling == "signed":
            return tf.cast(pixels, tf.float32) / 127.5 - 1
        return super().scale(name, pixels)

    def settings(self, examples: Sequence[Clip]) -> str:
        """Return the options that change what an example holds."""
        values = self.options.model_dump(include=set(PIXELS))
        return repr((FORMAT, [(name, values[name]) for name in PIXELS]))

    def facts(self, example: Clip) -> bytes:
        """Return label, files and windows."""
        strips = [
            (name, file.path.name, file.size, file.first, strip.start, strip.end)
            for name, strip in example.arrays.items()
            for file in [strip.media]
        ]
        return repr((example.path, example.label, strips)).encode()

    def notes(self, validation: Sequence[Clip]) -> dict[str, Any]:
        """Return who is held out."""
        return {"validation_subjects": sorted({clip.subject for clip in validation}, key=str)}

    def sample(self, directory: Path, seed: int) -> list[Path]:
        """Write clips of three gestures, 80x60 pixels."""
        return write_sample(directory, seed, self.options.sample)
