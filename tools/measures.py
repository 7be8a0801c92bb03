r"""What measures say of trained networks where the truth is known: a figure for the docs.

    uv run python tools/measures.py benchmarks/cards/cards.json docs/figures/measures.png

The cards are those of tools/planted_cards.py. Beside what gain, Shapley values, probes and networks
of their own say stands what the Bayes rule says.
"""

import json
from collections.abc import Mapping, Sequence
from itertools import permutations
from pathlib import Path
from statistics import mean
from typing import Any

import click
import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mmbal_planted import Planted, Truth

MEASURES: Mapping[str, tuple[str, str]] = {
    "utilization": ("used", "utilization\n(it leans)"),
    "perceptual": ("used", "perceptual\n(it is listened to)"),
    "gain": ("used", "gain\n(only it has it)"),
    "shapley": ("used", "Shapley\n(its fair share)"),
    "probe": ("learned", "probe\n(its encoder holds)"),
    "alone": ("learned", "alone\n(it could hold)"),
}
"""Measure to its class on the card and its title."""
CONFIGURATIONS = ("redundant", "redundant-uneven", "unique", "synergy", "mixed", "shortcut")
COLORS = ("#0072b2", "#d55e00", "#009e73")
MARKS = ("o", "s", "^")
Cards = Mapping[str, Mapping[str, Any]]


def bayes(truth: Truth, measure: str, modality: str) -> float | None:
    """Return what a measure says of the Bayes rule; None where it is of a network alone."""
    everything = truth.modalities
    if measure in ("probe", "alone"):
        return truth.accuracy({modality})
    if measure == "gain":
        return truth.accuracy(everything) - truth.accuracy(set(everything) - {modality})
    if measure == "shapley":
        orders = [set(order[: order.index(modality)]) for order in permutations(everything)]
        return mean(truth.accuracy({*s, modality}) - truth.accuracy(s) for s in orders)
    return None


def measured(cards: Sequence[Mapping[str, Any]], measure: str, modality: str) -> list[float]:
    """Return the value of every card that has it; utilization with its own sign."""
    found = (card["measures"][MEASURES[measure][0]][measure][modality] for card in cards)
    sign = -1 if measure == "utilization" else 1  # the card has larger for more of the modality
    return [sign * each["value"] for each in found if each and each["value"] is not None]


def panel(axes: Axes, cards: Sequence[Mapping[str, Any]], truth: Truth, measure: str) -> None:
    """Draw a measure of a configuration: a dot per seed, a bar where the Bayes rule stands."""
    axes.axhline(0, color="0.8", linewidth=0.8)
    for place, (name, color, mark) in enumerate(zip(truth.modalities, COLORS, MARKS, strict=False)):
        values = measured(cards, measure, name)
        axes.scatter([place] * len(values), values, s=18, color=color, marker=mark, linewidths=0)
        known = bayes(truth, measure, name)
        if known is not None:
            axes.hlines(known, place - 0.35, place + 0.35, "0.2", linewidth=1.2)
    axes.set(xlim=(-0.6, len(truth.modalities) - 0.4), ylim=(-0.15, 1.05), yticks=(0, 0.5, 1))
    axes.set_xticks(range(len(truth.modalities)), truth.modalities)
    axes.spines[["top", "right"]].set_visible(False)


def draw(cards: Cards, architecture: str) -> Figure:
    """Return the figure: a row per configuration, a column per measure."""
    import matplotlib.pyplot as plt

    shape = len(CONFIGURATIONS), len(MEASURES)
    figure, grid = plt.subplots(*shape, figsize=(10, 10), sharey=True, layout="constrained")
    for row, configuration in zip(grid, CONFIGURATIONS, strict=True):
        start = f"{configuration}/{architecture}/"
        own = [card for key, card in cards.items() if key.startswith(start)]
        truth = Planted(configuration=configuration).truth()
        for axes, measure in zip(row, MEASURES, strict=True):
            panel(axes, own, truth, measure)
        row[0].set_ylabel(f"{configuration}\n{len(own)} seed{'s' * (len(own) != 1)}")
    for axes, (_, title) in zip(grid[0], MEASURES.values(), strict=True):
        axes.set_title(title, fontsize=10)
    return figure


@click.command()
@click.argument("cards", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("picture", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--architecture", default="mmtm-any", show_default=True)
def main(cards: Path, picture: Path, architecture: str) -> None:
    """Draw the cards in CARDS into PICTURE."""
    mpl.use("agg")
    figure = draw(json.loads(cards.read_text(encoding="utf-8")), architecture)
    figure.savefig(picture, dpi=90)


if __name__ == "__main__":
    main()
