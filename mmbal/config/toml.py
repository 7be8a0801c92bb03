"""TOML files -> values, and the line that each key stands on."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import tomlkit
from tomlkit.exceptions import ParseError, TOMLKitError

from mmbal.config.tree import around, leaves
from mmbal.errors import ConfigError
from mmbal.files.text import read_text
from mmbal.keys import Key


@dataclass(frozen=True)
class TomlFile:
    """A file's values, the line of each key, tables included, and what made a run."""

    path: Path
    values: Mapping[str, Any]
    lines: Mapping[Key, int]
    provenance: Mapping[str, Any] = field(default_factory=dict)

    def origin(self, key: Key) -> str:
        """Return where `key`, or the nearest table around it, stands."""
        lines = (f":{self.lines[table]}" for table in around(key) if table in self.lines)
        return f"{self.path}{next(lines, '')}"


def read_file(path: Path) -> TomlFile:
    """Read a TOML file; a `[provenance]` table, which records write, is no value of it.

    Raises:
        ConfigError: it is not valid TOML.
        MmbalError: it cannot be read, or is no text.
    """
    text = read_text(path)
    try:
        values = tomlkit.parse(text).unwrap()
    except ParseError as error:
        reason = str(error).rpartition(" at line ")[0]
        raise ConfigError(f"{path}:{error.line}: not valid TOML: {reason}") from error
    except (TOMLKitError, ValueError, RecursionError) as error:
        raise ConfigError(f"{path}: not valid TOML: {error}") from error
    provenance = values.pop("provenance", None)
    return TomlFile(path, values, _locate(text), provenance if isinstance(provenance, dict) else {})


def _locate(text: str) -> dict[Key, int]:
    """Return the line of every key; parsers keep no positions.

    The text is cut into its statements: a statement ends with the first line at which it
    parses on its own, which also holds for values that span lines.
    """
    lines: dict[Key, int] = {}
    table: Key = ()
    begin, statement = 1, ""
    for number, line in enumerate(text.split("\n"), start=1):
        statement += f"{line}\n"
        try:
            keys = [key for key, _ in leaves(tomllib.loads(statement))]
        except ValueError:
            continue
        # `[table]` and `[[table]]` are the only statements that begin with a bracket.
        if statement.lstrip().startswith("["):
            table, keys = keys[0], [()]
        for key in keys:
            for inner in around((*table, *key)):
                lines.setdefault(inner, begin)
        begin, statement = number + 1, ""
    return lines
