"""Plugins that are installed by pip into an environment of their own."""

import os
import shlex
import subprocess
import sys
import sysconfig
import venv
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pytest

OFFLINE = ("--no-deps", "--no-build-isolation", "--disable-pip-version-check", "--quiet")


@dataclass
class Environment:
    """A virtual environment and a folder to work in.

    Args:
        prefix: of the environment.
        folder: where commands run.
        flags: given to `pip install`.
    """

    prefix: Path
    folder: Path
    flags: tuple[str, ...] = ()
    # TensorFlow takes most of a second core to start.
    _pool: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(2))

    @property
    def python(self) -> str:
        """Its interpreter."""
        return str(self.prefix / "bin" / "python")

    def __call__(self, command: str) -> str:
        """Run a command line, as a reader types it, to its end; return its stdout."""
        program, *words = shlex.split(command)
        if program in ("mmbal", "pytest", "pip", "twine"):
            words = ["-m", program, *words]
            program = "python"
        if words[1:3] == ["pip", "install"]:
            words = [*words, *self.flags]
        done = subprocess.run(
            [self.python if program == "python" else program, *self._expanded(words)],
            cwd=self.folder,
            env={**os.environ, "CUDA_VISIBLE_DEVICES": "", "TF_CPP_MIN_LOG_LEVEL": "3"},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout[-6000:]}\n{done.stderr[-6000:]}"
        return done.stdout

    def soon(self, *commands: str) -> "Future[list[str]]":
        """Run command lines one after another beside the tests; two such rows run at a time."""
        return self._pool.submit(lambda: [self(command) for command in commands])

    def _expanded(self, words: list[str]) -> list[str]:
        """Do what the shell does with asterisks."""
        found = [sorted(self.folder.glob(word)) if "*" in word else [] for word in words]
        return [
            str(each) for word, paths in zip(words, found, strict=True) for each in paths or [word]
        ]


@pytest.fixture(scope="session")
def environment(tmp_path_factory):
    """Return an environment that sees what is installed here, and whatever pip adds to it."""
    folder = tmp_path_factory.mktemp("outsiders")
    venv.create(folder / "venv", with_pip=True, symlinks=True)
    [site] = (folder / "venv").glob("lib/python3*/site-packages")
    # Unlike a line with a path, this also reads the .pth files there: of editable installs.
    here = sysconfig.get_path("purelib")
    (site / "here.pth").write_text(f"import site; site.addsitedir({here!r})\n")
    (folder / "work").mkdir()
    return Environment(folder / "venv", folder / "work", OFFLINE)


@pytest.fixture(scope="session")
def clean(tmp_path_factory):
    """Return an environment with nothing but pip, as on another machine."""
    folder = tmp_path_factory.mktemp("clean")
    subprocess.run([sys.executable, "-m", "venv", folder / "venv"], check=True)
    (folder / "work").mkdir()
    return Environment(folder / "venv", folder / "work", ("--disable-pip-version-check", "--quiet"))
