"""What was found out about files, so that it need not be found out again."""

import json
from pathlib import Path
from typing import Any

from mmbal.data import replace_file
from mmbal.errors import DataFormatError


class Memory:
    """Findings by name in a JSON file, each forgotten when its state changes.

    Args:
        path: of the file, which need not exist.
        forgiving: begin anew where it is damaged.

    Raises:
        DataFormatError: it is damaged, unless `forgiving`.
    """

    def __init__(self, path: Path, *, forgiving: bool = False) -> None:
        self._path = path
        self._entries: dict[str, dict[str, Any]] = {}
        try:
            entries = json.loads(path.read_bytes())
            self._entries = {
                name: {"state": entry["state"], "finding": entry["finding"]}
                for name, entry in entries.items()
            }
        except (FileNotFoundError, NotADirectoryError):
            pass
        except (OSError, ValueError, AttributeError, TypeError, KeyError) as problem:
            if not forgiving:
                raise DataFormatError(f"{path}: damaged; remove it") from problem
        self._saved = dict(self._entries)

    def finding(self, name: str, state: str) -> Any:
        """Return what was found out in this state; None if nothing was."""
        entry = self._entries.get(name)
        return entry["finding"] if entry and entry["state"] == state else None

    def note(self, name: str, state: str, finding: Any) -> None:
        """Keep a finding that JSON can hold; None forgets the one before."""
        self._entries.pop(name, None)
        if finding is not None:
            self._entries[name] = {"state": state, "finding": finding}

    def save(self) -> None:
        """Write the file, if anything in it is new.

        Raises:
            MmbalError: it cannot be written.
        """
        if self._entries != self._saved:
            replace_file(self._path, json.dumps(self._entries, indent=1).encode())
            self._saved = dict(self._entries)
