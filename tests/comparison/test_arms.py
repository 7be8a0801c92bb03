from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mmbal.comparison.arms import settings_of, statistic
from mmbal.comparison.comparing import INCOMPARABLE, compare_records
from mmbal.config.resolution import resolve
from mmbal.config.writing import to_toml
from mmbal.records.record import Record
from mmbal.records.run_folder import RunFolder
from mmbal.registry.discovery import discover

ReadRun = Callable[..., Record]


def test_statistics_are_those_of_a_sample() -> None:
    # The mean of 1, 2, 6 is 3; its deviations -2, -1, 3 square to 14; 14 / 2 = 7.
    value = statistic([1.0, 2.0, float("nan"), 6.0])

    assert (value.mean, value.count) == (3.0, 3)
    assert value.deviation == pytest.approx(7**0.5)
    assert np.isnan(statistic([1.0]).deviation)
    assert statistic([]).count == 0


def test_seeds_share_a_row_and_strategies_do_not(read_run: ReadRun) -> None:
    comparison = compare_records(
        {
            "a": read_run("a", 0.5, seed=0),
            "b": read_run("b", 0.7, seed=1, fingerprint="other split"),
            "c": read_run("c", 0.4, seed=0, strategy="vanilla"),
        }
    )

    guided, vanilla = comparison.arms
    assert (guided.runs, guided.seeds, guided.settings) == (("a", "b"), (0, 1), {})
    assert guided.statistics["accuracy"].mean == pytest.approx(0.6)
    assert guided.statistics["accuracy"].deviation == pytest.approx(0.02**0.5)
    assert guided.statistics["d_util"].mean == -0.5
    assert guided.statistics["d_speed"].mean == pytest.approx(-0.2)
    assert (vanilla.strategy, vanilla.statistics["accuracy"].mean) == ("vanilla", 0.4)
    assert (guided.ledger.seconds, guided.ledger.examples) == (3.5, 64)  # 2 epochs of 32
    assert comparison.remarks == (INCOMPARABLE,)


def test_settings_that_differ_make_and_name_arms(read_run: ReadRun) -> None:
    config = 'seed = {}\ndata_dir = "{}"\nstrategy = {{name = "guided", tolerance = {}}}\n'
    comparison = compare_records(
        {
            "a": read_run("a", 0.5, config.format(0, "here", 0.5), seed=0),
            "b": read_run("b", 0.7, config.format(1, "there", 0.5), seed=1),
            "c": read_run("c", 0.4, config.format(0, "here", 2.0), seed=0),
            "d": read_run("d", 0.4, "strategy = {width = 3}", strategy="vanilla"),
        }
    )

    assert [(arm.runs, arm.settings) for arm in comparison.arms] == [
        (("a", "b"), {"strategy.tolerance": "0.5"}),
        (("c",), {"strategy.tolerance": "2.0"}),
        (("d",), {}),
    ]
    assert comparison.arms[0].label == "guided (strategy.tolerance=0.5)"


def test_runs_without_scores_and_repeated_seeds_are_left_out_and_named(
    read_run: ReadRun, write_run: Callable[..., Path], events: list[dict[str, Any]]
) -> None:
    records = {
        "a": read_run("a", 0.5),
        "b": read_run("b", 0.9),
        "killed": RunFolder(write_run("killed", events[:3])).open(),
    }
    comparison = compare_records(records)

    repeated, left_out = comparison.remarks
    assert left_out == (
        "killed is left out: no test scores of the selected weights (unfinished, 4 steps)"
    )
    assert repeated == "b is left out: a is seed 0 of the same (toy, guided) already"
    (arm,) = comparison.arms
    assert (arm.runs, arm.statistics["accuracy"].mean) == (("a",), 0.5)


def test_arms_that_would_be_called_alike_bear_their_folder(read_run: ReadRun) -> None:
    comparison = compare_records(
        {
            "x/a": read_run("a", 0.5),
            "x/b": read_run("b", 0.5, seed=1),
            "y/c": read_run("c", 0.5, classes=["zero", "one", "three"]),
        }
    )

    assert [arm.settings for arm in comparison.arms] == [{"folder": "x"}, {"folder": "y/c"}]


def test_last_weights_have_their_own_scores(read_run: ReadRun) -> None:
    (arm,) = compare_records({"a": read_run("a", 0.5)}, "last").arms

    assert arm.statistics["accuracy"].mean == 0.65
    assert arm.statistics["branch_accuracy/color"].count == 0
    assert arm.statistics["utilization/gray"].count == 0


def test_a_broken_configuration_does_not_hide_a_run(read_run: ReadRun) -> None:
    assert len(compare_records({"a": read_run("a", 0.5, config="= broken")}).arms) == 1


def test_what_differs_between_strategies_is_named_but_for_their_own_options(
    read_run: ReadRun,
) -> None:
    config = 'epochs = {}\narchitecture = {{name = "{}", width = 4}}\nstrategy = {}\n'
    guided = '{name = "guided", window = 5}'
    comparison = compare_records(
        {
            "a": read_run("a", 0.5, config.format(3, "mmtm", guided)),
            "b": read_run(
                "b", 0.4, config.format(9, "late", '{name = "vanilla"}'),
                strategy="vanilla", architecture="late", epochs=9,
            ),
        }
    )  # fmt: skip

    first, second = (arm.settings for arm in comparison.arms)
    assert first == {"architecture.name": "mmtm", "epochs": "3"}
    assert second == {"architecture.name": "late", "epochs": "9"}


def test_runs_of_other_modalities_share_no_row(read_run: ReadRun) -> None:
    both = {"modalities": ["gray", "color"]}
    comparison = compare_records(
        {
            "old": read_run("old", 0.7, "", **both, seed=1),
            "all": read_run("all", 0.7, "modalities = []\n", **both),
            "rest": read_run(
                "rest", 0.5, 'modalities = ["color", "c"]\n', modalities=["color", "c"]
            ),
        }
    )

    assert [(arm.runs, arm.settings) for arm in comparison.arms] == [
        (("old", "all"), {"modalities": "gray, color"}),
        (("rest",), {"modalities": "color, c"}),
    ]


def test_scores_of_any_component_are_compared_and_more_on_request(
    write_run: Callable[..., Path], events: list[dict[str, Any]]
) -> None:
    events[7] |= {"headlines": ["accuracy", "ece"], "meanings": {"ece": "how far off", "x": "no"}}
    events[7]["values"] |= {"ece": 0.25, "ece_se": 0.01, "nll/gray": 1.5}
    record = RunFolder(write_run(events=events)).open()

    shown = compare_records({"a": record})
    (arm,) = shown.arms
    assert [*arm.statistics] == ["accuracy", "ece", "d_speed", "seconds"]
    assert shown.meanings == {"ece": "how far off"}
    (arm,) = compare_records({"a": record}, wanted=["nll/*"]).arms
    assert arm.statistics["nll/gray"].mean == 1.5


def test_an_option_that_a_run_was_made_without_has_its_default(read_run: ReadRun) -> None:
    catalogue = discover()
    resolved = resolve(catalogue, "colored-digits")
    text = to_toml(resolved.config, resolved.origins)
    kept = [line for line in text.splitlines() if not line.startswith("window =")]
    assert len(kept) == len(text.splitlines()) - 1

    new, old = read_run("new", 0.5, text), read_run("old", 0.5, "\n".join(kept))
    assert settings_of(new, catalogue, set()) == settings_of(old, catalogue, set())
    assert "strategy.window" not in settings_of(old, None, set())


def test_what_is_said_of_modalities_that_are_left_out_is_no_difference(read_run: ReadRun) -> None:
    catalogue = discover()
    texts = []
    for backbone in ("small", "resnet18"):
        given = [
            ("architecture", "late-concat", ""),
            ("strategy", "vanilla", ""),
            ("modalities", ["gray"], ""),
            ("architecture.branches.color.backbone", backbone, ""),
        ]
        resolved = resolve(catalogue, "colored-digits", None, given)
        texts.append(to_toml(resolved.config, resolved.origins))
    small, large = (
        settings_of(read_run(str(k), 0.5, text, modalities=["gray"]), catalogue, {"gray", "color"})
        for k, text in enumerate(texts)
    )

    assert texts[0] != texts[1]
    assert small == large


def test_late_fusion_of_the_encoders_is_a_control_unless_it_is_balanced_itself(
    read_run: ReadRun,
) -> None:
    catalogue, records = discover(), {}
    arms = {
        "plain": ("vanilla", "mmtm-cnn"), "late": ("vanilla", "late-concat"),
        "balanced": ("ogm", "late-concat"),
    }  # fmt: skip
    for name, (strategy, architecture) in arms.items():
        given = [("architecture", architecture, ""), ("strategy", strategy, "")]
        resolved = resolve(catalogue, "colored-digits", None, given)
        text = to_toml(resolved.config, resolved.origins)
        for seed, accuracy in enumerate((0.5, 0.51 if name == "plain" else 0.53)):
            run = f"{name}{seed}"
            told = {"strategy": strategy, "architecture": architecture, "seed": seed}
            records[run] = read_run(run, accuracy, text, **told)

    comparison = compare_records(records, baseline="vanilla", catalogue=catalogue)
    assert [arm.control for arm in comparison.arms] == ["", "", ""]
    few = {run: record for run, record in records.items() if not run.startswith("balanced")}
    plain, late = compare_records(few, baseline="vanilla", catalogue=catalogue).arms
    assert (plain.label, late.label, late.control) == ("vanilla", "late fusion", "late")
    assert {*late.settings} == {"architecture.name"}
    assert [verdict.score for verdict in late.verdicts] == ["accuracy"]
    assert compare_records(few, baseline="vanilla").arms[1].control == ""
