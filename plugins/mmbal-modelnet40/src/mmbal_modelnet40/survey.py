"""Look through the files of all objects; leave out the bad ones or say what is wrong."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

from mmbal.data import Problem
from mmbal_media import Survey, look_at
from mmbal_modelnet40.images import View, inspect_view
from mmbal_modelnet40.listing import Object3D
from mmbal_modelnet40.options import ModelNet40Options


def survey(
    listing: Survey[Object3D],
    views: Iterable[int],
    options: ModelNet40Options,
    decoded: Callable[[View], bool] = lambda _: False,
) -> Survey[Object3D]:
    """Look at every file, and decode it once, several at a time.

    Args:
        listing: the objects.
        views: 0..11, which of their views are looked at; absent ones are passed over.
        options: `image_size` makes objects equal, which may differ in size then; views of one
            object never may.
        decoded: whether a view is known to be sound.
    """
    chosen = list(views)

    def look(item: Object3D) -> tuple[Object3D, list[Problem]]:
        arrays: dict[str, View] = {}
        problems: list[Problem] = []
        for number in (number for number in chosen if number in item.files):
            path = item.files[number]
            view = inspect_view(item.key, number, path, options.image_size, decoded)
            if isinstance(view, View):
                arrays[f"view_{number}"] = view
            else:
                problems.append(Problem(f"{item.class_name}/{item.split}/{view}", (item.key,)))
        seen = replace(item, arrays=arrays)
        return seen, problems + list(_unequal(seen))

    looked = look_at(listing.examples, look, options.workers)
    objects = [item for item, _ in looked]
    problems = [problem for _, faults in looked for problem in faults]
    if options.image_size is None:
        problems += _odd_sizes(objects)
    return replace(listing, examples=objects).joined_by(problems)


def _unequal(item: Object3D) -> Iterator[Problem]:
    views = sorted(item.arrays.values(), key=lambda view: view.number)
    for view in views[1:]:
        if view.size != views[0].size:
            pair = (f"view {one.number + 1} is {one.size}" for one in (views[0], view))
            yield Problem(f"{item.place}: {', '.join(pair)}", (item.key,))
            return


def _odd_sizes(objects: Sequence[Object3D]) -> Iterator[Problem]:
    sizes = [next((view.size for view in item.arrays.values()), "") for item in objects]
    counts = Counter(size for size in sizes if size)
    if len(counts) < 2:
        return
    usual, number = counts.most_common(1)[0]
    for item, size in zip(objects, sizes, strict=True):
        if size not in ("", usual):
            yield Problem(
                f"{item.place}: images of {size}, but {number:,} objects have {usual}; "
                "image_size makes them equal",
                (item.key,),
            )
