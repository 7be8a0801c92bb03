"""mmtm-any: MMTMs between any functional Keras models, cut at named layers."""

from collections.abc import Mapping, Sequence
from typing import Any

import keras

from mmbal import ConfigError
from mmbal.data import Modality
from mmbal.networks import fuse_batch_norm, scope_name
from mmbal_backbones import (
    STAGES,
    CutError,
    check_output,
    cut,
    names_when_fresh,
    open_backbone,
    pooling_of,
)
from mmbal_mmtm.network import MMTMNetwork
from mmbal_mmtm.options import SMALL, AnyOptions, BackboneOptions


def mmtm_any(options: AnyOptions, modalities: Mapping[str, Modality], classes: int) -> MMTMNetwork:
    """Build the backbones that the options name, one per modality, and join them.

    Raises:
        ConfigError: a backbone cannot be built or has no cuts, or the options name an unknown
            modality.
        CutError: a layer is unknown or passed by, or a backbone is no functional model.
    """
    options.check_use(modalities)
    branches = {name: options.branch(name) for name in modalities}
    backbones, cuts = {}, {}
    for name, branch in branches.items():
        model = open_backbone(branch.backbone, modalities[name].shape, branch.arguments)
        if options.fuse_batch_norm:
            fuse_batch_norm(model)
        fresh = {} if ":" in branch.backbone else names_when_fresh(model)
        layers = branch.cuts or _default_cuts(name, branches)
        backbones[name], cuts[name] = model, [fresh.get(layer, layer) for layer in layers]
    try:
        return join(backbones, cuts, classes, options.ratio, options.gate_scale)
    except CutError as error:
        raise CutError(f"architecture.cuts: {error}") from error


def _default_cuts(name: str, branches: Mapping[str, BackboneOptions]) -> list[str]:
    """Return the stages of a small backbone that MMTMs follow: as many as the others have cuts.

    Raises:
        ConfigError: the backbone is another one, or has fewer stages.
    """
    if branches[name].backbone != SMALL:
        raise ConfigError(
            f"backbone {branches[name].backbone!r} of modality {name!r} needs the layers that an "
            f"MMTM follows: set architecture.cuts or architecture.branches.{name}.cuts"
        )
    wanted = max((len(branch.cuts) for branch in branches.values()), default=0) or STAGES
    if wanted > STAGES:
        raise ConfigError(
            f"the small backbone of modality {name!r} has {STAGES} stages, and other branches "
            f"have {wanted} cuts: give them at most {STAGES}, or {name!r} another backbone, "
            f"architecture.branches.{name}.backbone"
        )
    return [f"{SMALL}_stage_{number}" for number in range(STAGES - wanted, STAGES)]


def join(
    backbones: Mapping[str, keras.Model],
    cuts: Sequence[str] | Mapping[str, Sequence[str]],
    classes: int,
    ratio: float = 4,
    gate_scale: float = 1,
) -> MMTMNetwork:
    """Join functional models by an MMTM after each of the named layers.

    What comes after the last cut stays in its branch; global average pooling, where the
    output has space or time, and a dense layer make it a classifier.

    Example:
        network = join(
            {"rgb": keras.applications.MobileNetV2(include_top=False, weights=None),
             "depth": keras.applications.ResNet50(include_top=False, weights=None)},
            {"rgb": ["block_6_project_BN", "block_13_project_BN"],
             "depth": ["conv3_block4_out", "conv4_block6_out"]},
            classes=10,
        )

    Args:
        backbones: modality to a functional model with one input, (batch, ...), and one
            output, (batch, channels), (batch, time, channels) or (batch, height, width,
            channels); nothing is copied: the network trains these models.
        cuts: names of layers, the same for all modalities or for each its own.
        classes: how many there are.
        ratio: of every MMTM.
        gate_scale: of every MMTM.

    Raises:
        CutError: a layer is unknown or passed by, or a model is no functional one.
        ConfigError: modalities have different numbers of cuts, none, or one model in common.
    """
    each = dict(cuts) if isinstance(cuts, Mapping) else dict.fromkeys(backbones, cuts)
    _check(backbones, each)
    branches, tails = {}, {}
    for name, model in backbones.items():
        stages, tail = cut(model, each[name], name)
        for stage in stages:
            check_output(stage.outputs[0], stage.name)
        if tail is not None:
            tails[name] = tail
        branches[name] = [*stages, _head(model.outputs[0], classes, name)]
    return MMTMNetwork(branches, ratio, gate_scale, tails)


def _check(backbones: Mapping[str, keras.Model], cuts: Mapping[str, Sequence[str]]) -> None:
    if set(cuts) != set(backbones):
        raise ConfigError(f"cuts must name {sorted(backbones)}, received {sorted(cuts)}")
    counts = {name: len(cuts[name]) for name in backbones}
    if len(set(counts.values())) > 1 or not all(counts.values()):
        raise ConfigError(
            f"every branch needs as many cuts as the others, at least one; received {counts}"
        )
    owners: dict[int, str] = {}
    for name, model in backbones.items():
        owner = owners.setdefault(id(model), name)
        if owner != name:
            raise ConfigError(
                f"modalities {owner!r} and {name!r} were given one and the same model: give each "
                "its own, such as keras.models.clone_model(model)"
            )


def _head(output: Any, classes: int, name: str) -> keras.Sequential:
    """Return the classifier of a branch: (batch, ..., channels) to (batch, classes)."""
    layers = [*pooling_of(output, name), keras.layers.Dense(classes)]
    return keras.Sequential(layers, name=f"{scope_name(name)}_head")
