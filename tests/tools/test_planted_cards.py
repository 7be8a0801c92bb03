"""The tool that holds cards against what was planted."""

import json

import planted_cards as tool
import pytest
from click.testing import CliRunner

SMALLER = ("dataset.train_examples=4000", "batch_size=64")
"""Half of the recipe's examples, in as many steps."""


def card(*named, accuracy=0.9):
    verdicts = [{"kind": kind, "modality": modality, "text": ""} for kind, modality in named]
    return {"verdicts": verdicts, "accuracy": {"value": accuracy, "error": 0.0}}


def test_a_card_that_says_more_or_less_than_was_planted_is_a_miss():
    both = card(("redundant", "a"), ("redundant", "b"))
    assert tool.is_right("redundant", both)
    assert not tool.is_right("redundant", card(("redundant", "a")))
    assert not tool.is_right("redundant-uneven", both)
    assert tool.is_right("balanced", card(("none", "")))
    assert not tool.is_right("balanced", card(("harmful", "a")))
    assert tool.is_right("shortcut", card(("harmful", "b"), ("under-trained", "b")))


def test_a_command_that_was_stopped_goes_on_and_tells_every_miss(tmp_path, monkeypatch):
    made = []

    def card_of(folder, configuration, architecture, seed, settings):
        made.append((configuration, architecture, seed))
        folder.mkdir()
        return card(("none", "")) if seed else card(("harmful", "a"), accuracy=0.8)

    monkeypatch.setattr(tool, "card_of", card_of)
    page = tmp_path / "page.md"
    page.write_text(f"before\n{tool.BEGIN}\n{tool.END}\nafter\n")
    options = [str(tmp_path / "cards"), "--configuration", "balanced", "--page", str(page)]
    options += ["--architecture", "late-concat"]
    CliRunner().invoke(tool.main, [*options, "--seeds", "0"])
    done = CliRunner().invoke(tool.main, [*options, "--seeds", "0-1,3"])

    assert done.exit_code == 0, done.output
    assert made == [("balanced", "late-concat", seed) for seed in (0, 1, 3)]
    assert [*json.loads((tmp_path / "cards" / "cards.json").read_text())] == [
        f"balanced/late-concat/{seed}" for seed in (0, 1, 3)
    ]
    row = "| balanced | late-concat | none | 2 of 3 | 0.867 | seed 0: harmful a |"
    assert row in page.read_text().splitlines()
    assert page.read_text().endswith(f"{tool.END}\nafter\n")


@pytest.mark.deep
@pytest.mark.parametrize(
    ("configuration", "architecture"),
    [("redundant-uneven", "late-concat"), ("synergy", "mmtm-any"), ("shortcut", "mmtm-any")],
)
def test_the_card_names_what_was_planted(tmp_path, configuration, architecture):
    found = tool.card_of(tmp_path / "runs", configuration, architecture, 0, SMALLER)
    assert tool.is_right(configuration, found), found["verdicts"]
