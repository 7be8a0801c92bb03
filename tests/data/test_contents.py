"""Contents against what is declared, in memory and read."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from mmbal.data import Examples, Modality, MultimodalDataset, from_python
from mmbal.data.contents import SPLITS, check_contents
from mmbal.errors import DataFormatError

COUNT, CLASSES = 6, ("x", "y", "z")
MODALITIES = {"gray": Modality((2, 2)), "left eye": Modality((3,))}
IDS = [f"{index}.png" for index in range(COUNT)]


def arrays(seed=0):
    generator = np.random.default_rng(seed)
    inputs = {
        name: generator.normal(size=(COUNT, *modality.shape)).astype("float32")
        for name, modality in MODALITIES.items()
    }
    return inputs, np.arange(COUNT) % 3


def read_only(inputs, labels, ids=None):
    """Return examples that nothing is known of without reading."""
    stored = Examples.from_arrays(inputs, labels)
    return Examples(len(labels), stored.read, ids=ids)


def dataset(split, faulty):
    drawn = {name: Examples.from_arrays(*arrays(seed)) for seed, name in enumerate(SPLITS, 1)}
    splits = drawn | {split: faulty}
    return MultimodalDataset(MODALITIES, CLASSES, fingerprint="ab", **splits)


@pytest.fixture(params=[Examples.from_arrays, read_only], ids=["in memory", "read"])
def make(request):
    return request.param


def skip_unread(make, split):
    if make is read_only and split == "train":
        pytest.skip("training examples are not read twice")


@pytest.mark.parametrize("split", SPLITS)
def test_sound_data(make, split):
    assert check_contents(dataset(split, make(*arrays(), IDS))) == []


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize("label", [-1, 3])
def test_labels_of_no_class(make, split, label):
    skip_unread(make, split)
    inputs, labels = arrays()
    labels[4] = label
    told = rf"^{split} example 4 \(4\.png\): label {label}, expected 0\.\.2$"
    with pytest.raises(DataFormatError, match=told):
        check_contents(dataset(split, make(inputs, labels, IDS)))


@pytest.mark.parametrize("split", SPLITS)
def test_labels_that_are_known_are_not_read(split):
    inputs, labels = arrays()
    labels[4] = 3
    held = dataclasses.replace(read_only(inputs, labels), labels=labels)
    with pytest.raises(DataFormatError, match=f"^{split} example 4: label 3"):
        check_contents(dataset(split, held))


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite(make, split, value):
    skip_unread(make, split)
    inputs, labels = arrays()
    inputs["left eye"][3, 1] = inputs["left eye"][5, 0] = value
    data = dataset(split, make(inputs, labels))
    told = f"^{split} example 3: modality 'left eye' holds NaN or infinity$"
    with pytest.raises(DataFormatError, match=told):
        check_contents(data)
    assert check_contents(data, finite=False) == [f"{split}: NaN or infinity in 2 inputs"]
    assert check_contents(data, [name for name in SPLITS if name != split]) == []


@pytest.mark.parametrize("split", SPLITS)
def test_splits_without_examples(make, split):
    inputs, labels = arrays()
    empty = make({name: x[:0] for name, x in inputs.items()}, labels[:0])
    with pytest.raises(DataFormatError, match=f"^the {split} split has no example$"):
        check_contents(dataset(split, empty))


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda x: x[:, :1], r"'gray' is \(1, 2\) float32, declared \(2, 2\) float32$"),
        (lambda x: x.astype("float64"), r"'gray' is \(2, 2\) float64, declared \(2, 2\) float32$"),
        (lambda x: x[..., None], r"'gray' is \(2, 2, 1\) float32, declared"),
    ],
)
def test_other_shapes_and_types(make, split, change, told):
    inputs, labels = arrays()
    faulty = make({**inputs, "gray": change(inputs["gray"])}, labels)
    with pytest.raises(DataFormatError, match=f"^{split} examples: modality {told}"):
        check_contents(dataset(split, faulty))


@pytest.mark.parametrize("split", SPLITS)
def test_other_modalities(make, split):
    inputs, labels = arrays()
    del inputs["gray"]
    with pytest.raises(
        DataFormatError, match=rf"^{split} .* \['left eye'\], declared are \['gray'"
    ):
        check_contents(dataset(split, make(inputs, labels)))


def test_shapes_that_only_reading_shows():
    inputs, labels = arrays()
    reading = from_python(
        lambda index: {
            "gray": inputs["gray"][index, : 2 - int(index == 4)],
            "left eye": inputs["left eye"][index],
        },
        MODALITIES,
    )
    faulty = Examples(COUNT, lambda index: (reading(index), tf.gather(labels, index)))
    with pytest.raises(DataFormatError, match=r"^test example 0 or one of the next \d+ is not as"):
        check_contents(dataset("test", faulty))


@pytest.mark.parametrize("split", SPLITS)
def test_constant_data_and_a_single_class_are_remarks(make, split):
    skip_unread(make, split)
    inputs, labels = arrays()
    inputs["gray"][:], labels[:] = 0, 1
    assert check_contents(dataset(split, make(inputs, labels))) == [
        f"{split}: every value of modality 'gray' is 0",
        f"{split}: every example is of class 'y'",
    ]


def test_test_examples_that_selection_has_seen_are_counted_by_content(make):
    inputs, labels = arrays(2)  # those of validation
    inputs["gray"][:4] += 1
    data = dataset("test", make(inputs, labels))

    assert check_contents(data) == [
        "validation and test share 2 examples, equal in content: what is tested was selected by"
    ]
    assert check_contents(data, ["test"]) == []
    assert check_contents(data, whole=False) == []
