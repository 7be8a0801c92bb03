"""Builds every distribution, looks through what was built, and tries it in clean environments.

Usage:
    python tools/packages.py build FOLDER          wheels and sdists of all distributions
    python tools/packages.py try FOLDER [PYTHON]   install the wheels of FOLDER alone, and use them
"""

import subprocess
import sys
import tempfile
from pathlib import Path

from built import build, faults_of, rebuild_faults
from clean import try_wheels
from versions import Refusal, current

ROOT = Path(__file__).parents[1]


def build_checked(root: Path, folder: Path) -> list[Path]:
    """Build all distributions of a checkout into a folder and check them.

    Returns:
        The files that were built.

    Raises:
        Refusal: one is not as it should be.
    """
    found = build(root, folder)
    version = current(root)
    faults = [fault for each in found for fault in faults_of(each, version)]
    with tempfile.TemporaryDirectory() as scratch:
        faults += [f for each in found for f in rebuild_faults(each, Path(scratch))]
    if faults:
        raise Refusal("\n".join(["what was built is not as it should be:", *faults]))
    files = [file for each in found for file in (each.wheel, each.sdist)]
    command = [sys.executable, "-m", "twine", "check", "--strict", *files]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Refusal(f"an index of packages would not take them: {done.stdout}{done.stderr}")
    return files


def main(arguments: list[str]) -> None:
    """Do what the command line says."""
    match arguments:
        case ["build", folder]:
            for path in build_checked(ROOT, Path(folder)):
                print(f"{path.name}: {path.stat().st_size:,} bytes, as it should be")
        case ["try", folder, *pythons]:
            for python in pythons or [sys.executable]:
                print(try_wheels(Path(folder), python), flush=True)
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except Refusal as problem:
        sys.exit(f"error: {problem}")
