"""Wheels tried in an environment that holds nothing else."""

import json
import os
import subprocess
import tempfile
import time
from pathlib import Path

from built import entry_points_of, metadata_of
from versions import Refusal

_RUN = ("run", "--plugin", "colored-digits", "--epochs", "1", "--out", "run", "--json",
        "--set", "dataset.train_examples=60")  # fmt: skip


def try_wheels(folder: Path, python: str) -> str:
    """Install all wheels of a folder in a clean environment, and use them.

    What they depend on comes from the index of packages; they themselves come from the folder.

    Args:
        folder: holds the wheels.
        python: a version such as 3.12, or the path of an interpreter.

    Returns:
        One line that says what was tried.

    Raises:
        Refusal: something does not work.
    """
    wheels = sorted(folder.resolve().glob("*.whl"))
    if not wheels:
        raise Refusal(f"{folder} holds no wheel: `python tools/packages.py build {folder}`")
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as scratch:
        home = Path(scratch)
        _call(home, "uv", "venv", "-q", "--python", python, "env")
        interpreter = home / "env/bin/python"
        _call(home, "uv", "pip", "install", "-q", "--python", interpreter, *wheels)
        _call(home, "uv", "pip", "check", "-q", "--python", interpreter)
        told = _use(home, interpreter, wheels)
    return f"{told}, {time.monotonic() - began:.0f} seconds"


def _use(home: Path, interpreter: Path, wheels: list[Path]) -> str:
    """Run what users run first; return what came of it."""
    version = _call(home, interpreter, "-c", "import platform; print(platform.python_version())")
    place = _call(home, interpreter, "-c", "import mmbal; print(mmbal.__file__)")
    if not Path(place.strip()).is_relative_to(home / "env"):
        raise Refusal(f"mmbal is imported from {place.strip()}, not from its wheel")
    mmbal = home / "env/bin/mmbal"
    listing = json.loads(_call(home, mmbal, "plugins", "--json"))
    if listing["problems"]:
        raise Refusal(f"plugins have problems: {listing['problems']}")
    offered = {each["distribution"].split()[0] for each in listing["plugins"]}
    plugins = [wheel for wheel in wheels if entry_points_of(wheel)]
    lost = {str(metadata_of(wheel)["Name"]) for wheel in plugins} - offered
    if lost:
        raise Refusal(f"{', '.join(sorted(lost))} offered nothing; those that did: {offered}")
    _call(home, mmbal, "doctor", "--quick")
    result = json.loads(_call(home, mmbal, *_RUN).splitlines()[-1])
    _call(home, mmbal, "report", "run")
    return (
        f"Python {version.strip()}: {len(wheels)} wheels, {len(listing['components'])} components, "
        f"{len(listing['recipes'])} recipes; one epoch of {result['recipe']} ended after "
        f"{result['steps']} steps"
    )


def _call(home: Path, *command: str | Path) -> str:
    """Run a command away from any checkout; return what it printed."""
    env = {
        k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "VIRTUAL_ENV", "UV_P"))
    }
    try:
        done = subprocess.run(
            command, cwd=home, env=env, capture_output=True, text=True, check=False
        )
    except FileNotFoundError as error:
        raise Refusal(f"there is no {command[0]}, which wheels are tried with") from error
    if done.returncode:
        shown = " ".join(map(str, command[:6]))
        raise Refusal(f"{shown} ends with {done.returncode}: {done.stdout}{done.stderr}")
    return done.stdout
