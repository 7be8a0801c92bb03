"""Ways of simulating that modalities are absent, and what a late fusion then says."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Literal

import numpy as np
import tensorflow as tf

from mmbal.data import Examples

Absence = Literal["zero", "mean", "marginal"]
ABSENCES: tuple[Absence, ...] = ("zero", "mean", "marginal")
DRAWS = 10
"""Permutations of "marginal"."""
ROWS = 8192
"""Examples that are fused at once."""
Donors = Mapping[str, np.ndarray]
"""Modality to the (example,) places of those whose inputs stand in each example's place."""


def donors(modalities: Sequence[str], examples: int, seed: int) -> list[Donors]:
    """Return seeded permutations of the examples, one per draw and modality."""
    return [
        {
            modality: np.random.default_rng([seed, draw, place]).permutation(examples)
            for place, modality in enumerate(modalities)
        }
        for draw in range(DRAWS)
    ]


def mixed(examples: Examples, strangers: Donors) -> Examples:
    """Return examples some of whose modalities are those of others.

    Args:
        examples: of one split.
        strangers: modality to whose inputs take its place.
    """
    places = {m: tf.convert_to_tensor(rows, tf.int64) for m, rows in strangers.items()}

    def read(index: tf.Tensor) -> tuple[dict[str, tf.Tensor], tf.Tensor]:
        inputs, label = examples.read(index)
        taken = {m: examples.read(tf.gather(at, index))[0][m] for m, at in places.items()}
        return {**inputs, **taken}, label

    return Examples(len(examples), read)


def fused(
    fuse: Callable[..., tf.Tensor],
    features: Mapping[str, np.ndarray],
    present: Collection[str],
    absent: Mapping[str, np.ndarray] | Sequence[Donors] | None,
) -> np.ndarray:
    """Return the logits of encoders that see one modality each, without running them again.

    Args:
        fuse: `FusionNetwork.fuse` of a network that offers "encode" and "mask".
        features: modality to (example, channels).
        present: modalities.
        absent: modality to the (channels,) features that stand in its place, or permutations, or
            None for zeros.

    Returns:
        (draw, example, class).
    """
    keep = tf.constant([float(m in present) for m in features]) if absent is None else None
    draws = absent if isinstance(absent, Sequence) else [{}]
    means = absent if isinstance(absent, Mapping) else {}
    count = len(next(iter(features.values())))

    def stand_in(modality: str, donor: Donors, rows: slice) -> np.ndarray:
        of_one = features[modality]
        if modality in present or keep is not None:
            return of_one[rows]
        if modality in donor:
            return of_one[donor[modality][rows]]
        # Of the features' own type: another one would be another function to trace.
        return np.broadcast_to(means[modality].astype(of_one.dtype), of_one[rows].shape)

    parts = [
        [
            fuse({m: tf.constant(stand_in(m, donor, rows)) for m in features}, keep).numpy()
            for first in range(0, count, ROWS)
            for rows in [slice(first, first + ROWS)]
        ]
        for donor in draws
    ]
    return np.stack([np.concatenate(each) for each in parts])
