"""What this distribution offers."""

from mmbal import Component, Conformance, hookimpl

TENSORBOARD = Component(
    "callback",
    "tensorboard",
    "scores, learning speeds, isolation and settings, for TensorBoard",
    "mmbal_tensorboard.callback:TensorBoard",
    "mmbal_tensorboard.options:TensorBoardOptions",
    conformance=Conformance({"every": 2}, identity={}),
)


@hookimpl
def mmbal_components() -> list[Component]:
    """Return the callback."""
    return [TENSORBOARD]
