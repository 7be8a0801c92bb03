"""What is built of a distribution, and what must be in it."""

import email
import hashlib
import re
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import Message
from pathlib import Path

from readme_renderer.markdown import render
from versions import Refusal, pin, projects

_LINK = re.compile(r'(?:href|src)="([^"]+)"')
_PIN = re.compile(r"(mmbal[a-z0-9-]*)(?:\[[a-z0-9,-]+\])?\s*([^;\s]*)")


@dataclass(frozen=True)
class Built:
    """A distribution in both forms.

    Args:
        folder: of its pyproject.toml.
        wheel, sdist: the files.
    """

    folder: Path
    wheel: Path
    sdist: Path


def build(root: Path, folder: Path) -> list[Built]:
    """Build every distribution of a checkout, each from its folder.

    Raises:
        Refusal: the folder holds something, or one cannot be built.
    """
    if folder.exists() and any(folder.iterdir()):
        raise Refusal(f"{folder} must be empty: old packages would be among the new ones")
    return [
        Built(project, _made(project, folder, "wheel"), _made(project, folder, "sdist"))
        for project in projects(root)
    ]


def _made(project: Path, folder: Path, form: str) -> Path:
    """Build one form of a project; return the file."""
    before = set(folder.glob("*"))
    command = [sys.executable, "-m", "build", "--no-isolation", f"--{form}", "--outdir", folder]
    done = subprocess.run([*command, project], capture_output=True, text=True, check=False)
    new = set(folder.glob("*")) - before - {folder / ".gitignore"}
    if done.returncode or len(new) != 1:
        raise Refusal(f"the {form} of {project} cannot be built: {done.stdout}{done.stderr}")
    return new.pop()


def metadata_of(wheel: Path) -> Message:
    """Return the METADATA of a wheel."""
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [n for n in archive.namelist() if n.endswith(".dist-info/METADATA")]
        return email.message_from_bytes(archive.read(name))


def entry_points_of(wheel: Path) -> str:
    """Return what a wheel offers to mmbal or as a command; nothing, if it is a library."""
    with zipfile.ZipFile(wheel) as archive:
        files = [name for name in archive.namelist() if name.endswith("/entry_points.txt")]
        text = "".join(archive.read(name).decode() for name in files)
    return text if "[mmbal]" in text or "mmbal = mmbal.cli:main" in text else ""


def faults_of(built: Built, version: str) -> list[str]:
    """Return all that is wrong with what was built, one line each."""
    found = [*_wheel_faults(built), *_metadata_faults(metadata_of(built.wheel), version)]
    return [
        *(f"{built.wheel.name}: {fault}" for fault in found),
        *(f"{built.sdist.name}: {fault}" for fault in _sdist_faults(built)),
    ]


def _wheel_faults(built: Built) -> Iterator[str]:
    with zipfile.ZipFile(built.wheel) as archive:
        names = {name for name in archive.namelist() if not name.endswith("/")}
    info = {name for name in names if name.split("/")[0].endswith(".dist-info")}
    if not any(name.endswith("/licenses/LICENSE") for name in info):
        yield "no LICENSE"
    settings = (built.folder / "pyproject.toml").read_text(encoding="utf-8")
    if "[project.entry-points" in settings and not entry_points_of(built.wheel):
        yield "no entry point"
    source = built.folder / "src" if (built.folder / "src").is_dir() else built.folder
    wanted = set(_tracked(source))
    packages = {name.split("/")[0] for name in wanted if name.endswith("/__init__.py")}
    packages -= {"tests", "plugins", "benchmarks", "tools", "docs", "examples"}
    wanted = {name for name in wanted if name.split("/")[0] in packages}
    for package in sorted(packages):
        if f"{package}/py.typed" not in names:
            yield f"no {package}/py.typed"
    for name in sorted(wanted - names):
        yield f"{name} is missing"
    for name in sorted(names - info - wanted):
        yield f"{name} does not belong in it"


def _metadata_faults(metadata: Message, version: str) -> Iterator[str]:
    told = {
        "Version": version,
        "License-Expression": "Apache-2.0",
        "Description-Content-Type": "text/markdown",
        "Requires-Python": "<3.14,>=3.11",
    }
    for field, wanted in told.items():
        if metadata[field] != wanted:
            yield f"{field} is {metadata[field]!r}, expected {wanted!r}"
    if not metadata["Summary"]:
        yield "no summary"
    for requirement in metadata.get_all("Requires-Dist", []):
        own = _PIN.match(requirement)
        if own and own[2] != pin(version):
            yield f"asks for {requirement!r}, not in step with {version}"
    text = metadata.get_payload()
    page = render(str(text)) if text else None
    if not page:
        yield "its README cannot be rendered"
    for link in _LINK.findall(page or ""):
        if not link.startswith(("https://", "#")):
            yield f"its README links to {link}, which no index of packages has"


def _sdist_faults(built: Built) -> Iterator[str]:
    with tarfile.open(built.sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    for name in ("LICENSE", "README.md", "PKG-INFO", "pyproject.toml"):
        if name not in names:
            yield f"no {name}"
    made = {"PKG-INFO", ".gitignore"}
    for name in sorted(names - made - set(_tracked(built.folder))):
        yield f"{name} does not belong in it"


def _tracked(folder: Path) -> list[str]:
    """Return the files below a folder that git knows or would take in."""
    listing = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    done = subprocess.run(listing, cwd=folder, capture_output=True, text=True, check=True)
    return [name for name in done.stdout.splitlines() if (folder / name).is_file()]


def rebuild_faults(built: Built, scratch: Path) -> list[str]:
    """Build the wheel again from the sdist alone; return how it differs."""
    with tarfile.open(built.sdist) as archive:
        archive.extractall(scratch, filter="data")
    unpacked = scratch / built.sdist.name.removesuffix(".tar.gz")
    again = _made(unpacked, scratch / f"{unpacked.name}-wheel", "wheel")
    if again.name != built.wheel.name:
        return [f"{built.sdist.name} builds {again.name}, not {built.wheel.name}"]
    first, second = _contents(built.wheel), _contents(again)
    names = sorted(name for name in first | second if first.get(name) != second.get(name))
    return [f"{built.sdist.name} builds another {name}" for name in names]


def _contents(wheel: Path) -> dict[str, str]:
    with zipfile.ZipFile(wheel) as archive:
        return {n: hashlib.sha256(archive.read(n)).hexdigest() for n in archive.namelist()}
