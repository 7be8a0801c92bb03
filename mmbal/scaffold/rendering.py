"""Templates -> the files of a plugin.

They lie in `templates`: those of every plugin in `project`, those of one kind in `kinds`. All end
in `.tmpl`, so that nobody takes them for code; `__package__` in a path stands for the package.
"""

import json
import shutil
from pathlib import Path
from string import Template

from mmbal.errors import MmbalError, attempting
from mmbal.scaffold.project import KINDS, Project
from mmbal.version import __version__

ENDING = ".tmpl"


def render(project: Project) -> dict[str, str]:
    """Return every file of a plugin: its path below the folder to its text."""
    kind = KINDS[project.kind]
    author = project.author or f"the authors of {project.distribution}"
    values = {
        "name": project.name,
        "kind": project.kind,
        "distribution": project.distribution,
        "package": project.package,
        "summary": kind.summary,
        "command": project.command,
        # A string of JSON is one of TOML.
        "author": json.dumps(author, ensure_ascii=False),
        "dependencies": _requirements("mmbal", *kind.dependencies),
        "test_dependencies": _requirements("mmbal[testing]", *kind.tried_with),
    }
    templates, rendered = Path(__file__).with_name("templates"), {}
    # The kind first: the README of every plugin has what is about it.
    for folder in (templates / "kinds" / project.kind, templates / "project"):
        for template in folder.rglob(f"*{ENDING}"):
            path = template.relative_to(folder).as_posix().removesuffix(ENDING)
            text = Template(template.read_text(encoding="utf-8")).substitute(values)
            if path == "about.md":
                values["about"] = text.rstrip("\n")
            else:
                rendered[path.replace("__package__", project.package)] = text
    return dict(sorted(rendered.items()))


def _requirements(*names: str) -> str:
    """Return lines of a list in TOML: of each distribution any version like this one."""
    minor = ".".join(__version__.split(".")[:2])
    return "\n".join(f'    "{name}=={minor}.*",' for name in names)


def write_project(project: Project, directory: Path) -> list[Path]:
    """Write a plugin into a folder that is absent or empty; return its files.

    Raises:
        MmbalError: the folder is in use or cannot be written; no file is left behind.
    """
    if directory.exists() and not (directory.is_dir() and not any(directory.iterdir())):
        what = "a folder that holds something" if directory.is_dir() else "a file"
        raise MmbalError(f"{directory} is {what}: give an absent or empty folder (--directory)")
    files = {directory.absolute() / path: text for path, text in render(project).items()}
    with attempting(f"write {directory}"):
        try:
            for path, text in files.items():
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8")
        except BaseException:
            shutil.rmtree(directory, ignore_errors=True)
            raise
    return list(files)
