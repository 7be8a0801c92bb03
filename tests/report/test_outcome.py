from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mmbal.errors import MmbalError
from mmbal.records.run_folder import RunFolder
from mmbal.report.outcome import matching, outcome

WriteRun = Callable[..., Path]


def test_a_finished_run_has_everything_that_run_prints(write_run: WriteRun) -> None:
    result = outcome(RunFolder(write_run()).open(), "runs/toy")

    assert result["test"] == {
        "accuracy": 0.7, "branch_accuracy/gray": 0.4, "branch_accuracy/color": 0.6, "loss": 1.1,
        "utilization/gray": 0.25, "utilization/color": 0.75, "d_util": -0.5,
    }  # fmt: skip
    assert result["headlines"][:2] == ["accuracy", "branch_accuracy/gray"]
    assert result["validation"]["loss"] == 1.0
    assert result["last"]["test"]["accuracy"] == 0.65
    assert result["utilization"] == {"gray": 0.25, "color": 0.75}
    assert result["learning_speed"] == {"gray": 0.4, "color": 0.6}
    assert result["rebalancing_steps"] == {"gray": 1, "color": 2}
    assert (result["d_util"], result["d_speed"]) == (-0.5, -0.2)
    assert (result["epochs"], result["steps"], result["seconds"]) == (2, 8, 3.5)
    assert (result["run"], result["status"]) == ("runs/toy", "finished")


def test_a_killed_run_tells_how_far_it_got(
    write_run: WriteRun, events: list[dict[str, Any]]
) -> None:
    result = outcome(RunFolder(write_run(events=events[:5])).open(), "runs/toy")

    assert (result["epochs"], result["steps"], result["seconds"]) == (1, 6, 1.5)
    assert (result["status"], result["test"], result["d_util"]) == ("unfinished", None, None)
    assert result["validation"]["accuracy"] == 0.5
    assert result["d_speed"] == -0.5


def test_a_run_that_only_started_is_no_error(
    write_run: WriteRun, events: list[dict[str, Any]]
) -> None:
    result = outcome(RunFolder(write_run(events=events[:1])).open(), "runs/toy")

    assert (result["epochs"], result["steps"], result["d_speed"]) == (0, 0, None)


def test_a_score_that_nobody_has_is_named_with_the_nearest() -> None:
    assert matching(["a*", "b"], ["b", "ab", "aa"]) == ["b", "ab", "aa"]
    with pytest.raises(MmbalError, match="unknown score 'acuracy'; did you mean 'accuracy'"):
        matching(["acuracy"], ["accuracy", "loss"])
