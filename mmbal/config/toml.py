"""TOML files -> values, and the line that each key stands on."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tomlkit
from tomlkit.exceptions import ParseError, TOMLKitError

from mmbal.config.origin import Key
from mmbal.config.tree import around, leaves
from mmbal.errors import ConfigError, refused


@dataclass(frozen=True)
class TomlFile:
    """A file's values and the line of each key, tables included."""

    path: Path
    values: Mapping[str, Any]
    lines: Mapping[Key, int]

    def origin(self, key: Key) -> str:
        """Return where `key`, or the nearest table around it, stands."""
        lines = (f":{self.lines[table]}" for table in around(key) if table in self.lines)
        return f"{self.path}{next(lines, '')}"


def read_file(path: Path) -> TomlFile:
    """Read a TOML file; a `[provenance]` table, which records write, is left out.

    Raises:
        ConfigError: it cannot be read, or is not valid TOML.
    """
    text = read_text(path)
    try:
        values = tomlkit.parse(text).unwrap()
    except ParseError as error:
        reason = str(error).rpartition(" at line ")[0]
        raise ConfigError(f"{path}:{error.line}: not valid TOML: {reason}") from error
    except TOMLKitError as error:
        raise ConfigError(f"{path}: not valid TOML: {error}") from error
    values.pop("provenance", None)
    return TomlFile(path, values, _locate(text))


def read_text(path: Path) -> str:
    """Return the text of a file.

    Raises:
        ConfigError: it cannot be read, or is not UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ConfigError(f"cannot read {refused(error)}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"cannot read {path}: it is not UTF-8 text") from error


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
        except tomllib.TOMLDecodeError:
            continue
        # `[table]` and `[[table]]` are the only statements that begin with a bracket.
        if statement.lstrip().startswith("["):
            table, keys = keys[0], [()]
        for key in keys:
            for inner in around((*table, *key)):
                lines.setdefault(inner, begin)
        begin, statement = number + 1, ""
    return lines
