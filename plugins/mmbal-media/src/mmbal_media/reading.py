"""From arrays to the examples that networks read."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from mmbal.data import Examples, Modality, from_python
from mmbal_media.survey import MediaExample

if TYPE_CHECKING:
    import tensorflow as tf

Reader: TypeAlias = Callable[..., tuple[Mapping[str, Any], int]]
LABEL = "label"
# Of ImageNet, in the order red, green, blue.
MEAN = (0.485, 0.456, 0.406)
DEVIATION = (0.229, 0.224, 0.225)


def read_by(
    examples: Sequence[MediaExample],
    modalities: Mapping[str, Modality],
    scale: "Callable[[str, tf.Tensor], tf.Tensor]",
    plain: Reader,
    varied: Reader | None,
) -> Examples:
    """Return examples that Python code reads as uint8 whenever they are shown.

    Args:
        examples: their labels and keys, which are told without reading.
        modalities: their shapes.
        scale: brings the values of a modality, by name, to float32.
        plain: maps an index to (arrays by modality, label).
        varied: maps an index and a seed, (2,), to the same as training shows it.
    """
    import numpy as np

    arrays = {name: Modality(one.shape, "uint8") for name, one in modalities.items()}
    arrays[LABEL] = Modality((), "int64")

    def tensors(read: Reader) -> Callable[..., Any]:
        def labelled(*arguments: Any) -> dict[str, Any]:
            shown, label = read(*arguments)
            return {**shown, LABEL: np.int64(label)}

        called = from_python(labelled, arrays)

        def example(*arguments: Any) -> Any:
            values = called(*arguments)
            label = values.pop(LABEL)
            return {name: scale(name, value) for name, value in values.items()}, label

        return example

    return Examples(
        len(examples),
        tensors(plain),
        None if varied is None else tensors(varied),
        labels=np.array([example.label for example in examples], np.int64),
        ids=[example.key for example in examples],
    )


def by_imagenet(pixels: "tf.Tensor") -> "tf.Tensor":
    """Scale (..., 3) uint8 pixels to float32 by the mean and deviation of ImageNet."""
    import tensorflow as tf

    return (tf.cast(pixels, tf.float32) / 255 - MEAN) / DEVIATION
