"""Layers: which value wins, and that it knows where it was set."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import Field

from mmbal.config.assignment import parse_assignment
from mmbal.config.resolution import Resolved, _with_nothing, choose, resolve
from mmbal.errors import ConfigError, MmbalError
from mmbal.options import Options
from mmbal.registry.catalogue import Catalogue
from mmbal.registry.component import Component


def resolved(toys: Catalogue, *assignments: str, toml: str = "", folder: Any = None) -> Resolved:
    """Resolve the recipe `toy` with a file and `--set` options."""
    file = None
    if toml:
        file = Path(folder) / "f.toml"
        file.write_text(toml, encoding="utf-8")
    return resolve(toys, "toy", file, list(map(parse_assignment, assignments)))


def learning(found: Resolved) -> tuple[str, float, float | None]:
    """Return name, learning rate and momentum of the optimizer."""
    options = found.config.optimizer.options.model_dump()
    return found.config.optimizer.name, options["learning_rate"], options.get("momentum")


def test_recipe_over_defaults(toys: Catalogue) -> None:
    found = resolved(toys)

    assert found.config.epochs == 3
    assert found.config.select == "loss"
    assert found.config.seed == 0
    options: Any = found.config.strategy.options
    assert (options.window, options.tolerance) == (7, 0.02)
    data: Any = found.config.dataset.options
    assert data.shape == (2, 3)
    assert learning(found) == ("sgd", 0.1, 0.9)
    recipe = "recipe toy (mmbal-toys 3.1)"
    assert found.origins["epochs"] == recipe
    assert found.origins["strategy.window"] == recipe
    assert found.origins["strategy.tolerance"] == "default"
    assert found.origins["dataset.split.train"] == "default"
    assert found.origins["recipe"] == "--plugin toy"


def test_sample_over_recipe_under_file_and_command_line(toys: Catalogue, tmp_path: Path) -> None:
    file = tmp_path / "f.toml"
    file.write_text("batch_size = 4\n", encoding="utf-8")
    epochs = [parse_assignment("seed=5")]

    found = resolve(toys, "toy", file, epochs, sample=True)

    config, origin = found.config, "--sample of recipe toy (mmbal-toys 3.1)"
    assert (config.epochs, config.batch_size, config.seed) == (1, 4, 5)
    assert learning(found) == ("sgd", 0.5, 0.9)
    assert config.dataset.options.model_dump()["shape"] == (1, 1)
    assert found.origins["epochs"] == found.origins["dataset.shape"] == origin
    assert found.origins["optimizer.momentum"] == "recipe toy (mmbal-toys 3.1)"
    assert resolve(toys, "toy").config.epochs == 3


def test_what_a_sample_changes_is_validated(toys: Catalogue) -> None:
    toys.recipe("toy").sample["dataset"]["shapes"] = 1  # type: ignore[index]

    assert resolve(toys, "toy")
    with pytest.raises(MmbalError, match=r"^--sample of recipe toy .*unknown option 'shapes'"):
        resolve(toys, "toy", sample=True)


def test_what_a_recipe_needs_from_the_user(toys: Catalogue) -> None:
    message = r"^recipe 'toy-poor' needs dataset\.folder: name the folder of \.\.\.$"
    with pytest.raises(ConfigError, match=message):
        resolve(toys, "toy-poor")
    given = parse_assignment("dataset.folder=here")
    options: Any = resolve(toys, "toy-poor", None, [given]).config.dataset.options
    assert options.folder == Path("here").absolute()
    assert resolve(toys, "toy-poor", complete=False).config.epochs == 3
    other = [parse_assignment("dataset=other")]  # which needs nothing
    assert resolve(toys, "toy-poor", None, other).config.dataset.name == "other"


def test_file_over_recipe_and_command_line_over_file(toys: Catalogue, tmp_path: Path) -> None:
    toml = "epochs = 5\nseed = 1\n\n[strategy]\n# why\nwindow = 2\ntolerance = 0.5\n"

    found = resolved(toys, "strategy.window=9", "seed=4", toml=toml, folder=tmp_path)

    options: Any = found.config.strategy.options
    assert (found.config.epochs, found.config.seed) == (5, 4)
    assert (options.window, options.tolerance) == (9, 0.5)
    origins = found.origins
    assert origins["epochs"] == f"{tmp_path}/f.toml:1"
    assert origins["seed"] == "--set seed=4"
    assert origins["strategy.tolerance"] == f"{tmp_path}/f.toml:7"
    assert origins["strategy.window"] == "--set strategy.window=9"
    assert origins["strategy.low"] == "default"
    assert origins["select"] == "recipe toy (mmbal-toys 3.1)"


def test_every_value_has_an_origin(toys: Catalogue) -> None:
    found = resolved(toys, "callbacks.stop.batches=2")

    assert set(found.origins) >= {
        "data_dir",
        "dataset.name",
        "dataset.shares",
        "dataset.split.note",
        "optimizer.momentum",
        "evaluations.accuracy",
        "callbacks.stop",
        "callbacks.stop.batches",
    }


def test_another_component_drops_the_options_of_the_former(toys: Catalogue) -> None:
    found = resolve(toys, "toy", None, [("strategy", "vanilla", "--strategy vanilla")])

    assert found.config.strategy.name == "vanilla"
    assert found.origins["strategy.name"] == "--strategy vanilla"
    assert not [key for key in found.origins if key == "strategy.window"]


def test_the_same_component_keeps_its_options(toys: Catalogue) -> None:
    found = resolved(toys, "strategy=guided")

    options: Any = found.config.strategy.options
    assert options.window == 7


def test_name_and_options_of_one_layer_come_in_any_order(toys: Catalogue) -> None:
    found = resolved(toys, "architecture.size=3", "architecture=needy")

    options: Any = found.config.architecture.options
    assert options.size == 3


def test_another_optimizer_brings_its_own_learning_rate(toys: Catalogue) -> None:
    assert learning(resolved(toys, "optimizer=adam")) == ("adam", 0.001, None)
    both = resolved(toys, "optimizer=adam", "optimizer.learning_rate=1")
    assert learning(both) == ("adam", 1.0, None)
    assert learning(resolved(toys, "optimizer={}")) == ("sgd", 0.1, 0.9)


def test_evaluations_are_a_whole_set_in_a_file(toys: Catalogue, tmp_path: Path) -> None:
    def names(*assignments: str, toml: str = "") -> list[str]:
        config = resolved(toys, *assignments, toml=toml, folder=tmp_path).config
        return [choice.name for choice in config.evaluations]

    assert names() == ["accuracy", "utilization"]
    assert names(toml="[evaluations.extra]\nbatches = 2\n") == ["extra"]
    assert names("evaluations.extra.batches=2") == ["accuracy", "utilization", "extra"]
    assert names('evaluations=["accuracy"]') == ["accuracy"]
    assert names("evaluations=[]") == []
    assert names(toml='evaluations = ["extra", "accuracy"]\n') == ["extra", "accuracy"]


def test_none_is_nothing_where_a_field_may_be_none(toys: Catalogue) -> None:
    options: Any = resolved(toys, "dataset.seed=none", "dataset.folder=none").config.dataset.options
    assert options.seed is None
    assert options.folder is None
    strategy: Any = resolved(toys, "strategy.mode=none").config.strategy.options
    assert strategy.mode == "none"


class Part(Options):
    size: int | None = 1


class Parts(Options):
    by_name: dict[str, Part] = Field(default_factory=dict)
    listed: tuple[Part, ...] = ()
    one: Part | None = None


def test_none_is_nothing_in_tables_of_tables_and_in_lists() -> None:
    nothing = {"size": "none"}
    assert _with_nothing(
        Parts, {"by_name": {"size": nothing, "b": {"size": 2}}, "listed": [nothing], "one": nothing}
    ) == {
        "by_name": {"size": {"size": None}, "b": {"size": 2}},
        "listed": [{"size": None}],
        "one": {"size": None},
    }
    assert _with_nothing(Parts, {"one": "none", "listed": 3}) == {"one": None, "listed": 3}


def test_recipe_may_come_from_the_file(toys: Catalogue, tmp_path: Path) -> None:
    file = tmp_path / "f.toml"
    file.write_text('recipe = "toy"\n', encoding="utf-8")

    assert resolve(toys, None, file).config.recipe == "toy"
    with pytest.raises(
        MmbalError, match=r"neither a recipe nor a dataset is named: .*recipes: toy, toy-poor; "
    ):
        resolve(toys)


@pytest.mark.parametrize(
    ("former", "later"),
    [
        ("epochs=4", "epochs=6"),
        ("recipe=toy", "recipe=other"),
        ("strategy=guided", "strategy.name=vanilla"),
        ("strategy=guided", "strategy={name='vanilla'}"),
        ("evaluations=['accuracy']", "evaluations=['utilization']"),
        ("callbacks=[]", "callbacks=['early-stopping']"),
        ("optimizer.momentum=0.5", "optimizer.momentum={}"),
        ("dataset.split.train=0.5", "dataset.split={train=0.6}"),
        ("dataset.split.train=0.5", "dataset.split=1"),
    ],
)
def test_contradictions_of_the_command_line_are_refused(
    toys: Catalogue, former: str, later: str
) -> None:
    given = [parse_assignment(former), parse_assignment(later)]

    with pytest.raises(ConfigError, match=r"is also set by --set .*; leave out one$") as caught:
        resolve(toys, None, None, given)
    assert str(caught.value).startswith(f"--set {later}: ")


def test_another_recipe_beside_the_named_one_is_refused(toys: Catalogue) -> None:
    with pytest.raises(
        ConfigError, match="--set recipe=toy-poor: recipe is also set by --plugin toy;"
    ):
        resolve(toys, "toy", None, [parse_assignment("recipe=toy-poor")])


def test_what_says_the_same_twice_or_refines_is_legal(toys: Catalogue) -> None:
    texts = ["epochs=4", "epochs=4", "recipe=toy", "evaluations=['accuracy']",
             "evaluations=['accuracy']", "optimizer=sgd", "optimizer.momentum=0.5"]  # fmt: skip

    config = resolve(toys, "toy", None, map(parse_assignment, texts)).config

    assert (config.epochs, config.recipe) == (4, "toy")


def test_choose_takes_keys_with_and_without_the_kind(toys: Catalogue) -> None:
    given = [parse_assignment("seed=3"), parse_assignment("dataset.split.train=0.5")]

    options: Any = choose(toys, "dataset", "toy", given).options

    assert (options.seed, options.split.train) == (3, 0.5)


class TestComposedStrategies:
    def test_the_strategy_of_the_recipe_keeps_its_options_as_a_part(self, toys: Catalogue) -> None:
        found = resolved(toys, "strategy=vanilla+guided")

        options: Any = found.config.strategy.options
        assert (options.guided.window, options.guided.tolerance) == (7, 0.02)
        assert found.origins["strategy.guided.window"] == "recipe toy (mmbal-toys 3.1)"

    def test_options_are_set_by_part(self, toys: Catalogue) -> None:
        found = resolved(toys, "strategy=guided+vanilla", "strategy.guided.window=9")

        assert found.config.strategy.options.model_dump()["guided"]["window"] == 9
        with pytest.raises(MmbalError, match=r"unknown option 'window'.*guided"):
            resolved(toys, "strategy=guided+vanilla", "strategy.window=9")
        with pytest.raises(MmbalError, match=r"did you mean strategy\.guided\.window\?"):
            resolved(toys, "strategy=guided+vanilla", "strategy.window=9")

    def test_what_is_written_is_read_again(self, toys: Catalogue, tmp_path: Path) -> None:
        from mmbal.config.writing import to_toml

        found = resolved(toys, "strategy=guided+vanilla", "strategy.guided.high=4")
        text = to_toml(found.config, found.origins)

        again = resolved(toys, toml=text, folder=tmp_path)
        assert again.config == found.config

    def test_other_strategies_take_nothing_over(self, toys: Catalogue) -> None:
        found = resolved(toys, "strategy=vanilla")

        assert found.config.strategy.options.model_dump() == {}


def test_a_strategy_that_cannot_train_the_architecture_is_refused(toys: Catalogue) -> None:
    owner = toys.provenance(toys.get("strategy", "guided"))
    toys.add(Component("strategy", "picky", "", "x:x", requires=("isolation",)), owner)
    toys.add(Component("architecture", "late", "", "x:x", offers=("slice",)), owner)

    with pytest.raises(ConfigError, match="--set strategy.name=picky|strategy=picky") as error:
        resolved(toys, "architecture=late", "strategy=picky")
    assert "strategy 'picky' needs gates between its branches" in str(error.value)
    assert "architecture 'late' does not offer" in str(error.value)
    assert "those that do: needy, net" in str(error.value)
