"""HDF5 files that lead nowhere else: what comes from a stranger reads no file but itself."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py

from mmbal.errors import DataFormatError, MmbalError, first_line

# What deflate can shrink at best is about 1000 to 1; a file that claims more is a trap.
_MOST_EXPANSION = 1100


@contextmanager
def open_sealed(path: Path) -> Iterator[Any]:
    """Open an HDF5 file in which nothing leads elsewhere.

    Args:
        path: such as a record, or weights that Keras, which follows links, is to load next.

    Yields:
        The file, to be read only.

    Raises:
        DataFormatError: something in it is a soft, external or user-defined link, a virtual
            dataset or one with external storage, or claims more than the file can hold; or the
            file is no HDF5, or what is read from it is not what was expected.
    """
    try:
        # Files are replaced as a whole, never written in place, so no lock is needed;
        # asking for one fails on read-only and network file systems.
        with h5py.File(path, "r", locking=False) as file:
            most = _MOST_EXPANSION * (path.stat().st_size + 1)
            paths: list[str] = []
            file.visit_links(paths.append)  # follows hard links alone, and each once
            for linked in paths:
                _check(file, linked, most)
            yield file
    except MmbalError:
        raise
    except (OSError, KeyError, ValueError, TypeError, RuntimeError, MemoryError) as error:
        reason = first_line(error, typed=False)
        raise DataFormatError(f"{path}: damaged ({reason})") from error


def _check(file: h5py.File, path: str, most: int) -> None:
    try:
        link = file.get(path, getlink=True)
    except TypeError:  # a class of link that only the library that wrote it knows
        link = None
    if not isinstance(link, h5py.HardLink):
        raise ValueError(f"{path} is a link to elsewhere, which is refused")  # noqa: TRY004
    item = file[path]
    if not isinstance(item, h5py.Dataset):
        return
    if item.is_virtual or item.external:
        raise ValueError(f"{path} lies in another file, which is refused")
    if item.size is not None and item.size * item.dtype.itemsize > most:
        raise ValueError(f"{path} claims more values than the file can hold")
