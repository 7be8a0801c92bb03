"""The rules for components of every kind, before anything of them is run."""

import os
import subprocess
import sys

from mmbal.registry.installation import installations
from mmbal.testing.rules import Inapplicable, Rulebook, require
from mmbal.testing.subject import Subject

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
    modules = [entry.module, subject.component.options.partition(":")[0]]
    code = (
        "import importlib, sys\n"
        "before = set(sys.modules)\n"  # what the environment itself imports is not its fault
        f"for name in {modules!r}: importlib.import_module(name)\n"
        f"print(*[name for name in {HEAVY!r} if name in {{*sys.modules}} - before], sep=', ')"
    )
    surroundings = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=surroundings)
    require(done.returncode == 0, f"{' and '.join(modules)} fail: {done.stderr.strip()[-300:]}")
    heavy = done.stdout.strip()
    require(not heavy, f"{' and '.join(dict.fromkeys(modules))} import {heavy}")


@RULES.rule(
    why="it is imported when a run starts, which a wrong name or an absent package ends there",
    fix="write `package.module:name`, and list what it imports among the distribution's "
    "dependencies",
)
def factory(subject: Subject) -> None:
    """Its factory can be imported."""
    subject.factory()
