"""What made a run: versions, the state of the working tree, the data."""

import os
import platform
import subprocess
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from mmbal.config.layering import COMPONENTS, SETS
from mmbal.config.settings import RunConfig
from mmbal.environment import DECIDING
from mmbal.errors import MmbalError
from mmbal.registry.catalogue import Catalogue
from mmbal.registry.component import Component, Recipe
from mmbal.version import __version__


def provenance(catalogue: Catalogue, config: RunConfig, fingerprint: str) -> dict[str, Any]:
    """Return the `[provenance]` table of a run's `config.toml`.

    Args:
        catalogue: what is installed.
        config: of the run; the plugins it uses are listed.
        fingerprint: of the dataset.
    """
    return {
        "mmbal": __version__,
        "tensorflow": _version("tensorflow", "tensorflow-cpu", "tf-nightly"),
        "keras": _version("keras", "keras-nightly"),
        "python": platform.python_version(),
        **_git_state(),
        "dataset_fingerprint": fingerprint,
        "plugins": _plugins(catalogue, config),
        "environment": {name: os.environ[name] for name in DECIDING if name in os.environ},
    }


def _plugins(catalogue: Catalogue, config: RunConfig) -> dict[str, str]:
    names = [(kind, part) for kind in COMPONENTS for part in getattr(config, kind).parts]
    for section, kind in SETS.items():
        names += [(kind, choice.name) for choice in getattr(config, section)]
    used: list[Component | Recipe] = []
    # What Python code made may be of no plugin.
    for kind, name in names:
        with suppress(MmbalError):
            used.append(catalogue.get(kind, name))
    with suppress(MmbalError):
        used.append(catalogue.recipe(config.recipe))
    owners = map(catalogue.provenance, used)
    return {owner.plugin: owner.distribution for owner in owners}


def _version(*distributions: str) -> str:
    for name in distributions:
        with suppress(PackageNotFoundError):
            return version(name)
    return "unknown"


def _git_state() -> dict[str, Any]:
    """Return the working directory's commit and cleanness; nothing outside of a git tree."""
    command = ["git", "describe", "--always", "--exclude=*", "--abbrev=40", "--dirty"]
    try:
        told = subprocess.run(
            command, capture_output=True, text=True, errors="replace", timeout=30, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return {}
    commit, dirty, _ = told.stdout.strip().partition("-dirty")
    return {"git_commit": commit, "git_dirty": bool(dirty)}
