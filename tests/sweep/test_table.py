import csv
import io

import pytest

from mmbal.sweep.table import columns, row, settings_of, to_csv, varying

RESULT = {
    "test": {"accuracy": 0.5, "accuracy_by_modality": {"gray": 0.25, "color": 0.75}},
    "utilization": {"gray": float("nan"), "color": 1.0},
    "rebalancing_steps": {"gray": 3, "color": 0},
    "d_util": None,
    "d_speed": -0.5,
    "steps": 8,
    "seconds": 3.5,
}


def test_what_varies_is_what_trials_that_have_it_disagree_in(trials_of):
    trials = trials_of("guided.tolerance=0.1,0.2", "data_dir=a,b", 'evaluations=["accuracy"]',
                       strategies="guided,vanilla", seeds="0-1")  # fmt: skip

    assert varying(trials) == [("strategy", "tolerance")]
    assert settings_of(trials[0], varying(trials)) == {"strategy.tolerance": 0.1}
    assert settings_of(trials[-1], varying(trials)) == {}
    assert varying(trials[:1]) == []


def test_a_row_holds_scores_by_modality(trials_of):
    found = row(trials_of()[0], {"epochs": 2}, "finished", RESULT, "")

    assert found == {
        "trial": "guided-seed0", "strategy": "guided", "seed": 0, "epochs": 2,
        "status": "finished", "accuracy": 0.5, "accuracy/gray": 0.25, "accuracy/color": 0.75,
        "utilization/gray": pytest.approx(float("nan"), nan_ok=True), "utilization/color": 1.0,
        "d_util": None, "d_speed": -0.5, "rebalancing_steps/gray": 3,
        "rebalancing_steps/color": 0, "steps": 8, "seconds": 3.5,
        "folder": "trials/guided-seed0", "error": "",
    }  # fmt: skip


def test_columns_of_some_rows_stand_where_those_have_them():
    assert columns([{"a": 1, "z": 2}, {"a": 1, "b": 2, "z": 3}, {"c": 1, "z": 1}]) == [
        "c", "a", "b", "z",
    ]  # fmt: skip


def test_csv_leaves_out_what_is_not_known(trials_of):
    one, two = trials_of('evaluations=["accuracy"],["utilization"]')
    rows = [
        row(one, {"list": [1, 2]}, "finished", RESULT, ""),
        row(two, {}, "failed", {}, 'it said "no", then\nstopped'),
    ]

    first, second = csv.DictReader(io.StringIO(to_csv(rows)))

    assert (first["accuracy/gray"], first["utilization/gray"], first["d_util"]) == ("0.25", "", "")
    assert first["list"] == "[1, 2]"
    assert (second["status"], second["accuracy"], second["list"]) == ("failed", "", "")
    assert second["error"] == 'it said "no", then\nstopped'
