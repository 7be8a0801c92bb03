"""Settings of several sources: what they answer, and which of two wins."""

from typing import Any

from mmbal.config.layering import Settings
from mmbal.config.origin import DEFAULT, Override


def made(place: str, **tables: Any) -> Settings:
    """Return the settings of a file that is named by one letter."""
    return Settings.of_tables(tables, lambda key: f"{place}:{'.'.join(key)}")


def typed(*pairs: tuple[str, Any]) -> Settings:
    return Settings.of_overrides([Override(key, v, f"--set {key}={v}") for key, v in pairs])


LOW = made(
    "a", seed=1, dataset={"name": "toy", "split": {"train": 0.5}}, evaluations={"x": {"n": 1}}
)


class TestAnswers:
    def test_tables_and_names(self) -> None:
        assert LOW.table("dataset") == {"name": "toy", "split": {"train": 0.5}}
        assert LOW.table("dataset", "split") == {"train": 0.5}
        assert LOW.table("seed") == LOW.table("absent") == {}
        assert list(LOW.table("evaluations")) == ["x"]
        assert list(LOW.table("callbacks")) == []

    def test_origin_is_that_of_the_value_or_of_what_stands_around_it(self) -> None:
        assert LOW.origin(("dataset", "split", "train")) == "a:dataset.split.train"
        assert LOW.origin(("dataset",)) == "a:dataset.split.train"
        assert LOW.origin(("seed", "1")) == "a:seed"
        assert LOW.origin(("absent",)) is DEFAULT

    def test_strongest_origin_of_some_tables(self) -> None:
        both = typed(("dataset.split.train", 0.7)).over(LOW)

        assert both.origin(("dataset",)) == "--set dataset.split.train=0.7"
        assert both.origin(("seed",), ("dataset", "split")) == "--set dataset.split.train=0.7"
        assert both.origin(("absent",)) is DEFAULT


class TestOver:
    def test_values_of_tables_one_by_one(self) -> None:
        both = made("b", dataset={"split": {"note": "n"}}, seed=2).over(LOW)

        assert both.table("dataset") == {"name": "toy", "split": {"train": 0.5, "note": "n"}}
        assert (both.table()["seed"], both.origin(("seed",))) == (2, "b:seed")
        assert LOW.table("dataset", "split") == {"train": 0.5}

    def test_a_value_for_a_table_and_a_table_for_a_value(self) -> None:
        flat = made("b", dataset={"split": 3}).over(LOW)

        assert flat.table("dataset") == {"name": "toy", "split": 3}
        assert typed(("dataset.split.train", 1)).over(flat).table("dataset", "split") == {
            "train": 1
        }

    def test_an_empty_table_empties_a_table_but_says_nothing_of_a_component(self) -> None:
        assert made("b", dataset={"split": {}}).over(LOW).table("dataset")["split"] == {}
        assert made("b", dataset={}).over(LOW).table("dataset") == LOW.table("dataset")

    def test_another_component_drops_the_options_of_the_former(self) -> None:
        assert typed(("dataset", "other")).over(LOW).table("dataset") == {"name": "other"}
        assert typed(("dataset.name", "toy")).over(LOW).table("dataset") == LOW.table("dataset")

    def test_a_strategy_keeps_its_options_as_a_part(self) -> None:
        guided = made("a", strategy={"name": "guided", "window": 7})
        plain = made("a", strategy="vanilla")

        both = {"name": "guided+opm", "guided": {"window": 7}}
        assert typed(("strategy", "guided+opm")).over(guided).table("strategy") == both
        assert typed(("strategy", "vanilla+opm")).over(plain).table("strategy") == {
            "name": "vanilla+opm"
        }
        assert typed(("strategy", "opm")).over(guided).table("strategy") == {"name": "opm"}

    def test_a_set_that_is_stated_has_these_members_in_this_order(self) -> None:
        both = made("b", evaluations=["y", "x"]).over(LOW)

        assert both.table("evaluations") == {"y": {}, "x": {"n": 1}}
        assert list(both.table("evaluations")) == ["y", "x"]
        assert list(made("b", evaluations=[]).over(LOW).table("evaluations")) == []
        assert list(typed(("evaluations.y.n", 2)).over(LOW).table("evaluations")) == ["x", "y"]


def test_options_of_the_command_line_in_any_order() -> None:
    pairs = [("dataset.split.train", 1), ("dataset", "toy"), ("dataset.split.test", 2)]

    split = {"train": 1, "test": 2}
    assert typed(*pairs).table() == {"dataset": {"split": split, "name": "toy"}}
    assert typed(("evaluations.x.n", 1), ("evaluations", ["x"])).table("evaluations") == {
        "x": {"n": 1}
    }
