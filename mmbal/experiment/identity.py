"""Whether a run that is resumed is still the same run."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmbal.config.origin import dotted
from mmbal.config.settings import RunConfig
from mmbal.config.tree import leaves
from mmbal.errors import MmbalError

MAY_CHANGE = {"provenance.git_commit", "provenance.git_dirty"}


def identity(config: RunConfig, provenance: Mapping[str, Any]) -> dict[str, Any]:
    """Return what must not change: configuration, versions and data, by dotted key."""
    made = {dotted(key): value for key, value in leaves({"provenance": dict(provenance)})}
    return config.identity() | {k: value for k, value in made.items() if k not in MAY_CHANGE}


def refuse_other(before: Mapping[str, Any], now: Mapping[str, Any], folder: Path) -> None:
    """Compare two identities.

    Raises:
        MmbalError: they differ; the message shows every difference.
    """
    differences = [
        f"{key} was {before.get(key, 'absent')!r}, is {now.get(key, 'absent')!r}"
        for key in sorted({*before, *now})
        if before.get(key, "absent") != now.get(key, "absent")
    ]
    if differences:
        raise MmbalError(
            f"cannot resume {folder}, it was another run: {'; '.join(differences)}; resume it with "
            "what it was started with, or start a new run in another folder"
        )
