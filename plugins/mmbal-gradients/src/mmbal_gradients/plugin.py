"""What this distribution offers."""

from mmbal import Component, Conformance, hookimpl

OGM = (
    "Peng, Wei, Deng, Wang, Hu, Balanced Multimodal Learning via On-the-fly Gradient Modulation, "
    "CVPR 2022, arXiv 2203.15332"
)
AGM = (
    "Li, Li, Hu, Lei, Li, Zhou, Boosting Multi-modal Model Performance with Adaptive Gradient "
    "Modulation, ICCV 2023, arXiv 2308.07686"
)
PARETO = (
    "Wei, Hu, MMPareto: Boosting Multimodal Learning with Innocent Unimodal Assistance, ICML 2024, "
    "arXiv 2405.17730"
)
BLENDING = (
    "Wang, Tran, Feiszli, What Makes Training Multi-modal Classification Networks Hard?, "
    "CVPR 2020, arXiv 1905.12681"
)
NEVER = {"starts": 1000, "ends": None}


COMPONENTS = (
    Component(
        "strategy",
        "ogm",
        "smaller encoder gradients for the modality that is surer of the true class",
        "mmbal_gradients.ogm:OGM",
        "mmbal_gradients.options:OGMOptions",
        OGM,
        requires=("slice",),
        conformance=Conformance(identity=NEVER),
    ),
    Component(
        "strategy",
        "ogm-ge",
        "OGM, and noise on encoder gradients as large as their spread",
        "mmbal_gradients.ogm:OGMGE",
        "mmbal_gradients.options:OGMOptions",
        OGM,
        requires=("slice",),
        conformance=Conformance(identity=NEVER),
    ),
    Component(
        "strategy",
        "agm",
        "gradients through every modality's Shapley contribution scaled by its lead",
        "mmbal_gradients.agm:AGM",
        "mmbal_gradients.options:AGMOptions",
        AGM,
        conformance=Conformance(identity=NEVER),
    ),
    Component(
        "strategy",
        "mmpareto",
        "encoder gradients of the fused and the unimodal loss joined without conflict",
        "mmbal_gradients.pareto:MMPareto",
        "mmbal_gradients.options:MMParetoOptions",
        PARETO,
        requires=("head",),
    ),
    Component(
        "strategy",
        "gradient-blending",
        "losses of all predictions, weighted by how little each overfits in a rehearsal",
        "mmbal_gradients.blending:GradientBlending",
        "mmbal_gradients.options:BlendingOptions",
        BLENDING,
        requires=("head",),
        conformance=Conformance({"super_epoch": 1, "share": 0.25}),
    ),
)


@hookimpl
def mmbal_components() -> list[Component]:
    """Return the strategies."""
    return list(COMPONENTS)
