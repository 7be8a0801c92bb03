"""The cache of decoded clips, by `mmbal data prepare nvgesture` or at the start of a run."""

import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path

from mmbal.data import Problem, refusal
from mmbal.errors import MmbalError, counted
from mmbal_nvgesture.cache import Cache
from mmbal_nvgesture.faults import Fault
from mmbal_nvgesture.layout import DECODED, find_root
from mmbal_nvgesture.options import NVGestureOptions
from mmbal_nvgesture.strip import Strip
from mmbal_nvgesture.survey import Found, Survey, survey


def cache_of(root: Path, options: NVGestureOptions) -> Cache:
    """Return the cache of a run: the option's, else what `prepare` has put beside the lists."""
    return Cache(options.cache or root / DECODED, root)


def decoding_problems(found: Survey, options: NVGestureOptions) -> tuple[Problem, ...]:
    """Return the sound clips that cannot be decoded, as far as the cache knows.

    With the option `cache` it is filled before, so that all are known.
    """
    cache = cache_of(found.root, options)
    strips = _strips(found.sound())
    if options.cache is None:
        return _problems(cache, cache.known_faults(strips))
    return _problems(cache, cache.fill(strips, options.workers).faults)


def tell_lacking(clips: Sequence[Found], cache: Cache) -> None:
    """Warn of clips that a cache lacks, unless nothing was ever put into it."""
    lacking = {strip.place for strip in cache.lacking(_strips(clips))}
    if lacking and next(cache.folder.glob("*.npy"), None) is not None:
        warnings.warn(
            f"{len(lacking):,} of {counted(len(clips), 'clip')} are decoded in every epoch, since "
            f"{cache.folder} lacks them; `mmbal data prepare nvgesture` with this run's dataset "
            "options decodes them once",
            stacklevel=3,
        )


def prepare_folder(data_dir: Path | None, options: NVGestureOptions) -> str:
    """Decode and resize the windows of all clips into the cache; return what was done.

    Raises:
        MmbalError: the data are absent, or the disk has too little room.
        DataFormatError: a clip is bad, after all others have been decoded, unless
            `on_bad_example` is "skip".
    """
    root = find_root(data_dir, (options.train_list, options.test_list))
    found = survey(root, options)
    if any(problem.fatal for problem in found.problems):
        raise refusal(root, [problem for problem in found.problems if problem.fatal])
    cache = cache_of(root, options)
    filling = cache.fill(_strips(found.sound()), options.workers)
    problems = (*found.problems, *_problems(cache, filling.faults))
    if problems and options.on_bad_example == "fail":
        raise refusal(root, problems)
    bad = {place for problem in problems for place in problem.examples}
    sound = [each for each in found.sound() if each.clip.place not in bad]
    if not sound:
        raise MmbalError(f"{root}: no sound clip")
    return (
        f"nvgesture: {cache.folder} holds {counted(len(sound), 'clip')} of "
        f"{counted(len(options.modalities), 'sensor')} ({counted(filling.decoded, 'video')} "
        f"decoded now, {counted(found.lines - len(sound), 'clip')} left out)"
    )


def _strips(clips: Iterable[Found]) -> list[Strip]:
    return [strip for each in clips for strip in each.strips.values()]


def _problems(cache: Cache, faults: Iterable[Fault]) -> tuple[Problem, ...]:
    return tuple(
        Problem(fault.removeprefix(f"{cache.root}/"), (strip.place,)) for strip, fault in faults
    )
