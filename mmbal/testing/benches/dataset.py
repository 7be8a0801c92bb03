"""A dataset, the files it is tried on, and the examples in them."""

import hashlib
import random
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from mmbal.data import DatasetSource, Examples, MultimodalDataset
from mmbal.errors import MmbalError
from mmbal.registry.catalogue import first_line
from mmbal.testing.benches.bench import Bench
from mmbal.testing.rules import Broken, Inapplicable, require

LIMIT = 300
"""Examples of a split that are looked at; larger ones are looked at evenly."""
COMPARED = 20_000
"""Examples of a split that are compared with those of the others, as far as they can be."""
SEED = 3

Example = tuple[dict[str, np.ndarray], np.ndarray]


class DatasetBench(Bench):
    """A dataset and the files it is tried on."""

    @cached_property
    def source(self) -> DatasetSource:
        """Return it before its files are read."""
        return self.make()

    def make(self) -> DatasetSource:
        """Return a new one."""
        return self.subject.build()  # type: ignore[no-any-return]

    @property
    def samples(self) -> bool:
        """Whether it writes samples of itself."""
        return type(self.source).sample is not DatasetSource.sample

    def sample(self, name: str) -> Path:
        """Write a sample, once, and return its folder; equal names give equal files.

        Raises:
            Inapplicable: it offers none.
        """
        if not self.samples:
            raise Inapplicable("it offers no sample (`mmbal data sample`)")
        folder = self.folder / name
        if not folder.exists():
            folder.mkdir()
            self.make().sample(folder, SEED)
            self.marks[folder] = marks_below(folder)
        return folder

    @cached_property
    def marks(self) -> dict[Path | None, dict[Path, str]]:
        """What identifies the files of each folder, before anything was loaded from it."""
        return {None: {}}

    def marks_now(self) -> dict[Path, str]:
        """Return what identifies the files that it is tried on."""
        given = self.subject.data_dir is not None
        return {} if self.place is None else marks_below(self.place, content=not given)

    @cached_property
    def place(self) -> Path | None:
        """Return the folder of its files: what was given, a sample, or None for its own data."""
        given = self.subject.data_dir
        if given is not None:
            self.marks[given] = marks_below(given, content=False)
            return given
        if self.samples:
            return self.sample("sample")
        try:
            self.make().load(None, SEED)
        except MmbalError as error:
            raise Inapplicable(
                f"it offers no sample and has no data of its own; give --data-dir ({error})"
            ) from error
        return None

    def data(self, *, owner: bool = False) -> MultimodalDataset:
        """Return it loaded."""
        made = lambda: self.load()  # noqa: E731, PLW0108
        return self.once("loading", made, owner=owner)  # type: ignore[no-any-return]

    def load(self, seed: int = SEED, place: Path | None = None) -> MultimodalDataset:
        """Load it anew."""
        return self.make().load(place or self.place, seed)

    def splits(self, *, owner: bool = False) -> dict[str, list[Example]]:
        """Return the examples of each split, as far as they are looked at."""
        return self.once("cardinality", self._read, owner=owner)  # type: ignore[no-any-return]

    def _read(self) -> dict[str, list[Example]]:
        found = {}
        for split, examples in split_up(self.data()).items():
            require(len(examples) > 0, f"{split} has no examples")
            known = int(examples.dataset().cardinality())
            require(known == len(examples), f"{split} says {len(examples)}, its stream {known}")
            try:
                found[split] = list(looked_at(examples))
            except Exception as error:
                said = f"not all examples of {split} can be read: {first_line(error)}"
                raise Broken(said) from error
        return found


def split_up(data: MultimodalDataset) -> dict[str, Examples]:
    """Return the splits by name."""
    return {"train": data.train, "validation": data.validation, "test": data.test}


def looked_at(examples: Examples, limit: int = LIMIT) -> Iterator[Example]:
    """Read up to `limit` examples, evenly over all of them."""
    yield from examples.dataset(rows_of(examples, limit)).as_numpy_iterator()


def rows_of(examples: Examples, limit: int) -> np.ndarray:
    """Return the indices of up to `limit` examples, evenly over all of them."""
    count = len(examples)
    return np.unique(np.linspace(0, count - 1, min(count, limit)).astype(np.int64))


def refused(bench: DatasetBench, folder: Path) -> bool:
    """Return whether loading or reading says in words what is wrong."""
    try:
        for examples in split_up(bench.load(place=folder)).values():
            list(looked_at(examples))
    except MmbalError:
        return True
    return False


def digest(example: Any, *, labels: bool = True) -> str:
    """Return what identifies an example by its content."""
    inputs, label = example
    found = hashlib.sha256(str(int(label)).encode() if labels else b"")
    for name in sorted(inputs):
        value = np.asarray(inputs[name])
        found.update(f"{name}{value.dtype}{value.shape}".encode())
        found.update(value.tobytes())
    return found.hexdigest()


def digests(examples: Any, *, labels: bool = True) -> list[str]:
    """Return what identifies each of some examples."""
    return [digest(each, labels=labels) for each in examples]


def files_below(folder: Path) -> list[Path]:
    """Return all files of a folder, sorted."""
    return sorted(path for path in folder.rglob("*") if path.is_file())


def marks_below(folder: Path, *, content: bool = True) -> dict[Path, str]:
    """Return what identifies every file of a folder, by its place in it.

    Args:
        folder: to look through.
        content: digest what the files hold; else size and time of the last change tell.
    """
    return {path.relative_to(folder): _mark(path, content) for path in files_below(folder)}


def _mark(path: Path, content: bool) -> str:
    if content:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    facts = path.stat()
    return f"{facts.st_size} {facts.st_mtime_ns}"


def states() -> str:
    """Return the global random states as text."""
    kind, keys, *rest = np.random.get_state()  # noqa: NPY002
    return repr((random.getstate(), kind, np.asarray(keys).tobytes(), rest))
