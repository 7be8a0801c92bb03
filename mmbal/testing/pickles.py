"""Finds pickles: in files, and where they are read."""

import pickle
import traceback
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

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

    def noting(read: Callable[..., Any]) -> Callable[..., Any]:
        def load(*args: Any, **options: Any) -> Any:
            caller = traceback.extract_stack(limit=2)[0]
            seen.append(f"{caller.filename}:{caller.lineno}")
            return read(*args, **options)

        return load

    watched: dict[str, Any] = {name: noting(getattr(pickle, name)) for name in ("load", "loads")}
    for name in ("Unpickler", "_Unpickler"):
        original = getattr(pickle, name)
        watched[name] = type(name, (original,), {"load": noting(original.load)})
    with patch.multiple(pickle, **watched):
        yield seen
