"""Writes a plugin's folder: wholly, or not at all."""

import os
import shutil
from contextlib import suppress
from pathlib import Path

from mmbal.errors import MmbalError
from mmbal.scaffold.project import Project
from mmbal.scaffold.rendering import render


def write_project(project: Project, directory: Path) -> list[Path]:
    """Write a plugin into a folder that is absent or empty; return its files.

    It is written beside the folder and moved there when it is complete.

    Raises:
        MmbalError: the folder is in use or cannot be written; nothing is left behind.
    """
    if directory.exists() and not (directory.is_dir() and not any(directory.iterdir())):
        what = "a folder that holds something" if directory.is_dir() else "a file"
        raise MmbalError(f"{directory} is {what}: give an absent or empty folder (--directory)")
    directory = directory.resolve()
    partial = directory.with_name(f".{directory.name}.{os.getpid()}.partial")
    rendered = render(project)
    made = [folder for folder in directory.parents if not folder.exists()]
    try:
        partial.mkdir(parents=True)
        for place, text in rendered.items():
            path = partial / place
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        partial.replace(directory)
    except OSError as error:
        raise MmbalError(f"cannot write {directory}: {error.strerror}") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
        for folder in made:
            with suppress(OSError):  # not empty, once the plugin stands there
                folder.rmdir()
    return [directory / place for place in rendered]
