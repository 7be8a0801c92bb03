"""Puts every version and every pin between our distributions in step.

Usage: python tools/versions.py 0.2.0
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

_VERSION = re.compile(r"\d+\.\d+\.\d+")
_OWN = re.compile(r'^version = "[^"]*"$', re.MULTILINE)
_DUNDER = re.compile(r'^__version__ = "([^"]*)"$', re.MULTILINE)
_PIN = re.compile(r'"(mmbal(?:-[a-z0-9-]+)?)(\[[a-z0-9,-]+\])?==[^"]*"')
PACKAGE = Path("mmbal/version.py")


class Refusal(Exception):  # noqa: N818  (the user's to mend, not an error of this script)
    """Something that stands in the way, in one line."""


def current(root: Path) -> str:
    """Return the version of a checkout."""
    found = _DUNDER.search((root / PACKAGE).read_text(encoding="utf-8"))
    if found is None:
        raise Refusal(f'{root / PACKAGE} has no line __version__ = "..."')
    return found[1]


def projects(root: Path) -> list[Path]:
    """Return the folders of our distributions, mmbal first."""
    return [root, *sorted(path.parent for path in root.glob("plugins/*/pyproject.toml"))]


def pin(version: str) -> str:
    """Return what our distributions ask of one another: the same minor version."""
    major, minor, _ = version.split(".")
    return f"=={major}.{minor}.*"


def bumped(root: Path, version: str) -> dict[Path, str]:
    """Return the new text of every file that tells a version; nothing is written.

    Raises:
        Refusal: it is no version, or a file does not tell its own.
    """
    if not _VERSION.fullmatch(version):
        raise Refusal(f"a version is three numbers such as 0.2.0, received {version!r}")
    texts = dict(_bumped(root, version))
    return {path: text for path, text in texts.items() if text != path.read_text(encoding="utf-8")}


def _bumped(root: Path, version: str) -> Iterator[tuple[Path, str]]:
    package = root / PACKAGE
    current(root)
    yield (
        package,
        _DUNDER.sub(f'__version__ = "{version}"', package.read_text(encoding="utf-8")),
    )
    names = {"mmbal", *(folder.name for folder in projects(root)[1:])}
    for folder in projects(root):
        path = folder / "pyproject.toml"
        text, count = _OWN.subn(f'version = "{version}"', path.read_text(encoding="utf-8"))
        if count != 1:
            raise Refusal(f'{path} must have one line version = "...", it has {count}')
        yield path, _pinned(text, version, names)
    # Examples have versions of their own, and keep what they ask of one another.
    for path in sorted(root.glob("examples/*/pyproject.toml")):
        yield path, _pinned(path.read_text(encoding="utf-8"), version, names)


def _pinned(text: str, version: str, names: set[str]) -> str:
    """Return a text in which these distributions are asked for in a new version."""

    def changed(found: re.Match[str]) -> str:
        return f'"{found[1]}{found[2] or ""}{pin(version)}"' if found[1] in names else found[0]

    return _PIN.sub(changed, text)


def main(arguments: list[str]) -> None:
    """Write the version that is given into the checkout around here."""
    if len(arguments) != 1:
        sys.exit(__doc__)
    root = Path(__file__).parents[1]
    try:
        changes = bumped(root, arguments[0])
    except Refusal as problem:
        sys.exit(f"error: {problem}")
    for path, text in changes.items():
        path.write_text(text, encoding="utf-8")
        print(f"{path.relative_to(root)}: {arguments[0]}")


if __name__ == "__main__":
    main(sys.argv[1:])
