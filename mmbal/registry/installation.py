"""Installed distributions -> entry points, in whatever state their metadata are."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import Distribution, EntryPoint, distributions
from pathlib import Path

from packaging.version import InvalidVersion, Version

from mmbal.errors import PluginError, first_line

GROUP = "mmbal"


@dataclass
class Installation:
    """One distribution with plugins.

    Args:
        folder: of its metadata.
        problems: what of the metadata cannot be read.
    """

    folder: Path
    name: str
    version: str
    entries: list[EntryPoint]
    problems: list[str]

    def __str__(self) -> str:
        """Return name and version."""
        return f"{self.name} {self.version}"

    @property
    def file(self) -> Path:
        """Its list of entry points."""
        return self.folder / "entry_points.txt"

    def faults(self) -> list[PluginError]:
        """Return the problems as errors."""
        return [PluginError(self.name, str(self), problem) for problem in self.problems]

    def age(self) -> tuple[bool, Version]:
        """Return what is larger for the newer of two installations in one folder."""
        try:
            version = Version(self.version)
        except InvalidVersion:
            version = Version("0")
        return not self.folder.name.startswith("~"), version  # as pip marks what it replaces


def installations() -> tuple[list[Installation], list[PluginError]]:
    """Return the distributions with plugins, and what is wrong with them or left over.

    Of equal names the first on `sys.path` counts, and in one folder the newest.
    """
    chosen: dict[str, Installation] = {}
    problems = []
    # A folder may stand on the path twice.
    for offer in {each.folder: each for each in map(_read, distributions()) if each}.values():
        name = re.sub(r"[-_.]+", "-", offer.name).lower()
        other = chosen.setdefault(name, offer)
        if other is offer or other.folder.parent != offer.folder.parent:
            continue
        older, chosen[name] = sorted((other, offer), key=Installation.age)
        older.problems = [f"{older.folder} is left over from an older installation: remove it"]
        problems += older.faults()
    problems += [fault for each in chosen.values() for fault in each.faults()]
    return list(chosen.values()), problems


def _read(distribution: Distribution) -> Installation | None:
    """Return a distribution, if it has plugins."""
    # importlib reads whole files or nothing, and has no other way to tell which they are.
    folder = Path(str(getattr(distribution, "_path", "")))
    problems: list[str] = []
    try:
        data = (folder / "entry_points.txt").read_bytes()
    except OSError:
        return None
    if f"[{GROUP}]".encode() not in data.replace(b"\0", b""):
        return None
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode(errors="replace")
        problems.append(f"{folder / 'entry_points.txt'} is not UTF-8 text")
    entries = list(_entries(folder / "entry_points.txt", text, problems))
    if not entries and not problems:
        return None
    name, _, version = folder.stem.lstrip("~").partition("-")
    try:
        metadata = distribution.metadata
        name, version = metadata["Name"] or name, metadata["Version"] or version
        if not metadata["Name"]:
            problems.append(f"{folder}: its metadata name no distribution")
    except (OSError, ValueError, LookupError, ImportError) as error:
        problems.append(f"{folder}: its metadata cannot be read: {first_line(error)}")
    return Installation(folder, name, version, entries, problems)


def _entries(file: Path, text: str, problems: list[str]) -> Iterator[EntryPoint]:
    group = ""
    for number, line in enumerate(map(str.strip, text.splitlines()), start=1):
        if line.startswith("["):
            group = line.strip("[]")
        elif group == GROUP and line and line[0] not in "#;":
            name, _, value = map(str.strip, line.partition("="))
            if EntryPoint.pattern.match(value):
                yield EntryPoint(name, value, GROUP)
            else:
                problems.append(f"{file}:{number}: must be NAME = MODULE, received {line!r}")
