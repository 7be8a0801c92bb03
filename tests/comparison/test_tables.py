import csv
import json
from dataclasses import replace

import pytest

from mmbal.comparison.tables import (
    comparison_object,
    comparison_rows,
    format_statistic,
    latex,
    ledger_rows,
    markdown,
    markdown_table,
    pairing_text,
    to_csv,
)
from mmbal.comparison.values import Arm, Comparison, Ledger, Pairing, Statistic, Verdict

NAN = float("nan")
HELPS = Verdict("accuracy", "helps", "helps: +0.1", 2, 0.1, 0.05, 0.15, 0.02, 0.02, 0.5, 0.5)


@pytest.fixture
def comparison() -> Comparison:
    first = {
        "accuracy": Statistic(0.5, 0.25, 2),
        "branch_accuracy/gray": Statistic(0.125, NAN, 1),
        "d_util": Statistic(NAN, NAN, 0),
        "seconds": Statistic(12.25, 0.5, 2),
    }
    second = {"accuracy": Statistic(0.75, NAN, 1), "branch_accuracy/video": Statistic(0.5, NAN, 1)}
    pairing = Pairing("vanilla", (0,), True, None)
    return Comparison(
        (
            Arm("toy", "guided", {"epochs": "3"}, ("a", "b"), (0, 1), first,
                ledger=Ledger(12.25, 64.0, 1000, 2.5e9, ("Einsum",)),
                pairing=pairing, verdicts=(HELPS,)),
            Arm("toy", "vanilla", {}, ("c",), (0,), second, ledger=Ledger(3.0, 64.0)),
        ),
        ("a remark",),
        {"accuracy": "of the fused prediction"},
    )  # fmt: skip


def test_rows_hold_mean_deviation_and_how_many_runs_define_them(comparison: Comparison) -> None:
    header, rows = comparison_rows(comparison)

    assert header == [
        "recipe", "strategy", "settings", "n", "accuracy", "branch_accuracy/gray",
        "branch_accuracy/video", "seconds",
    ]  # fmt: skip
    assert rows == [
        ["toy", "guided", "epochs=3", "2", "0.500 ± 0.250", "0.125 (1 of 2)", "-", "12.2 ± 0.5"],
        ["toy", "vanilla", "", "1", "0.750", "-", "0.500", "-"],
    ]


def test_the_settings_column_comes_only_when_needed(comparison: Comparison) -> None:
    header, _ = comparison_rows(replace(comparison, arms=comparison.arms[1:]))

    assert "settings" not in header


def test_an_undefined_statistic_is_a_dash() -> None:
    assert format_statistic(Statistic(NAN, NAN, 0), 3) == "-"


def test_markdown_escapes_and_aligns() -> None:
    assert markdown_table(["recipe", "n", "accuracy"], [["a|b", "2", "0.5"]]) == (
        "| recipe | n | accuracy |\n| --- | ---: | ---: |\n| a\\|b | 2 | 0.5 |"
    )


def test_verdicts_are_a_table_of_their_own_where_there_are_any(comparison: Comparison) -> None:
    assert markdown(comparison).endswith(
        "\n\n| arm | score | verdict |\n| --- | --- | --- |\n"
        "| guided (epochs=3) | accuracy | helps: +0.1 |"
    )
    assert "verdict" not in markdown(replace(comparison, arms=comparison.arms[1:]))


def test_csv_is_a_row_per_arm_and_metric(comparison: Comparison) -> None:
    rows = list(csv.DictReader(to_csv(comparison).splitlines()))

    assert [(row["strategy"], row["score"]) for row in rows] == [
        ("guided", "accuracy"), ("guided", "branch_accuracy/gray"), ("guided", "seconds"),
        ("vanilla", "accuracy"), ("vanilla", "branch_accuracy/video"),
    ]  # fmt: skip
    first, second = rows[:2]
    assert (first["mean"], first["word"], first["low"], first["crossed"]) == (
        "0.5", "helps", "0.05", "",
    )  # fmt: skip
    assert (second["deviation"], second["word"]) == ("", "")


def test_latex_is_bold_where_a_verdict_says_so_and_escapes(comparison: Comparison) -> None:
    lines = latex(comparison).splitlines()

    assert lines[0] == r"\begin{tabular}{lllrrrrr}"
    assert r"branch\_accuracy/gray" in lines[2]
    assert r"\textbf{0.500 $\pm$ 0.250} & 0.125 (1 of 2)" in lines[4]
    assert r"\textbf" not in lines[5]  # the larger number, which nothing speaks for
    assert lines[1::2] == [r"\toprule", r"\midrule", lines[5], r"\end{tabular}"]


def test_costs_leave_out_columns_that_nobody_can_fill(comparison: Comparison) -> None:
    header, rows = ledger_rows(comparison)

    assert header == ["arm", "parameters", "FLOPs", "not counted", "seconds", "examples"]
    assert rows == [
        ["guided (epochs=3)", "1000", "2.5e+09", "Einsum", "12.25", "64"],
        ["vanilla", "-", "-", "-", "3", "64"],
    ]


def test_what_pairs_share_is_said(comparison: Comparison) -> None:
    arm = comparison.arms[0]

    assert pairing_text(arm) == (
        "guided (epochs=3) against vanilla, the same order, unknown initial weights; paired by "
        "seed and split"
    )
    other = Pairing("vanilla", (0, 1), True, None, (6, 4.5))
    assert pairing_text(replace(arm, pairing=other)) == (
        "guided (epochs=3) against vanilla, the same order, unknown initial weights, another "
        "budget: 6 epochs, not 4.5; paired by seed and split"
    )
    assert pairing_text(replace(arm, pairing=Pairing("vanilla", (), None, None))) == (
        "guided (epochs=3) against vanilla: no seed in common, so nothing is paired"
    )


def test_the_object_is_plain(comparison: Comparison) -> None:
    value = json.loads(json.dumps(comparison_object(comparison, "last")))

    assert value["weights"] == "last"
    first = value["groups"][0]
    assert (first["n"], first["label"], first["control"]) == (2, "guided (epochs=3)", "")
    assert first["statistics"]["accuracy"] == {"mean": 0.5, "deviation": 0.25, "count": 2}
    assert first["verdicts"][0]["word"] == "helps"
    assert first["ledger"]["flops"] == 2.5e9
    assert first["pairing"]["order"] is True
    assert value["remarks"] == ["a remark"]
