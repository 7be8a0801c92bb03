"""Finds pickles: in files, and where they are read."""

import pickle
import traceback
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

SUFFIXES = frozenset({".joblib", ".p", ".pickle", ".pkl", ".pt", ".pth"})
PROTOCOLS = (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")
OBJECTS = b"'descr': '|O'"
"""In the head of a .npy file whose array is pickled."""
HEAD = 1024


def holds_pickle(path: Path) -> bool:
    """Return whether a file is a pickle, or an array or archive with one in it."""
    if path.suffix in SUFFIXES:
        return True
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            return any(_is_pickled(archive.open(name).read(HEAD)) for name in archive.namelist())
    with path.open("rb") as file:
        return _is_pickled(file.read(HEAD))


def _is_pickled(head: bytes) -> bool:
    return head.startswith(PROTOCOLS) or OBJECTS in head


@contextmanager
def unpicklings() -> Iterator[list[str]]:
    """Note every use of `pickle.load` and `pickle.loads`, and where it was asked for."""
    seen: list[str] = []
    kept = pickle.load, pickle.loads

    def noting(read: Any) -> Any:
        def load(*args: Any, **options: Any) -> Any:
            caller = traceback.extract_stack(limit=2)[0]
            seen.append(f"{caller.filename}:{caller.lineno}")
            return read(*args, **options)

        return load

    pickle.load, pickle.loads = map(noting, kept)
    try:
        yield seen
    finally:
        pickle.load, pickle.loads = kept
