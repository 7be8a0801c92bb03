"""Look at the files of all clips without decoding them; leave out the bad ones or say why."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from mmbal.data import Problem, announce
from mmbal.errors import counted
from mmbal_media import Survey, look_at
from mmbal_nvgesture.layout import find_list
from mmbal_nvgesture.lists import Clip, Window, compare_lists, read_list
from mmbal_nvgesture.media import Media, find_media, probe_media
from mmbal_nvgesture.options import NVGestureOptions
from mmbal_nvgesture.sensors import SENSORS
from mmbal_nvgesture.strip import Strip


def survey(root: Path, options: NVGestureOptions) -> Survey[Clip]:
    """Read both lists and look at the files that they name.

    Raises:
        MmbalError: a list is absent.
        DataFormatError: a list is no text.
    """
    clips: list[Clip] = []
    problems: list[Problem] = []
    for split, name in (("train", options.train_list), ("test", options.test_list)):
        path = find_list(root, split, name)
        read, faults = read_list(path, split, options.modalities, options.classes)
        clips += read
        problems += faults
    problems += compare_lists(clips)

    def look(clip: Clip) -> Clip | list[str]:
        return _look(root, clip, options)

    looked = look_at(clips, look, options.workers)
    pairs = list(zip(clips, looked, strict=True))
    bad = [(clip, result) for clip, result in pairs if isinstance(result, list)]
    problems += _file_problems(bad, len(clips))
    sound = [result for result in looked if isinstance(result, Clip)]
    _mention_headers(sound)
    return Survey(root, sound, problems)


def _mention_headers(clips: Sequence[Clip]) -> None:
    media = [strip.media for clip in clips for strip in clip.arrays.values()]
    if wrong := [each for each in media if each.promised != each.frames]:
        first = wrong[0]
        announce(
            f"{first.path}: {first.promised} frames by its header, {first.frames} are there and "
            f"are read; {counted(len(wrong), 'such file')}"
        )


def _file_problems(bad: Sequence[tuple[Clip, list[str]]], total: int) -> Iterator[Problem]:
    absent = sum(any(": not found" in fault for fault in faults) for _, faults in bad)
    for clip, faults in bad:
        for fault in faults:
            count = f"; {absent:,} of {total:,} clips affected" if ": not found" in fault else ""
            yield Problem(f"{clip.path}/{fault} ({clip.key}){count}", (clip.key,))


def _look(root: Path, clip: Clip, options: NVGestureOptions) -> Clip | list[str]:
    media: dict[str, Media] = {}
    faults: list[str] = []
    for name in options.modalities:
        facts = _facts(root / clip.path, clip.windows[name], options)
        if isinstance(facts, str):
            faults.append(facts)
        else:
            media[name] = facts
    if faults:
        return faults
    windows = _within(clip.windows, media, options.past_end)
    if isinstance(windows, list):
        return windows
    strips = {
        name: _strip(clip, name, window, media[name], options) for name, window in windows.items()
    }
    faults = _unequal(strips, options.crop)
    return faults or replace(clip, arrays=strips)


def _facts(folder: Path, window: Window, options: NVGestureOptions) -> Media | str:
    frames = range(window.start, window.end)
    try:
        path = find_media(folder, window.stem, options.layout)
        if path is None:
            return _not_found(window.stem, options.layout)
        return probe_media(path, options.first_frame, frames, count=options.past_end == "clamp")
    except OSError as problem:  # such as a name that is too long, or a folder without permission
        return f"{window.stem}: cannot be read: {problem.strerror}"


def _not_found(stem: str, layout: str) -> str:
    wanted = {"video": f"{stem}.avi", "frames": f"{stem} or {stem}_all (folder of images)"}
    either = f"{stem}.avi, {stem} or {stem}_all"
    return f"{wanted.get(layout, either)}: not found"


def _within(
    windows: Mapping[str, Window], media: Mapping[str, Media], past_end: str
) -> dict[str, Window] | list[str]:
    """Return windows that files can fill, or what is wrong with them."""
    faults = []
    lost = 0.0  # largest part of a window that is past the end of its file
    for name, facts in media.items():
        window = windows[name]
        past = window.end - facts.frames
        file = facts.path.name
        if past > 0 and (past_end == "fail" or window.start >= facts.frames):
            told = f": header {facts.promised} frames" if facts.promised != facts.frames else ""
            faults.append(
                f"window {window.start}:{window.end} but {file} has {facts.frames} frames{told}"
            )
        lost = max(lost, past / len(window))
    if faults:
        return faults
    if past_end != "clamp" or lost <= 0:
        return {name: windows[name] for name in media}
    # One share of every window, so that sensors end together.
    kept = {name: max(1, int(len(windows[name]) * (1 - lost) + 1e-9)) for name in media}
    return {
        name: replace(windows[name], end=windows[name].start + length)
        for name, length in kept.items()
    }


def _strip(clip: Clip, name: str, window: Window, facts: Media, options: NVGestureOptions) -> Strip:
    short = min(facts.width, facts.height)
    side = options.short_side or short
    return Strip(
        clip.key,
        facts,
        window.start,
        window.end,
        height=round(facts.height * side / short),
        width=round(facts.width * side / short),
        gray=SENSORS[name].gray,
        pad=options.past_end == "pad_last",
        conceal=options.damaged_frames == "conceal",
    )


def _unequal(strips: Mapping[str, Strip], crop: int) -> list[str]:
    (first, one), *others = strips.items()
    faults = [
        f"{first} is {one.media.shape}, {name} is {other.media.shape}; one crop for all needs "
        "frames of one shape"
        for name, other in others
        if (other.height, other.width) != (one.height, one.width)
    ]
    if min(one.height, one.width) < crop:
        faults.append(f"{first} is {one.media.shape}, too small for crop = {crop}")
    return faults
