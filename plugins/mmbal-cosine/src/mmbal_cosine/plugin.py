"""What this distribution offers."""

from mmbal import Component, Conformance, hookimpl


@hookimpl
def mmbal_components() -> list[Component]:
    """Return the strategies."""
    return [
        Component(
            kind="strategy",
            name="mmcosine",
            summary="classify by the cosine of every modality's features and weights",
            factory="mmbal_cosine.mmcosine:MMCosine",
            options="mmbal_cosine.options:MMCosineOptions",
            source="Xu, Feng, Zhang, Hu, MMCosine, ICASSP 2023, arXiv 2303.05338",
            requires=("rule",),
        ),
        Component(
            kind="strategy",
            name="adaptive-margin",
            summary="classify by a cosine, with a head start in training for what bias would say",
            factory="mmbal_cosine.margin:AdaptiveMargin",
            options="mmbal_cosine.options:MarginOptions",
            source="Guo, Nie, Cheng, Cheng, Kankanhalli, Del Bimbo, On Modality Bias Recognition "
            "and Reduction, ACM TOMM 19(3), 2023, arXiv 2202.12690",
            requires=("rule",),
            conformance=Conformance({"clusters": 2, "min_count": 1}),
        ),
    ]
