"""The rules for components of every kind, before anything of them is run."""

import os
import subprocess
import sys
import tomllib
from functools import cache
from typing import Any

from mmbal.config.layering import COMPONENTS
from mmbal.config.origin import Override
from mmbal.config.resolution import choose
from mmbal.config.settings import Choice
from mmbal.config.tree import leaves
from mmbal.config.writing import to_toml
from mmbal.keys import dotted
from mmbal.registry.installation import installations
from mmbal.testing.rules import Inapplicable, Rulebook, require
from mmbal.testing.subject import Subject
from mmbal.testing.toy_run import toy_config

HEAVY = ("tensorflow", "keras", "numpy", "torch", "jax", "scipy", "pandas", "sklearn", "matplotlib",
         "PIL", "cv2", "av", "h5py")  # fmt: skip
"""What costs tenths of seconds and more to import."""
RULES = Rulebook()


@RULES.rule(
    why="every command of mmbal, tab completion too, imports the entry points of all plugins",
    fix="import it in the modules of factories; the module of the entry point and that of the "
    "options class describe only, by names as text",
)
def entry_point(subject: Subject) -> None:
    """Describing it imports nothing heavy."""
    plugin = subject.catalogue.provenance(subject.component).plugin
    entries = (entry for installed in installations()[0] for entry in installed.entries)
    entry = next((each for each in entries if each.name == plugin), None)
    if entry is None:
        raise Inapplicable("it was not found through an entry point")
    modules = dict.fromkeys([entry.module, subject.component.options.partition(":")[0]])
    code, heavy, error = _imported_by(os.pathsep.join(filter(None, sys.path)), *modules)
    require(code == 0, f"{' and '.join(modules)} fail: {error[-300:]}")
    require(not heavy, f"{' and '.join(modules)} import {heavy}")


@cache
def _imported_by(path: str, *modules: str) -> tuple[int, str, str]:
    """Return how a process that imports modules ends, what it imported of `HEAVY`, and its error.

    A plugin's components have their modules in common; `path` is where these are looked for.
    """
    code = (
        "import importlib, sys\n"
        "before = set(sys.modules)\n"  # what the environment itself imports is not its fault
        f"for name in {modules!r}: importlib.import_module(name)\n"
        f"print(*[name for name in {HEAVY!r} if name in {{*sys.modules}} - before], sep=', ')"
    )
    surroundings = {**os.environ, "PYTHONPATH": path}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=surroundings)
    return done.returncode, done.stdout.strip(), done.stderr.strip()


@RULES.rule(
    why="it is imported when a run starts, which a wrong name or an absent package ends there",
    fix="write `package.module:name`, and list what it imports among the distribution's "
    "dependencies",
)
def factory(subject: Subject) -> None:
    """Its factory can be imported."""
    subject.factory()


@RULES.rule(
    why="a run writes them into its configuration, and is resumed and scored again from there",
    fix="use types that pydantic writes as JSON and reads back the same: numbers, text, "
    "`pathlib.Path`, enums, tuples, nested `Options`",
)
def options(subject: Subject) -> None:
    """Its options are written into a run's configuration and read back the same."""
    subject.factory()
    kind, name = subject.component.kind, subject.component.name
    choice: Any = Choice(name=name, options=subject.options)
    is_single = kind in COMPONENTS
    section: dict[str, Any] = {kind: choice} if is_single else {f"{kind}s": (choice,)}
    tables = tomllib.loads(to_toml(toy_config().model_copy(update=section), {}))
    table = tables[kind] if is_single else tables[f"{kind}s"][name]
    overrides = [
        Override(dotted((kind, *key)), value, "the written configuration")
        for key, value in leaves(table)
        if not (is_single and key == ("name",))
    ]
    read = choose(subject.catalogue, kind, name, overrides).options
    require(read == subject.options, f"{subject.options!r} is read back as {read!r}")
