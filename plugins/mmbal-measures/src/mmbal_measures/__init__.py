"""Measures of what a multimodal network makes of each modality, for mmbal."""

from mmbal import lazy_names

__all__ = [
    "Calibration",
    "Contrasts",
    "FunctionSpeed",
    "Gain",
    "PairwiseUtilization",
    "Perceptual",
    "Shapley",
]

__getattr__ = lazy_names(
    __name__,
    {
        "Calibration": "mmbal_measures.calibration",
        "Contrasts": "mmbal_measures.contrasts",
        "FunctionSpeed": "mmbal_measures.function_speed",
        "Gain": "mmbal_measures.gain",
        "PairwiseUtilization": "mmbal_measures.pairwise",
        "Perceptual": "mmbal_measures.perceptual",
        "Shapley": "mmbal_measures.shapley",
    },
)
