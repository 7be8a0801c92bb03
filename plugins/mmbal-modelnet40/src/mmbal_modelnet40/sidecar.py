"""`rendering.json` beside rendered views: how they were drawn, and whether all are there."""

import json
from pathlib import Path
from shlex import quote
from typing import Any

from mmbal.data import read_text, replace_file
from mmbal.errors import ConfigError, DataFormatError, MmbalError
from mmbal_modelnet40.options import RenderOptions

NAME = "rendering.json"
FORMAT = 1


def read_sidecar(root: Path) -> dict[str, Any] | None:
    """Return what stands beside the views of `root`; None where `prepare` did not draw them.

    Raises:
        DataFormatError: it is not what `prepare` writes.
        MmbalError: it cannot be read.
    """
    path = root / NAME
    if not path.is_file():
        return None
    text = read_text(path)
    try:
        content = json.loads(text)
        complete, drawn_with = content["complete"], content["render"]
    except (ValueError, KeyError, TypeError, RecursionError) as problem:
        raise DataFormatError(f"{path}: not written by `mmbal data prepare`") from problem
    if not isinstance(complete, bool) or not isinstance(drawn_with, dict):
        raise DataFormatError(f"{path}: not written by `mmbal data prepare`")
    return dict(content)


def write_sidecar(
    root: Path, options: RenderOptions, *, complete: bool, objects: int, left_out: list[str]
) -> Path:
    """Write it, whole or not at all; return its path.

    Args:
        root: the folder of the class folders.
        options: how the views are drawn.
        complete: whether every mesh that can be drawn has its views.
        objects: number of meshes.
        left_out: one line for each that cannot be drawn.
    """
    from importlib.metadata import version

    content = {
        "format": FORMAT,
        "complete": complete,
        "objects": objects,
        "left_out": left_out,
        "renderer": f"embreex {version('embreex')}",
        "render": options.model_dump(mode="json"),
    }
    replace_file(root / NAME, (json.dumps(content, indent=2) + "\n").encode())
    return root / NAME


def refuse_unfinished(root: Path, data_dir: Path | None) -> None:
    """Refuse views of which `prepare` has drawn a part only.

    Raises:
        MmbalError: there are meshes left to draw.
    """
    content = read_sidecar(root)
    if content is not None and not content["complete"]:
        raise MmbalError(
            f"{root}: not all of {content.get('objects')} objects are drawn yet; "
            f"`mmbal data prepare modelnet40 {quote(str(data_dir))}` goes on where it stopped"
        )


def same_rendering(root: Path, content: dict[str, Any], options: RenderOptions) -> RenderOptions:
    """Return how the views of `root` are drawn: what is not set stays as it was.

    Raises:
        ConfigError: an option is set to something else, and views drawn in two ways do not mix.
    """
    try:
        before = RenderOptions(**content["render"])
    except ValueError as problem:
        raise DataFormatError(f"{root / NAME}: not written by `mmbal data prepare`") from problem
    asked = {name: getattr(options, name) for name in sorted(options.model_fields_set)}
    changed = [name for name, value in asked.items() if value != getattr(before, name)]
    if changed:
        words = ", ".join(f"{name} = {getattr(before, name)}" for name in changed)
        now = ", ".join(f"{name} = {asked[name]}" for name in changed)
        raise ConfigError(
            f"{root}: these views were drawn with render {words}, received {now}; use the same, "
            "or remove that folder"
        )
    return before
