"""Which training clips are held out for validation: those of whole people, by default."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mmbal.data import hold_out
from mmbal.errors import ConfigError
from mmbal_nvgesture.lists import Clip
from mmbal_nvgesture.options import NVGestureOptions

Indices = NDArray[np.intp]


def split_clips(
    clips: Sequence[Clip], options: NVGestureOptions, seed: int
) -> tuple[Indices, Indices]:
    """Split the positions of training clips into (kept, held out), both ascending.

    Raises:
        ConfigError: a part would be empty, or the subjects are not there.
    """
    rng = np.random.default_rng([seed, 0])
    if options.validation_fraction is not None:
        labels = np.array([clip.label for clip in clips], np.int64)
        kept, held = hold_out(labels, options.validation_fraction, rng)
        rule = f"validation_fraction = {options.validation_fraction}"
    else:
        chosen = choose_subjects(clips, options.validation_subjects, rng)
        out = np.array([clip.subject in chosen for clip in clips], bool)
        kept, held = np.flatnonzero(~out), np.flatnonzero(out)
        rule = f"validation_subjects = {sorted(chosen)}"
    if not len(kept) or not len(held):
        raise ConfigError(
            f"{rule} splits {len(clips):,} training clips into {len(kept):,} and {len(held):,}; "
            "both need at least one"
        )
    return kept, held


def choose_subjects(
    clips: Sequence[Clip], wanted: int | tuple[int, ...], rng: np.random.Generator
) -> set[int]:
    """Return the subjects to hold out.

    Args:
        clips: of the training list.
        wanted: their numbers, or how many are drawn.
        rng: draws them.

    Raises:
        ConfigError: they are not among the clips, or too many.
    """
    nameless = next((clip for clip in clips if clip.subject is None), None)
    if nameless is not None:
        raise ConfigError(
            f"{nameless.place}: {nameless.path} does not tell the subject (subject<number>_r"
            "<number>), and validation_subjects holds out subjects; set validation_fraction"
        )
    known = sorted({clip.subject for clip in clips if clip.subject is not None})
    listing = ", ".join(map(str, known))
    if isinstance(wanted, int):
        if wanted >= len(known):
            raise ConfigError(
                f"validation_subjects = {wanted} leaves none of {len(known)} to train on "
                f"({listing})"
            )
        return {known[index] for index in rng.permutation(len(known))[:wanted]}
    for subject in wanted:
        if subject not in known:
            raise ConfigError(
                f"validation_subjects: no training clip of subject {subject} (there are {listing})"
            )
    return set(wanted)
