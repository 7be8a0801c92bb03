"""What a new plugin is called, and whether it may be."""

import re
from dataclasses import dataclass
from email.errors import HeaderParseError
from email.headerregistry import Address
from importlib.metadata import PackageNotFoundError, distribution

from mmbal.errors import MmbalError, unknown
from mmbal.registry.catalogue import Catalogue
from mmbal.scaffold.kinds import KINDS, LICENSES

PREFIX = "mmbal-"
LONGEST = 30
"""Characters of a name: lines of the templates stay within 100."""
_LEGAL = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
# No comma: where metadata lists authors, commas part them.
_AUTHOR = re.compile(
    r"(?P<name>[^<>@,]*?)(\s*<(?P<address>[^<>@\s]+@[^<>@\s]+)>)?|(?P<bare>[^<>@\s]+@[^<>@\s]+)"
)


@dataclass(frozen=True)
class Project:
    """A plugin to be written.

    Args:
        name: what users type.
        kind: one of `mmbal.scaffold.KINDS`.
        author: name, or "name <address>"; "" for the authors of the distribution.
        license: SPDX identifier, one of `mmbal.scaffold.LICENSES`.
    """

    name: str
    kind: str
    author: str = ""
    license: str = "Apache-2.0"

    @property
    def distribution(self) -> str:
        """What pip installs."""
        return PREFIX + self.name

    @property
    def package(self) -> str:
        """What Python imports."""
        return self.distribution.replace("-", "_")

    @property
    def authors(self) -> tuple[str, str]:
        """Name and address; the latter may be ""."""
        name, address = parse_author(self.author)
        return name or address or f"the authors of {self.distribution}", address

    @property
    def command(self) -> str:
        """What runs it."""
        return KINDS[self.kind].command.replace("NAME", self.name)


def new_project(catalogue: Catalogue, project: Project) -> Project:
    """Check that a plugin may be written and installed beside what is installed here.

    Raises:
        MmbalError: the name is not legal or taken, the author is not as metadata has it, or there
            is no such kind or licence.
    """
    for what, received, legal in (
        ("kind", project.kind, KINDS), ("license", project.license, LICENSES)
    ):  # fmt: skip
        if received not in legal:
            raise MmbalError(unknown(what, received, legal))
    check_name(project.name)
    parse_author(project.author)
    for kind in (project.kind, "recipe") if project.kind == "dataset" else (project.kind,):
        if project.name in catalogue.names(kind):
            raise MmbalError(f"there is a {kind} {project.name!r} already, see `mmbal plugins`")
    for plugin in catalogue.plugins:
        if plugin.plugin == project.name:
            raise MmbalError(f"plugin {project.name!r} is installed, by {plugin.distribution}")
    try:
        there = distribution(project.distribution)
    except PackageNotFoundError:
        return project
    raise MmbalError(
        f"{project.distribution} {there.version} is installed: take another name, or remove it "
        f"(pip uninstall {project.distribution})"
    )


def parse_author(author: str) -> tuple[str, str]:
    """Return name and address of an author, either of which may be "".

    Raises:
        MmbalError: it is neither a name nor an address nor both, or metadata may not have it.
    """
    found = _AUTHOR.fullmatch(author.strip())
    name = found["name"] or "" if found else ""
    address = found["address"] or found["bare"] or "" if found else ""
    if found and author.isprintable() and _deliverable(address):
        return name, address
    raise MmbalError(
        "--author must be one line of text: a name without any of ',<>@', \"name <address>\", or "
        f"an address; received {author!r}"
    )


def _deliverable(address: str) -> bool:
    """Return whether what builds packages will take an address; "" is none."""
    try:
        return not address or Address(addr_spec=address).addr_spec == address
    except (ValueError, HeaderParseError):
        return False


def check_name(name: str) -> None:
    """Check that a name can be that of a distribution, a package and a component.

    Raises:
        MmbalError: it cannot; the message has the nearest legal one.
    """
    if _LEGAL.fullmatch(name) and len(name) <= LONGEST and not name.startswith(PREFIX):
        return
    near = nearest(name)
    hint = f"; did you mean {near!r}?" if near else ""
    raise MmbalError(
        f"a plugin's name must be words of a-z and 0-9 joined by '-', begin with a letter, have at "
        f"most {LONGEST} characters and not begin with {PREFIX!r}, which is put before it; "
        f"received {name!r}{hint}"
    )


def nearest(name: str) -> str:
    """Return the legal name most like this one; "" where there is none."""
    split = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", name).lower()
    words = re.sub(r"[^a-z0-9]+", "-", split).strip("-")
    while words.startswith(PREFIX):
        words = words.removeprefix(PREFIX)
    return re.sub(r"^[0-9-]+", "", words)[:LONGEST].strip("-")
