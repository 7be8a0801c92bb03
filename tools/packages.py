"""Builds every distribution, has released tools look through them, and tries the wheels alone.

Usage:
    python tools/packages.py build FOLDER          wheels and sdists of all distributions
    python tools/packages.py try FOLDER [PYTHON]   install the wheels of FOLDER alone, and use them
"""

import subprocess
import sys
from pathlib import Path

from clean import Refusal, try_wheels

ROOT = Path(__file__).parents[1]


def build(root: Path, folder: Path) -> list[Path]:
    """Build all distributions of a checkout, each wheel from its sdist, and check them.

    Returns:
        The files that were built.

    Raises:
        Refusal: the folder holds something, or one cannot be built or is not as it should be.
    """
    if folder.exists() and any(folder.iterdir()):
        raise Refusal(f"{folder} must be empty: old packages would be among the new ones")
    build = ("build", "--all-packages", "--python", sys.executable)
    call(root, "uv", *build, "--out-dir", folder.resolve())
    (folder / ".gitignore").unlink(missing_ok=True)  # uv's
    files = sorted(folder.resolve().iterdir())
    for wheel in (file for file in files if file.suffix == ".whl"):
        check_contents(root, wheel)
    call(root, sys.executable, "-m", "twine", "check", "--strict", *files)
    return files


def check_contents(root: Path, wheel: Path) -> None:
    """Compare a wheel with the package in the checkout.

    Raises:
        Refusal: something is missing, or does not belong in it.
    """
    name = wheel.name.partition("-")[0]
    source = root / "plugins" / name.replace("_", "-") / "src"
    package = (source if source.is_dir() else root) / name
    # By default files are left out whose names begin with a dot: templates have some.
    omitted = ("--package-omit", "__pycache__,*.pyc")
    call(root, sys.executable, "-m", "check_wheel_contents", *omitted, "--package", package, wheel)


def call(folder: Path, *command: str | Path) -> str:
    """Run a command in a folder; return what it printed.

    Raises:
        Refusal: it fails, or is not there.
    """
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise Refusal(f"there is no {command[0]}, which packages are built with") from error
    if done.returncode:
        shown = " ".join(map(str, command[:4]))
        raise Refusal(f"`{shown}` ends with {done.returncode}: {done.stdout}{done.stderr}".strip())
    return done.stdout


def main(arguments: list[str]) -> None:
    """Do what the command line says."""
    match arguments:
        case ["build", folder]:
            for path in build(ROOT, Path(folder)):
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
