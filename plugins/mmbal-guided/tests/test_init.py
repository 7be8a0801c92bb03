"""The package gives its two strategies, and imports neither before it is asked to."""

import pytest

import mmbal_guided
from mmbal_guided import guided, random


def test_both_strategies_are_there_by_name():
    assert mmbal_guided.__all__ == ["Guided", "Random"]
    for name, module in (("Guided", guided), ("Random", random)):
        assert name not in vars(mmbal_guided)
        assert getattr(mmbal_guided, name) is getattr(module, name)


def test_what_is_not_there_is_named():
    with pytest.raises(AttributeError, match="'mmbal_guided' has no attribute 'Balance'"):
        mmbal_guided.Balance  # noqa: B018
