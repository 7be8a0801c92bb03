"""The dataset contract: what a dataset plugin gives and what the trainer may rely on."""

import operator
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from mmbal.errors import MmbalError
from mmbal.keys import check_names
from mmbal.options import Configurable

if TYPE_CHECKING:
    import numpy as np
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


@dataclass(frozen=True, eq=False)
class Examples:
    """Examples that can be read one by one, in any order, as often as wanted.

    Args:
        count: how many there are.
        read: maps an index, () int64 in 0..count - 1, to `({modality: tensor}, label)` of that
            example: tensors of known shape without a batch axis, the label an int64 scalar.
            Made of TensorFlow operations (`mmbal.data.from_python` makes one of Python code), and
            the same result every time; never augmented.
        vary: maps an index and a seed to the example as training shows it, where augmentation
            needs more of it than `read` gives: another window of a clip, another crop. Shapes
            are those of `read`; seeds are those of `MultimodalDataset.augment`. None where
            training reads plainly.
        labels: (examples,) int64, where they are known without reading; None where they are not.
        presence: (examples, modality) bool, which modalities each example has; None for all.
            It is told to those who ask; training and scores read every modality so far.
        ids: what names each example in its source, such as a file; None where nothing does.
        inputs: modality to (examples, ...) tensors, where they are in memory; None where not.

    Raises:
        ValueError: `count` is no number of examples, or there is another number of something else.
    """

    count: int
    read: "Callable[[tf.Tensor], tuple[dict[str, tf.Tensor], tf.Tensor]]"
    vary: "Callable[[tf.Tensor, tf.Tensor], tuple[dict[str, tf.Tensor], tf.Tensor]] | None" = None
    labels: "np.ndarray | None" = None
    presence: "np.ndarray | None" = None
    ids: Sequence[str] | None = None
    inputs: "Mapping[str, tf.Tensor] | None" = None

    def __post_init__(self) -> None:
        try:
            valid = operator.index(self.count) >= 0
        except TypeError:
            valid = False
        if not valid:
            raise ValueError(f"count must be 0 or a positive integer, received {self.count!r}")
        for what in ("labels", "presence", "ids"):
            given = getattr(self, what)
            if given is not None and len(given) != self.count:
                raise ValueError(f"{what} must be of {self.count} examples, received {len(given)}")

    def __len__(self) -> int:
        return self.count

    def dataset(self, indices: Any = None) -> "tf.data.Dataset":
        """Return the unbatched examples as a stream of known cardinality.

        Args:
            indices: (rows,) int, which examples, in this order; None for all in their order.

        Raises:
            ValueError: there is no example of some index.
        """
        import numpy as np
        import tensorflow as tf

        if indices is None:
            rows = tf.data.Dataset.range(self.count)
        else:
            wanted = np.asarray(indices, np.int64)
            if wanted.ndim != 1 or ((wanted < 0) | (wanted >= self.count)).any():
                raise ValueError(
                    f"indices must be a list of integers in 0..{self.count - 1}, received {indices}"
                )
            rows = tf.data.Dataset.from_tensor_slices(wanted)
        return rows.map(self.read, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)

    @classmethod
    def from_arrays(
        cls, inputs: "Mapping[str, np.ndarray]", labels: Any, ids: Sequence[str] | None = None
    ) -> "Examples":
        """Return the examples that stand in arrays.

        Args:
            inputs: modality to (examples, ...); must not be changed afterwards.
            labels: (examples,) integers.
            ids: what names each example in its source; None where nothing does.

        Raises:
            ValueError: there is no modality, an array has another length, or labels are none.
        """
        import numpy as np
        import tensorflow as tf

        labels = np.asarray(labels)
        if labels.ndim != 1 or labels.dtype.kind not in "iub":
            raise ValueError(
                f"labels must be (examples,) integers, received {labels.shape} {labels.dtype}"
            )
        arrays = {name: np.asarray(array) for name, array in inputs.items()}
        found = {name: array.shape[0] if array.ndim else None for name, array in arrays.items()}
        if not found or set(found.values()) != {len(labels)}:
            raise ValueError(
                f"every modality must hold {len(labels)} examples, one per label; received "
                f"{found or 'no modality'}"
            )
        # Tensors that a function captures are handed to it; constants would be copied into
        # every graph. Input pipelines run on the CPU, whatever else there is.
        with tf.device("CPU"):
            tensors = {name: tf.convert_to_tensor(array) for name, array in arrays.items()}
            labels = labels.astype(np.int64)
            classes = tf.convert_to_tensor(labels)

        def read(index: "tf.Tensor") -> "tuple[dict[str, tf.Tensor], tf.Tensor]":
            chosen = {name: tf.gather(tensor, index) for name, tensor in tensors.items()}
            return chosen, tf.gather(classes, index)

        return cls(len(labels), read, labels=labels, ids=ids, inputs=tensors)


@dataclass(frozen=True)
class MultimodalDataset:
    """A loaded dataset.

    Args:
        modalities: name to description; their order is the order of the branches.
        class_names: one per class, by label.
        train, validation, test: the examples. Validation is carved from the training examples.
        fingerprint: hexadecimal digest of the examples and of their split: equal
            fingerprints mean equal data.
        augment: maps `({modality: tensor}, label, seed)` of a training example to
            `({modality: tensor}, label)`; seed is (2,) int64 for `tf.random.stateless_*`, another
            one for every showing of an example, and the same in runs of equal seeds,
            interrupted or not. None for
            no augmentation, or where `train.vary` does it.
        notes: facts worth recording, such as the number of examples left out.
        task: what the labels are; "single-label": one class of each example.

    Raises:
        ValueError: both `augment` and `train.vary` are given, or a modality has a name that no
            modality may have.
    """

    modalities: Mapping[str, Modality]
    class_names: tuple[str, ...]
    train: Examples
    validation: Examples
    test: Examples
    fingerprint: str
    augment: "Callable[[dict[str, tf.Tensor], tf.Tensor, tf.Tensor], Any] | None" = None
    notes: Mapping[str, Any] = field(default_factory=dict)
    task: Literal["single-label"] = "single-label"

    def __post_init__(self) -> None:
        check_names(tuple(self.modalities))
        if self.augment is not None and self.train.vary is not None:
            raise ValueError("training examples are varied by train.vary or by augment, not both")


class DatasetSource(Configurable, ABC):
    """A dataset by name and options, before its files are read.

    Annotate `options` with the class of what can be set.
    """

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
        raise MmbalError(self._offers_no("check"))

    def known(self) -> Sequence[Mapping[str, Any]]:
        """Return a table of what is known beside the files, row by row, for `mmbal data check`."""
        return ()

    def sample(self, directory: Path, seed: int) -> list[Path]:
        """Write a tiny format-faithful set into an empty `directory`; return the files."""
        raise MmbalError(self._offers_no("sample"))

    def prepare(self, data_dir: Path | None) -> str:
        """Do the work that is done once (download, convert); return what was done, one line."""
        raise MmbalError("the dataset needs no `mmbal data prepare`")

    def _offers_no(self, command: str) -> str:
        own = type(self)
        return (
            f"the dataset offers no `mmbal data {command}` "
            f"(its class, {own.__module__}:{own.__qualname__}, has no method {command!r})"
        )


def claim(directory: Path) -> None:
    """Make `directory` for a sample.

    Raises:
        MmbalError: something is in it already.
    """
    directory.mkdir(parents=True, exist_ok=True)
    first = next(directory.iterdir(), None)
    if first is not None:
        raise MmbalError(f"{directory}: not empty (holds {first.name}); a sample needs a new one")
