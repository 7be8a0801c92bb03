"""Which examples are held out for validation."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Indices = NDArray[np.intp]


def hold_out(
    labels: "NDArray[np.integer[Any]]", fraction: float, rng: "np.random.Generator"
) -> "tuple[Indices, Indices]":
    """Split the positions of `labels` into (kept, held out), both ascending.

    Of all examples round(fraction * examples) are held out, of every label its share to within
    one example.
    """
    import numpy as np

    order = rng.permutation(len(labels))
    order = order[np.argsort(labels[order], kind="stable")]  # by label, at random within it
    wanted = round(fraction * len(labels))
    # Held-out places are spread evenly over the ordered examples, so that every run of equal
    # labels gets its share.
    places = (np.arange(wanted) * len(labels)) // max(wanted, 1)
    held = np.zeros(len(labels), bool)
    held[order[places]] = True
    return np.flatnonzero(~held), np.flatnonzero(held)
