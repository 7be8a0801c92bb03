"""Plugins that are really installed: wheels unpacked into a folder on PYTHONPATH."""

import json
import os
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

HEADER = "from mmbal import Component, Recipe, hookimpl\n"


@dataclass
class Site:
    """A folder of installed distributions."""

    folder: Path

    def install(self, name: str, source: str, version: str = "1.2", plugin: str = "") -> None:
        """Build the wheel of a plugin with one module; install it."""
        module = name.replace("-", "_")
        wheel = self.folder.parent / f"{module}-{version}-py3-none-any.whl"
        info = f"{module}-{version}.dist-info"
        with zipfile.ZipFile(wheel, "w") as archive:
            archive.writestr(f"{module}.py", HEADER + source)
            metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
            archive.writestr(f"{info}/METADATA", metadata)
            archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\n")
            archive.writestr(f"{info}/entry_points.txt", f"[mmbal]\n{plugin or name} = {module}\n")
            archive.writestr(f"{info}/RECORD", "")
        # For a wheel of pure Python, unpacking is what installing means.
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(self.folder)

    def mmbal(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Run mmbal with these plugins installed."""
        return subprocess.run(
            [sys.executable, "-m", "mmbal", *arguments],
            env={**os.environ, "PYTHONPATH": str(self.folder)},
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
        )

    def listing(self) -> tuple[dict[str, Any], str]:
        """Return `mmbal plugins --json`, parsed, and what it wrote to stderr."""
        done = self.mmbal("plugins", "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout), done.stderr


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """Return an empty folder of installed distributions."""
    folder = tmp_path / "site"
    folder.mkdir()
    return Site(folder)
