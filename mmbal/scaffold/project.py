"""What can be scaffolded, what it is called, and whether it may be."""

import re
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

from mmbal.errors import MmbalError
from mmbal.registry.catalogue import Catalogue

PREFIX = "mmbal-"
LONGEST = 30
"""Characters of a name: lines of the templates stay within 100."""
_LEGAL = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")


@dataclass(frozen=True)
class Kind:
    """One kind of plugin.

    Args:
        summary: of the distribution, one line.
        command: that runs it, with NAME in place of its name.
        dependencies: distributions of this workspace, beside mmbal.
        tried_with: distributions that the command needs beside them.
    """

    summary: str
    command: str
    dependencies: tuple[str, ...] = ()
    tried_with: tuple[str, ...] = ()


_DIGITS = "mmbal run --plugin colored-digits"
_DIGITS_NEED = ("mmbal-colored-mnist", "mmbal-guided", "mmbal-mmtm")
KINDS = {
    "dataset": Kind(
        "Stripes in four directions, seen clearly and through noise",
        "mmbal run --plugin NAME",
        dependencies=("mmbal-mmtm",),
    ),
    "architecture": Kind(
        "Dense branches that scale each other's features by gates",
        f"{_DIGITS} --architecture NAME --strategy vanilla --epochs 10",
        tried_with=_DIGITS_NEED,
    ),
    "strategy": Kind(
        "Trains the branch that is least sure of the right class once more",
        f"{_DIGITS} --strategy NAME --epochs 10",
        tried_with=_DIGITS_NEED,
    ),
    "evaluation": Kind(
        "Expected calibration error, fused and of each modality's own branch",
        f"{_DIGITS} --set evaluations.NAME.bins=10 --epochs 10",
        tried_with=_DIGITS_NEED,
    ),
    "callback": Kind(
        "Ends training once the validation accuracy reaches a target",
        f"{_DIGITS} --set callbacks.NAME.accuracy=0.5 --epochs 10",
        tried_with=_DIGITS_NEED,
    ),
    "recipe": Kind(
        "Guided balancing of a tenth of the coloured digits, in seconds",
        "mmbal run --plugin NAME",
        dependencies=_DIGITS_NEED,
    ),
}


@dataclass(frozen=True)
class Project:
    """A plugin to be written.

    Args:
        name: what users type.
        kind: one of `KINDS`.
        author: for the metadata; "" for the authors of the distribution.
    """

    name: str
    kind: str
    author: str = ""

    @property
    def distribution(self) -> str:
        """What pip installs."""
        return PREFIX + self.name

    @property
    def package(self) -> str:
        """What Python imports."""
        return self.distribution.replace("-", "_")

    @property
    def command(self) -> str:
        """What runs it."""
        return KINDS[self.kind].command.replace("NAME", self.name)

    def check(self, catalogue: Catalogue) -> None:
        """Check that it may be installed beside what is installed here.

        Raises:
            MmbalError: its name is taken, or not legal; the message has the nearest legal one.
        """
        legal = _LEGAL.fullmatch(self.name) and len(self.name) <= LONGEST
        if not legal or self.name.startswith(PREFIX):
            near = nearest(self.name)
            hint = f"; did you mean {near!r}?" if near else ""
            raise MmbalError(
                f"a plugin's name must be words of a-z and 0-9 joined by '-', begin with a letter, "
                f"have at most {LONGEST} characters and not begin with {PREFIX!r}, which is put "
                f"before it; received {self.name!r}{hint}"
            )
        for kind in (self.kind, "recipe") if self.kind == "dataset" else (self.kind,):
            if self.name in catalogue.names(kind):
                raise MmbalError(f"there is a {kind} {self.name!r} already, see `mmbal plugins`")
        try:
            installed = version(self.distribution)
        except PackageNotFoundError:
            return
        raise MmbalError(
            f"{self.distribution} {installed} is installed: take another name, or remove it "
            f"(pip uninstall {self.distribution})"
        )


def nearest(name: str) -> str:
    """Return the legal name most like this one; "" where there is none."""
    split = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", name).lower()
    words = re.sub(r"[^a-z0-9]+", "-", split).strip("-")
    while words.startswith(PREFIX):
        words = words.removeprefix(PREFIX)
    return re.sub(r"^[0-9-]+", "", words)[:LONGEST].strip("-")
