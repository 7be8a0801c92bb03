"""The cache of decoded clips, by `mmbal data prepare nvgesture` or at the start of a run."""

from pathlib import Path

from mmbal.errors import MmbalError
from mmbal.problems import Problem, refusal
from mmbal_nvgesture.cache import Cache
from mmbal_nvgesture.layout import DECODED, find_root
from mmbal_nvgesture.options import NVGestureOptions
from mmbal_nvgesture.survey import Survey, survey


def cache_of(root: Path, options: NVGestureOptions) -> Cache:
    """Return the cache of a run: the option's, else what `prepare` has put beside the lists."""
    return Cache(options.cache or root / DECODED)


def fill_cache(found: Survey, options: NVGestureOptions) -> tuple[Problem, ...]:
    """Decode what the cache lacks of the sound clips; return the problems on the way."""
    cache = cache_of(found.root, options)
    strips = [strip for each in found.sound() for strip in each.strips.values()]
    faults = cache.fill(strips, options.workers)
    return tuple(
        Problem(fault.removeprefix(f"{found.root}/"), (strip.place,)) for strip, fault in faults
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
    clips = found.sound()
    before = len(cache.lacking(strip for each in clips for strip in each.strips.values()))
    problems = (*found.problems, *fill_cache(found, options))
    if problems and options.on_bad_example == "fail":
        raise refusal(root, problems)
    bad = {place for problem in problems for place in problem.examples}
    sound = [each for each in clips if each.clip.place not in bad]
    if not sound:
        raise MmbalError(f"{root}: no sound clip")
    return (
        f"nvgesture: {cache.folder} holds {len(sound):,} clips of {len(options.modalities)} "
        f"sensors ({before:,} videos were decoded, {found.lines - len(sound):,} clips left out)"
    )
