"""What the three coloured datasets share: splitting, colouring, the dataset contract."""

import hashlib
from abc import abstractmethod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmbal.data import DatasetSource, Modality, MultimodalDataset, hold_out
from mmbal.errors import ConfigError
from mmbal_colored_mnist.colour import draw_colours, generator
from mmbal_colored_mnist.images import GrayData, GrayImages
from mmbal_colored_mnist.options import ColouringOptions
from mmbal_colored_mnist.resize import resize

# Each purpose draws from its own stream: the test colours owe nothing to the training colours,
# and neither moves when fewer examples are asked for.
SUBSET, VALIDATION, TEST_SPLIT, TRAIN_COLOURS, TEST_INDICES, TEST_COLOURS, SAMPLE = range(7)

Colours = NDArray[np.float32] | NDArray[np.uint8]


class ColouredSource(DatasetSource):
    """Gray images beside coloured ones; subclasses say where the gray ones come from.

    Modalities: `gray` (height, width, 1), then `color` (height, width, 3), float32,
    normalised by the constants of the published code. The colour of a training or validation
    image follows its label; that of a test image does not.

    Source: Kim et al., "Learning Not to Learn", CVPR 2019, arXiv 1812.10352.
    """

    options: ColouringOptions
    class_names = tuple("0123456789")

    @abstractmethod
    def read(self, data_dir: Path | None, seed: int) -> GrayData:
        """Return the gray images."""

    def load(self, data_dir: Path | None, seed: int) -> MultimodalDataset:
        """Read, split and colour; `seed` counts unless the option `seed` is set."""
        from mmbal_colored_mnist.pipeline import examples  # TensorFlow: not to check or sample

        seed = seed if self.options.seed is None else self.options.seed
        data = self.read(data_dir, seed)
        train_colours, test_colours = self.colours(data, data_dir, seed)
        kept, held = self._split(data.train.labels, seed)
        every = np.arange(len(data.test.labels))
        train = self._part(data.train, train_colours, kept)
        validation = self._part(data.train, train_colours, held)
        test = self._part(data.test, test_colours, every)
        height, width = train[0].shape[1:3]
        notes = {"data_seed": seed, "colour_variance": self.options.colour_variance}
        return MultimodalDataset(
            modalities={
                "gray": Modality((height, width, 1)),
                "color": Modality((height, width, 3)),
            },
            class_names=self.class_names,
            train=examples(*train),
            validation=examples(*validation),
            test=examples(*test),
            fingerprint=_fingerprint([kept, held, *train, *validation, *test]),
            notes={**notes, **data.notes},
        )

    def colours(self, data: GrayData, data_dir: Path | None, seed: int) -> tuple[Colours, Colours]:
        """Return the colours of the training and of the test images, in the images' order."""
        options = self.options
        how = (options.palette, options.colour_variance, options.range_rule)
        indices = generator(seed, TEST_INDICES).integers(0, 10, len(data.test.labels))
        return (
            draw_colours(data.train.labels, *how, generator(seed, TRAIN_COLOURS)),
            draw_colours(indices, *how, generator(seed, TEST_COLOURS)),
        )

    def _split(
        self, labels: NDArray[np.int64], seed: int
    ) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        wanted, fraction = self.options.train_examples, self.options.validation_fraction
        if wanted is not None and wanted > len(labels):
            raise ConfigError(
                f"train_examples = {wanted:,}, but there are {len(labels):,} training images"
            )
        # Any number of examples is the beginning of one order.
        order = generator(seed, SUBSET).permutation(len(labels))
        chosen = np.sort(order[:wanted])
        kept, held = hold_out(labels[chosen], fraction, generator(seed, VALIDATION))
        if not len(kept) or not len(held):
            raise ConfigError(
                f"validation_fraction = {fraction} splits {len(chosen):,} training images into "
                f"{len(kept):,} and {len(held):,}; both need at least one"
            )
        return chosen[kept], chosen[held]

    def _part(
        self, part: GrayImages, colours: Colours, indices: NDArray[np.intp]
    ) -> tuple[NDArray[np.uint8], Colours, NDArray[np.int64]]:
        size = self.options.image_size
        colours = colours[indices]
        if colours.ndim == 4:  # finished images
            colours = resize(colours.astype(np.uint8, copy=False), size)
        return resize(part.images[indices], size), colours, part.labels[indices]


def _fingerprint(arrays: list[NDArray[Any]]) -> str:
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(f"{array.dtype}{array.shape}".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()
