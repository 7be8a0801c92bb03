"""Tells whether the tests find faults: mutants of modules, each against its mirrored tests alone.

Usage: python tools/mutants.py [--sample 100] [--seed 0] [--into mutants.jsonl] [PACKAGE ...]

Cosmic Ray makes the mutants; they live in a copy of the checkout, which stays as it is. A mutant
is killed when `tests/.../test_X.py` fails on its `X.py`. What was tried before stands in the file
that --into names and is not tried again.
"""

import argparse
import contextlib
import difflib
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cosmic_ray.commands import init
from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator
from cosmic_ray.work_db import WorkDB, use_db
from cosmic_ray.work_item import MutationSpec

ROOT = Path(__file__).parents[1]
PACKAGES = (
    "mmbal/training",
    "mmbal/strategies",
    "mmbal/evaluation",
    "plugins/mmbal-guided/src/mmbal_guided",
)
DULL = ("NoOp", "BitOr")
"""Operators that prove nothing: none at all, and those that break `X | None` at import."""
SECONDS = 600
"""What a mutant may take; one that hangs is killed."""
KILLS = {1, 2, 4}
"""Of pytest's exit codes: a test failed, a module or a conftest could not be imported."""


def mirrored(module: Path) -> Path:
    """Return the module of tests that belongs to a module, both relative to the checkout."""
    if module.parts[0] == "plugins":
        return Path(*module.parts[:2], "tests", f"test_{module.name}")
    return Path("tests", *module.parts[1:-1], f"test_{module.name}")


def mutants(packages: list[str]) -> list[MutationSpec]:
    """Return every mutant of the modules of packages, in a settled order."""
    modules = sorted(path for each in packages for path in (ROOT / each).glob("*.py"))
    with use_db(":memory:", WorkDB.Mode.create) as database:
        init(modules, database, {})
        found = [item.mutations[0] for item in database.work_items]
    kept = [each for each in found if not any(dull in each.operator_name for dull in DULL)]
    return sorted(kept, key=name_of)


def name_of(mutant: MutationSpec) -> str:
    """Return what tells a mutant from every other one."""
    module = Path(mutant.module_path).relative_to(ROOT)
    line, column = mutant.start_pos
    return f"{module}:{line}:{column} {mutant.operator_name} {mutant.occurrence}"


@contextlib.contextmanager
def copy_of_checkout() -> Iterator[Path]:
    """Copy what tests read, for as long as mutants are tried."""
    left_out = shutil.ignore_patterns(".*", "__pycache__", "runs", "site", "dist")
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "checkout"
        shutil.copytree(ROOT, copy, ignore=left_out)
        yield copy


def survives(copy: Path, tests: Path) -> bool:
    """Run the tests of a copy; return whether they pass."""
    paths = [copy, *copy.glob("plugins/*/src")]
    options = ["-n0", "-x", "-q", "-p", "no:cacheprovider", "-m", "not soak"]
    command = [sys.executable, "-m", "pytest", *options, tests]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(map(str, paths))}
    try:
        done = subprocess.run(
            command, cwd=copy, env=environment, capture_output=True, timeout=SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return False
    if done.returncode not in KILLS | {0}:  # that says nothing of the mutant
        raise SystemExit(done.stdout.decode() + done.stderr.decode())
    return done.returncode == 0


def tried(copy: Path, mutant: MutationSpec) -> dict[str, Any]:
    """Put a mutant through its tests and return what came out."""
    module = Path(mutant.module_path).relative_to(ROOT)
    told: dict[str, Any] = {"mutant": name_of(mutant), "tests": str(mirrored(module))}
    if not (ROOT / mirrored(module)).exists():
        return told | {"outcome": "untested"}
    source = (ROOT / module).read_text(encoding="utf-8")
    operator = get_operator(mutant.operator_name)(**mutant.operator_args)
    changed = mutate_code(source, operator, mutant.occurrence)
    (copy / module).write_text(changed, encoding="utf-8")
    try:
        outcome = "survived" if survives(copy, mirrored(module)) else "killed"
    finally:
        (copy / module).write_text(source, encoding="utf-8")
    lines = difflib.unified_diff(source.splitlines(), changed.splitlines(), lineterm="", n=0)
    return told | {"outcome": outcome, "change": list(lines)[3:]}


def main() -> None:
    """Try a sample of mutants and tell the share that was killed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("packages", nargs="*", default=list(PACKAGES), metavar="PACKAGE")
    parser.add_argument("--sample", type=int, default=100, help="how many mutants are tried")
    parser.add_argument("--seed", type=int, default=0, help="which ones")
    parser.add_argument("--into", type=Path, default=Path("mutants.jsonl"), help="a line for each")
    given = parser.parse_args()
    every = mutants(given.packages)
    drawn = random.Random(given.seed)  # noqa: S311  (no secret)
    sample = drawn.sample(every, min(given.sample, len(every)))
    known = [json.loads(line) for line in given.into.open()] if given.into.exists() else []
    results = {each["mutant"]: each for each in known}
    with copy_of_checkout() as copy, given.into.open("a", encoding="utf-8") as lines:
        for number, mutant in enumerate(sample, start=1):
            if name_of(mutant) not in results:
                results[name_of(mutant)] = tried(copy, mutant)
                print(json.dumps(results[name_of(mutant)]), file=lines, flush=True)
            outcome = results[name_of(mutant)]["outcome"]
            print(f"{number}/{len(sample)} {outcome}: {name_of(mutant)}", flush=True)
    counts = Counter(results[name_of(each)]["outcome"] for each in sample)
    print(f"of {len(every)} mutants {len(sample)} were tried: {dict(counts)}")


if __name__ == "__main__":
    main()
