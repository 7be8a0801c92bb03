"""Which objects a folder of images holds, judged by the names of the files alone."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from mmbal.data import Problem
from mmbal_modelnet40.classes import SPLITS, VIEWS
from mmbal_modelnet40.layout import class_folders, files, parse_view


@dataclass(frozen=True)
class Object3D:
    """One object and the files of its views.

    Args:
        key: its name, such as `bed_0001`; the same in both splits never.
        class_name: one of the forty.
        split: "train" or "test".
        views: view, 0..11, to its file.
    """

    key: str
    class_name: str
    split: str
    views: dict[int, Path]

    @property
    def place(self) -> str:
        """Where it stands in the dataset's folder."""
        return f"{self.class_name}/{self.split}/{self.key}"


@dataclass(frozen=True)
class Listing:
    """What the names of a folder's files tell.

    Args:
        root: the folder of the class folders.
        class_names: in the order of the labels.
        objects: by class, then training before testing, then by key.
        problems: with names and numbers of files.
    """

    root: Path
    class_names: tuple[str, ...]
    objects: tuple[Object3D, ...]
    problems: tuple[Problem, ...]


def list_objects(
    root: Path, classes: Iterable[str] | None, views: Collection[int] = range(VIEWS)
) -> Listing:
    """List the objects below `root`.

    Args:
        root: the folder of the class folders.
        classes: those wanted; None for all that have a folder.
        views: 0..11, which views an object must have.
    """
    names = tuple(class_folders(root) if classes is None else sorted(classes))
    objects: list[Object3D] = []
    problems: list[Problem] = []
    for class_name in names:
        for split in SPLITS:
            found = _list_folder(root, class_name, split, problems)
            objects += found
            for each in found:
                problems += _missing(each, views)
    problems += _in_both(objects)
    return Listing(root, names, tuple(objects), tuple(problems))


def _list_folder(
    root: Path, class_name: str, split: str, problems: list[Problem]
) -> list[Object3D]:
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
    return [Object3D(key, class_name, split, grouped[key]) for key in sorted(grouped)]


def _missing(each: Object3D, views: Collection[int]) -> Iterable[Problem]:
    missing = [view + 1 for view in sorted(views) if view not in each.views]
    if missing:
        have = ranges([view + 1 for view in sorted(each.views)]) or "none"
        noun = "view" if len(missing) == 1 else "views"
        yield Problem(f"{each.place}: {noun} {ranges(missing)} missing (have {have})", (each.key,))


def _in_both(objects: Iterable[Object3D]) -> Iterable[Problem]:
    splits: dict[str, list[Object3D]] = defaultdict(list)
    for each in objects:
        splits[each.key].append(each)
    for key, those in splits.items():
        if len(those) > 1:
            places = " and ".join(f"{each.class_name}/{each.split}" for each in those)
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
