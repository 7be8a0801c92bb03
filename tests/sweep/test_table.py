import csv
import io

from mmbal.sweep.table import row, to_csv, varying

RESULT = {
    "test": {
        "accuracy": 0.5,
        "branch_accuracy/gray": 0.25,
        "branch_accuracy/color": 0.75,
        "utilization/gray": None,
        "utilization/color": 1.0,
        "d_util": None,
    },
    "rebalancing_steps": {"gray": 3, "color": 0},
    "d_speed": -0.5,
    "steps": 8,
    "seconds": 3.5,
}


def test_what_varies_is_what_trials_that_have_it_disagree_in(trials_of):
    trials = trials_of("guided.tolerance=0.1,0.2", "data_dir=a,b", 'evaluations=["accuracy"]',
                       strategies="guided,vanilla", seeds="0-1")  # fmt: skip

    assert varying(trials) == ["strategy.tolerance"]
    assert varying(trials[:1]) == []


def test_a_row_holds_scores_by_modality(trials_of):
    (trial,) = trials_of("epochs=2")

    found = row(trial, ["epochs", "strategy.of_another"], "finished", RESULT, "")

    assert found == {
        "trial": "guided-seed0", "strategy": "guided", "seed": 0, "epochs": 2,
        "strategy.of_another": None, "status": "finished", "accuracy": 0.5,
        "branch_accuracy/gray": 0.25, "branch_accuracy/color": 0.75,
        "utilization/gray": None, "utilization/color": 1.0,
        "d_util": None, "d_speed": -0.5, "rebalancing_steps/gray": 3,
        "rebalancing_steps/color": 0, "steps": 8, "seconds": 3.5,
        "folder": "trials/guided-seed0", "error": "",
    }  # fmt: skip


def test_columns_have_one_order_whatever_the_rows(trials_of):
    trials = trials_of("guided.tolerance=0.1,0.2", strategies="vanilla,guided")
    statuses = ["failed", "waiting", "finished"]
    rows = [
        row(trial, varying(trials), status, RESULT if status == "finished" else {}, "")
        for trial, status in zip(trials, statuses, strict=True)
    ]

    assert to_csv(rows).partition("\n")[0] == (
        "trial,strategy,seed,strategy.tolerance,status,accuracy,branch_accuracy/gray,branch_accuracy/color,"
        "utilization/gray,utilization/color,d_util,d_speed,rebalancing_steps/gray,"
        "rebalancing_steps/color,steps,seconds,folder,error"
    )


def test_csv_leaves_out_what_is_not_known(trials_of):
    one, two = trials_of('evaluations=["accuracy"],["utilization"]')
    rows = [
        row(one, ["evaluations"], "finished", RESULT, "") | {"list": [1, 2]},
        row(two, [], "failed", {}, 'it said "no", then\nstopped'),
    ]

    first, second = csv.DictReader(io.StringIO(to_csv(rows)))

    assert (first["branch_accuracy/gray"], first["utilization/gray"], first["d_util"]) == (
        "0.25",
        "",
        "",
    )
    assert first["list"] == "[1, 2]"
    assert (second["status"], second["accuracy"], second["list"]) == ("failed", "", "")
    assert second["error"] == 'it said "no", then\nstopped'


def test_modalities_are_told_by_name(trials_of):
    trials = trials_of('modalities=[],["gray"],["gray","color"]')

    keys = varying(trials)

    told = [row(trial, keys, "waiting", {}, "")["modalities"] for trial in trials]
    assert keys == ["modalities"]
    assert told == ["all", "gray", "gray, color"]
