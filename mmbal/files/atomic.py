"""Files that are either wholly there or not at all."""

import os
from contextlib import suppress
from pathlib import Path

from filelock import lock_descriptor

from mmbal.errors import attempting


def replace_file(path: Path, data: bytes) -> None:
    """Write `data` to `path` so that a reader sees the old file or the new one, never a part.

    A process killed meanwhile leaves the old file and a hidden `.NAME.partial`, which the
    next call removes.

    Args:
        path: the file; its folder must exist.
        data: all of its bytes.

    Raises:
        MmbalError: the file cannot be written; the old one is untouched.
    """
    partial = path.with_name(f".{path.name}.partial")
    with attempting(f"write {path}"):
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            with suppress(OSError):  # a file system without locks
                lock_descriptor(folder)  # two processes may not share the temporary name
            try:
                # Removed and made anew: a link planted under this name is not followed.
                partial.unlink(missing_ok=True)
                with partial.open("xb") as stream:
                    stream.write(data)
                    stream.flush()
                    os.fsync(stream.fileno())
                partial.replace(path)
            finally:
                partial.unlink(missing_ok=True)
            with suppress(OSError):  # not every file system can synchronise a folder
                os.fsync(folder)
        finally:
            os.close(folder)
