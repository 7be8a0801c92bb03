"""HDF5 files that lead nowhere else: what comes from a stranger reads no file but itself."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py

from mmbal.errors import DataFormatError, MmbalError, first_line, refused

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
            file is no HDF5 or cannot be read, or what is read from it is not what was expected.
    """
    try:
        # Files are replaced as a whole, never written in place, so no lock is needed;
        # asking for one fails on read-only and network file systems.
        with h5py.File(path, "r", locking=False) as file:
            _check_all(file, _MOST_EXPANSION * (path.stat().st_size + 1))
            yield file
    except MmbalError:
        raise
    except (OSError, KeyError, ValueError, TypeError, RuntimeError, MemoryError) as error:
        if isinstance(error, OSError) and error.errno:
            raise DataFormatError(f"cannot read {path}: {refused(error)}") from error
        reason = first_line(error, typed=False)
        raise DataFormatError(f"{path}: damaged ({reason})") from error


def _check_all(file: h5py.File, most: int) -> None:
    seen = set()
    waiting: list[tuple[str, h5py.Group]] = [("", file)]
    while waiting:
        prefix, group = waiting.pop()
        # Hard links may go in circles.
        address = h5py.h5o.get_info(group.id).addr
        if address in seen:
            continue
        seen.add(address)
        for name in group:
            path = f"{prefix}{name}"
            # A class of link that only the library that wrote it knows raises a TypeError.
            if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                raise ValueError(f"{path} is a link to elsewhere, which is refused")  # noqa: TRY004
            item = group[name]
            if isinstance(item, h5py.Group):
                waiting.append((f"{path}/", item))
            elif isinstance(item, h5py.Dataset):
                _check_values(item, path, most)


def _check_values(dataset: h5py.Dataset, path: str, most: int) -> None:
    if dataset.is_virtual or dataset.external:
        raise ValueError(f"{path} lies in another file, which is refused")
    if dataset.size is not None and dataset.size * dataset.dtype.itemsize > most:
        raise ValueError(f"{path} claims more values than the file can hold")
