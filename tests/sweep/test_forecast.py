import json
from pathlib import Path

from mmbal.sweep.forecast import Forecast


def train(trial: Path, steps: int, per_epoch: int | None = 50) -> None:
    """Write the journal of a run of two epochs up to a step."""
    trial.mkdir(exist_ok=True)
    start = {"event": "start", "epochs": 2, "steps_per_epoch": per_epoch}
    told = [{"event": "steps", "first": first, "loss": [0] * 10} for first in range(0, steps, 10)]
    text = "".join(json.dumps(event) + "\n" for event in (start, *told))
    (trial / "journal.jsonl").write_text(text + '{"event": "st', encoding="utf-8")


def test_it_is_told_once_steps_of_trials_that_run_are_timed(tmp_path: Path) -> None:
    now = 0.0
    trials = [tmp_path / name for name in "abcd"]
    forecast = Forecast(trials, lambda: now)

    assert forecast.look() is None  # nothing runs
    train(trials[0], 0)
    assert forecast.look() is None
    train(trials[0], 10)
    train(trials[1], 50)  # resumed: what is there already took no time
    assert forecast.look() is None
    now = 4
    train(trials[0], 30)
    train(trials[1], 60)
    assert forecast.look() is None  # 30 steps, in too few seconds
    now = 60
    # 30 steps a minute; left are 70, 40 and, of those that wait, 100 each.
    assert forecast.look() == (
        "expected time: about 10 minutes of training, by 30 steps of 2 runs in 60 seconds"
    )


def test_of_an_unknown_number_of_steps_nothing_is_said(tmp_path: Path) -> None:
    forecast = Forecast([tmp_path / "a"], iter((0.0, 90.0)).__next__)

    for steps in (10, 90):
        train(tmp_path / "a", steps, None)
        assert forecast.look() is None
