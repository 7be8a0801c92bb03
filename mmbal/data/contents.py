"""What a dataset holds, against what it declares: looked at before anything is trained."""

from collections.abc import Iterator, Mapping, Sequence
from hashlib import blake2b
from math import prod
from typing import TYPE_CHECKING, NoReturn

from mmbal.data.contract import Examples, MultimodalDataset
from mmbal.data.python_reader import telling_bad_examples
from mmbal.errors import DataFormatError, counted, first_line
from mmbal.progress import track

if TYPE_CHECKING:
    import numpy as np

    Part = tuple[int, Mapping[str, np.ndarray], np.ndarray]

SPLITS = ("train", "validation", "test")
OVERLAP = "validation and test share"
"""How the remark begins that tells of examples in both, counted by content."""
_TESTED = ("validation", "test")
_VALUES = 1 << 20  # that are looked at together


def check_contents(
    data: MultimodalDataset,
    splits: Sequence[str] = SPLITS,
    *,
    finite: bool = True,
    whole: bool = True,
) -> list[str]:
    """Look at all labels, shapes and values, and return what is odd, one line each.

    What is not in memory is read once, except the inputs of training examples.

    Args:
        data: the dataset.
        splits: which to look at.
        finite: whether NaN and infinity are refused, not only told.
        whole: whether no modality is left out: what is equal without it need not be the same.

    Raises:
        DataFormatError: a split is empty, an example is not as declared, has a label of no class,
            or holds NaN or infinity; names the example by index and id.
        MmbalError: an example cannot be read.
    """
    digesting = whole and set(_TESTED) <= {*splits}
    parts = {split: _Split(data, split, digests=digesting) for split in splits}
    remarks = [remark for part in parts.values() for remark in part.remarks(finite=finite)]
    held, tested = (parts[name].digests if name in parts else [] for name in _TESTED)
    if shared := sum(map({*held}.__contains__, tested)):
        text = f"{OVERLAP} {counted(shared, 'example')}, equal in content"
        remarks.append(f"{text}: what is tested was selected by")
    return remarks


def _digests(inputs: "Mapping[str, np.ndarray]") -> list[bytes]:
    """Return what examples of equal inputs share: one digest for each."""
    rows = zip(*(inputs[name] for name in sorted(inputs)), strict=True)
    return [blake2b(b"".join(x.tobytes() for x in row), digest_size=16).digest() for row in rows]


class _Split:
    """A split that is looked at.

    Attributes:
        digests: of the inputs of every example of validation and test, where they are wanted.
    """

    def __init__(self, data: MultimodalDataset, name: str, *, digests: bool) -> None:
        self._data, self._name = data, name
        self._examples: Examples = getattr(data, name)
        self._digesting = digests and name in _TESTED
        self.digests: list[bytes] = []

    def remarks(self, *, finite: bool) -> Iterator[str]:
        """Yield what is odd; raise for what is wrong."""
        if not len(self._examples):
            raise DataFormatError(f"the {self._name} split has no example")
        self._refuse_undeclared()
        extremes: dict[str, set[float]] = {}
        classes: set[int] = set()
        strange = 0
        for first, inputs, labels in self._parts():
            self._refuse_unknown(first, labels)
            classes.update(labels.tolist())
            self.digests += _digests(inputs) if self._digesting else ()
            for modality, values in inputs.items():
                extremes.setdefault(modality, set()).update((values.min(), values.max()))
                strange += self._count_strange(first, modality, values, finite=finite)
        if strange:
            yield f"{self._name}: NaN or infinity in {strange:,} inputs"
        if len(self._examples) > 1:
            for modality, (value, *others) in extremes.items():
                if not others:
                    yield f"{self._name}: every value of modality {modality!r} is {value:g}"
            if len(classes) == 1:
                name = self._data.class_names[classes.pop()]
                yield f"{self._name}: every example is of class {name!r}"

    def _refuse_unknown(self, first: int, labels: "np.ndarray") -> None:
        count = len(self._data.class_names)
        for row in ((labels < 0) | (labels >= count)).nonzero()[0].tolist():
            self._refuse(first + row, f"label {labels[row]}, expected 0..{count - 1}")

    def _count_strange(
        self, first: int, modality: str, values: "np.ndarray", *, finite: bool
    ) -> int:
        import numpy as np

        rows = (~np.isfinite(values).reshape(len(values), -1).all(axis=1)).nonzero()[0].tolist()
        if finite and rows:
            self._refuse(first + rows[0], f"modality {modality!r} holds NaN or infinity")
        return len(rows)

    def _parts(self) -> "Iterator[Part]":
        """Yield the index of a first example, and inputs and labels, (examples, ...), from it on.

        The inputs are those that can be had.
        """
        held, count = self._examples, len(self._examples)
        sizes = [prod(modality.shape) for modality in self._data.modalities.values()]
        rows = min(1024, max(1, _VALUES // max(1, *sizes, 1)))
        if held.inputs is not None and held.labels is not None:
            for first in range(0, count, rows):
                chosen = slice(first, first + rows)
                inputs = {name: x[chosen].numpy() for name, x in held.inputs.items()}
                yield first, inputs, held.labels[chosen]
        elif self._name != "train":
            yield from self._read(rows)
        elif held.labels is not None:
            yield 0, {}, held.labels

    def _read(self, rows: int) -> "Iterator[Part]":
        import tensorflow as tf

        batches = self._examples.dataset().batch(rows).prefetch(1).as_numpy_iterator()
        total, first = -(-len(self._examples) // rows), 0
        try:
            with telling_bad_examples():
                for inputs, labels in track(batches, f"checking {self._name} examples", total):
                    yield first, inputs, labels
                    first += len(labels)
        except (tf.errors.InvalidArgumentError, tf.errors.UnimplementedError) as error:
            raise DataFormatError(
                f"{self._name} example {first} or one of the next {rows} is not as declared: "
                f"{first_line(error, typed=False)}"
            ) from error

    def _refuse_undeclared(self) -> None:
        inputs, label = self._examples.dataset().element_spec
        declared = self._data.modalities
        if set(inputs) != set(declared):
            raise DataFormatError(
                f"{self._name} examples have modalities {sorted(inputs)}, declared are "
                f"{sorted(declared)}"
            )
        for name, modality in declared.items():
            spec = inputs[name]
            if not spec.shape.is_compatible_with(modality.shape) or spec.dtype != modality.dtype:
                raise DataFormatError(
                    f"{self._name} examples: modality {name!r} is {spec.shape} {spec.dtype.name}, "
                    f"declared {modality.shape} {modality.dtype}"
                )
        if label.shape.rank not in (0, None) or not label.dtype.is_integer:
            raise DataFormatError(
                f"{self._name} examples: labels are {label.shape} {label.dtype.name}, expected an "
                "integer each"
            )

    def _refuse(self, index: int, problem: str) -> NoReturn:
        ids = self._examples.ids
        name = "" if ids is None else f" ({ids[index]})"
        raise DataFormatError(f"{self._name} example {index}{name}: {problem}")
