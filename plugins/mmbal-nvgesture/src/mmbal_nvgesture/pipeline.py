"""From clips to the examples that networks read."""

from collections.abc import Mapping, Sequence

import numpy as np
import tensorflow as tf

from mmbal.data import Examples, Modality, from_python
from mmbal_nvgesture.cache import Cache
from mmbal_nvgesture.options import NVGestureOptions
from mmbal_nvgesture.reader import LABEL, ClipReader, modality_shapes
from mmbal_nvgesture.sensors import SENSORS
from mmbal_nvgesture.survey import Found

Inputs = dict[str, tf.Tensor]

# Of ImageNet, in the order red, green, blue.
MEAN = np.array([0.485, 0.456, 0.406], np.float32)
DEVIATION = np.array([0.229, 0.224, 0.225], np.float32)


def clip_examples(clips: Sequence[Found], cache: Cache, options: NVGestureOptions) -> Examples:
    """Return examples that are read from files, or from the cache, whenever they are shown.

    Args:
        clips: an example each.
        cache: read from where it holds a clip.
        options: of the dataset.
    """
    reader = ClipReader(clips, cache, options)
    arrays = {name: Modality(shape, "uint8") for name, shape in modality_shapes(options).items()}
    arrays[LABEL] = Modality((), "int64")
    plain = from_python(reader.plain, arrays)
    varied = from_python(reader.varied, arrays)

    def finished(values: Inputs) -> tuple[Inputs, tf.Tensor]:
        label = values.pop(LABEL)
        return scale(values, options.scaling), label

    return Examples(
        len(clips),
        lambda index: finished(plain(index)),
        lambda index, seed: finished(varied(index, seed)),
    )


def scale(clips: Mapping[str, tf.Tensor], scaling: str) -> Inputs:
    """Bring uint8 pixels (..., channels) to float32 as the option `scaling` says."""
    scaled = {}
    for name, clip in clips.items():
        pixels = tf.cast(clip, tf.float32)
        if scaling == "signed":
            scaled[name] = pixels / 127.5 - 1
        elif scaling == "unit" or SENSORS[name].gray:
            scaled[name] = pixels / 255
        else:
            scaled[name] = (pixels / 255 - MEAN) / DEVIATION
    return scaled
