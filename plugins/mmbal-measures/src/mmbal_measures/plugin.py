"""What this distribution offers."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mmbal import Component, Conformance, hookimpl

if TYPE_CHECKING:
    from mmbal.records import FinishedRun
    from mmbal_measures.card import Card


@hookimpl
def mmbal_components() -> list[Component]:
    """Return the measures."""
    return [
        Component(
            kind="evaluation",
            name="contrasts",
            summary="how modalities differ by each measure, with errors of paired examples",
            factory="mmbal_measures.contrasts:Contrasts",
        ),
        Component(
            kind="callback",
            name="function-speed",
            summary="how far branches and fusion move what the network says, step by step",
            factory="mmbal_measures.function_speed:FunctionSpeed",
            options="mmbal_measures.options:FunctionSpeedOptions",
            conformance=Conformance({"every": 1}, identity={"every": 1}),
        ),
    ]


@hookimpl
def mmbal_card(runs: "Sequence[FinishedRun]") -> "Card":
    """Return the card of finished runs."""
    from mmbal_measures.card import make_card

    return make_card(runs)
