"""HDF5 files that lead nowhere else: what comes from a stranger reads no file but itself."""

from pathlib import Path
from typing import Any

import h5py

from mmbal.errors import DataFormatError

# What deflate can shrink at best is about 1000 to 1; a file that claims more is a trap.
_MOST_EXPANSION = 1100


def most_bytes(path: Path) -> int:
    """Return how many bytes of values a file of this size can hold at most."""
    return _MOST_EXPANSION * (path.stat().st_size + 1)


def own_object(group: h5py.Group, name: str, path: str) -> Any:
    """Return what lies under a name of a group, in this very file.

    Args:
        group: to look into.
        name: one name, without a slash.
        path: for the message.

    Raises:
        ValueError: there is nothing, or a link to elsewhere: soft, external or user-defined.
    """
    try:
        link = group.get(name, getlink=True)
    except TypeError:  # a class of link that only the library that wrote it knows
        link = h5py.SoftLink
    if link is None:
        raise ValueError(f"no {path}")
    if not isinstance(link, h5py.HardLink):
        raise ValueError(f"{path} is a link to elsewhere, which is refused")  # noqa: TRY004
    return group[name]


def check_values(dataset: h5py.Dataset, path: str, most: int) -> None:
    """Refuse a dataset whose values lie in another file, or are more than the file can hold.

    Args:
        dataset: to check.
        path: for the message.
        most: bytes of values.

    Raises:
        ValueError: as said.
    """
    if dataset.is_virtual or dataset.external:
        raise ValueError(f"{path} lies in another file, which is refused")
    if dataset.size is not None and dataset.size * dataset.dtype.itemsize > most:
        raise ValueError(f"{path} claims more values than the file can hold")


def check_sealed(path: Path) -> None:
    """Refuse an HDF5 file that leads elsewhere, before a reader that follows is given it.

    Args:
        path: such as weights that Keras is to load.

    Raises:
        DataFormatError: something in it is a soft, external or user-defined link, a virtual
            dataset or one with external storage, claims more than the file can hold, or the
            file is no HDF5.
    """
    try:
        with h5py.File(path, "r", locking=False) as file:
            _check_all(file, most_bytes(path))
    except (OSError, KeyError, ValueError, TypeError, RuntimeError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataFormatError(f"{path}: {reason}") from error


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
            found = own_object(group, name, path)
            if isinstance(found, h5py.Group):
                waiting.append((f"{path}/", found))
            elif isinstance(found, h5py.Dataset):
                check_values(found, path, most)
