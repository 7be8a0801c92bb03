"""Which variables belong to one encoder alone."""

from collections.abc import Mapping, Sequence

import keras


def sole_owners(encoders: Mapping[str, Sequence[keras.Variable]]) -> dict[int, str]:
    """Return the identity of every variable of exactly one encoder, and the encoder's modality.

    Args:
        encoders: modality to the variables of its encoder; several may share one.
    """
    owners: dict[int, set[str]] = {}
    for modality, variables in encoders.items():
        for variable in variables:
            owners.setdefault(id(variable), set()).add(modality)
    return {key: next(iter(own)) for key, own in owners.items() if len(own) == 1}
