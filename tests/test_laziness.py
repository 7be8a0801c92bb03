"""What only lists and explains must not wait for TensorFlow."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = {
    "h5py", "keras", "matplotlib", "numpy", "pandas", "ray", "scipy", "sklearn", "tensorflow",
    "tensorflow_datasets",
}  # fmt: skip

PROBE = """
import atexit, json, sys
atexit.register(lambda: print("\\n" + json.dumps(sorted(sys.modules)), file=sys.stderr))
from mmbal.cli import cli
cli.main(sys.argv[1:], prog_name="mmbal")
"""


@pytest.mark.parametrize(
    "arguments",
    [
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
    ],
)
def test_light_commands_import_nothing_heavy(arguments: list[str], tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROBE, *arguments],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )

    imported = set(json.loads(done.stderr.splitlines()[-1]))
    assert "mmbal.cli" in imported
    assert not imported & HEAVY


def test_importing_mmbal_imports_nothing_heavy() -> None:
    script = "import sys, mmbal, mmbal.data, mmbal.optimizers, mmbal.options; print(*sys.modules)"

    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )

    assert not set(done.stdout.split()) & HEAVY
