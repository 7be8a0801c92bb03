"""What this distribution offers."""

from mmbal import Component, hookimpl

HEAD = ("head",)

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


@hookimpl
def mmbal_components() -> list[Component]:
    """Return the strategies."""
    ogm_summary = "smaller encoder gradients for the modality that is surer of the true class"
    noisy_summary = "OGM, and noise on encoder gradients as large as their spread"
    agm_summary = "gradients through every modality's Shapley contribution scaled by its lead"
    pareto_summary = "encoder gradients of the fused and the unimodal loss joined without conflict"
    blending_summary = "losses of all predictions, weighted by how little each overfits on trial"
    return [
        _strategy("ogm", ogm_summary, "ogm:ogm", "OGMOptions", OGM, ("slice",)),
        _strategy("ogm-ge", noisy_summary, "ogm:ogm_ge", "OGMOptions", OGM, ("slice",)),
        _strategy("agm", agm_summary, "agm:agm", "AGMOptions", AGM),
        _strategy("mmpareto", pareto_summary, "pareto:mmpareto", "MMParetoOptions", PARETO, HEAD),
        _strategy(
            "gradient-blending", blending_summary, "blending:gradient_blending",
            "BlendingOptions", BLENDING, HEAD,
        ),
    ]  # fmt: skip


def _strategy(
    name: str, summary: str, factory: str, options: str, source: str, requires: tuple[str, ...] = ()
) -> Component:
    factory, options = f"mmbal_gradients.{factory}", f"mmbal_gradients.options:{options}"
    return Component("strategy", name, summary, factory, options, source, requires=requires)
