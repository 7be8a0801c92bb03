"""Look through the files of all objects; leave out the bad ones or say what is wrong."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path

from mmbal.data import Problem
from mmbal_media import Memory, Survey, look_at
from mmbal_modelnet40.images import ImageFacts, View, inspect_image
from mmbal_modelnet40.listing import Object3D
from mmbal_modelnet40.options import ModelNet40Options

Inspect = Callable[[Path], ImageFacts | str]


def survey(
    listing: Survey[Object3D],
    views: Iterable[int],
    options: ModelNet40Options,
    inspect: Inspect = inspect_image,
) -> Survey[Object3D]:
    """Decode every file once, several at a time.

    Args:
        listing: the objects.
        views: 0..11, which of their views are looked at; absent ones are passed over.
        options: `image_size` makes objects equal, which may differ in size then; views of one
            object never may.
        inspect: looks at one file.
    """
    chosen = list(views)

    def look(each: Object3D) -> tuple[Object3D, list[Problem]]:
        arrays: dict[str, View] = {}
        problems: list[Problem] = []
        for number in chosen:
            path = each.files.get(number)
            facts = path and inspect(path)
            if isinstance(facts, str):
                text = f"{each.class_name}/{each.split}/{facts}"
                problems.append(Problem(text, (each.key,)))
            elif path and facts:
                view = View(each.key, number, path, facts, options.image_size)
                arrays[f"view_{number}"] = view
        seen = replace(each, arrays=arrays)
        return seen, problems + list(_unequal(seen))

    looked = look_at(listing.examples, look, options.workers)
    objects = [each for each, _ in looked]
    problems = [problem for _, faults in looked for problem in faults]
    if options.image_size is None:
        problems += _odd_sizes(objects)
    return replace(listing, examples=objects).joined_by(problems)


def remembering(memory: Memory, root: Path) -> Inspect:
    """Return what looks at a file once, and again only when its size or time of change differ.

    Args:
        memory: of what was seen.
        root: names in it are relative to this folder.
    """

    def inspect(path: Path) -> ImageFacts | str:
        name, status = str(path.relative_to(root)), path.stat()
        state = f"{status.st_size} bytes, {status.st_mtime_ns}"
        with suppress(TypeError):  # nothing is known, or something else
            return ImageFacts(**memory.finding(name, state))
        facts = inspect_image(path)
        if isinstance(facts, ImageFacts):
            memory.note(name, state, asdict(facts))
        return facts

    return inspect


def _unequal(each: Object3D) -> Iterator[Problem]:
    views = sorted(each.arrays.values(), key=lambda view: view.number)
    for view in views[1:]:
        if view.facts.size != views[0].facts.size:
            pair = (f"view {one.number + 1} is {one.facts.size}" for one in (views[0], view))
            yield Problem(f"{each.place}: {', '.join(pair)}", (each.key,))
            return


def _odd_sizes(objects: Sequence[Object3D]) -> Iterator[Problem]:
    sizes = [next((view.facts.size for view in each.arrays.values()), "") for each in objects]
    counts = Counter(size for size in sizes if size)
    if len(counts) < 2:
        return
    usual, number = counts.most_common(1)[0]
    for each, size in zip(objects, sizes, strict=True):
        if size not in ("", usual):
            yield Problem(
                f"{each.place}: images of {size}, but {number:,} objects have {usual}; "
                "image_size makes them equal",
                (each.key,),
            )
