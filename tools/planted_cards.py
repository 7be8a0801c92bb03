r"""Whether the card is right: planted data, whose situation is known, against what the card says.

    uv run python tools/planted_cards.py cards --seeds 0-9 --page docs/how-to/card.md

Every configuration is trained with every architecture that can learn it, and so is each modality
alone; `cards/cards.json` keeps what the card says of each, so that a command that is stopped goes
on where it was. With `--page` the table stands between the two markers of the page.

`PLANTED` was written down before the first run. A verdict of the card that is not planted is a
miss, as is a planted one that the card does not name. Thresholds were looked at on seeds 10 to 19.
"""

import json
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import click
import keras
from click.testing import CliRunner

from mmbal.cli import cli
from mmbal.files.atomic import replace_file

BEGIN, END = "<!-- table of cards -->", "<!-- end of the cards -->"
Named = frozenset[tuple[str, str]]
"""Kinds of verdicts, and the modalities that they are of."""
NOTHING: Named = frozenset({("none", "")})
PLANTED: Mapping[str, tuple[Named, ...]] = {
    # Either modality tells all: each adds nothing to the other.
    "redundant": (frozenset({("redundant", "a"), ("redundant", "b")}),),
    # b tells no more than a does, but a tells more than b.
    "redundant-uneven": (frozenset({("redundant", "b")}),),
    "unique": (NOTHING,),
    "balanced": (NOTHING,),
    "synergy": (frozenset({("synergy", "")}),),
    # One of b's two bits is also a's; the other is half of what c alone cannot tell.
    "mixed": (frozenset({("redundant", "b"), ("synergy", "c")}), frozenset({("synergy", "c")})),
    # Learned with a, which tells nothing in the test: b alone is better, or is not learned.
    "shortcut": (
        frozenset({("harmful", "b")}),
        frozenset({("under-trained", "b")}),
        frozenset({("under-trained", "b"), ("harmful", "b")}),
    ),
}
"""Configuration to what a card may say of it."""
ARCHITECTURES: Mapping[str, Sequence[str]] = {
    "mmtm-any": tuple(PLANTED),
    # A sum of what each modality says cannot express synergy.
    "late-concat": tuple(name for name in PLANTED if name not in ("synergy", "mixed")),
    "late-mlp": ("synergy", "mixed"),
}
"""Architecture to the configurations that it can learn."""
MODALITIES = {"mixed": "abc"}
EPOCHS = {"synergy": 10, "mixed": 15}
"""Where the recipe's are too few."""


def card_of(
    folder: Path, configuration: str, architecture: str, seed: int, settings: Sequence[str] = ()
) -> dict[str, Any]:
    """Train on planted data, with all modalities and with each alone, and return the card.

    Args:
        folder: for the runs; it must not exist.
        configuration: of the dataset.
        architecture: its name.
        seed: of data and weights.
        settings: KEY=VALUE, over those of the recipe.
    """
    given = [f"dataset.configuration={configuration}", *settings]
    chosen = [part for each in given for part in ("--set", each)]
    if configuration in EPOCHS:
        chosen += ["--epochs", str(EPOCHS[configuration])]
    for modality in ("", *MODALITIES.get(configuration, "ab")):
        run = folder / (modality or "all")
        alone = ["--modalities", modality] if modality else []
        _mmbal("run", "--plugin", "planted", "--architecture", architecture, "--seed", str(seed),
               *chosen, *alone, "--out", str(run), "--json")  # fmt: skip
        keras.backend.clear_session()
    card = _mmbal("evaluate", str(folder / "all"), "--card", "--json")
    keras.backend.clear_session()
    return card


def _mmbal(*arguments: str) -> dict[str, Any]:
    """Run `mmbal` in this process, which has imported TensorFlow, and return its JSON object."""
    done = CliRunner().invoke(cli, arguments)
    if done.exit_code:
        raise RuntimeError(f"mmbal {' '.join(arguments)}: {done.stderr}") from done.exception
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def named(card: Mapping[str, Any]) -> Named:
    """Return what the verdicts of a card name."""
    return frozenset((each["kind"], each["modality"]) for each in card["verdicts"])


def is_right(configuration: str, card: Mapping[str, Any]) -> bool:
    """Return whether a card says what was planted, and nothing else."""
    return named(card) in PLANTED[configuration]


def _told(verdicts: Named) -> str:
    return ", ".join(f"{kind} {modality}".strip() for kind, modality in sorted(verdicts))


def table(cards: Mapping[str, Mapping[str, Any]]) -> str:
    """Return a Markdown table: one row per configuration and architecture, with all misses."""
    rows = ["| configuration | architecture | planted | right | accuracy | misses |"]
    rows += ["| --- | --- | --- | ---: | ---: | --- |"]
    for architecture, configurations in ARCHITECTURES.items():
        for configuration in configurations:
            place = f"{configuration}/{architecture}/"
            found = {k[len(place) :]: card for k, card in cards.items() if k.startswith(place)}
            if found:
                rows.append(_row(configuration, architecture, found))
    return "\n".join(rows)


def _row(configuration: str, architecture: str, found: Mapping[str, Mapping[str, Any]]) -> str:
    misses = [
        f"seed {seed}: {_told(named(card))}"
        for seed, card in sorted(found.items(), key=lambda each: int(each[0]))
        if not is_right(configuration, card)
    ]
    accuracies = [card["accuracy"]["value"] for card in found.values()]
    mean = sum(accuracies) / len(accuracies)
    cells = (
        configuration, architecture, " or ".join(map(_told, PLANTED[configuration])),
        f"{len(found) - len(misses)} of {len(found)}", f"{mean:.3f}", "; ".join(misses),
    )  # fmt: skip
    return f"| {' | '.join(cells)} |"


def _seeds(text: str) -> Iterator[int]:
    for part in text.split(","):
        first, _, last = part.partition("-")
        yield from range(int(first), int(last or first) + 1)


@click.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option("--seeds", default="0-9", show_default=True, help="Such as 0-9, or 0,3,5-7.")
@click.option("--configuration", "wanted", multiple=True, type=click.Choice([*PLANTED]))
@click.option("--architecture", multiple=True, type=click.Choice([*ARCHITECTURES]))
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="Of the runs.")
@click.option("--page", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def main(
    folder: Path,
    seeds: str,
    wanted: Sequence[str],
    architecture: Sequence[str],
    settings: Sequence[str],
    page: Path | None,
) -> None:
    """Make cards of planted data into FOLDER and say which are right."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "cards.json"
    cards = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    for seed in _seeds(seeds):
        for name in architecture or ARCHITECTURES:
            for configuration in ARCHITECTURES[name]:
                key = f"{configuration}/{name}/{seed}"
                if key in cards or (wanted and configuration not in wanted):
                    continue
                runs, began = folder / key.replace("/", "-"), time.perf_counter()
                shutil.rmtree(runs, ignore_errors=True)  # of a command that was stopped
                card = card_of(runs, configuration, name, seed, settings)
                cards[key] = card | {"seconds": time.perf_counter() - began}
                replace_file(file, json.dumps(cards, indent=1).encode())
                shutil.rmtree(runs)
                right = "right" if is_right(configuration, card) else "MISS"
                click.echo(f"{key} {cards[key]['seconds']:.0f} s {right}: {_told(named(card))}")
    told = table(cards)
    if page is not None:
        before, _, rest = page.read_text(encoding="utf-8").partition(BEGIN)
        page.write_text(f"{before}{BEGIN}\n{told}\n{END}{rest.partition(END)[2]}", encoding="utf-8")
    click.echo(told)


if __name__ == "__main__":
    main()
