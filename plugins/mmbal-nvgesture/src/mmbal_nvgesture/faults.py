"""Strips that cannot be decoded, kept beside the decoded ones so that runs leave them out."""

import json
from collections.abc import Iterable
from pathlib import Path

import av

from mmbal.errors import DataFormatError
from mmbal_nvgesture.media import Media
from mmbal_nvgesture.strip import Strip

NAME = "bad.json"

Fault = tuple[Strip, str]
"""A strip, and in one line why it cannot be decoded."""


class Faults:
    """The file of them in a cache: by the name of a strip, what was found and in which state.

    Args:
        folder: the cache.
        root: the dataset's folder, which faults are told relative to, for it may be moved.
    """

    def __init__(self, folder: Path, root: Path) -> None:
        self._path = folder / NAME
        self._root = root

    def of(self, named: Iterable[tuple[str, Strip]]) -> tuple[Fault, ...]:
        """Return the faults of those strips whose files are still as they were.

        Raises:
            DataFormatError: the file is damaged.
        """
        table = self._read()
        return tuple(
            (strip, f"{self._root}/{table[name]['fault']} ({strip.place})")
            for name, strip in named
            if name in table and table[name]["state"] == _state(strip.media)
        )

    def note(self, told: Iterable[tuple[str, Strip, str | None]]) -> None:
        """Keep the faults of strips, and forget those of strips without.

        Raises:
            DataFormatError: the file is damaged.
            OSError: it cannot be written.
        """
        before = self._read()
        table = dict(before)
        for name, strip, fault in told:
            table.pop(name, None)
            if fault:
                text = fault.removeprefix(f"{self._root}/").removesuffix(f" ({strip.place})")
                table[name] = {"fault": text, "state": _state(strip.media)}
        if table != before:
            partial = self._path.with_name(f".{NAME}.partial")
            partial.write_text(json.dumps(table, indent=1), encoding="utf-8")
            partial.replace(self._path)

    def _read(self) -> dict[str, dict[str, str]]:
        try:
            table = json.loads(self._path.read_bytes())
            return {name: {key: str(each[key]) for key in ("fault", "state")}
                    for name, each in table.items()}  # fmt: skip
        except (FileNotFoundError, NotADirectoryError):
            return {}
        except (OSError, ValueError, AttributeError, TypeError, KeyError) as problem:
            raise DataFormatError(f"{self._path}: damaged; remove it") from problem


def _state(media: Media) -> str:
    """Return what changes when a file is mended, or when another decoder would read it.

    A mended file often has the size of the bad one, but not its time.
    """
    paths = [media.path]
    try:
        if media.numbering is not None:
            paths += media.path.iterdir()
        changed = sum(path.stat().st_mtime_ns for path in paths)
    except OSError:  # not there any more
        changed = 0
    return f"PyAV {av.__version__}, {changed}"
