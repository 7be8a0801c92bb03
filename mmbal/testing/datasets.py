"""The rules for datasets, on a sample that the dataset writes or on files that are there."""

import json
import shutil
from pathlib import Path

import numpy as np
import tensorflow as tf

from mmbal.data import MultimodalDataset
from mmbal.testing.faults import dtype_fault
from mmbal.testing.fixtures.dataset import (
    SEED,
    DatasetSubject,
    contents,
    digest,
    files_below,
    looked_at,
    rows_of,
    split_up,
    stamps,
)
from mmbal.testing.pickles import holds_pickle, unpicklings
from mmbal.testing.rules import Broken, Inapplicable, Rulebook, require
from mmbal.testing.subject import random_states

COMPARED = 20_000
"""Examples of a split that are compared with those of the others, as far as they can be."""
GARBAGE = b"\x00\xffthis is no format\n" * 40
RULES = Rulebook()
SUBJECT = DatasetSubject


@RULES.rule(
    why="branches, classes and folders are named and made by these",
    fix="return a `MultimodalDataset` with a `Modality` for every input, two or more distinct "
    "class names, and facts that JSON can hold",
)
def loading(subject: DatasetSubject) -> None:
    """It loads, and describes its modalities and classes."""
    data = subject.data()
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
    why="networks are built, steps traced and epochs counted by what is told before any example is "
    "read",
    fix="give `Modality` shape and dtype of one example without the batch axis, set static shapes "
    "with `tf.ensure_shape`, cast labels to int64, and let no split be empty",
)
def examples(subject: DatasetSubject) -> None:
    """Every split has as many examples as it says, each as described and known to the graph."""
    data = subject.data()
    expected = {name: (tuple(each.shape), each.dtype) for name, each in data.modalities.items()}
    for split, part in split_up(data).items():
        inputs, label = part.dataset().element_spec
        promised = {name: (tuple(spec.shape), spec.dtype.name) for name, spec in inputs.items()}
        for name in promised.keys() & expected.keys():
            given, said = promised[name][1], expected[name][1]
            told = f"{split} yields {name!r} as {given}, its Modality says {said}"
            where = subject.line_of(type(subject.build()).load)
            require(given == said, dtype_fault(told, where))
        require(promised == expected, f"{split} promises {promised}, the modalities {expected}")
        integral = label == tf.TensorSpec([], tf.int64)
        require(integral, f"labels of {split} must be int64 scalars: {label}")
        for row, (values, number) in enumerate(subject.splits()[split]):
            example = f"example {row} of {split}"
            shapes = {name: value.shape for name, value in values.items()}
            as_described = all(shapes[name] == shape for name, (shape, _) in expected.items())
            require(as_described, f"{example} has shapes {shapes}")
            legal = 0 <= int(number) < len(data.class_names)
            require(legal, f"label {number} of {example} names no class")
            faulty = [
                name for name, x in values.items() if not np.isfinite(np.asarray(x, float)).all()
            ]
            require(not faulty, f"{example} is not finite: {', '.join(faulty)}")


@RULES.rule(
    why="a run is repeated, resumed and compared by its seed",
    fix="draw from `numpy.random.default_rng(seed)`, sort what a folder lists, and keep `read` a "
    "function of the index",
)
def determinism(subject: DatasetSubject) -> None:
    """The same seed gives the same examples, in whatever order they are read."""
    before, again = subject.splits(), subject.load()
    for split, part in split_up(again).items():
        same = list(map(digest, before[split])) == list(map(digest, looked_at(part)))
        require(same, f"loaded again with the same seed, {split} holds other examples")
        first, second = (digest(part.read(tf.constant(0, tf.int64))) for _ in range(2))
        require(first == second, f"{split} reads an example differently")
    same = again.fingerprint == subject.data().fingerprint
    require(same, "loaded again with the same seed, it has another fingerprint")


@RULES.rule(
    why="runs are compared, and resumed, by the fingerprint: equal ones must mean equal data",
    fix="digest the examples and the split (`hashlib.sha256`), and nothing of their folder",
)
def fingerprint(subject: DatasetSubject) -> None:
    """It is hexadecimal, follows the examples, and does not depend on where they lie."""
    before, mark = subject.splits(), subject.data().fingerprint
    require(mark and set(mark) <= set("0123456789abcdef"), f"it is not hexadecimal: {mark!r}")
    other = subject.load(SEED + 1)
    if other.fingerprint == mark:
        for split, part in split_up(other).items():
            same = list(map(digest, before[split])) == list(map(digest, looked_at(part)))
            require(same, f"another seed gives another {split} split under the same fingerprint")
    if subject.place is not None and subject.data_dir is None:
        moved = subject.folder / "moved"
        shutil.copytree(subject.place, moved, dirs_exist_ok=True)
        same = subject.load(place=moved).fingerprint == mark
        require(same, "the same files in another folder have another fingerprint")


@RULES.rule(
    why="a test example that was trained on, or a validation example, is no evidence",
    fix="split by example (or by person, object, recording) before anything is derived from it",
)
def disjoint_splits(subject: DatasetSubject) -> None:
    """No example stands in two splits: of each, up to 20,000 are compared."""
    owner: dict[str, str] = {}
    subject.splits()
    for split, part in split_up(subject.data()).items():
        compared = looked_at(part, COMPARED)
        for row, example in zip(rows_of(part, COMPARED), compared, strict=True):
            other = owner.setdefault(digest(example, labels=False), split)
            require(other == split, f"example {row} of {split} is in {other} as well")


@RULES.rule(
    why="data are shared between runs, and random numbers belong to the run",
    fix="write in `prepare` and `sample` alone; draw from a generator of your own",
)
def no_mutation(subject: DatasetSubject) -> None:
    """Loading, reading and checking change no file and no global random state."""
    subject.splits()
    drawn = random_states()
    subject.load()
    for part in split_up(subject.data()).values():
        list(looked_at(part))
    subject.problems(subject.place)
    changed = {path for path, *_ in subject.untouched ^ stamps(subject.place)}
    require(not changed, f"changed or written: {', '.join(sorted(map(str, changed)))}")
    require(random_states() == drawn, "it draws from the global random generators")


@RULES.rule(
    why="reading a pickle runs whatever code it holds; data come from strangers",
    fix="write .npy without objects, .npz, HDF5, CSV, images or TFRecords; read NumPy's files with "
    "`allow_pickle=False`",
)
def no_pickle(subject: DatasetSubject) -> None:
    """No file of its format is a pickle, and loading unpickles nothing."""
    place = subject.place
    if place is not None:
        pickles = [
            str(path.relative_to(place)) for path in files_below(place) if holds_pickle(path)
        ]
        require(not pickles, f"pickles: {', '.join(pickles)}")
    subject.splits()
    with unpicklings() as seen:
        for part in split_up(subject.load()).values():
            next(looked_at(part))
    require(not seen, f"loading unpickles: {'; '.join(dict.fromkeys(seen))}")


@RULES.rule(
    why="a sample is how users and tests try a dataset that they do not have",
    fix="write every file that `load` needs, by the seed alone, and return their paths",
)
def sample_round_trip(subject: DatasetSubject) -> None:
    """A sample is sound, loads, and is the same for the same seed."""
    subject.sample()
    folder = subject.folder / "again"
    folder.mkdir(exist_ok=True)
    paths = {Path(path) for path in subject.build().sample(folder, SEED)}
    written = set(files_below(folder))
    require(written, "the sample has no files")
    require(paths <= written, f"it returns files that it did not write: {sorted(paths - written)}")
    require(contents(folder) == subject.sampled, "two samples of one seed differ")
    problems = subject.problems(folder)
    require(not problems, f"`check` finds problems in it: {'; '.join(problems or ())}")
    subject.load(place=folder)


@RULES.rule(
    why="a file that is cut short must be named, not trained on and not a traceback",
    fix="raise DataFormatError (with the file) from `load`, return the same from `check`, and say "
    "in an MmbalError where absent files come from",
)
def bad_input(subject: DatasetSubject) -> None:
    """Absent and damaged files are told in words."""
    absent = subject.folder / "absent"
    require(subject.refuses(absent), "it loads from a folder that does not exist")
    for how, size in {"overwritten": None, "cut short": 2}.items():
        damaged = subject.folder / how
        shutil.copytree(subject.sample(), damaged, dirs_exist_ok=True)
        for path in files_below(damaged):
            path.write_bytes(GARBAGE if size is None else path.read_bytes()[:size])
        problems = subject.problems(damaged)
        require(
            problems is None or problems, f"`check` finds nothing wrong with files that were {how}"
        )
        require(subject.refuses(damaged), f"it loads files that were {how}")


@RULES.rule(
    why="augmented examples are trained on by the same network, and repeated by the same seed",
    fix="use `tf.random.stateless_*` with the seed that is given, and keep shapes and types",
)
def augmentation(subject: DatasetSubject) -> None:
    """Augmentation keeps shapes and types, and depends on the seed alone."""
    data = subject.data()
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
        require(digest(once) == digest(again), "the same seed gives another example")
