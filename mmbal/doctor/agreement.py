"""How far two trainings are apart."""

from collections.abc import Mapping

import numpy as np

Arrays = Mapping[str, np.ndarray]

KINDS = ("weights", "speeds", "isolated", "optimizer", "metrics")


def largest_differences(reference: Arrays, found: Arrays) -> dict[str, float]:
    """Return the largest difference by kind.

    Args:
        reference: arrays by `KIND/...`.
        found: the same of another training; infinitely far where an array is missing.
    """
    differences = dict.fromkeys(KINDS, 0.0)
    for name in sorted({*reference, *found}):
        kind = name.split("/")[0]
        both = name in reference and name in found
        apart = difference(reference[name], found[name]) if both else np.inf
        differences[kind] = max(differences[kind], apart)
    for kind in KINDS:
        if not any(name.startswith(f"{kind}/") for name in reference):
            differences[kind] = np.inf  # nothing compared is no agreement
    return differences


def difference(reference: np.ndarray, found: np.ndarray) -> float:
    """Return the largest difference of two arrays relative to the largest entry of the first.

    Undefined entries (NaN) agree with undefined ones only; arrays of other shapes are
    infinitely far apart.
    """
    if reference.shape != found.shape:
        return np.inf
    one, other = (np.asarray(array, np.float64) for array in (reference, found))
    same = (one == other) | (np.isnan(one) & np.isnan(other))
    if same.all():
        return 0.0
    if not (np.isfinite(one[~same]) & np.isfinite(other[~same])).all():
        return np.inf
    size = np.max(np.abs(one[np.isfinite(one)]))
    apart = np.max(np.abs(one[~same] - other[~same]))
    return float(apart / size) if size else np.inf


def below(arrays: Arrays, prefix: str) -> dict[str, np.ndarray]:
    """Return the arrays whose names begin with `prefix/`, without it."""
    start = f"{prefix}/"
    return {
        name.removeprefix(start): array for name, array in arrays.items() if name.startswith(start)
    }


def identical(reference: Arrays, found: Arrays) -> bool:
    """Return whether all arrays are the same to the last bit."""
    return reference.keys() == found.keys() and all(
        array.dtype == found[name].dtype
        and array.shape == found[name].shape
        and array.tobytes() == found[name].tobytes()
        for name, array in reference.items()
    )
