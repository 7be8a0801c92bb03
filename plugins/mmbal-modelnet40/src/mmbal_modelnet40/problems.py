"""What is wrong with files, and which object it costs."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mmbal.errors import DataFormatError


@dataclass(frozen=True)
class Problem:
    """One thing wrong in a dataset's folder.

    Args:
        text: one line that begins with the place inside the folder.
        objects: keys of the objects that cannot be used.
        fatal: whether leaving out objects or stray files does not help.
    """

    text: str
    objects: tuple[str, ...] = ()
    fatal: bool = False


def refusal(root: Path, problems: Sequence[Problem]) -> DataFormatError:
    """Return the error that tells the first problem and how many follow."""
    more = len(problems) - 1
    rest = f" ({more} more: see `mmbal data check`)" if more else ""
    hint = "" if any(problem.fatal for problem in problems) else "; on_bad_example=skip goes on"
    return DataFormatError(f"{root}/{problems[0].text}{rest}{hint}")


def ranges(numbers: Sequence[int]) -> str:
    """Return ascending numbers in short, such as `1-6,8-12`."""
    parts: list[list[int]] = []
    for number in numbers:
        if parts and number == parts[-1][-1] + 1:
            parts[-1][1:] = [number]
        else:
            parts.append([number])
    return ",".join("-".join(map(str, part)) for part in parts)
