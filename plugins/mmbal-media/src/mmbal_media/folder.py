"""Where a dataset's files stand below `--data-dir`."""

from collections.abc import Callable, Iterable
from pathlib import Path

from mmbal.errors import MmbalError


def first_root(
    data_dir: Path | None, inside: Iterable[str], holds: Callable[[Path], object]
) -> Path | None:
    """Return the first folder that holds the data; None if there is none.

    Args:
        data_dir: of the run.
        inside: folders below it that archives make; "" for itself.
        holds: whether a folder holds the data.
    """
    roots = [] if data_dir is None else [data_dir / name for name in inside]
    return next((root for root in roots if holds(root)), None)


def absent(data_dir: Path | None, name: str, wanted: str, advice: str) -> MmbalError:
    """Return the error for a folder without the data: what is there, and how to get it.

    Args:
        data_dir: of the run.
        name: of the dataset.
        wanted: what was looked for, such as "no list.txt in".
        advice: what is expected, and where to get it.
    """
    if data_dir is None:
        fault = f"{name} needs --data-dir"
    elif not data_dir.is_dir():
        fault = f"{data_dir}: not a folder"
    else:
        names = sorted(path.name for path in data_dir.iterdir() if not path.name.startswith("."))
        listing = ", ".join(names[:8]) + (", …" if len(names) > 8 else "") if names else "nothing"
        fault = f"{wanted} {data_dir}; found: {listing}"
    return MmbalError(f"{fault}. {advice}")
