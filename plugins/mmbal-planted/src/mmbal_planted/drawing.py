"""Draws label bits, what modalities are told of them, and what shows that."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mmbal_planted.bits import Bit
from mmbal_planted.truth import UNTOLD

Bits = NDArray[np.int64]


def draw_bits(
    bits: Sequence[Bit], modalities: Sequence[str], examples: int, rng: np.random.Generator
) -> tuple[NDArray[np.int64], dict[str, Bits]]:
    """Return labels, (example,), and modality to what it is told, (example, bit).

    Args:
        bits: of the label, the lowest first.
        modalities: names.
        examples: how many.
        rng: the only source of randomness.
    """
    labels = np.zeros(examples, np.int64)
    told = {m: np.full((examples, len(bits)), UNTOLD, np.int64) for m in modalities}
    for place, bit in enumerate(bits):
        private = bit.kind == "synergistic"
        sent = rng.integers(0, 2, (examples, len(bit.flips) if private else 1))
        labels += sent.sum(axis=1) % 2 << place
        flipped = rng.random((examples, len(bit.flips))) < list(bit.flips.values())
        for name, received in zip(bit.flips, (sent ^ flipped).T, strict=True):
            told[name][:, place] = received
    return labels, told


def render(
    told: Bits, parity: int, patterns: NDArray[np.float32], rng: np.random.Generator
) -> NDArray[np.float32]:
    """Return what shows the bits that a modality is told, under unit noise.

    Args:
        told: (example, bit) of what it is told.
        parity: carriers of each bit.
        patterns: (carrier, *shape), `parity` for each bit in turn; the rest is nuisance.
        rng: the only source of randomness.

    Returns:
        (example, *shape).
    """
    carriers = rng.integers(0, 2, (len(told), len(patterns)))
    own = carriers[:, : parity * told.shape[1]].reshape(*told.shape, parity)  # a view
    own[..., -1] = (own[..., :-1].sum(axis=-1) + told) % 2
    signs = (2 * carriers - 1).astype(np.float32)
    signal: NDArray[np.float32] = np.tensordot(signs, patterns, axes=1)
    return signal + rng.standard_normal(signal.shape, np.float32)


def read(
    values: NDArray[np.floating], bits: int, parity: int, patterns: NDArray[np.float32]
) -> Bits:
    """Return the bits that a modality was told, (example, bit), from what shows them.

    Args:
        values: (example, *shape), as `render` made them.
        bits: how many it is told.
        parity: as of `render`.
        patterns: as of `render`.
    """
    carriers = np.tensordot(values, patterns[: parity * bits], axes=(range(1, values.ndim),) * 2)
    odd: Bits = (carriers > 0).reshape(len(values), bits, parity).sum(axis=-1) % 2
    return odd
