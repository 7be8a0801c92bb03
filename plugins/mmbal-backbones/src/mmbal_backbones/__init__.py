"""Backbones for architectures of mmbal."""

from mmbal_backbones.backbones import names_when_fresh, open_backbone, open_encoder
from mmbal_backbones.convolutions import convolution_stages
from mmbal_backbones.cutting import CutError, cut
from mmbal_backbones.pooling import check_output, pooling_of
from mmbal_backbones.pretrained import assign_tensors, open_tensors
from mmbal_backbones.resnet import resnet18
from mmbal_backbones.small import SHAPES, STAGES, small_stages

__all__ = [
    "SHAPES",
    "STAGES",
    "CutError",
    "assign_tensors",
    "check_output",
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
