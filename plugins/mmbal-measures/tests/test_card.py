"""Records -> the card, without a network: which numbers it takes, prints and refuses."""

import json
import math
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from mmbal import MmbalError
from mmbal.records import FinishedRun, RunFolder
from mmbal_measures.card import make_card
from mmbal_measures.evidence import NEEDED

NAMES = ("gray", "color")
CONFIG = "seed = {}\nepochs = 2\n\n[strategy]\nname = 'guided'\ntolerance = {}\n"


def scores(gray=0.9, color=0.8, fused=0.95):
    """Return all scores that a card reads, all errors .01."""
    values = {"accuracy": fused, "constant_accuracy": 0.5, "fused_above_chance": fused - 0.5}
    strengths = dict(zip(NAMES, (gray, color), strict=True))
    for m, strength in strengths.items():
        values |= {
            f"utilization/{m}": 1 - strength,
            f"gain@mean/{m}": strength - 0.5,
            f"shapley_accuracy@mean/{m}": strength / 2 - 0.2,
            f"perceptual/{m}": strength - 0.6,
            f"probe_accuracy/{m}": strength,
            f"blocked_accuracy/{m}": strength - 0.1,
            f"gain@refit/{m}": strength - 0.5,
            f"probe_above_chance/{m}": strength - 0.5,
            f"heard_above_chance/{m}": 0.3,
        }
    for measure in ("utilization", "gain", "shapley", "perceptual", "probe", "blocked"):
        values[f"{measure}_contrast/gray+color"] = gray - color
    errors = {}
    for name in values:
        head = name.split("@")[0].split("/")[0]
        errors[name.replace(head, f"{head}_se", 1)] = 0.01
    return values | errors


def events(seed):
    """Return what a journal tells of a run of one step."""
    told = dict.fromkeys(("recipe", "dataset", "architecture", "fingerprint"), "toy")
    start = {"event": "start", **told, "strategy": "guided", "seed": seed, "epochs": 2}
    start |= {"batch_size": 8, "modalities": NAMES, "classes": ["0", "1"]}
    yield start
    for epoch in (0, 1):
        speeds = {m: s + 1 - epoch for m, s in zip(NAMES, (0.4, 0.6), strict=True)}
        yield {"event": "epoch", "epoch": epoch, "step": epoch + 1, "learning_speed": speeds,
               "rebalancing_steps": {}, "d_speed": 0, "seconds": 1, "selected": True}  # fmt: skip
    yield {"event": "end", "seconds": 3.5, "result": {}}


@pytest.fixture
def finished(tmp_path):
    """Return a function that makes a finished run with all that a card reads."""

    def make(name="run", values=None, alone=(), seed=0, tolerance=0.5, **changes):
        folder = RunFolder(tmp_path / name)
        folder.path.mkdir()
        lines = (json.dumps(event) + "\n" for event in events(seed))
        folder.journal.write_text("".join(lines), encoding="utf-8")
        folder.config.write_text(CONFIG.format(seed, tolerance), encoding="utf-8")
        record = folder.open()
        splits = {"test": {"examples": 100}}
        told = {("test", "selected"): scores() if values is None else values}
        record = replace(record, scores=told, data={"splits": splits}, **changes)
        singles = {
            m: replace(record, scores={("test", "selected"): {"accuracy": a, "accuracy_se": 0.01}})
            for m, a in dict(alone).items()
        }

        def measure(names):
            raise AssertionError(f"{names} are in the record already")

        return FinishedRun(name, record, singles, measure)

    return make


def printed(card, width=80):
    console = Console(width=width, color_system=None)
    with console.capture() as capture:
        console.print(card)
    return capture.get()


def test_a_card_in_80_columns(finished):
    card = make_card([finished(alone={"gray": 0.91, "color": 0.9})])
    text = printed(card)
    lines = text.splitlines()

    assert max(map(len, lines)) <= 80
    assert lines[0].split() == ["used", "learned", "speed"]
    assert lines[1].split() == [
        "modality", "-u", "gain", "Shap.", "perc.", "probe", "block.", "alone", "-s",
    ]  # fmt: skip
    assert lines[2].split() == [
        "gray", "-0.100", "0.400", "0.250", "0.300", "0.900", "0.800", "0.910", "-0.400",
    ]  # fmt: skip
    assert set(lines[3].split()) == {"±0.010"}  # the paper's speed has none
    assert "under-trained: color: its encoder holds 0.800, a network of its own 0.900" in text
    assert "used: utilization, gain, Shapley and perceptual name gray." in " ".join(text.split())


def test_a_card_as_json(finished):
    card = make_card([finished(alone={"gray": 0.91, "color": 0.9})])
    values = json.loads(json.dumps(card.values))

    assert (values["runs"], values["seeds"], values["examples"]) == (["run"], [0], 100)
    assert values["measures"]["used"]["gain"]["gray"] == {
        "value": pytest.approx(0.4),
        "error": 0.01,
    }
    assert values["contrasts"]["gain"]["gray+color"]["names"] == "gray"
    assert values["contrasts"]["paper_speed"]["gray+color"]["names"] is None  # one seed
    assert values["contrasts"]["alone"]["gray+color"] == {
        "value": pytest.approx(0.01), "error": pytest.approx(math.sqrt(2) / 100), "names": None,
    }  # fmt: skip
    assert values["verdict"] == "under-trained"
    assert values["agreement"]["used"]["alike"] is True
    assert values["probe_minus_alone"]["color"]["value"] == pytest.approx(-0.1)


def test_its_keys_are_those_that_are_promised(finished):
    page = Path(__file__).parents[3] / "docs" / "api-stability.md"
    promise = page.read_text(encoding="utf-8").partition("`mmbal evaluate --card --json` has")[2]
    keys = re.findall("`([^`]+)`", promise.partition(".")[0])
    assert keys == [*make_card([finished()]).values]


def test_without_runs_of_single_modalities_it_says_what_it_cannot_tell(finished):
    card = make_card([finished(alone={"gray": 0.91})])

    (remark,) = card.evidence.remarks
    assert remark.startswith("what color could do alone is not known")
    assert "mmbal sweep toy --ablate --seeds 0 --out SWEEP" in remark
    assert math.isnan(card.values["measures"]["learned"]["alone"]["color"]["value"])
    assert card.values["verdict"] == "none"


def test_of_several_seeds_errors_are_over_seeds(finished):
    runs = [
        finished(str(seed), scores(gray=gray), {"gray": 0.9, "color": 0.8}, seed)
        for seed, gray in enumerate((0.9, 0.92, 0.94))
    ]
    card = make_card(runs)
    gain = card.values["measures"]["used"]["gain"]

    assert card.values["seeds"] == [0, 1, 2]
    assert gain["gray"] == {"value": pytest.approx(0.42), "error": pytest.approx(0.02 / 3**0.5)}
    assert gain["color"]["error"] == pytest.approx(0)
    assert card.values["contrasts"]["gain"]["gray+color"]["error"] == pytest.approx(0.02 / 3**0.5)
    # Speeds have an opinion now: -0.4 and -0.6 in every seed.
    assert card.values["contrasts"]["paper_speed"]["gray+color"]["names"] == "gray"
    assert "mean ± standard error over 3 seeds" in " ".join(printed(card).split())


def test_what_the_record_misses_is_measured(finished):
    run, asked = finished(values={"accuracy": 0.9}), []

    def measure(names):
        asked.extend(names)
        return replace(run.record, scores={("test", "selected"): scores()})

    card = make_card([replace(run, measure=measure)])
    assert asked == [*NEEDED]
    assert card.values["accuracy"]["value"] == 0.95


def test_function_speeds_are_those_of_the_last_epoch(finished):
    run = finished()
    epochs = run.record.history.epochs
    train = {
        f"function_speed/{m}": np.array([9.0, v]) for m, v in zip(NAMES, (0.5, 1), strict=True)
    }
    train |= {f"function_speed_se/{m}": np.array([9.0, 0.25]) for m in NAMES}
    history = replace(run.record.history, epochs=replace(epochs, train=train))
    card = make_card([replace(run, record=replace(run.record, history=history))])

    told = card.values["measures"]["speed"]["function_speed"]
    assert told["gray"] == {"value": -0.5, "error": 0.25}
    assert card.values["contrasts"]["function_speed"]["gray+color"]["names"] is None
    assert "-phi" in printed(card)
    # Where nothing feeds a branch, what it moves itself is shown.
    train = {"function_move/gray": np.array([2.0]), "function_move/color": np.array([1.0])}
    history = replace(run.record.history, epochs=replace(epochs, train=train))
    card = make_card([replace(run, record=replace(run.record, history=history))])
    assert card.values["measures"]["speed"]["function_speed"]["gray"]["value"] == 2


def test_a_utilization_of_an_accuracy_at_chance_is_left_out(finished):
    card = make_card([finished(values={**scores(), "heard_above_chance/color": 0.019})])

    assert math.isnan(card.values["measures"]["used"]["utilization"]["color"]["value"])
    assert "run: the utilization of color is left out, its accuracy is at chance" in (
        card.evidence.remarks
    )
    assert card.values["contrasts"]["utilization"]["gray+color"]["names"] is None


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"status": "interrupted"}, "a card is of finished runs; other is interrupted"),
        ({"modalities": ("gray",)}, "a card compares modalities; other has one, gray"),
        ({"seed": 1, "tolerance": 0.7}, ("run and other differ in strategy.tolerance "
                                         "(strategy.tolerance: 0.5, 0.7)")),
        ({"seed": 1, "architecture": "late-sum"}, "differ in architecture.name"),
        ({}, "a card is of one run per seed; received several of seed 0"),
    ],
)  # fmt: skip
def test_runs_that_make_no_card_are_refused(finished, changes, words):
    with pytest.raises(MmbalError) as refusal:
        make_card([finished(), finished("other", **changes)])
    assert words in str(refusal.value)


def test_other_data_are_told(finished):
    card = make_card([finished(), finished("other", seed=1, fingerprint="beef")])
    assert "the runs are of different data: errors over seeds are over data, too" in (
        card.evidence.remarks
    )
