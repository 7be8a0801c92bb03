"""What a run begins with: a recipe, what one lends to other data, and `plain`."""

from typing import Any

import pytest

from mmbal.config.assignment import parse_assignment
from mmbal.config.resolution import resolve
from mmbal.errors import ConfigError
from mmbal.registry.catalogue import Catalogue, Provenance
from mmbal.registry.component import Component, Recipe

TO_OTHER = ("dataset", "other", "--dataset other")


@pytest.fixture
def stocked(toys: Catalogue) -> Catalogue:
    """Return the toys beside what `plain` is made of."""
    toys.add(Component("architecture", "mmtm-any", "", "x:x"), Provenance("mmtm", "mmbal-mmtm 1"))
    return toys


def test_a_dataset_alone_runs_plain(stocked: Catalogue) -> None:
    done = resolve(stocked, None, None, [TO_OTHER])

    config: Any = done.config
    assert (config.recipe, config.dataset.name, config.architecture.name) == (
        "plain",
        "other",
        "mmtm-any",
    )
    assert (config.strategy.name, config.epochs, config.batch_size) == ("vanilla", 20, 32)
    assert (config.optimizer.name, config.optimizer.options.learning_rate) == ("adam", 1e-3)
    assert done.origins["epochs"].startswith("recipe plain (mmbal ")
    assert done.remarks == ()


def test_what_is_written_of_a_plain_run_resolves_to_it_again(stocked: Catalogue) -> None:
    given = [TO_OTHER, parse_assignment("strategy=guided"), parse_assignment("epochs=2")]
    once = resolve(stocked, None, None, given).config
    again = resolve(stocked, "plain", None, given).config
    assert once == again


def test_another_dataset_takes_no_tuned_settings(toys: Catalogue) -> None:
    done = resolve(toys, "toy", None, [TO_OTHER])

    config: Any = done.config
    assert config.strategy.name == "guided"
    assert config.strategy.options.window == 5  # the default, not the recipe's 7
    assert config.optimizer.name == "sgd"
    assert (config.optimizer.options.learning_rate, config.optimizer.options.momentum) == (0.01, 0)
    assert (config.epochs, config.batch_size, config.select) == (20, 32, "loss")
    [remark] = done.remarks
    assert remark == (
        "recipe toy (mmbal-toys 3.1) is tuned to another dataset: for other it does not set "
        "strategy.window=7, optimizer.learning_rate=0.1, optimizer.momentum=0.9, epochs=3, "
        "batch_size=8"
    )


def test_what_is_set_anew_is_not_told_as_left_out(toys: Catalogue) -> None:
    given = [TO_OTHER, parse_assignment("epochs=4"), parse_assignment("strategy.window=2")]
    done = resolve(toys, "toy", None, given)
    assert done.config.epochs == 4
    assert "epochs" not in done.remarks[0]
    assert "window" not in done.remarks[0]
    assert "optimizer.momentum=0.9" in done.remarks[0]


def test_the_sample_and_the_needs_of_a_recipe_are_of_its_own_dataset(toys: Catalogue) -> None:
    done = resolve(toys, "toy-poor", None, [TO_OTHER], sample=True)
    assert done.config.epochs == 20
    assert resolve(toys, "toy", None, [("dataset", "toy", "--dataset toy")]).remarks == ()


def test_a_schedule_in_epochs_is_tuned_too(toys: Catalogue) -> None:
    recipe = Recipe(
        "stepped", "", "toy", "net", "vanilla", 3, 8, {}, settings={"schedule": "cosine"}
    )
    toys.add(recipe, Provenance("toys", "mmbal-toys 3.1"))
    done = resolve(toys, "stepped", None, [TO_OTHER])
    assert done.config.schedule.name == "constant"
    assert "schedule.name=cosine" in done.remarks[0]


def test_a_dataset_in_the_place_of_a_recipe(toys: Catalogue) -> None:
    with pytest.raises(
        ConfigError, match="unknown recipe 'other'.*it is a dataset: give --dataset other"
    ):
        resolve(toys, "other")


def test_plain_needs_a_dataset(toys: Catalogue) -> None:
    with pytest.raises(ConfigError, match=r"neither a recipe .*datasets: other, toy\)"):
        resolve(toys, "plain")


def test_plain_is_no_name_for_a_plugin(toys: Catalogue) -> None:
    toys.add(Recipe("plain", "", "toy", "net", "vanilla", 1, 1, {}), Provenance("a", "b 1"))
    assert "recipe name 'plain' is mmbal's own" in str(toys.problems[0])


@pytest.mark.parametrize(
    ("assignment", "told"),
    [
        ("strategy.tolerance=0.1", "tolerance: of strategy guided$"),
        ("guided.tolerance=0.1", "choose it by strategy=guided, set strategy.OPTION$"),
    ],
)
def test_options_of_what_was_not_chosen(toys: Catalogue, assignment: str, told: str) -> None:
    given = [parse_assignment("strategy=vanilla"), parse_assignment(assignment)]
    with pytest.raises(ConfigError, match=told):
        resolve(toys, "toy", None, given)


def test_modalities_of_a_recipe_are_of_its_own_dataset(toys: Catalogue) -> None:
    recipe = Recipe(
        "deaf", "", "toy", "net", "vanilla", 3, 8, {}, settings={"modalities": ["sight"]}
    )
    toys.add(recipe, Provenance("toys", "mmbal-toys 3.1"))
    assert resolve(toys, "deaf").config.modalities == ("sight",)
    done = resolve(toys, "deaf", None, [TO_OTHER])
    assert done.config.modalities == ()
    assert "modalities=['sight']" in done.remarks[0]
