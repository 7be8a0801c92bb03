"""tools/strategies.py: tables of the docs from what `mmbal compare` says."""

import click
import pytest
import strategies


def group(strategy, accuracy, control=None, text=""):
    verdicts = [{"score": "d_util", "text": "lower: -1, 5 seeds"}] * bool(text)
    verdicts += [{"score": "accuracy", "text": text}] * bool(text)
    names = ("accuracy", "slice_accuracy/gray", "branch_accuracy/color")
    scores = {name: {"mean": accuracy, "deviation": 0.0125} for name in names}
    nothing = {"d_util": {"mean": None, "deviation": None}}
    return {
        "strategy": strategy, "control": control, "label": control or strategy,
        "statistics": scores | nothing, "verdicts": verdicts,
    }  # fmt: skip


GATES = strategies.Comparison(
    [
        group("random", 0.7, text="no difference shown: +0.100 (-0.100 to +0.300), 5 seeds; a ..."),
        group("vanilla", 0.6, "gray alone", "better: +0.390 (+0.300 to +0.480), 5 seeds; p 0.1"),
        group("guided", 0.8, text="helps: +0.200 (+0.100 to +0.300), 5 seeds; p 0.01"),
        group("vanilla", 0.6),
    ],
    "mmtm-cnn",
    "adam",
)
LATE = strategies.Comparison(
    [group("vanilla", 0.5), group("guided", 0.1), group("pmr", 0.4)], "late-concat", "sgd"
)


def test_plain_training_stands_first_and_controls_last():
    title, _, header, _, *rows = strategies.table(GATES, {"guided mmtm-cnn adam": 1.234}).split(
        "\n"
    )

    assert title == "### mmtm-cnn, adam"
    assert header.endswith("| d_util | fused, against vanilla | step |")
    part = "0.800 ± 0.013"
    assert [row.split(" | ")[0] for row in rows] == [
        "| vanilla", "| guided", "| random", "| *gray alone*"
    ]  # fmt: skip
    assert rows[1] == (
        f"| guided | {part} | {part} | {part} |  | helps: +0.200 (+0.100 to +0.300) | 1.23 |"
    )


def test_the_front_page_has_every_strategy_once():
    _, _, *rows, nothing, others = strategies.summary([GATES, LATE]).split("\n")

    assert [row.split(" | ")[:4] for row in rows] == [
        ["| guided", "mmtm-cnn", "0.800 ± 0.013", "0.600 ± 0.013"],
        ["| pmr", "late-concat", "0.400 ± 0.013", "0.500 ± 0.013"],
    ]
    assert rows[0].endswith(" | helps: +0.200 (+0.100 to +0.300) |")
    assert (nothing, others) == ("", "No difference shown: `random`.")
    assert "No difference" not in strategies.summary([LATE])


def test_only_what_is_between_the_markers_is_replaced(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(f"before\n{strategies.BEGIN}\nold\n{strategies.END}\nafter\n")

    strategies.replace(page, "new")
    assert page.read_text() == f"before\n{strategies.BEGIN}\nnew\n{strategies.END}\nafter\n"

    page.write_text("before\n")
    with pytest.raises(click.UsageError, match="must hold <!-- table of strategies -->"):
        strategies.replace(page, "new")
    assert page.read_text() == "before\n"
