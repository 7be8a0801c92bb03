import sys

import numpy as np
import pandas as pd
import pytest

import mmbal.records
from mmbal.errors import DataFormatError, MmbalError

ADAM = (
    'seed = 0\nepochs = 2\nlog_every = 10\n[strategy]\nname = "guided"\n'
    '[optimizer]\nname = "adam"\nlearning_rate = 0.5\n[provenance]\nmmbal = "0.1"\n'
)


def test_a_run_is_a_row_of_facts_scores_speeds_and_settings(write_run):
    folder = write_run(config=ADAM)
    (row,) = mmbal.records.table(folder).to_dict("records")

    assert row.pop("started") == pd.Timestamp("2026-01-02T03:04:05", tz="UTC")
    assert row == {
        "run": str(folder), "recipe": "toy", "dataset": "digits", "architecture": "mmtm",
        "strategy": "guided", "seed": 0, "modalities": "gray, color", "status": "finished",
        "epochs": 2, "batch_size": 8, "seconds": 3.5, "fingerprint": "c0ffee", "steps": 8,
        "accuracy": 0.7, "branch_accuracy/gray": 0.4, "branch_accuracy/color": 0.6, "loss": 1.1,
        "utilization/gray": 0.25, "utilization/color": 0.75, "d_util": -0.5,
        "learning_speed/gray": 0.4, "learning_speed/color": 0.6, "d_speed": -0.2,
        "isolated_steps/gray": 1, "isolated_steps/color": 2,
        "log_every": 10, "optimizer.name": "adam", "optimizer.learning_rate": 0.5,
    }  # fmt: skip


def test_columns_of_all_runs_in_order_and_what_a_run_lacks_is_missing(write_run, events):
    killed = write_run("killed", events=events[:1], config="no TOML [")
    frame = mmbal.records.table([killed, write_run("whole", config=ADAM)])
    columns = [*frame.columns]

    assert columns.index("steps") < columns.index("accuracy") < columns.index("d_speed")
    assert columns[-1] == "optimizer.learning_rate"
    assert frame["status"].to_list() == ["unfinished", "finished"]
    assert frame["steps"].to_list() == [0, 8]
    missing = frame.loc[0, ["accuracy", "d_speed", "isolated_steps/gray", "optimizer.name"]]
    assert missing.isna().all()


@pytest.mark.parametrize(
    ("choice", "accuracy"),
    [({}, 0.7), ({"weights": "last"}, 0.65), ({"split": "validation"}, 0.75)],
)
def test_scores_of_a_split_and_weights(write_run, choice, accuracy):
    assert mmbal.records.table(write_run(), **choice)["accuracy"].to_list() == [accuracy]


def test_folders_patterns_and_files_stand_for_runs_each_once(write_run, tmp_path):
    (tmp_path / "sweep" / "trials").mkdir(parents=True)
    a, b = write_run("sweep/trials/a", seed=1), write_run("sweep/trials/b", seed=2)
    write_run("sweep/other", seed=3)
    mmbal.records.RunFolder(a).consolidate()
    paths = [a / "record.h5", tmp_path / "sweep" / "trials", f"{tmp_path}/sw*/trials/[b-z]", b]

    frame = mmbal.records.table(paths)
    assert frame["seed"].to_list() == [1, 1, 2]
    assert len(mmbal.records.table(str(tmp_path))) == 3


def test_damaged_runs_are_left_out_of_several_and_refused_alone(write_run, tmp_path):
    (write_run("bad") / "journal.jsonl").write_text("{\n")
    write_run("good")

    with pytest.warns(UserWarning, match=r"left out: .*bad/journal\.jsonl:1"):
        assert len(mmbal.records.table(tmp_path)) == 1
    with pytest.raises(DataFormatError, match="not a line of JSON"):
        mmbal.records.table(tmp_path / "bad")


@pytest.mark.parametrize("name", ["absent", "abs*", "."])
def test_no_run_there(tmp_path, name):
    with pytest.raises(MmbalError, match="no run in .*expected folders that `mmbal run` wrote"):
        mmbal.records.table(tmp_path / name)
    with pytest.raises(MmbalError, match=r"expected journal\.jsonl"):
        mmbal.records.history(tmp_path)


def test_steps(write_run):
    steps = mmbal.records.history(write_run())

    assert (steps.index.name, [*steps.index]) == ("step", [*range(8)])
    assert [*steps.columns] == [
        "epoch", "loss", "isolated", "learning_speed/gray", "learning_speed/color", "d_speed",
    ]  # fmt: skip
    assert steps["epoch"].to_list() == [0] * 4 + [1] * 4
    np.testing.assert_equal(steps["loss"].to_numpy(), [2, 1.9, 1.8, np.nan, 1.6, 1.5, 1.4, 1.3])
    assert steps["isolated"].dropna().to_dict() == {2: "color", 3: "color", 7: "gray"}
    assert steps["learning_speed/color"].iloc[-1] == 0.6
    assert steps["d_speed"].iloc[0] == -0.4


def test_without_pandas_the_extra_is_named(write_run, monkeypatch):
    folder = write_run()
    monkeypatch.setitem(sys.modules, "pandas", None)

    for function in (mmbal.records.table, mmbal.records.history):
        with pytest.raises(MmbalError, match=r"pip install 'mmbal\[pandas\]'"):
            function(folder)
