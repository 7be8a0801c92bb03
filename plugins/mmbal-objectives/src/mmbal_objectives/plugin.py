"""What this distribution offers."""

from mmbal import Component, hookimpl

MMBAL_API = 1


@hookimpl
def mmbal_components() -> list[Component]:
    """Return the strategies."""
    return [
        Component(
            kind="strategy",
            name="rubi",
            summary="mask the logits by what one modality alone would answer",
            factory="mmbal_objectives.rubi:rubi",
            options="mmbal_objectives.options:RUBiOptions",
            source="Cadene, Dancette, Ben-younes, Cord, Parikh, RUBi: reducing unimodal biases "
            "for visual question answering, NeurIPS 2019, arXiv 1906.10169",
        ),
    ]
