"""What only lists and explains must not wait for TensorFlow."""

import json
import subprocess
import sys

import pytest

HEAVY = {
    "h5py", "keras", "matplotlib", "numpy", "pandas", "ray", "scipy", "sklearn", "tensorflow",
    "tensorflow_datasets",
}  # fmt: skip

COMMANDS = [
    ["--help"],
    ["--version"],
    ["run", "--help"],
    ["report", "--help"],
    ["compare", "--help"],
    ["runs", "--help"],
    ["plugins"],
    ["plugins", "--json"],
    ["plugins", "show", "guided"],
    ["plugins", "show", "adam"],
    ["plugins", "show", "linear-probe"],
    ["plugins", "new", "lazy", "--kind", "architecture"],
    ["plugins", "check", "--help"],
    ["plugins", "show", "colored-digits", "--kind", "recipe"],
    ["run", "--plugin", "colored-digits", "--print-config"],
    ["sweep", "--help"],
    ["sweep", "--plugin", "colored-digits", "--seeds", "0-4", "--out", "absent", "--dry-run"],
]
PROBE = """
import atexit, json, os, sys
from mmbal.cli import cli
for number, words in enumerate(json.loads(sys.argv[1])):
    if not os.fork():
        told = open(f"{number}.json", "w")
        atexit.register(lambda: (json.dump(sorted(sys.modules), told), told.close()))
        cli.main(words, prog_name="mmbal")
    assert os.wait()[1] == 0, words
"""
"""Each command in a fork of a process that has imported the command line alone."""


@pytest.fixture(scope="module")
def imported(tmp_path_factory: pytest.TempPathFactory) -> list[set[str]]:
    """Return what every command has imported in the end."""
    folder = tmp_path_factory.mktemp("commands")
    words = [sys.executable, "-c", PROBE, json.dumps(COMMANDS)]
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return [set(json.loads((folder / f"{n}.json").read_text())) for n in range(len(COMMANDS))]


@pytest.mark.parametrize("number", range(len(COMMANDS)), ids=lambda n: " ".join(COMMANDS[n]))
def test_light_commands_import_nothing_heavy(imported: list[set[str]], number: int) -> None:
    assert "mmbal.cli" in imported[number]
    assert not imported[number] & HEAVY


def test_importing_mmbal_imports_nothing_heavy() -> None:
    script = "import sys, mmbal, mmbal.data, mmbal.optimizers, mmbal.options; print(*sys.modules)"

    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )

    assert not set(done.stdout.split()) & HEAVY
