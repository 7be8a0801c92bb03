"""The lists: one line per clip, `key:value` fields in any order."""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path, PurePosixPath

from mmbal.data import Problem, read_text
from mmbal_media import MediaExample
from mmbal_nvgesture.layout import subject_of
from mmbal_nvgesture.sensors import SENSORS
from mmbal_nvgesture.strip import Strip

LONGEST = 10_000  # frames of a window
_NUMBER = re.compile(r"-?[0-9]{1,9}")


@dataclass(frozen=True)
class Window:
    """Frames `start` to `end - 1`, from 0, of the file `stem`."""

    stem: str
    start: int
    end: int

    def __len__(self) -> int:
        return self.end - self.start


@dataclass(frozen=True, kw_only=True)
class Clip(MediaExample):
    """One line of a list; its key is list and line, such as `nvgesture_train_correct.lst:4`.

    Args:
        path: folder of the videos, relative to the dataset's.
        subject: number of the person; None where the folder's name does not tell.
        windows: by sensor.
        arrays: the frames by sensor, where its files have been looked at.
    """

    path: str
    subject: int | None
    windows: Mapping[str, Window]
    arrays: Mapping[str, Strip] = field(default_factory=dict)


def read_list(
    path: Path, split: str, sensors: Sequence[str], classes: int
) -> tuple[list[Clip], list[Problem]]:
    """Return the clips of a list and what is wrong with its lines.

    Args:
        path: of the list.
        split: "train" or "test".
        sensors: whose windows are needed.
        classes: labels run from 1 to this.

    Raises:
        DataFormatError: it is no text.
        MmbalError: it cannot be read.
    """
    clips: list[Clip] = []
    problems: list[Problem] = []
    for number, line in enumerate(read_text(path).split("\n"), start=1):
        if line.strip():
            place = f"{path.name}:{number}"
            clip, faults = _read_line(line, place, split, sensors, classes)
            problems += [Problem(f"{place}: {fault}", (place,)) for fault in faults]
            if clip is not None and not faults:
                clips.append(clip)
    if not clips and not problems:
        problems.append(Problem(f"{path.name}: no clips", fatal=True))
    return clips, problems


def compare_lists(clips: Sequence[Clip]) -> Iterator[Problem]:
    """Yield clips that occur twice or in both lists, and people in both lists.

    Of two equal clips the later one is bad; between the lists it is the training clip, so that
    the test stays whole.
    """
    first: dict[tuple[str, str], Clip] = {}
    for clip in clips:
        other = first.setdefault((clip.split, clip.path), clip)
        if other is not clip:
            text = f"{clip.key}: duplicate path {clip.path} (also {other.key})"
            yield Problem(text, (clip.key,))
    by_subject: dict[tuple[str, int | None], list[Clip]] = defaultdict(list)
    for clip in clips:
        by_subject[clip.split, clip.subject].append(clip)
        both = first.get(("test", clip.path)) if clip.split == "train" else None
        if both is not None:
            text = f"{clip.key}: overlap between train and test: {clip.path} ({both.key})"
            yield Problem(text, (clip.key,))
    for (split, subject), those in sorted(by_subject.items(), key=lambda item: str(item[0])):
        others = by_subject.get(("test", subject))
        if split == "train" and subject is not None and others:
            yield Problem(
                f"{those[0].key}: subject {subject} is in both splits ({len(those)} training "
                f"clips; also {others[0].key})",
                tuple(clip.key for clip in those),
            )


def _read_line(
    line: str, place: str, split: str, sensors: Sequence[str], classes: int
) -> tuple[Clip | None, list[str]]:
    fields, faults = _fields(line)
    windows: dict[str, Window] = {}
    told: set[str] = set()
    for name in sensors:
        sensor = SENSORS[name]
        found = _window(sensor.field, fields)
        if isinstance(found, Window):
            windows[name] = Window(sensor.stem or found.stem, found.start, found.end)
        elif found not in told:  # two sensors may have one field
            told.add(found)
            faults.append(found)
    label = _label(fields, classes)
    path = _path(fields)
    faults += [found for found in (label, path) if isinstance(found, str)]
    if isinstance(label, str) or isinstance(path, str) or faults:
        return None, faults
    faults += _unequal(windows)
    where = path.as_posix()
    clip = Clip(
        key=place,
        split=split,
        path=where,
        subject=subject_of(where),
        label=label,
        windows=windows,
    )
    return clip, faults


def _fields(line: str) -> tuple[dict[str, str], list[str]]:
    fields: dict[str, str] = {}
    faults = []
    for token in line.split():
        key, colon, value = token.partition(":")
        if not colon or not key:
            faults.append(f"expected fields key:value, found {token!r}")
        elif key in fields:
            faults.append(f"field {key!r} twice")
        else:
            fields[key] = value
    return fields, faults


def _window(field: str, fields: Mapping[str, str]) -> Window | str:
    """Return a window, or what is wrong with it."""
    if field not in fields:
        return f"field {field!r} missing"
    stem, *numbers = fields[field].split(":")
    if not stem or len(numbers) != 2 or not all(map(_NUMBER.fullmatch, numbers)):
        return f"{field} needs <file>:<start>:<end>, found {fields[field]!r}"
    if PurePosixPath(stem).name != stem or stem == "..":
        return f"{field} needs a file name, found {stem!r}"
    start, end = map(int, numbers)
    if start < 0:
        fault = f"start {start} < 0"
    elif end <= start:
        fault = f"empty window {start}:{end}"
    elif end - start > LONGEST:
        fault = f"window {start}:{end} has more than {LONGEST:,} frames"
    else:
        return Window(stem, start, end)
    return f"{field}: {fault}"


def _label(fields: Mapping[str, str], classes: int) -> int | str:
    """Return the label from 0, or what is wrong with it."""
    text = fields.get("label")
    if text is None:
        return "field 'label' missing"
    if not _NUMBER.fullmatch(text) or not 1 <= int(text) <= classes:
        return f"label {text} outside 1..{classes}"
    return int(text) - 1


def _path(fields: Mapping[str, str]) -> PurePosixPath | str:
    """Return the relative path, or what is wrong with it.

    What the list says must stay inside; links on disk are the user's own and are followed.
    """
    text = fields.get("path")
    if not text:
        return "field 'path' missing"
    path = PurePosixPath(text)
    if path.is_absolute() or ".." in path.parts:
        return f"path {text!r} leaves the dataset's folder"
    return path


def _unequal(windows: Mapping[str, Window]) -> list[str]:
    faults = []
    cameras = sorted(windows, key=lambda name: SENSORS[name].camera)  # stable
    for _, group in groupby(cameras, key=lambda name: SENSORS[name].camera):
        one, *others = group
        faults += [
            f"{one} window {len(windows[one])} frames, {other} {len(windows[other])}"
            for other in others
            if len(windows[other]) != len(windows[one])
        ]
    return faults
