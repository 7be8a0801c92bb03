"""A guided step beside plain Keras with the same layers and PyTorch, on this machine's processor.

Every candidate is a process of its own, warm, that waits for its turn; in every round all take
their turn, in an order that turns. Networks are pairs of branches joined by MMTMs; all train by
SGD with momentum on one batch in memory. Reported are medians and quartiles over the rounds, of the
time of a step and of the ratio of mmbal's guided step to it in the same round.

    uv run python benchmarks/peers.py [--out peers.json] [--networks cnn,resnet18,i3d]

PyTorch is no dependency of mmbal: it is installed once into a virtual environment in the user's
cache folder, or taken from --torch-python. A network that the file holds already is not measured
again, so that an interrupted measurement goes on; with all of them there the tables are printed.
The machine must be quiet: what spins while it waits for a core counts as time of the processor.
"""

import json
import os
import platform
import subprocess
import sys
from pathlib import Path
from statistics import quantiles
from typing import Any, NamedTuple

import click
from rich.console import Console
from rich.table import Table

PROGRAMS = Path(__file__).parent / "programs"
TORCH = "torch==2.13.0"
GUIDED = "mmbal guided"
KERAS = (GUIDED, "mmbal vanilla", "plain Keras")
TORCHES = ("plain", "item norms", "fused norms", "channels-last", "compiled")
"""Without learning speeds; with them as the authors compute them; with them in fused operations;
without them in PyTorch's other layout; without them and compiled."""
FLAGS = ("avx2", "avx512f", "avx512_vnni", "amx_tile")


class Network(NamedTuple):
    """Shapes of a batch of the two branches, channels last, and the steps of a turn."""

    shapes: list[list[int]]
    steps: int


NETWORKS = {
    "cnn": Network([[128, 28, 28, 1], [128, 28, 28, 3]], 20),
    "resnet18": Network([[8, 224, 224, 3], [8, 224, 224, 3]], 2),
    "i3d": Network([[2, 16, 112, 112, 3], [2, 16, 112, 112, 1]], 1),
}


class Candidate:
    """A process that trains when it is told to.

    Args:
        python: what runs it.
        program: file in `programs`.
        network: of `NETWORKS`.
        variant: of the program.
    """

    def __init__(self, python: str, program: str, network: str, variant: str) -> None:
        self.name = variant if variant in KERAS else f"PyTorch {variant}"
        shapes = json.dumps(NETWORKS[network].shapes)
        self._process = subprocess.Popen(
            [python, str(PROGRAMS / program), network, variant, shapes],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def answer(self, steps: int | None = None) -> dict[str, Any] | None:
        """Run steps, or warm up; None where the process has ended instead."""
        asked, answers = self._process.stdin, self._process.stdout
        if steps is not None and asked:
            asked.write(f"{steps}\n")
            asked.flush()
        line = answers.readline() if answers else ""
        return json.loads(line) if line else None

    def end(self) -> None:
        """Let the process end."""
        self._process.communicate()


def measure(network: str, rounds: int, torch_python: Path) -> dict[str, Any]:
    """Return version, number of trained values and seconds per step and round of all candidates."""
    places = [(sys.executable, "keras_peer.py", variant) for variant in KERAS]
    places += [(str(torch_python), "torch_peer.py", variant) for variant in TORCHES]
    ready: list[Candidate] = []
    found: dict[str, Any] = {}
    for python, program, variant in places:  # one after the other, as warming up is work
        candidate = Candidate(python, program, network, variant)
        facts = candidate.answer()
        if facts is None:
            click.echo(f"{network}: {candidate.name} does not run here")
            continue
        found[candidate.name] = facts | {"wall": [], "cpu": []}
        ready.append(candidate)
    sizes = {name: facts["trained"] for name, facts in found.items()}
    if len(set(sizes.values())) > 1:
        raise click.ClickException(f"{network}: the networks are not the same: {sizes}")
    steps = NETWORKS[network].steps
    for number in range(rounds):
        shift = number % len(ready)
        for candidate in [*ready[shift:], *ready[:shift]]:
            answer = candidate.answer(steps)
            if answer is None:
                raise click.ClickException(f"{network}: {candidate.name} ended in round {number}")
            for clock in ("wall", "cpu"):
                found[candidate.name][clock].append(answer[clock] / steps)
    for candidate in ready:
        candidate.end()
    return found


def show(network: str, found: dict[str, Any], processor: str) -> None:
    """Print the table of a network."""
    shapes = " and ".join("x".join(map(str, shape)) for shape in NETWORKS[network].shapes)
    table = Table(title=f"{network}, {shapes}; {processor}")
    columns = ("training", "ms per step", "quartiles", "processor ms / 2", "guided over it")
    for column in (*columns, "quartiles"):
        table.add_column(column, justify="left" if column == "training" else "right")
    for name, facts in found.items():
        low, middle, high = (1000 * value for value in quantiles(facts["wall"], n=4))
        busy = 500 * quantiles(facts["cpu"], n=4)[1]
        pairs = zip(found[GUIDED]["wall"], facts["wall"], strict=True)
        least, ratio, most = quantiles([one / other for one, other in pairs], n=4)
        times = (f"{middle:.1f}", f"{low:.1f} to {high:.1f}", f"{busy:.1f}")
        table.add_row(name, *times, f"{ratio:.3f}", f"{least:.3f} to {most:.3f}")
    Console(width=120).print(table)


def name_processor() -> str:
    """Return the model of this machine's processor, what it can do and how many cores there are."""
    told = Path("/proc/cpuinfo")
    lines = told.read_text().partition("\n\n")[0].splitlines() if told.exists() else []
    pairs = [line.partition(":") for line in lines]
    facts = {key.strip(): value.strip() for key, _, value in pairs}
    model = facts.get("model name", platform.processor() or platform.machine())
    family = ", ".join(f"{key} {facts[key]}" for key in ("cpu family", "model") if key in facts)
    flags = [flag for flag in FLAGS if flag in facts.get("flags", "").split()]
    return f"{model} ({family}; {' '.join(flags)}), {os.cpu_count()} cores"


def install_torch() -> Path:
    """Return a Python that has PyTorch; the first time, make its environment."""
    folder = Path(click.get_app_dir("mmbal-benchmarks")) / TORCH
    python = folder / "bin" / "python"
    if not python.exists():
        click.echo(f"installing {TORCH} into {folder}")
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "-q", TORCH, "numpy"], check=True)
    return python


@click.command()
@click.option("--out", default="peers.json", show_default=True, type=click.Path(path_type=Path))
@click.option("--networks", default=",".join(NETWORKS), show_default=True)
@click.option("--rounds", default=12, show_default=True, help="Turns of each; at least 2.")
@click.option("--torch-python", type=click.Path(path_type=Path), help="One that has PyTorch.")
def main(out: Path, networks: str, rounds: int, torch_python: Path | None) -> None:
    """Measure what the file does not hold yet, and print one table per network."""
    known: dict[str, Any] = json.loads(out.read_text()) if out.exists() else {}
    known.setdefault("processor", name_processor())
    known.setdefault("networks", {})
    for network in networks.split(","):
        if network not in known["networks"]:
            python = torch_python or install_torch()
            known["networks"][network] = measure(network, rounds, python)
            out.write_text(json.dumps(known, indent=1))
        show(network, known["networks"][network], known["processor"])


if __name__ == "__main__":
    main()
