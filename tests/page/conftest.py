"""Runs of two strategies, three seeds each, with all that a page can show, and a modality alone."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mmbal.comparison.comparing import compare_records
from mmbal.page.document import page
from mmbal.page.shown import Shown
from mmbal.records.run_folder import RunFolder
from mmbal.registry.catalogue import Catalogue

ODD = "<b>&\"gray'$x_1$"
"""A modality whose name is markup, a formula, and the end of an attribute."""
CLASSES = ["<cat>", "dog & fox", "ox"]


def renamed(value: Any) -> Any:
    """Return events in which gray bears the odd name."""
    if isinstance(value, dict):
        return {renamed(key): renamed(each) for key, each in value.items()}
    if isinstance(value, list):
        return [renamed(each) for each in value]
    return value.replace("gray", ODD) if isinstance(value, str) else value


def tables() -> list[dict[str, Any]]:
    """Return the events of tables that evaluations make."""
    of = {"event": "table", "split": "test", "weights": "selected", "description": ""}
    confusion = [[[3, 1, 0], [0, 4, 0], [2, 0, None]]]
    classes = {"prediction": ["fused"], "class": CLASSES, "predicted": CLASSES}
    bins = {
        "bins": ["width", "mass"], "bin": ["1", "2"],
        "of": ["examples", "confidence", "accuracy", "accuracy_low", "accuracy_high"],
    }  # fmt: skip
    curve = [[5, 0.4, 0.3, 0.1, 0.5], [5, 0.9, 0.7, 0.5, 0.9]]
    absences = {"absence": ["zeros"], "modalities": ["(none)", "gray", "color", "gray+color"]}
    return [
        {**of, "name": "subset_accuracy", "axes": absences, "values": [[0.25, 0.5, 0.625, 0.75]]},
        {**of, "name": "confusion_matrix", "axes": classes, "values": confusion},
        {**of, "name": "reliability", "axes": bins, "values": [curve, curve]},
    ]


@pytest.fixture(scope="module")
def runs(
    make_events: Callable[..., list[dict[str, Any]]], tmp_path_factory: pytest.TempPathFactory
) -> list[Path]:
    """Return folders: vanilla and guided of seeds 0 to 2, and color alone of seed 0."""
    told = {}
    for strategy, better in (("vanilla", 0.0), ("guided", 0.125)):
        for seed in range(3):
            events = make_events(strategy=strategy, seed=seed, classes=CLASSES)
            accuracy = 0.5 + better * (1 + seed / 10) + seed / 100
            events[7]["values"] |= {"accuracy": accuracy, "accuracy_se": 0.02}
            told[f"{strategy}-{seed}"] = renamed([*events[:-1], *tables(), events[-1]])
    events = make_events(strategy="vanilla", modalities=["color"], classes=CLASSES)
    told["color alone"] = [each for each in events if each["event"] not in ("steps", "epoch")]
    folders = []
    for name, events in told.items():
        folders.append(tmp_path_factory.mktemp("runs") / name)
        folders[-1].mkdir()
        text = "".join(json.dumps(event) + "\n" for event in events)
        (folders[-1] / "journal.jsonl").write_text(text, encoding="utf-8")
        (folders[-1] / "config.toml").write_text("a = '<&>'\n", encoding="utf-8")
    return folders


@pytest.fixture(scope="module")
def shown(runs: list[Path]) -> Shown:
    """Return what a page shows of them."""
    records = {str(folder): RunFolder(folder).open() for folder in runs}
    return Shown(compare_records(records, baseline="vanilla"), records)


@pytest.fixture(scope="module")
def text(shown: Shown) -> str:
    """Return the page."""
    return page(shown, Catalogue())
