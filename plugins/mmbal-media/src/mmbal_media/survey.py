"""Which examples a folder holds, and what is wrong with their files."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Generic, TypeVar

from mmbal.data import Problem, processors, refusal, track
from mmbal_media.cache import Decodable

Result = TypeVar("Result")


@dataclass(frozen=True, kw_only=True)
class MediaExample:
    """One example; subclasses add what their lists or names of files tell.

    Args:
        key: what no other example is called; problems name it.
        split: "train" or "test".
        label: number of its class, from 0.
        arrays: what its files become, by modality; empty until they have been looked at.
    """

    key: str
    split: str
    label: int
    arrays: Mapping[str, Decodable] = field(default_factory=dict)


AnExample = TypeVar("AnExample", bound=MediaExample)


@dataclass(frozen=True)
class Survey(Generic[AnExample]):
    """What is known of a folder.

    Args:
        root: the folder; the texts of problems begin below it.
        examples: those whose names or lines can be read.
        problems: of lists and files.
    """

    root: Path
    examples: Sequence[AnExample]
    problems: Sequence[Problem]

    @property
    def bad(self) -> set[str]:
        """Keys of the examples that cannot be used."""
        return {key for problem in self.problems for key in problem.examples}

    def sound(self) -> list[AnExample]:
        """Return the examples that no problem speaks of."""
        bad = self.bad
        return [example for example in self.examples if example.key not in bad]

    def lines(self, *, fatal: bool = False) -> list[str]:
        """Return all problems, or the fatal ones, as `mmbal data check` prints them."""
        problems = [problem for problem in self.problems if problem.fatal or not fatal]
        return [f"{self.root}/{problem.text}" for problem in problems]

    def joined_by(self, problems: Iterable[Problem]) -> "Survey[AnExample]":
        """Return the same with further problems."""
        return replace(self, problems=[*self.problems, *problems])

    def refuse(self, *, strict: bool) -> None:
        """Raise DataFormatError where a problem is fatal, or, if strict, where there is any."""
        fatal = self.lines(fatal=True)
        if fatal or (strict and self.problems):
            raise refusal(fatal or self.lines(), skippable=not fatal)


def look_at(
    examples: Sequence[AnExample], look: Callable[[AnExample], Result], workers: int | None
) -> list[Result]:
    """Return what `look` returns for each example, several at a time, in threads."""
    with ThreadPoolExecutor(workers or processors()) as pool:
        return list(track(pool.map(look, examples), "looking at files", len(examples)))
