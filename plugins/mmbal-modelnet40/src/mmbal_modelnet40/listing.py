"""Which objects a folder of images holds, judged by the names of the files alone."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mmbal.data import Problem
from mmbal_media import MediaExample, Survey
from mmbal_modelnet40.classes import SPLITS, VIEWS
from mmbal_modelnet40.images import View
from mmbal_modelnet40.layout import class_folders, files, parse_view


@dataclass(frozen=True, kw_only=True)
class Object3D(MediaExample):
    """One object; its key is its name, such as `bed_0001`.

    Args:
        class_name: one of the forty.
        files: view, 0..11, to its file.
        arrays: the views whose files have been looked at.
    """

    class_name: str
    files: Mapping[int, Path]
    arrays: Mapping[str, View] = field(default_factory=dict)

    @property
    def place(self) -> str:
        """Where it stands in the dataset's folder."""
        return f"{self.class_name}/{self.split}/{self.key}"


def list_objects(
    root: Path, classes: Iterable[str] | None, views: Collection[int] = range(VIEWS)
) -> Survey[Object3D]:
    """List the objects below `root`: by class, then training before testing, then by key.

    Args:
        root: the folder of the class folders.
        classes: those wanted; None for all that have a folder.
        views: 0..11, which views an object must have.
    """
    names = class_folders(root) if classes is None else sorted(classes)
    objects: list[Object3D] = []
    problems: list[Problem] = []
    for label, class_name in enumerate(names):
        for split in SPLITS:
            grouped = _list_folder(root, class_name, split, problems)
            for key in sorted(grouped):
                item = Object3D(
                    key=key, split=split, label=label, class_name=class_name, files=grouped[key]
                )
                objects.append(item)
                problems += _missing(item, views)
    problems += _in_both(objects)
    return Survey(root, objects, problems)


def _list_folder(
    root: Path, class_name: str, split: str, problems: list[Problem]
) -> dict[str, dict[int, Path]]:
    """Return the files of each object by view."""
    place = f"{class_name}/{split}"
    images = files(root, class_name, split, ".png")
    if not images:
        problems.append(Problem(f"{place}: no images", fatal=True))
    grouped: dict[str, dict[int, Path]] = defaultdict(dict)
    for path in images:
        parsed = parse_view(path.name)
        if parsed is None:
            problems.append(Problem(f"{place}: cannot parse view from {path.name!r}"))
            continue
        key, number = parsed
        views = grouped[key]
        if not 1 <= number <= VIEWS:
            problems.append(Problem(f"{place}/{key}: unexpected view {number}", (key,)))
        elif number - 1 in views:
            other = views[number - 1].name
            text = f"{place}/{key}: view {number} twice ({other}, {path.name})"
            problems.append(Problem(text, (key,)))
        else:
            views[number - 1] = path
    return grouped


def _missing(item: Object3D, views: Collection[int]) -> Iterable[Problem]:
    missing = [view + 1 for view in sorted(views) if view not in item.files]
    if missing:
        have = ranges([view + 1 for view in sorted(item.files)]) or "none"
        noun = "view" if len(missing) == 1 else "views"
        yield Problem(f"{item.place}: {noun} {ranges(missing)} missing (have {have})", (item.key,))


def _in_both(objects: Iterable[Object3D]) -> Iterable[Problem]:
    splits: dict[str, list[Object3D]] = defaultdict(list)
    for item in objects:
        splits[item.key].append(item)
    for key, those in splits.items():
        if len(those) > 1:
            places = " and ".join(f"{item.class_name}/{item.split}" for item in those)
            what = "is in both splits" if len({e.split for e in those}) > 1 else "occurs twice"
            yield Problem(f"{places}: {key} {what}", (key,))


def ranges(numbers: Sequence[int]) -> str:
    """Return ascending numbers in short, such as `1-6,8-12`."""
    parts: list[list[int]] = []
    for number in numbers:
        if parts and number == parts[-1][-1] + 1:
            parts[-1][1:] = [number]
        else:
            parts.append([number])
    return ",".join("-".join(map(str, part)) for part in parts)
