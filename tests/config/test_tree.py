"""Nested tables to keys and back."""

from typing import Any

from mmbal.config.tree import around, leaves, lost, nest

TREE: dict[str, Any] = {"a": 1, "b": {"c": [1], "d": {"e": None}}, "f": {}}
LEAVES = [(("a",), 1), (("b", "c"), [1]), (("b", "d", "e"), None), (("f",), {})]


def test_values_by_key_an_empty_table_being_one() -> None:
    assert list(leaves(TREE)) == LEAVES
    assert list(leaves({1: 2}, ("x",))) == [(("x", "1"), 2)]  # type: ignore[dict-item]


def test_nest_undoes_it() -> None:
    assert nest(LEAVES) == TREE
    assert nest([]) == {}


def test_tables_around_a_key_from_the_inside_out() -> None:
    assert list(around(("a", "b", "c"))) == [("a", "b", "c"), ("a", "b"), ("a",)]


def test_what_a_tree_has_lost_by_the_outermost_key() -> None:
    after = {"a": 2, "b": {"c": [1]}, "f": {}, "new": 3}
    assert list(lost(TREE, after)) == [("a",), ("b", "d")]
    assert list(lost(TREE, TREE)) == []
    assert list(lost({"p": {"x": 1}}, {"p": 0.5})) == [("p",)]
