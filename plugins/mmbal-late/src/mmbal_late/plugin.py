"""What this distribution offers."""

from mmbal import Component, hookimpl


@hookimpl
def mmbal_components() -> list[Component]:
    """Return the architectures."""
    return [
        Component(
            kind="architecture",
            name="late-concat",
            summary="encoders and one linear classifier of their joined features",
            factory="mmbal_late.concat:late_concat",
            options="mmbal_late.options:LateOptions",
            offers=("slice", "head", "mask", "rule", "encode"),
            takes=(1, 2, 3),
        ),
        Component(
            kind="architecture",
            name="late-sum",
            summary="encoders with a linear classifier each, whose logits are summed",
            factory="mmbal_late.summed:late_sum",
            options="mmbal_late.options:LateOptions",
            offers=("slice", "head", "mask", "encode"),
            takes=(1, 2, 3),
        ),
        Component(
            kind="architecture",
            name="late-mlp",
            summary="encoders and a classifier with a hidden layer of their joined features",
            factory="mmbal_late.mlp:late_mlp",
            options="mmbal_late.options:MLPOptions",
            offers=("head", "mask", "encode"),
            takes=(1, 2, 3),
        ),
    ]
