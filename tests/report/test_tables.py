import json

import pytest

from mmbal.report.comparison import Comparison, Group, Statistic
from mmbal.report.tables import comparison_object, comparison_rows, format_statistic, markdown_table

NAN = float("nan")


@pytest.fixture
def comparison() -> Comparison:
    first = {
        "accuracy": Statistic(0.5, 0.25, 2),
        "branch_accuracy/gray": Statistic(0.125, NAN, 1),
        "d_util": Statistic(NAN, NAN, 0),
        "seconds": Statistic(12.25, 0.5, 2),
    }
    second = {"accuracy": Statistic(0.75, NAN, 1), "branch_accuracy/video": Statistic(0.5, NAN, 1)}
    return Comparison(
        (
            Group("toy", "guided", {"epochs": "3"}, ("a", "b"), (0, 1), first),
            Group("toy", "vanilla", {}, ("c",), (0,), second),
        ),
        ("a remark",),
        {"accuracy": "of the fused prediction"},
    )


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
    header, _ = comparison_rows(Comparison(comparison.groups[1:], (), {}))

    assert "settings" not in header


def test_an_undefined_statistic_is_a_dash() -> None:
    assert format_statistic(Statistic(NAN, NAN, 0), 3) == "-"


def test_markdown_escapes_and_aligns() -> None:
    assert markdown_table(["recipe", "n", "accuracy"], [["a|b", "2", "0.5"]]) == (
        "| recipe | n | accuracy |\n| --- | ---: | ---: |\n| a\\|b | 2 | 0.5 |"
    )


def test_the_object_is_plain(comparison: Comparison) -> None:
    value = json.loads(json.dumps(comparison_object(comparison, "last")))

    assert value["weights"] == "last"
    assert value["groups"][0]["n"] == 2
    assert value["groups"][0]["statistics"]["accuracy"] == {
        "mean": 0.5, "deviation": 0.25, "count": 2,
    }  # fmt: skip
    assert value["remarks"] == ["a remark"]
