"""The configurations that have a name: their label bits."""

from mmbal_planted.bits import Bit

OWN = "own"
"""The configuration whose bits the user gives."""

CONFIGURATIONS: dict[str, tuple[Bit, ...]] = {
    "redundant": (Bit(kind="redundant", flips={"a": 0.1, "b": 0.1}),),
    "redundant-uneven": (Bit(kind="redundant", flips={"a": 0.1, "b": 0.2}),),
    "unique": (Bit(kind="unique", flips={"a": 0.05}), Bit(kind="unique", flips={"b": 0.2})),
    "balanced": (Bit(kind="unique", flips={"a": 0.1}), Bit(kind="unique", flips={"b": 0.1})),
    "synergy": (Bit(kind="synergistic", flips={"a": 0.1, "b": 0.1}),),
    "mixed": (
        Bit(kind="unique", flips={"a": 0.05}),
        Bit(kind="redundant", flips={"a": 0.1, "b": 0.2}),
        Bit(kind="synergistic", flips={"b": 0.1, "c": 0.1}),
    ),
    # In training `a` never errs, and nothing is left for `b` to explain.
    "shortcut": (Bit(kind="redundant", flips={"a": 0, "b": 0.05}, test_flips={"a": 0.5}),),
}
"""Name to label bits. `shortcut` alone has another distribution in the test."""
