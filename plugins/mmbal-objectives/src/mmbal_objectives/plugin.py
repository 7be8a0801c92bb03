"""What this distribution offers."""

from mmbal import Component, Conformance, hookimpl


@hookimpl
def mmbal_components() -> list[Component]:
    """Return the strategies."""
    return [
        Component(
            kind="strategy",
            name="cml",
            summary="penalise predictions that get surer when a modality is left out",
            factory="mmbal_objectives.cml:CML",
            options="mmbal_objectives.options:CMLOptions",
            source="Ma, Zhang, Zhang, Wu, Fu, Zhou, Hu, Calibrating multimodal learning, ICML "
            "2023, arXiv 2306.01265",
            requires=("mask",),
        ),
        Component(
            kind="strategy",
            name="pmr",
            summary="draw features of modalities that lag towards class prototypes",
            factory="mmbal_objectives.pmr:PMR",
            options="mmbal_objectives.options:PMROptions",
            source="Fan, Xu, Wang, Wang, Guo, PMR: prototypical modal rebalance for multimodal "
            "learning, CVPR 2023, arXiv 2211.07089",
            conformance=Conformance({"share": 1.0}, identity={"starts": 1000}),
        ),
        Component(
            kind="strategy",
            name="rubi",
            summary="mask the logits by what one modality alone would answer",
            factory="mmbal_objectives.rubi:RUBi",
            options="mmbal_objectives.options:RUBiOptions",
            source="Cadene, Dancette, Ben-younes, Cord, Parikh, RUBi: reducing unimodal biases "
            "for visual question answering, NeurIPS 2019, arXiv 1906.10169",
            conformance=Conformance({"hidden": (8,)}),
        ),
    ]
