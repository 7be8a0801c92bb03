"""The three datasets behind the names that users type."""

import hashlib
from abc import abstractmethod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmbal.data import DatasetSource, Modality, MultimodalDataset
from mmbal.errors import ConfigError
from mmbal_colored_mnist.colour import draw_colours, generator
from mmbal_colored_mnist.digits import embedded_digits, inspect_digits, read_digits
from mmbal_colored_mnist.folder import inspect_folder, read_folder
from mmbal_colored_mnist.images import GrayData, GrayImages
from mmbal_colored_mnist.options import ColouringOptions, DigitsOptions
from mmbal_colored_mnist.pipeline import examples
from mmbal_colored_mnist.resize import resize
from mmbal_colored_mnist.split import choose, hold_out

DIGITS = tuple("0123456789")
CLOTHES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)

# Each purpose draws from its own stream: test colours do not move when training sizes do.
SUBSET, VALIDATION, TEST_SPLIT, TRAIN_COLOURS, TEST_INDICES, TEST_COLOURS, SAMPLE = range(7)

Colours = NDArray[np.float32] | NDArray[np.uint8]


class ColouredSource(DatasetSource):
    """Gray images beside coloured ones; subclasses say where the gray ones come from.

    Modalities: `gray` (height, width, 1), then `color` (height, width, 3), float32,
    normalised by the constants of the published code. The colour of a training or validation
    image follows its label; that of a test image does not.

    Source: Kim et al., "Learning Not to Learn", CVPR 2019, arXiv 1812.10352.
    """

    class_names = DIGITS

    def __init__(self, options: ColouringOptions) -> None:
        self.options = options

    @abstractmethod
    def read(self, data_dir: Path | None, seed: int) -> GrayData:
        """Return the gray images."""

    def load(self, data_dir: Path | None, seed: int) -> MultimodalDataset:
        """Read, split and colour; `seed` counts unless the option `seed` is set."""
        seed = seed if self.options.seed is None else self.options.seed
        data = self.read(data_dir, seed)
        train_colours, test_colours = self.colours(data, data_dir, seed)
        kept, held = self._split(data.train.labels, seed)
        parts = {
            "train": self._part(data.train, train_colours, kept),
            "validation": self._part(data.train, train_colours, held),
            "test": self._part(data.test, test_colours, np.arange(len(data.test.labels))),
        }
        height, width = parts["train"][0].shape[1:3]
        return MultimodalDataset(
            modalities={"gray": Modality((height, width, 1)), "color": Modality((height, width, 3))},
            class_names=self.class_names,
            train=examples(*parts["train"]),
            validation=examples(*parts["validation"]),
            test=examples(*parts["test"]),
            fingerprint=_fingerprint([kept, held, *(a for part in parts.values() for a in part)]),
            notes={"colour_variance": self.options.colour_variance, "data_seed": seed, **data.notes},
        )

    def colours(self, data: GrayData, data_dir: Path | None, seed: int) -> tuple[Colours, Colours]:
        """Return the colours of the training and of the test images, in their order."""
        options = self.options
        # Drawn by label in training; in testing by an index that knows nothing of the label.
        indices = generator(seed, TEST_INDICES).integers(0, 10, len(data.test.labels))
        how = (options.palette, options.colour_variance, options.range_rule)
        return (
            draw_colours(data.train.labels, *how, generator(seed, TRAIN_COLOURS)),
            draw_colours(indices, *how, generator(seed, TEST_COLOURS)),
        )

    def _split(
        self, labels: NDArray[np.int64], seed: int
    ) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        wanted = self.options.train_examples
        if wanted is not None and wanted > len(labels):
            raise ConfigError(
                f"train_examples = {wanted:,}, but there are {len(labels):,} training images"
            )
        chosen = choose(len(labels), wanted, generator(seed, SUBSET))
        rng = generator(seed, VALIDATION)
        kept, held = hold_out(labels[chosen], self.options.validation_fraction, rng)
        return chosen[kept], chosen[held]

    def _part(
        self, part: GrayImages, colours: Colours, indices: NDArray[np.intp]
    ) -> tuple[NDArray[np.uint8], Colours, NDArray[np.int64]]:
        colours = colours[indices]
        if colours.ndim == 4:
            colours = resize(colours.astype(np.uint8), self.options.image_size)
        images = resize(part.images[indices], self.options.image_size)
        return images, colours, part.labels[indices]


class ColoredMnist(ColouredSource):
    """MNIST from a folder of IDX files, or as TFDS has prepared it."""

    title = "mnist"

    def read(self, data_dir: Path | None, seed: int) -> GrayData:
        """Return the gray images of the folder or of TFDS."""
        assert data_dir is not None
        return read_folder(data_dir)

    def check(self, data_dir: Path | None) -> list[str]:
        """Return every problem of the four files."""
        assert data_dir is not None
        return inspect_folder(data_dir)[1]


class ColoredFashionMnist(ColoredMnist):
    """Fashion-MNIST, coloured like MNIST."""

    title = "fashion_mnist"
    class_names = CLOTHES


class ColoredDigits(ColouredSource):
    """The 8x8 digits of scikit-learn, or a file of their format in `--data-dir`."""

    options: DigitsOptions

    def read(self, data_dir: Path | None, seed: int) -> GrayData:
        """Return the digits, of every label a share set aside for testing."""
        digits = embedded_digits() if data_dir is None else read_digits(data_dir)
        rng = generator(seed, TEST_SPLIT)
        train, test = (
            GrayImages(digits.images[chosen], digits.labels[chosen])
            for chosen in hold_out(digits.labels, self.options.test_fraction, rng)
        )
        return GrayData(train, test, {})

    def check(self, data_dir: Path | None) -> list[str]:
        """Return every problem of the file; the embedded digits have none."""
        return [] if data_dir is None else inspect_digits(data_dir)[1]


def _fingerprint(arrays: list[NDArray[Any]]) -> str:
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(f"{array.dtype}{array.shape}".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()
