"""The strategy keeps the contract; the branches take turns as counted by hand."""

from collections.abc import Callable
from types import SimpleNamespace

import pytest

from mmbal.testing import parametrize_with_rules
from mmbal_round_robin.turns import RoundRobin


@parametrize_with_rules("strategy", "round-robin")
def test_contract(rule: Callable[[], None]) -> None:
    rule()


def turns(strategy: RoundRobin, modalities: str, steps: int) -> str:
    """Return which branch learns in every step."""
    groups = [f"branch/{m}" for m in modalities] + ["fusion/a", "shared"]
    strategy.build(SimpleNamespace(modalities=tuple(modalities), groups=groups))
    told = ""
    for _ in range(steps):
        active = strategy.forward(None, None).active
        assert set(active) == {f"branch/{m}" for m in modalities}  # all others always learn
        (learning,) = [group for group, on in active.items() if bool(on)]
        told += learning.removeprefix("branch/")
        strategy.after_step(None)
    return told


@pytest.mark.parametrize(
    ("turn", "modalities", "expected"),
    [(1, "ab", "abababa"), (2, "ab", "aabbaab"), (2, "abc", "aabbcca"), (1, "a", "aaaaaaa")],
)
def test_turns(turn: int, modalities: str, expected: str) -> None:
    assert turns(RoundRobin(turn=turn), modalities, 7) == expected
