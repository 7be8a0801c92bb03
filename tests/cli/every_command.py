"""Every command of `mmbal` with arguments that make it print what it prints to users."""

import contextlib
import io
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import click
import pytest

from mmbal.cli import cli
from mmbal.data import DatasetSource, MultimodalDataset
from mmbal.options import Options
from mmbal.registry.catalogue import Provenance
from mmbal.registry.component import Component
from mmbal.registry.discovery import discover

RUN = "größe ± 図"
"""A folder with a run in it."""

ARGUMENTS = {
    "run": ["colored-digits", "--out", "neu ü", "--json"],
    "sweep": ["colored-digits", "--seeds", "0-1", "--out", "süß", "--dry-run"],
    "evaluate": [RUN],
    "report": [RUN],
    "compare": [RUN, "zweiter"],
    "runs": ["."],
    "plugins list": [],
    "plugins show": ["guided"],
    "plugins check": ["--help"],  # of all others, they load TensorFlow
    "plugins new": ["neu", "--kind", "strategy", "--author", "Jürgen 図"],
    "data check": ["toy", "ordner ü"],
    "data sample": ["toy", "probe ü"],
    "data prepare": ["toy"],
    "doctor": ["--help"],
}


def leaves(group: click.Group = cli, *path: str) -> Iterator[tuple[str, click.Command]]:
    """Yield every command that is no group, and how it is called."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from leaves(command, *path, name)
        else:
            yield " ".join((*path, name)), command


class Toy(DatasetSource):
    """A dataset that needs no TensorFlow."""

    def load(self, data_dir: Path | None, seed: int) -> MultimodalDataset:
        raise NotImplementedError

    def check(self, data_dir: Path | None) -> list[str]:
        assert data_dir is not None
        return [f"{path}: ¿ é" for path in data_dir.iterdir()]

    def sample(self, directory: Path, seed: int) -> list[Path]:
        file = directory / "é.txt"
        file.write_text(str(seed), encoding="utf-8")
        return [file]

    def prepare(self, data_dir: Path | None) -> str:
        return "bereit für 図"


@pytest.fixture
def toy(experiment: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Install the toy dataset beside what is installed."""
    module = ModuleType("toy_data")
    module.__dict__["make"] = lambda options: Toy()
    module.__dict__["ToyOptions"] = type("ToyOptions", (Options,), {})
    monkeypatch.setitem(sys.modules, "toy_data", module)
    experiment.open_dataset = lambda catalogue, choice: catalogue.build(
        "dataset", choice.name, choice.options
    )
    catalogue = discover()
    component = Component("dataset", "toy", "für", "toy_data:make", options="toy_data:ToyOptions")
    catalogue.add(component, Provenance("toys", "mmbal-toys 1"))
    monkeypatch.setattr("mmbal.registry.discovery.discover", lambda: catalogue)


def stream(encoding: str = "utf-8", errors: str = "strict") -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BytesIO(), encoding=encoding, errors=errors, write_through=True)


def status(arguments: Sequence[str], out: Any, err: Any) -> Any:
    """Run `mmbal` on two streams; return its exit status."""
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            cli.main([*arguments], prog_name="mmbal")
        except SystemExit as end:
            return end.code
    return None
