"""The rules for datasets, on a sample that the dataset writes or on files that are there."""

import json
import shutil
from pathlib import Path

import numpy as np
import tensorflow as tf

from mmbal.data import DatasetSource, MultimodalDataset
from mmbal.errors import MmbalError
from mmbal.testing.fixtures.dataset import (
    COMPARED,
    SEED,
    DatasetBench,
    digest,
    digests,
    files_below,
    looked_at,
    marks_below,
    refused,
    rows_of,
    split_up,
    states,
)
from mmbal.testing.pickles import holds_pickle, unpicklings
from mmbal.testing.rules import Broken, Inapplicable, Rulebook, require

GARBAGE = b"\x00\xffthis is no format\n" * 40
RULES = Rulebook("dataset")


@RULES.rule(
    why="branches, classes and folders are named and made by these",
    fix="return a `MultimodalDataset` with a `Modality` for every input, two or more distinct "
    "class names, and facts that JSON can hold",
)
def loading(bench: DatasetBench) -> None:
    """It loads, and describes its modalities and classes."""
    data = bench.data(owner=True)
    given = type(data).__name__
    require(isinstance(data, MultimodalDataset), f"load must give MultimodalDataset, not {given}")
    blurred = [name for name in data.modalities if not name or "/" in name or "+" in name]
    require(data.modalities and not blurred, f"names of modalities: {list(data.modalities)}")
    for name, modality in data.modalities.items():
        sizes = [n for n in modality.shape if not isinstance(n, int) or n < 1]
        require(not sizes, f"the shape of {name!r} must be of positive integers: {modality.shape}")
    names = data.class_names
    require(len(set(names)) == len(names) > 1, f"class names must be two or more: {names}")
    try:
        json.dumps(dict(data.notes))
    except TypeError as error:
        raise Broken(f"notes are written as JSON, which they cannot be: {error}") from error


@RULES.rule(
    why="networks are built by the shapes that are described, before any example is read",
    fix="give `Modality` the shape of one example without the batch axis, and set static shapes "
    "with `tf.ensure_shape`",
)
def shapes(bench: DatasetBench) -> None:
    """Every example has the modalities and the shapes that are described, known to the graph."""
    data = bench.data()
    expected = {name: tuple(each.shape) for name, each in data.modalities.items()}
    for split, examples in split_up(data).items():
        inputs, label = examples.dataset().element_spec
        static = {name: tuple(spec.shape) for name, spec in inputs.items()}
        require(static == expected, f"{split} promises {static}, the modalities {expected}")
        require(tuple(label.shape) == (), f"labels of {split} must be scalars: {label.shape}")
        for row, (values, _) in enumerate(bench.splits()[split]):
            found = {name: value.shape for name, value in values.items()}
            require(found == expected, f"example {row} of {split} has shapes {found}")


@RULES.rule(
    why="a step is traced for these types; another one is an error in the middle of training",
    fix="cast in `read`, to `Modality.dtype`, and labels to int64",
)
def dtypes(bench: DatasetBench) -> None:
    """Every input has the described type and is finite; labels are int64 and name a class."""
    data = bench.data()
    for split, examples in split_up(data).items():
        inputs, label = examples.dataset().element_spec
        for name, spec in inputs.items():
            wanted = data.modalities[name].dtype if name in data.modalities else spec.dtype.name
            dtype = spec.dtype.name
            require(dtype == wanted, f"{name!r} of {split} is {dtype}, described as {wanted}")
        require(label.dtype == tf.int64, f"labels of {split} are {label.dtype.name}, not int64")
        for row, (values, number) in enumerate(bench.splits()[split]):
            legal = 0 <= int(number) < len(data.class_names)
            require(legal, f"label {number} of example {row} of {split} names no class")
            faulty = [
                name for name, x in values.items() if not np.isfinite(np.asarray(x, float)).all()
            ]
            require(not faulty, f"example {row} of {split} is not finite: {', '.join(faulty)}")


@RULES.rule(
    why="epochs, schedules and progress count on the number of examples",
    fix="give `Examples` the number of indices that `read` can read; no split may be empty",
)
def cardinality(bench: DatasetBench) -> None:
    """Every split has examples, as many as it says."""
    bench.splits(owner=True)


@RULES.rule(
    why="a run is repeated, resumed and compared by its seed",
    fix="draw from `numpy.random.default_rng(seed)`, sort what a folder lists, and keep `read` a "
    "function of the index",
)
def determinism(bench: DatasetBench) -> None:
    """The same seed gives the same examples, in whatever order they are read."""
    held, again = bench.splits(), bench.load()
    for split, examples in split_up(again).items():
        first, second = held[split], list(looked_at(examples))
        same = [digest(each) for each in first] == [digest(each) for each in second]
        require(same, f"loaded again with the same seed, {split} holds other examples")
        read = examples.read(tf.constant(0, tf.int64)), examples.read(tf.constant(0, tf.int64))
        numbers = [tf.nest.map_structure(lambda t: t.numpy(), each) for each in read]
        require(digest(numbers[0]) == digest(numbers[1]), f"{split} reads an example differently")
    same = again.fingerprint == bench.data().fingerprint
    require(same, "loaded again with the same seed, it has another fingerprint")


@RULES.rule(
    why="runs are compared, and resumed, by the fingerprint: equal ones must mean equal data",
    fix="digest the examples and the split (`hashlib.sha256`), and nothing of their folder",
)
def fingerprint(bench: DatasetBench) -> None:
    """It is hexadecimal, follows the examples, and does not depend on where they lie."""
    held, mark = bench.splits(), bench.data().fingerprint
    require(mark and set(mark) <= set("0123456789abcdef"), f"it is not hexadecimal: {mark!r}")
    other = bench.load(SEED + 1)
    if other.fingerprint == mark:
        for split, examples in split_up(other).items():
            same = digests(held[split]) == digests(looked_at(examples))
            require(same, f"another seed gives another {split} split under the same fingerprint")
    if bench.place is None:
        return
    moved = bench.folder / "moved"
    if not moved.exists() and bench.subject.data_dir is None:
        shutil.copytree(bench.place, moved)
        found = bench.load(place=moved).fingerprint
        require(found == mark, "the same files in another folder have another fingerprint")


@RULES.rule(
    why="a test example that was trained on, or a validation example, is no evidence",
    fix="split by example (or by person, object, recording) before anything is derived from it",
)
def disjoint_splits(bench: DatasetBench) -> None:
    """No example stands in two splits: of each, up to 20,000 are compared."""
    owner: dict[str, str] = {}
    bench.splits()
    for split, examples in split_up(bench.data()).items():
        found = looked_at(examples, COMPARED)
        for row, each in zip(rows_of(examples, COMPARED), found, strict=True):
            other = owner.setdefault(digest(each, labels=False), split)
            require(other == split, f"example {row} of {split} is in {other} as well")


@RULES.rule(
    why="data are shared between runs, and random numbers belong to the run",
    fix="write in `prepare` and `sample` alone; draw from a generator of your own",
)
def no_mutation(bench: DatasetBench) -> None:
    """Loading, reading and checking change no file and no global random state."""
    bench.splits()
    before, drawn = bench.marks[bench.place], states()
    bench.load()
    for examples in split_up(bench.data()).values():
        list(looked_at(examples))
    if type(bench.source).check is not DatasetSource.check:
        bench.make().check(bench.place)
    after = bench.marks_now()
    changed = sorted(str(p) for p in {*before, *after} if before.get(p) != after.get(p))
    require(not changed, f"changed or written: {', '.join(changed)}")
    require(states() == drawn, "it draws from the global random generators")


@RULES.rule(
    why="reading a pickle runs whatever code it holds; data come from strangers",
    fix="write .npy without objects, .npz, HDF5, CSV, images or TFRecords; read NumPy's files with "
    "`allow_pickle=False`",
)
def no_pickle(bench: DatasetBench) -> None:
    """No file of its format is a pickle, and loading unpickles nothing."""
    place = bench.place
    if place is not None:
        found = [str(path.relative_to(place)) for path in files_below(place) if holds_pickle(path)]
        require(not found, f"pickles: {', '.join(found)}")
    bench.splits()
    with unpicklings() as seen:
        data = bench.load()
        for examples in split_up(data).values():
            next(looked_at(examples))
    require(not seen, f"loading unpickles: {'; '.join(dict.fromkeys(seen))}")


@RULES.rule(
    why="a sample is how users and tests try a dataset that they do not have",
    fix="write every file that `load` needs, by the seed alone, and return their paths",
)
def sample_round_trip(bench: DatasetBench) -> None:
    """A sample is sound, loads, and is the same for the same seed."""
    folder = bench.folder / "again"
    bench.sample("sample")
    folder.mkdir(exist_ok=True)
    paths = {Path(path) for path in bench.make().sample(folder, SEED)}
    written = set(files_below(folder))
    require(written, "the sample has no files")
    require(paths <= written, f"it returns files that it did not write: {sorted(paths - written)}")
    one, other = bench.marks[bench.sample("sample")], marks_below(folder)
    require(one == other, "two samples of one seed differ")
    if type(bench.source).check is not DatasetSource.check:
        problems = bench.make().check(folder)
        require(not problems, f"`check` finds problems in it: {'; '.join(problems)}")
    bench.load(place=folder)


@RULES.rule(
    why="a file that is cut short must be named, not trained on and not a traceback",
    fix="raise DataFormatError (with the file) from `load`, return the same from `check`, and say "
    "in an MmbalError where absent files come from",
)
def bad_input(bench: DatasetBench) -> None:
    """Absent and damaged files are told in words."""
    absent = bench.folder / "absent"
    require(refused(bench, absent), "it loads from a folder that does not exist")
    sample = bench.sample("sample")
    checks = type(bench.source).check is not DatasetSource.check
    for number, size in enumerate((None, 2)):
        damaged = bench.folder / f"damaged{number}"
        shutil.copytree(sample, damaged, dirs_exist_ok=True)
        for path in files_below(damaged):
            path.write_bytes(GARBAGE if size is None else path.read_bytes()[:size])
        how = "overwritten" if size is None else "cut short"
        if checks:
            try:
                problems = bench.make().check(damaged)
            except MmbalError as error:
                problems = [str(error)]
            require(problems, f"`check` finds nothing wrong with files that were {how}")
        require(refused(bench, damaged), f"it loads files that were {how}")


@RULES.rule(
    why="augmented examples are trained on by the same network, and repeated by the same seed",
    fix="use `tf.random.stateless_*` with the seed that is given, and keep shapes and types",
)
def augmentation(bench: DatasetBench) -> None:
    """Augmentation keeps shapes and types, and depends on the seed alone."""
    data = bench.data()
    if data.augment is None:
        raise Inapplicable("it does not augment")
    inputs, label = data.train.read(tf.constant(0, tf.int64))
    kept = {name: (tuple(x.shape), x.dtype) for name, x in inputs.items()}
    for number in range(3):
        seed = tf.constant([SEED, number], tf.int64)
        augment = tf.function(data.augment)
        once, again = augment(inputs, label, seed), augment(inputs, label, seed)
        found = {name: (tuple(x.shape), x.dtype) for name, x in once[0].items()}
        require(found == kept, f"it turns {kept} into {found}")
        numbers = [tf.nest.map_structure(lambda t: t.numpy(), each) for each in (once, again)]
        require(digest(numbers[0]) == digest(numbers[1]), "the same seed gives another example")
