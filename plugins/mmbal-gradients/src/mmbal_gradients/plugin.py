"""What this distribution offers."""

from mmbal import Component, hookimpl

OGM = (
    "Peng, Wei, Deng, Wang, Hu, Balanced Multimodal Learning via On-the-fly Gradient Modulation, "
    "CVPR 2022, arXiv 2203.15332"
)


COMPONENTS = (
    Component(
        kind="strategy",
        name="ogm",
        summary="smaller encoder gradients for the modality that is surer of the true class",
        factory="mmbal_gradients.ogm:ogm",
        options="mmbal_gradients.options:OGMOptions",
        source=OGM,
        requires=("slice",),
    ),
    Component(
        kind="strategy",
        name="ogm-ge",
        summary="OGM, and noise on encoder gradients as large as their spread",
        factory="mmbal_gradients.ogm:ogm_ge",
        options="mmbal_gradients.options:OGMOptions",
        source=OGM,
        requires=("slice",),
    ),
    Component(
        kind="strategy",
        name="agm",
        summary="gradients through every modality's Shapley contribution scaled by its lead",
        factory="mmbal_gradients.agm:agm",
        options="mmbal_gradients.options:AGMOptions",
        source="Li, Li, Hu, Lei, Li, Zhou, Boosting Multi-modal Model Performance with "
        "Adaptive Gradient Modulation, ICCV 2023, arXiv 2308.07686",
    ),
    Component(
        kind="strategy",
        name="mmpareto",
        summary="encoder gradients of the fused and the unimodal loss joined without conflict",
        factory="mmbal_gradients.pareto:mmpareto",
        options="mmbal_gradients.options:MMParetoOptions",
        source="Wei, Hu, MMPareto: Boosting Multimodal Learning with Innocent Unimodal "
        "Assistance, ICML 2024, arXiv 2405.17730",
        requires=("head",),
    ),
    Component(
        kind="strategy",
        name="gradient-blending",
        summary="losses of all predictions, weighted by how little each overfits on trial",
        factory="mmbal_gradients.blending:gradient_blending",
        options="mmbal_gradients.options:BlendingOptions",
        source="Wang, Tran, Feiszli, What Makes Training Multi-modal Classification Networks "
        "Hard?, CVPR 2020, arXiv 1905.12681",
        requires=("head",),
    ),
)


@hookimpl
def mmbal_components() -> list[Component]:
    """Return the strategies."""
    return list(COMPONENTS)
