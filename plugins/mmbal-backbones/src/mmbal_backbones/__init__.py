"""Backbones for architectures of mmbal."""

from mmbal import lazy_names

__all__ = [
    "SHAPES",
    "STAGES",
    "CutError",
    "assign_tensors",
    "check_output",
    "check_weights",
    "convolution_stages",
    "cut",
    "names_when_fresh",
    "open_backbone",
    "open_encoder",
    "open_tensors",
    "pooling_of",
    "resnet18",
    "small_stages",
]

__getattr__ = lazy_names(
    __name__,
    {
        "CutError": "mmbal_backbones.cutting",
        "SHAPES": "mmbal_backbones.small",
        "STAGES": "mmbal_backbones.small",
        "assign_tensors": "mmbal_backbones.pretrained",
        "check_output": "mmbal_backbones.pooling",
        "check_weights": "mmbal_backbones.weights",
        "convolution_stages": "mmbal_backbones.convolutions",
        "cut": "mmbal_backbones.cutting",
        "names_when_fresh": "mmbal_backbones.backbones",
        "open_backbone": "mmbal_backbones.backbones",
        "open_encoder": "mmbal_backbones.backbones",
        "open_tensors": "mmbal_backbones.pretrained",
        "pooling_of": "mmbal_backbones.pooling",
        "resnet18": "mmbal_backbones.resnet",
        "small_stages": "mmbal_backbones.small",
    },
)
