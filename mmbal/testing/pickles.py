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
            return any(_is_pickled(_head(archive, name)) for name in archive.namelist())
    with path.open("rb") as file:
        return _is_pickled(file.read(HEAD))


def _is_pickled(head: bytes) -> bool:
    return head.startswith(PROTOCOLS) or OBJECTS in head


def _head(archive: zipfile.ZipFile, name: str) -> bytes:
    """Return the head of a member; nothing where it cannot be read, and so not be unpickled."""
    try:
        with archive.open(name) as file:
            return file.read(HEAD)
    except (NotImplementedError, RuntimeError, zipfile.BadZipFile):
        return b""


@contextmanager
def unpicklings() -> Iterator[list[str]]:
    """Note every use of `load`, `loads` and `Unpickler` of `pickle`, and where it was asked for."""
    seen: list[str] = []
    watched = {
        "load": _noting(pickle.load, seen),
        "loads": _noting(pickle.loads, seen),
        "Unpickler": _noting_class(pickle.Unpickler, seen),
        "_Unpickler": _noting_class(getattr(pickle, "_Unpickler"), seen),  # noqa: B009  (mypy's wish)
    }
    kept = {name: getattr(pickle, name) for name in watched}
    try:
        vars(pickle).update(watched)
        yield seen
    finally:
        vars(pickle).update(kept)


def _noting(read: Any, seen: list[str]) -> Any:
    def load(*args: Any, **options: Any) -> Any:
        seen.append(_caller())
        return read(*args, **options)

    return load


def _noting_class(base: Any, seen: list[str]) -> type:
    def load(self: Any) -> Any:
        seen.append(_caller())
        return base.load(self)

    return type(base.__name__, (base,), {"load": load})


def _caller() -> str:
    """Return the line that called what calls this."""
    caller = traceback.extract_stack(limit=3)[0]
    return f"{caller.filename}:{caller.lineno}"
