"""Templates -> the files of a plugin.

They lie in `templates`: those of every plugin in `project`, those of one kind in `kinds`, the
licences in `licenses`. All end in `.tmpl`, so that nobody takes them for code; `dot_` at the
beginning of a name stands for a dot and `__package__` for the package.
"""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from string import Template

from mmbal.scaffold.kinds import KINDS
from mmbal.scaffold.project import Project
from mmbal.version import __version__

ENDING = ".tmpl"
ABOUT = "about.md"
_DOT = re.compile(r"(?<![^/])dot_")


def render(project: Project) -> dict[str, str]:
    """Return every file of a plugin: its path below the folder to its text."""
    root = Path(__file__).with_name("templates")
    own, values = root / "kinds" / project.kind, _values(project)
    about = Template((own / f"{ABOUT}{ENDING}").read_text(encoding="utf-8"))
    values["about"] = about.substitute(values).rstrip("\n")
    license_text = root / "licenses" / f"{project.license}{ENDING}"
    templates = [("LICENSE", license_text), *_walk(root / "project"), *_walk(own)]
    rendered = {}
    for path, template in templates:
        if path != ABOUT:
            # The dots first: a package's name may have "dot_" in it.
            place = _DOT.sub(".", path).replace("__package__", project.package)
            text = template.read_text(encoding="utf-8")
            rendered[place] = Template(text).substitute(values)
    return dict(sorted(rendered.items()))


def _walk(folder: Path) -> Iterator[tuple[str, Path]]:
    """Yield the path below the folder, without its ending, and the template, of each."""
    for each in folder.rglob(f"*{ENDING}"):
        yield each.relative_to(folder).as_posix().removesuffix(ENDING), each


def _values(project: Project) -> dict[str, str]:
    kind = KINDS[project.kind]
    author, address = project.authors
    fields = {"name": author} | ({"email": address} if address else {})
    # A string of JSON is one of TOML, for whatever is printable.
    person = ", ".join(
        f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in fields.items()
    )
    return {
        "name": project.name,
        "kind": project.kind,
        "distribution": project.distribution,
        "package": project.package,
        "summary": kind.summary,
        "command": project.command,
        "author": author,
        "author_toml": f"{{ {person} }}",
        "license": project.license,
        "year": str(datetime.now(UTC).year),
        "dependencies": _requirements("mmbal", *kind.dependencies),
        "test_dependencies": _requirements("mmbal[testing]", *kind.tried_with),
        "files": "".join(
            f"| `src/{project.package}/{file}` | {what} |\n" for file, what in kind.files.items()
        ).rstrip("\n"),
    }


def _requirements(*names: str) -> str:
    """Return lines of a list in TOML: of each distribution any version like this one."""
    minor = ".".join(__version__.split(".")[:2])
    return "\n".join(f'    "{name}=={minor}.*",' for name in names)
