"""What is wrong with a dataset's files, and which examples it costs."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mmbal.errors import DataFormatError, counted


@dataclass(frozen=True)
class Problem:
    """One thing wrong in a dataset's folder.

    Args:
        text: one line that begins with the place inside the folder.
        examples: keys of the examples that cannot be used.
        fatal: whether leaving out examples or stray files does not help.
    """

    text: str
    examples: tuple[str, ...] = ()
    fatal: bool = False


def refusal(lines: Sequence[str], *, skippable: bool = False) -> DataFormatError:
    """Return the error that tells the first problem and how many follow.

    Args:
        lines: one for each problem, as `mmbal data check` prints them.
        skippable: offer the option `on_bad_example`, which helps.
    """
    more = len(lines) - 1
    rest = f" ({more} more: see `mmbal data check`)" if more else ""
    hint = "; on_bad_example=skip goes on" if skippable else ""
    return DataFormatError(f"{lines[0]}{rest}{hint}")


def left_out(root: Path, noun: str, count: int, problems: Sequence[Problem]) -> str:
    """Return the line that tells how many examples are left out, and why.

    Args:
        root: the dataset's folder.
        noun: what an example is, in the singular, such as "object".
        count: of examples.
        problems: at least one.
    """
    more = len(problems) - 1
    rest = f", and {more} more: see `mmbal data check`" if more else ""
    return f"{root}: {counted(count, noun)} left out ({problems[0].text}{rest})"
