"""How a network is to be run for once: what a pass through it is told beside its inputs."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import tensorflow as tf

from mmbal.errors import ContractError, unknown


@dataclass(frozen=True, eq=False)
class Controls:
    """What one forward pass does differently from a normal one.

    Keras takes it for a single value. The parts of a tuple it would cast to 16 bits under mixed
    precision, and a callable among tensors it would refuse.

    Args:
        isolate: (modality,) bool; an isolated branch gets running means in place of what it
            would hear (`HeldMean`). None isolates nothing.
        keep: (batch, modality), 1 where a modality is present, 0 where it is absent; or, where
            branches hear different modalities, (branch, batch, modality). A batch of 1 stands
            for every example. None keeps all.
        fill: name of a fusion module to one (channels,) training mean per modality: what stands
            where `keep` is 0. None: zeros.
        transform: callable on `{modality: features}` before the classifiers, or None.
    """

    isolate: tf.Tensor | None = None
    keep: tf.Tensor | None = None
    fill: Mapping[str, Sequence[tf.Tensor]] | None = None
    transform: Callable[[dict[str, tf.Tensor]], dict[str, tf.Tensor]] | None = None

    @property
    def branches_differ(self) -> bool:
        """Whether `keep` says for every branch apart what it hears."""
        return self.keep is not None and len(self.keep.shape) == 3

    def heard(self, module: str, summaries: Sequence[tf.Tensor]) -> list[list[tf.Tensor]]:
        """Return what branches hear in a fusion module.

        Args:
            module: its name in `fill`.
            summaries: what the modalities say, one (batch, ..., channels) tensor each.

        Returns:
            The summaries, absent ones filled: one list for all branches, or one per branch.

        Raises:
            ContractError: `fill` names other modules.
        """
        if self.keep is None:
            return [list(summaries)]
        if self.fill is not None and module not in self.fill:
            raise ContractError(f"Controls.fill: {unknown('fusion module', module, self.fill)}")
        fill = [0.0] * len(summaries) if self.fill is None else self.fill[module]
        keep = tf.cast(self.keep, tf.bool)
        masks = [keep[i] for i in range(len(summaries))] if self.branches_differ else [keep]
        return [
            [
                _filled(summary, mask[..., i], mean)
                for i, (summary, mean) in enumerate(zip(summaries, fill, strict=True))
            ]
            for mask in masks
        ]


NORMAL = Controls()
"""Nothing isolated, nothing absent."""


def blocked(modalities: int, means: Mapping[str, Sequence[tf.Tensor]]) -> Controls:
    """Return controls under which every branch hears itself, and means in place of the others.

    Source: Wu et al., ICML 2022 (arXiv 2202.05306), section 3.

    Args:
        modalities: how many.
        means: as `Controls.fill`.
    """
    return Controls(keep=tf.eye(modalities)[:, tf.newaxis], fill=means)


def participants(keep: tf.Tensor) -> tf.Tensor:
    """Return which modalities a prediction is made of, (batch, modality).

    Args:
        keep: as `Controls.keep`, of which the branches' own modalities count; or (modality,).
    """
    rank = len(keep.shape)
    if rank == 3:
        return tf.stack([keep[i, :, i] for i in range(keep.shape[0])], axis=-1)
    return keep[tf.newaxis] if rank == 1 else keep


def _filled(summary: tf.Tensor, kept: tf.Tensor, mean: tf.Tensor | float) -> tf.Tensor:
    """Put a (channels,) mean where a (batch,) mask is False."""
    mask = tf.reshape(kept, [-1, *[1] * (summary.shape.rank - 1)])
    return tf.where(mask, summary, tf.cast(mean, summary.dtype))
