"""Which training clips are held out for validation: those of whole people, by default."""

from collections.abc import Sequence

import numpy as np

from mmbal.errors import ConfigError
from mmbal_media import Indices, hold_out_share
from mmbal_nvgesture.lists import Clip
from mmbal_nvgesture.options import NVGestureOptions


def split_clips(
    clips: Sequence[Clip], options: NVGestureOptions, seed: int
) -> tuple[str, Indices, Indices]:
    """Return the rule in words, and the positions of training clips (kept, held out), ascending.

    Raises:
        ConfigError: the subjects are not there.
    """
    if options.validation_fraction is not None:
        return hold_out_share(clips, options.validation_fraction, seed)
    rng = np.random.default_rng([seed, 0])
    chosen = choose_subjects(clips, options.validation_subjects, rng)
    out = np.array([clip.subject in chosen for clip in clips], bool)
    return f"validation_subjects = {sorted(chosen)}", np.flatnonzero(~out), np.flatnonzero(out)


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
            f"{nameless.key}: {nameless.path} does not tell the subject (subject<number>_r"
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
