"""Which training objects are held out for validation."""

import math
import random

import numpy as np

from mmbal_media import Indices

REFERENCE_SEED = 10


def hold_out_as_reference(count: int, fraction: float) -> tuple[Indices, Indices]:
    """Split 0..count - 1 into (kept, held out), in the order of the published code.

    Positions count objects by class in alphabetical order, then by name. The rule is neither
    stratified nor seeded by the run.

    Source: nyukat/greedy_multimodal_learning, src/dataset.py.
    """
    order = list(range(count))
    random.Random(REFERENCE_SEED).shuffle(order)  # noqa: S311  (its very numbers are wanted)
    held = math.floor(fraction * count)
    return np.array(order[held:], np.intp), np.array(order[:held], np.intp)
