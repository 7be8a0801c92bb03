from pathlib import Path

import pytest

from mmbal.errors import ConfigError
from mmbal.sweep.axes import assignment_axis, fixed, listed_axis, seed_axis, strategy_axis
from mmbal.sweep.plan import make_trials


def names(trials):
    return [trial.name for trial in trials]


def test_names_tell_strategy_seed_and_what_varies(trials_of):
    found = trials_of("strategy.tolerance=0.1,0.2", "epochs=3", "optimizer.learning_rate=1e-3,0.1")

    assert names(found) == [
        "guided-seed0-tolerance=0.1-optimizer.learning_rate=0.001",
        "guided-seed0-tolerance=0.1-optimizer.learning_rate=0.1",
        "guided-seed0-tolerance=0.2-optimizer.learning_rate=0.001",
        "guided-seed0-tolerance=0.2-optimizer.learning_rate=0.1",
    ]
    assert found[0].settings["epochs"] == 3
    assert str(found[0].resolved.origins["epochs"]) == "--set epochs=3"


def test_long_and_odd_names_are_cut_and_marked(trials_of):
    first, second = trials_of('evaluations=["accuracy"],["utilization"]')
    long = trials_of(*(f"{key}=0.01,0.02" for key in (
        "strategy.tolerance", "optimizer.learning_rate", "dataset.validation_fraction",
        "dataset.test_fraction", "dataset.colour_variance")))  # fmt: skip

    assert first.name.startswith("guided-seed0-evaluations=_accuracy_-")
    assert first.name != second.name
    assert all(len(trial.name) < 120 for trial in long)
    assert len(set(names(long))) == len(long) == 32
    assert trials_of('evaluations=["utilization"],["accuracy"]')[1].name == first.name


def test_an_option_of_one_strategy_leaves_the_others_alone(trials_of):
    found = trials_of("guided.tolerance=0.1,0.2", strategies="guided,vanilla", seeds="0-1")

    assert names(found) == [
        "guided-seed0-tolerance=0.1", "guided-seed1-tolerance=0.1",
        "guided-seed0-tolerance=0.2", "guided-seed1-tolerance=0.2",
        "vanilla-seed0", "vanilla-seed1",
    ]  # fmt: skip
    assert found[2].settings["strategy.tolerance"] == 0.2
    assert str(found[2].resolved.origins["strategy.tolerance"]) == "--set guided.tolerance=0.2"


def test_an_option_of_a_part_reaches_compositions_too(trials_of):
    found = trials_of("guided.tolerance=0.1,0.2", strategies="guided+vanilla,vanilla")

    assert names(found) == [
        "guided+vanilla-seed0-guided.tolerance=0.1", "guided+vanilla-seed0-guided.tolerance=0.2",
        "vanilla-seed0",
    ]  # fmt: skip
    assert found[1].settings["strategy.guided.tolerance"] == 0.2


def test_the_recipe_may_choose_the_strategy(catalogue):
    found = make_trials(catalogue, "colored-digits", None, [assignment_axis("guided.window=3")])

    assert names(found) == ["guided-seed0"]
    assert found[0].settings["strategy.window"] == 3


@pytest.mark.parametrize(
    ("strategies", "assignment", "message"),
    [
        ("guided,vanilla", "strategy.tolerance=0.1",
         "strategy 'vanilla': unknown option 'tolerance' .*; tolerance: of strategy guided"),
        ("vanilla", "strategy.tolerance=0.1", "unknown option 'tolerance' .legal: none"),
        ("vanilla", "guided.tolerance=0.1,0.2",
         r"--set guided.tolerance=0.1: no trial has the strategy 'guided' \(strat.*: vanilla"),
        ("guided", "guided.windw=1", "--set guided.windw=1: .*; did you mean 'window'"),
        ("guided,vanila", "epochs=1", "unknown strategy 'vanila'; did you mean 'vanilla'"),
        ("guided", "epochs=1,0", "--set epochs=0: epochs must be greater than or equal to 1"),
        ("guided", "optimizr.learning_rate=1", "unknown setting 'optimizr'"),
    ],
)  # fmt: skip
def test_mistakes_are_found_in_every_trial(trials_of, strategies, assignment, message):
    with pytest.raises(ConfigError, match=message):
        trials_of(assignment, strategies=strategies)


def test_equal_trials_are_one(catalogue):
    axes = [strategy_axis("guided,vanilla"), assignment_axis("guided.tolerance=0.1,0.10,0.2")]

    found = make_trials(catalogue, "colored-digits", None, axes)

    assert names(found) == ["guided-seed0-tolerance=0.1", "guided-seed0-tolerance=0.2",
                            "vanilla-seed0"]  # fmt: skip


def test_a_list_is_crossed_with_the_seeds(catalogue, tmp_path):
    path = tmp_path / "list.csv"
    path.write_text("strategy,strategy.tolerance\nvanilla,\nguided,0.5\n", encoding="utf-8")

    found = make_trials(catalogue, "colored-digits", None, [listed_axis(path), seed_axis("0-1")])

    assert names(found) == ["vanilla-seed0", "vanilla-seed1", "guided-seed0-tolerance=0.5",
                            "guided-seed1-tolerance=0.5"]  # fmt: skip


def test_a_file_lies_under_the_axes(catalogue, tmp_path):
    path = tmp_path / "base.toml"
    path.write_text('recipe = "colored-digits"\nepochs = 7\nseed = 5\n', encoding="utf-8")

    found = make_trials(catalogue, None, path, [assignment_axis("batch_size=8,16")])

    assert names(found) == ["guided-seed5-batch_size=8", "guided-seed5-batch_size=16"]
    assert str(found[0].resolved.origins["epochs"]) == f"{path}:2"


def test_the_folder_of_the_data_becomes_absolute_and_decides_nothing(catalogue):
    def made(folder):
        axes = [fixed("data_dir", folder, f"--data-dir {folder}")]
        return make_trials(catalogue, "colored-digits", None, axes)[0]

    here, there = made("here"), made("/there")
    assert here.resolved.config.data_dir == Path("here").absolute()
    assert here.digest == there.digest
    assert here.differences(there) == []


def test_differences_are_told_with_both_values(trials_of):
    one, two = trials_of("epochs=1,2")
    vanilla, _ = trials_of("epochs=1,2", strategies="vanilla")

    assert one.differences(two) == ["epochs 1 instead of 2"]
    assert vanilla.differences(one)[0] == "strategy.name vanilla instead of guided"
    assert "strategy.tolerance unset instead of 0.115" in vanilla.differences(one)


class TestAblation:
    def test_two_modalities_alone_are_the_leave_one_outs(self, catalogue):
        axes = [strategy_axis("guided,vanilla"), assignment_axis("guided.tolerance=0.1,0.2")]

        found = make_trials(catalogue, "colored-digits", None, axes, fewer="ablate")

        assert [(trial.name, trial.settings["modalities"]) for trial in found] == [
            ("guided-seed0-tolerance=0.1", []),
            ("vanilla-seed0-modalities=gray", ["gray"]),
            ("vanilla-seed0-modalities=color", ["color"]),
            ("guided-seed0-tolerance=0.2", []),
            ("vanilla-seed0", []),
        ]
        assert found[1].resolved.origins["modalities"] == "--ablate"
        assert found[1].resolved.config.strategy.name == "vanilla"

    def test_three_are_tried_alone_and_in_pairs(self, catalogue):
        axes = [assignment_axis("dataset.views=[0,3,6]")]

        found = make_trials(catalogue, "modelnet40", None, axes, fewer="ablate")

        assert [trial.settings["modalities"] for trial in found] == [
            [], ["view_0"], ["view_3"], ["view_6"],
            ["view_3", "view_6"], ["view_0", "view_6"], ["view_0", "view_3"],
        ]  # fmt: skip
        assert found[4].name == "guided-seed0-modalities=view_3+view_6"
        assert found[4].settings["strategy.name"] == "guided"

    def test_controls_are_each_alone(self, catalogue):
        axes = [assignment_axis("dataset.views=[0,3,6]")]

        found = make_trials(catalogue, "modelnet40", None, axes, fewer="single")

        assert [trial.settings["modalities"] for trial in found] == [
            [], ["view_0"], ["view_3"], ["view_6"],
        ]  # fmt: skip
        assert found[1].name == "vanilla-seed0-modalities=view_0"

    def test_of_those_that_are_named(self, catalogue):
        axes = [fixed("modalities", ["view_0", "view_6"], "m"),
                assignment_axis("dataset.views=[0,3,6]")]  # fmt: skip

        found = make_trials(catalogue, "modelnet40", None, axes, fewer="ablate")

        assert [trial.settings["modalities"] for trial in found] == [
            ["view_0", "view_6"], ["view_0"], ["view_6"],
        ]  # fmt: skip

    def test_a_single_modality_is_all_there_is(self, catalogue):
        axes = [fixed("modalities", ["gray"], "m")]
        assert names(make_trials(catalogue, "colored-digits", None, axes, fewer="ablate")) == [
            "guided-seed0"
        ]

    def test_names_must_be_known(self, catalogue, monkeypatch):
        options = catalogue.options_class("dataset", "colored-digits")
        monkeypatch.setattr(options, "modality_names", lambda self: None)

        for fewer, origin in (("ablate", "--ablate"), ("single", "a control arm .--no-controls")):
            with pytest.raises(ConfigError, match=f"{origin}.*: the options of dataset 'colored-d"):
                make_trials(catalogue, "colored-digits", None, [], fewer=fewer)

        axes = [fixed("modalities", ["left eye", "größe"], "m")]
        found = make_trials(catalogue, "colored-digits", None, axes, fewer="ablate")
        assert [trial.settings["modalities"] for trial in found[1:]] == [["left eye"], ["größe"]]
        assert found[1].name == f"vanilla-seed0-modalities=left_eye-{found[1].digest[:8]}"


class TestLateFusion:
    def test_it_takes_the_encoders_and_is_trained_plainly_once_a_seed(self, catalogue):
        axes = [strategy_axis("guided,random"), assignment_axis("architecture.ratio=2,4")]

        found = make_trials(catalogue, "colored-digits", None, axes, late=True)

        (late,) = [trial for trial in found if trial.settings["architecture.name"] != "mmtm-cnn"]
        assert late.name == "vanilla-seed0-architecture=late-concat"
        assert late.settings["strategy.name"] == "vanilla"
        assert late.resolved.origins["architecture.name"] == "--late"
        assert (
            late.settings["optimizer.learning_rate"] == found[0].settings["optimizer.learning_rate"]
        )

    @pytest.mark.parametrize(
        ("recipe", "assignments", "message"),
        [
            ("colored-digits", ["architecture=late-mlp", "strategy=vanilla"], "fuses late already"),
            ("nvgesture", [], "mmtm-i3d, as it is set, tells of no late fusion .*: late-concat, "),
        ],
    )  # fmt: skip
    def test_what_has_none_is_told_what_has(self, catalogue, recipe, assignments, message):
        axes = [*map(assignment_axis, assignments)]

        with pytest.raises(ConfigError, match=message):
            make_trials(catalogue, recipe, None, axes, late=True)
