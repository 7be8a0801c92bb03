"""What this distribution offers."""

from mmbal import Component, hookimpl


@hookimpl
def mmbal_components() -> list[Component]:
    """Return the strategy."""
    return [
        Component(
            kind="strategy",
            name="round-robin",
            summary="trains one branch after the other, some steps each",
            factory="mmbal_round_robin.turns:RoundRobin",
            options="mmbal_round_robin.options:RoundRobinOptions",
        ),
    ]
