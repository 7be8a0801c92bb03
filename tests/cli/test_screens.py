"""What is printed in 80 columns: no name that one must type and no label is cut."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from mmbal.cli import cli
from mmbal.registry.discovery import discover

CATALOGUE = discover()
OFFERS = [*CATALOGUE.components(), *CATALOGUE.recipes()]
HELP = [[], *([name] for name in cli.list_commands(click.Context(cli)))]
LONG = "guided+modality-dropout"


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Return a function that runs a command in 80 columns and returns its output."""

    def run(*words: object) -> str:
        monkeypatch.setenv("COLUMNS", "80")
        done = CliRunner().invoke(cli, list(map(str, words)), catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return done.stdout

    return run


def words_in(text: str) -> set[str]:
    return {word.strip("│ ,:()") for word in text.split()}


@pytest.mark.parametrize("command", HELP, ids=" ".join)
def test_help(narrow: Callable[..., str], command: list[str]) -> None:
    shown = narrow(*command, "--help")
    lines = [line for line in shown.splitlines() if "_MMBAL_COMPLETE" not in line]
    assert max(map(len, lines)) <= 80
    if not command:
        assert "..." not in shown.partition("Commands:")[2]  # every line says all it has to say


@pytest.mark.parametrize("offer", OFFERS, ids=lambda offer: f"{offer.kind}-{offer.name}")
def test_every_option_is_shown_whole(narrow: Callable[..., str], offer: Any) -> None:
    shown = narrow("plugins", "show", offer.name, "--kind", offer.kind)
    assert shown.startswith(f"{offer.kind} {offer.name}: ")
    if offer.kind != "recipe":
        options = CATALOGUE.options_class(offer.kind, offer.name).model_fields
        table = shown.split("\n\n", 1)[1]
        assert max(map(len, table.splitlines())) <= 80
        begun = {line.split()[0] for line in table.splitlines() if line[:1].strip()}
        assert set(options) <= begun
        assert not options or {"option", "type", "legal", "default", "meaning"} <= words_in(table)


def test_a_panel_whose_modalities_have_long_names(
    narrow: Callable[..., str], write_run: Callable[..., Path]
) -> None:
    shown = narrow("report", write_run(strategy=LONG))
    assert max(len(line) for line in shown.splitlines() if line[:1] in "│╭╰") <= 80
    labels = "accuracy validation utilization isolated modality d_util d_speed gray color"
    assert {*labels.split(), LONG} <= words_in(shown)


def test_a_comparison_goes_on_below_where_it_does_not_fit(
    narrow: Callable[..., str], write_run: Callable[..., Path]
) -> None:
    strategies = [LONG, "ogm-ge+modality-dropout", "gradient-blending", "adaptive-margin"]
    runs = [write_run(f"run{i}", strategy=name) for i, name in enumerate(strategies)]
    shown = narrow("compare", *runs)
    assert max(map(len, shown.splitlines())) <= 80
    assert {*strategies, "branch_accuracy/gray", "utilization/color", "d_speed"} <= words_in(shown)
    first, second = shown.split("\n\n")
    assert [line.split()[0] for line in first.splitlines()] == [
        line.split()[0] for line in second.splitlines()
    ]
    assert LONG in first
    assert "adaptive-margin" in second


def test_verdicts_are_folded_between_words(
    narrow: Callable[..., str], write_run: Callable[..., Path]
) -> None:
    runs = [
        write_run(f"{name}{seed}", strategy=name, seed=seed)
        for name in (LONG, "vanilla")
        for seed in (0, 1)
    ]
    shown = narrow("compare", *runs)
    assert max(map(len, shown.splitlines())) <= 80
    assert f"{LONG} against vanilla" in shown
    assert {"branch_accuracy/gray", "utilization/color"} <= words_in(shown)


def test_a_pipe_is_not_folded(write_run: Callable[..., Path]) -> None:
    runs = [write_run(f"run{i}", strategy=name) for i, name in enumerate([LONG, "vanilla"])]
    done = CliRunner().invoke(cli, ["compare", *map(str, runs)])
    header, *rows = done.stdout.partition("\n\n")[0].splitlines()
    assert header.split()[:3] == ["recipe", "strategy", "n"]
    assert [row.split()[1] for row in rows] == [LONG, "vanilla"]
