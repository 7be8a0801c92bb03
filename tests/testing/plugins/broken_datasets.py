"""Datasets that break one rule each, and one that breaks none."""

import hashlib
import json
import pickle
from types import MappingProxyType

import numpy as np
import tensorflow as tf

from mmbal import Component, DataFormatError
from mmbal.data import DatasetSource, Examples, Modality, MultimodalDataset, from_python
from mmbal.errors import MmbalError

SIZES = {"train": 12, "validation": 6, "test": 6}
MODALITIES = {"a": Modality((3,)), "b": Modality((2, 2))}


class Sound(DatasetSource):
    """Numbers in one JSON file: correct."""

    modalities = MappingProxyType(MODALITIES)
    classes = ("zero", "one")
    notes = MappingProxyType({"left_out": 0})
    file = "numbers.json"

    def load(self, data_dir, seed):
        numbers, labels = self.read(data_dir)
        order, splits, mark = np.random.default_rng(seed).permutation(len(labels)), {}, b""
        for split, size in SIZES.items():
            rows, order = self.rows(split, order[:size]), order[size:]
            chosen = {m: x[rows] for m, x in numbers.items()}
            mark += b"".join(x.tobytes() for x in chosen.values())
            splits[split] = self.examples(split, chosen, labels[rows])
        return MultimodalDataset(
            self.modalities, self.classes, fingerprint=self.mark(mark, data_dir),
            augment=self.augment, notes=self.notes, **splits,
        )  # fmt: skip

    def read(self, data_dir):
        path = data_dir / self.file
        if not path.is_file():
            raise MmbalError(f"{path}: not found; write it with `mmbal data sample`")
        try:
            table = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise DataFormatError(f"{path}: no JSON: {error}") from error
        numbers = {m: np.array(table[m], np.float32) for m in MODALITIES}
        return numbers, np.array(table["labels"], np.int64)

    def rows(self, split, rows):
        return rows

    def examples(self, split, inputs, labels):
        return Examples.from_arrays(inputs, labels)

    def mark(self, mark, data_dir):
        return hashlib.sha256(mark).hexdigest()

    augment = None

    def check(self, data_dir):
        try:
            self.read(data_dir)
        except MmbalError as error:
            return [str(error)]
        return []

    def sample(self, directory, seed):
        draw, count = np.random.default_rng(seed), sum(SIZES.values())
        table = {m: draw.normal(size=(count, *e.shape)).tolist() for m, e in MODALITIES.items()}
        table["labels"] = (np.arange(count) % 2).tolist()
        path = directory / self.file
        path.write_text(json.dumps(table), encoding="utf-8")
        return [path]


class Twins(Sound):
    """Has two classes of one name."""

    classes = ("one", "one")


class Noting(Sound):
    """Notes what JSON cannot hold."""

    notes = MappingProxyType({"names": {1, 2}})


class Misshapen(Sound):
    """Describes another shape than it gives."""

    modalities = MappingProxyType({**MODALITIES, "b": Modality((4,))})


class Double(Sound):
    """Gives double precision, described as single."""

    def examples(self, split, inputs, labels):
        return Examples.from_arrays({m: x.astype(float) for m, x in inputs.items()}, labels)


class Doubling(Sound):
    """Reads double precision by Python, described as single."""

    def examples(self, split, inputs, labels):
        def read(index):
            return {m: x[index].astype(float) for m, x in inputs.items()}

        classes, called = tf.constant(labels), from_python(read, self.modalities)
        return Examples(len(labels), lambda index: (called(index), tf.gather(classes, index)))


class Mislabelled(Sound):
    """Has labels from 1 on."""

    def examples(self, split, inputs, labels):
        return Examples.from_arrays(inputs, labels + 1)


class Overstated(Sound):
    """Says that there is an example more in the test split than can be read."""

    def examples(self, split, inputs, labels):
        found = super().examples(split, inputs, labels)
        return Examples(len(found) + 1, found.read) if split == "test" else found


class Empty(Sound):
    """Has no validation examples."""

    def rows(self, split, rows):
        return rows[:0] if split == "validation" else rows


class Drawing(Sound):
    """Adds noise that nobody can repeat."""

    def load(self, data_dir, seed):
        self.seed = seed
        return super().load(data_dir, seed)

    def read(self, data_dir):
        numbers, labels = super().read(data_dir)
        return {**numbers, "a": numbers["a"] + np.random.default_rng().normal()}, labels

    def mark(self, mark, data_dir):
        return f"{self.seed:04x}"


class Constant(Sound):
    """Has one fingerprint for all splits."""

    def mark(self, mark, data_dir):
        return "c0ffee"


class Placed(Sound):
    """Has a fingerprint that tells the folder."""

    def mark(self, mark, data_dir):
        return hashlib.sha256(mark + str(data_dir).encode()).hexdigest()


class Overlapping(Sound):
    """Tests on an example that it trains on."""

    def rows(self, split, rows):
        if split == "train":
            self.first = rows[0]
        return rows if split == "train" else np.append(rows, self.first) \
            if split == "test" else rows  # fmt: skip


class Caching(Sound):
    """Writes beside the data."""

    def load(self, data_dir, seed):
        found = super().load(data_dir, seed)
        (data_dir / "cache.bin").write_bytes(b"cached")
        return found


class Global(Sound):
    """Draws from the generator of the run."""

    def load(self, data_dir, seed):
        np.random.random()  # noqa: NPY002
        return super().load(data_dir, seed)


class Pickled(Sound):
    """Is a pickle."""

    file = "numbers.pkl"

    def read(self, data_dir):
        path = data_dir / self.file
        if not path.is_file():
            raise MmbalError(f"{path}: not found")
        try:
            table = pickle.loads(path.read_bytes())
        except (pickle.UnpicklingError, EOFError) as error:
            raise DataFormatError(f"{path}: no pickle") from error
        return {m: table[m] for m in MODALITIES}, table["labels"]

    def sample(self, directory, seed):
        draw, count = np.random.default_rng(seed), sum(SIZES.values())
        table = {m: draw.normal(size=(count, *each.shape)).astype("float32")
                 for m, each in MODALITIES.items()}  # fmt: skip
        path = directory / self.file
        path.write_bytes(pickle.dumps({**table, "labels": np.arange(count) % 2}))
        return [path]


class Unrepeatable(Sound):
    """Draws its sample without heeding the seed."""

    def sample(self, directory, seed):
        return super().sample(directory, np.random.SeedSequence().entropy)


class Trusting(Sound):
    """Finds nothing wrong with any file."""

    def check(self, data_dir):
        return []


class Unfriendly(Sound):
    """Answers a damaged file with a traceback."""

    def read(self, data_dir):
        json.loads((data_dir / self.file).read_bytes())
        return super().read(data_dir)

    def check(self, data_dir):
        try:
            return super().check(data_dir)
        except ValueError as error:
            return [str(error)]


class Noisy(Sound):
    """Augments with numbers that nobody can repeat."""

    @staticmethod
    def augment(inputs, label, seed):
        return {**inputs, "a": inputs["a"] + tf.random.normal([3])}, label


class Mirrored(Sound):
    """Augments as it should."""

    @staticmethod
    def augment(inputs, label, seed):
        return {**inputs, "a": inputs["a"] + tf.random.stateless_normal([3], seed)}, label


class Elsewhere(Sound):
    """Writes no sample and has no data."""

    sample = DatasetSource.sample
    check = DatasetSource.check

    def read(self, data_dir):
        if data_dir is None:
            raise MmbalError("download it from its authors")
        return super().read(data_dir)


def offer(factory):
    name = factory.__name__.lower()
    return Component("dataset", name, factory.__doc__, f"{__name__}:{factory.__name__}")


OFFERS = {
    each.name: each
    for each in map(offer, (
        Sound, Twins, Noting, Misshapen, Double, Doubling, Mislabelled, Overstated, Empty,
        Drawing, Constant, Placed, Overlapping, Caching, Global, Pickled, Unrepeatable, Trusting,
        Unfriendly, Noisy, Mirrored, Elsewhere,
    ))
}  # fmt: skip
BREAKS = {
    "twins": "loading",
    "noting": "loading",
    "misshapen": "examples",
    "double": "examples",
    "doubling": "examples",
    "mislabelled": "examples",
    "overstated": "examples",
    "empty": "examples",
    "drawing": "determinism",
    "constant": "fingerprint",
    "placed": "fingerprint",
    "overlapping": "disjoint-splits",
    "caching": "no-mutation",
    "global": "no-mutation",
    "pickled": "no-pickle",
    "unrepeatable": "sample-round-trip",
    "trusting": "bad-input",
    "unfriendly": "bad-input",
    "noisy": "augmentation",
}
