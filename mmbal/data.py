"""The dataset contract: what a dataset plugin gives and what the trainer may rely on."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmbal.errors import MmbalError

if TYPE_CHECKING:
    import tensorflow as tf


@dataclass(frozen=True)
class Modality:
    """One input of a network.

    Args:
        shape: of one example without the batch axis, such as (height, width, channels).
        dtype: what the trainer receives, such as "float32".
    """

    shape: tuple[int, ...]
    dtype: str = "float32"

    def empty(self) -> "tf.Tensor":
        """Return one example of zeros with a batch axis, (1, ...)."""
        import tensorflow as tf

        return tf.zeros([1, *self.shape], self.dtype)


@dataclass(frozen=True)
class MultimodalDataset:
    """A loaded dataset.

    Args:
        modalities: name to description; their order is the order of the branches.
        class_names: one per class, by label.
        train, validation, test: unbatched `tf.data.Dataset`s of `({modality: tensor}, label)`
            with known cardinality, always in the same order and never augmented; labels are
            int64 scalars. Validation is carved from the training examples.
        fingerprint: hexadecimal digest of the examples and of their split: equal
            fingerprints mean equal data.
        augment: maps `({modality: tensor}, label, seed)` of a training example to
            `({modality: tensor}, label)`; seed is (2,) int64 for `tf.random.stateless_*`, another
            one for every showing of an example, and the same in runs of equal seeds. None for
            no augmentation.
        notes: facts worth recording, such as the number of examples left out.
    """

    modalities: Mapping[str, Modality]
    class_names: tuple[str, ...]
    train: "tf.data.Dataset"
    validation: "tf.data.Dataset"
    test: "tf.data.Dataset"
    fingerprint: str
    augment: "Callable[[dict[str, tf.Tensor], tf.Tensor, tf.Tensor], Any] | None" = None
    notes: Mapping[str, Any] = field(default_factory=dict)


class DatasetSource(ABC):
    """A dataset by name and options, before its files are read."""

    @abstractmethod
    def load(self, data_dir: Path | None, seed: int) -> MultimodalDataset:
        """Read the files and split them.

        Args:
            data_dir: the folder of `--data-dir`, or None for the dataset's own default.
            seed: of the run; splits and drawn colours depend on nothing else.

        Raises:
            DataFormatError: a file does not hold what its format promises.
            MmbalError: the files are absent; the message says where to get them.
        """

    def check(self, data_dir: Path | None) -> list[str]:
        """Return every problem found in the files, one line each; none means sound."""
        raise MmbalError(f"{type(self).__name__} offers no `mmbal data check`")

    def sample(self, directory: Path, seed: int) -> list[Path]:
        """Write a tiny format-faithful set into an empty `directory`; return the files."""
        raise MmbalError(f"{type(self).__name__} offers no `mmbal data sample`")

    def prepare(self, data_dir: Path | None) -> str:
        """Do the work that is done once (download, convert); return what was done, one line."""
        raise MmbalError(f"{type(self).__name__} needs no `mmbal data prepare`")
