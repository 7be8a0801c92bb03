"""How far arrays are apart."""

from collections.abc import Mapping, Sequence

import numpy as np

Arrays = Mapping[str, np.ndarray]


def difference(ours: Sequence[np.ndarray], theirs: Sequence[np.ndarray]) -> float:
    """Return the largest difference of two lists of arrays relative to their largest entry.

    Undefined entries (NaN) agree with undefined ones only; where numbers or shapes of arrays
    differ, they are infinitely far apart.
    """
    if [np.shape(array) for array in ours] != [np.shape(array) for array in theirs]:
        return np.inf
    one, other = (
        np.concatenate([np.empty(0), *(np.ravel(array).astype(np.float64) for array in arrays)])
        for arrays in (ours, theirs)
    )
    differs = (one != other) & ~(np.isnan(one) & np.isnan(other))
    if not differs.any():
        return 0.0
    apart = np.abs(one[differs] - other[differs])
    if not np.isfinite(apart).all():
        return np.inf
    sizes = np.abs([one, other])
    return float(np.max(apart) / np.max(sizes[np.isfinite(sizes)]))


def below(arrays: Arrays, prefix: str) -> dict[str, np.ndarray]:
    """Return the arrays whose names begin with `prefix/`, without it."""
    start = f"{prefix}/"
    return {
        name.removeprefix(start): array for name, array in arrays.items() if name.startswith(start)
    }
