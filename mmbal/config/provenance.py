"""What made a run: versions, the state of the working tree, the data."""

import platform
import subprocess
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmbal.config.layering import COMPONENTS, SETS
from mmbal.errors import MmbalError
from mmbal.registry.catalogue import Catalogue
from mmbal.version import __version__

if TYPE_CHECKING:
    from mmbal.config.settings import RunConfig


def provenance(
    catalogue: Catalogue,
    config: "RunConfig",
    fingerprint: str | None = None,
    directory: Path | None = None,
) -> dict[str, Any]:
    """Return the `[provenance]` table of a run's `config.toml`.

    Args:
        catalogue: what is installed.
        config: of the run; the plugins it uses are listed.
        fingerprint: of the dataset, once it is loaded.
        directory: whose git state is recorded; None for the working directory.
    """
    table: dict[str, Any] = {
        "mmbal": __version__,
        "tensorflow": _version("tensorflow", "tensorflow-cpu", "tf-nightly"),
        "keras": _version("keras", "keras-nightly"),
        "python": platform.python_version(),
        **_git_state(directory or Path()),
    }
    if fingerprint is not None:
        table["dataset_fingerprint"] = fingerprint
    table["plugins"] = _plugins(catalogue, config)
    return table


def _plugins(catalogue: Catalogue, config: "RunConfig") -> dict[str, str]:
    used = [
        catalogue.get(kind, part) for kind in COMPONENTS for part in getattr(config, kind).parts
    ]
    for section, kind in SETS.items():
        used += [catalogue.get(kind, choice.name) for choice in getattr(config, section)]
    offers = [catalogue.provenance(component) for component in used]
    # A configuration built in Python may name no installed recipe.
    with suppress(MmbalError):
        offers.append(catalogue.provenance(catalogue.recipe(config.recipe)))
    return {offer.plugin: offer.distribution for offer in offers}


def _version(*distributions: str) -> str:
    installed: str | None = None
    for name in distributions:
        with suppress(PackageNotFoundError):
            installed = installed or version(name)
    return installed or "unknown"


def _git_state(directory: Path) -> dict[str, Any]:
    """Return commit and cleanness; nothing outside of a git tree or without git."""
    command = ["git", "describe", "--always", "--exclude=*", "--abbrev=40", "--dirty"]
    try:
        told = subprocess.run(
            command, cwd=directory, capture_output=True, text=True, timeout=30, check=True
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return {}
    commit, dirty, _ = told.strip().partition("-dirty")
    return {"git_commit": commit, "git_dirty": bool(dirty)}
