import time
from types import SimpleNamespace

import pytest

from mmbal.cli import trials
from mmbal.sweep.forecast import Forecast


def test_the_expected_time_is_told_while_trials_run(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter((None, "about an hour"))
    monkeypatch.setattr(Forecast, "look", lambda _: next(answers))
    monkeypatch.setattr(trials, "PAUSE", 0.001)
    told: list[str] = []
    with trials.forecast(SimpleNamespace(pending=[]), told.append):  # type: ignore[arg-type]
        while not told:
            time.sleep(0.001)

    assert told == ["about an hour"]
