"""Balancing by gradients for mmbal: OGM, OGM-GE, AGM, MMPareto and gradient blending."""

from mmbal import lazy_names

__all__ = ["AGM", "OGM", "OGMGE", "GradientBlending", "MMPareto"]

__getattr__ = lazy_names(
    __name__,
    {
        "AGM": "mmbal_gradients.agm",
        "GradientBlending": "mmbal_gradients.blending",
        "MMPareto": "mmbal_gradients.pareto",
        "OGM": "mmbal_gradients.ogm",
        "OGMGE": "mmbal_gradients.ogm",
    },
)
