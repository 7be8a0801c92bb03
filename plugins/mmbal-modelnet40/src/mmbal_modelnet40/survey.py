"""Look through the files of all objects; leave out the bad ones or say what is wrong."""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

from mmbal.data import Problem, processors, replace_file, track
from mmbal_modelnet40.images import ImageFacts, inspect_image
from mmbal_modelnet40.listing import Listing, Object3D

Inspect = Callable[[Path], ImageFacts | str]


@dataclass(frozen=True)
class Survey:
    """What the files of a listing hold.

    Args:
        objects: with the facts of each view that was looked at.
        problems: of the listing and of the files.
    """

    objects: tuple[tuple[Object3D, dict[int, ImageFacts]], ...]
    problems: tuple[Problem, ...]

    def sound(self) -> tuple[tuple[Object3D, dict[int, ImageFacts]], ...]:
        """Return the objects that no problem speaks of."""
        bad = {key for problem in self.problems for key in problem.examples}
        return tuple(each for each in self.objects if each[0].key not in bad)


def survey(
    listing: Listing,
    views: Iterable[int],
    *,
    any_size: bool,
    workers: int | None = None,
    inspect: Inspect = inspect_image,
) -> Survey:
    """Decode every file once, several at a time.

    Args:
        listing: the objects.
        views: 0..11, which of their views are looked at; absent ones are passed over.
        any_size: whether objects may differ in size; views of one object never may.
        workers: threads; None for one per processor.
        inspect: looks at one file.
    """
    chosen = list(views)

    def look(each: Object3D) -> tuple[dict[int, ImageFacts], list[Problem]]:
        found = {view: inspect(each.views[view]) for view in chosen if view in each.views}
        facts = {view: fact for view, fact in found.items() if isinstance(fact, ImageFacts)}
        bad = [fact for fact in found.values() if isinstance(fact, str)]
        folder = f"{each.class_name}/{each.split}"
        problems = [Problem(f"{folder}/{text}", (each.key,)) for text in bad]
        return facts, problems + list(_unequal(each, facts))

    with ThreadPoolExecutor(workers or processors()) as pool:
        looked = pool.map(look, listing.objects)
        results = list(track(looked, "looking through images", len(listing.objects)))
    objects = [(each, facts) for each, (facts, _) in zip(listing.objects, results, strict=True)]
    problems = [problem for _, problems in results for problem in problems]
    if not any_size:
        problems += _odd_sizes(objects)
    return Survey(tuple(objects), (*listing.problems, *problems))


class Remembered:
    """Looks at a file once and again only when its size or time of change differ.

    Args:
        path: of the JSON file that remembers.
        root: names in it are relative to this folder.
    """

    def __init__(self, path: Path, root: Path) -> None:
        self._path = path
        self._root = root
        self._known = self._read()
        self._seen: dict[str, tuple[int, int, ImageFacts]] = {}

    def __call__(self, path: Path) -> ImageFacts | str:
        """Return what is known of a file, or look at it."""
        name, status = str(path.relative_to(self._root)), path.stat()
        stamp = (status.st_size, status.st_mtime_ns)
        known = self._known.get(name)
        fact = known[2] if known and known[:2] == stamp else inspect_image(path)
        if isinstance(fact, ImageFacts):
            self._seen[name] = (*stamp, fact)
        return fact

    def save(self) -> None:
        """Write down what was seen, if any of it is new."""
        together = self._known | self._seen
        if together != self._known:
            entries = {
                name: [size, time, asdict(fact)] for name, (size, time, fact) in together.items()
            }
            replace_file(self._path, json.dumps(entries).encode())

    def _read(self) -> dict[str, tuple[int, int, ImageFacts]]:
        try:
            entries = json.loads(self._path.read_text())
            return {
                name: (size, time, ImageFacts(**fact))
                for name, (size, time, fact) in entries.items()
            }
        except (OSError, ValueError, TypeError, AttributeError):
            return {}  # absent or damaged: look again


def _unequal(each: Object3D, facts: dict[int, ImageFacts]) -> Iterator[Problem]:
    pairs = sorted(facts.items())
    for view, fact in pairs[1:]:
        first_view, first = pairs[0]
        if fact.size != first.size:
            sizes = f"view {first_view + 1} is {first.size}, view {view + 1} is {fact.size}"
            yield Problem(f"{each.place}: {sizes}", (each.key,))
            return


def _odd_sizes(
    objects: Sequence[tuple[Object3D, dict[int, ImageFacts]]],
) -> Iterator[Problem]:
    sizes = [next(iter(facts.values())).size if facts else "" for _, facts in objects]
    counts = Counter(size for size in sizes if size)
    if len(counts) < 2:
        return
    usual, number = counts.most_common(1)[0]
    for (each, _), size in zip(objects, sizes, strict=True):
        if size not in ("", usual):
            yield Problem(
                f"{each.place}: images of {size}, but {number:,} objects have {usual}; "
                "image_size makes them equal",
                (each.key,),
            )
