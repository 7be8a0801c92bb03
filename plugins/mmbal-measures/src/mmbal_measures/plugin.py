"""What this distribution offers."""

from mmbal import Component, hookimpl


@hookimpl
def mmbal_components() -> list[Component]:
    """Return the measures."""
    return []
