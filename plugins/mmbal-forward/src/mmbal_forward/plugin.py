"""What this distribution offers."""

from mmbal import Component, Conformance, hookimpl


@hookimpl
def mmbal_components() -> list[Component]:
    """Return the strategies."""
    return [
        Component(
            kind="strategy",
            name="modality-dropout",
            summary="hide modalities of single examples at random, never all of them",
            factory="mmbal_forward.dropout:ModalityDropout",
            options="mmbal_forward.options:DropoutOptions",
            source="Neverova, Wolf, Taylor, Nebout, ModDrop: adaptive multi-modal gesture "
            "recognition, TPAMI 2016, arXiv 1501.00102",
            requires=("mask",),
            conformance=Conformance({"p": 0.5}, identity={"p": 0.0}),
        ),
        Component(
            kind="strategy",
            name="opm",
            summary="drop features of the modality that predicts best, the more the further ahead",
            factory="mmbal_forward.opm:OPM",
            options="mmbal_forward.options:OPMOptions",
            source="Wei, Hu, Du, Wen, On-the-fly modulation for balanced multimodal learning, "
            "TPAMI 2024, arXiv 2410.11582",
            requires=("slice",),
            conformance=Conformance({"starts": 0, "probability": 1}, identity={"starts": 1000}),
        ),
    ]
