"""mmtm-i3d: I3D branches joined after their last six inception modules."""

from collections.abc import Mapping
from typing import Any

from mmbal.data import Modality
from mmbal.networks import saved_weights_follow
from mmbal_backbones import cut
from mmbal_mmtm.checkpoint_path import RANDOM
from mmbal_mmtm.i3d_checkpoint import Checkpoint, assign, open_checkpoint
from mmbal_mmtm.i3d_network import check_clip, check_precision, classifier, i3d
from mmbal_mmtm.network import MMTMNetwork
from mmbal_mmtm.options import I3DOptions

JOINED = ("Mixed_4c", "Mixed_4d", "Mixed_4e", "Mixed_4f", "Mixed_5b", "Mixed_5c")
"""Modules that an MMTM follows; the pooling before Mixed_5b sees what it gated."""
FROM_SCRATCH, PRETRAINED = 0.9, 0.99
"""Momentum of running means and variances where the options set none."""


def mmtm_i3d(options: I3DOptions, modalities: Mapping[str, Modality], classes: int) -> MMTMNetwork:
    """Build one I3D per modality, joined after `Mixed_4c` to `Mixed_5c`.

    Source: Carreira and Zisserman, CVPR 2017, for the branches, 12,279,984 trainable variables
    each and 1,025 per class; Joze et al., MMTM, CVPR 2020, for what joins them.

    Raises:
        ConfigError: a modality is no clip of (time, height, width, channels) or too short a one,
            the options name another modality, there are no such weights or they take other
            channels, or the precision is not to be had.
        DataFormatError: the weights do not fit.
    """
    if not saved_weights_follow():
        options.check_use(modalities)
    check_precision()
    for name, modality in modalities.items():
        check_clip(name, modality.shape)
    files: dict[str, Checkpoint | None] = {}
    branches: dict[str, Any] = {}
    for name, modality in modalities.items():
        own = options.branches[name].weights if name in options.branches else ""
        weights = str(own or options.weights)
        if weights not in files and not saved_weights_follow():
            where = f"architecture.branches.{name}.weights" if own else "architecture.weights"
            files[weights] = open_checkpoint(weights, where)
        checkpoint = files.get(weights)
        momentum = options.bn_momentum
        if momentum is None:
            momentum = FROM_SCRATCH if weights == RANDOM else PRETRAINED
        backbone = i3d(modality.shape, momentum, name)
        head = classifier(backbone.output.shape[1:], classes, options.dropout_keep, name)
        if checkpoint is not None:
            assign(backbone, head, checkpoint, name)
        branches[name] = [*cut(backbone, JOINED).stages, head]
    return MMTMNetwork(branches, options.ratio, options.gate_scale)
