"""Where a component's own code failed, and whether two dtypes met there."""

import re
import traceback
from collections.abc import Iterator

import tensorflow as tf

from mmbal.errors import MmbalError
from mmbal.testing.subject import Subject

CLASHES = (
    r"expected to be an? (\w+) tensor but is an? (\w+) tensor",
    r"has type (\w+) that does not match type (\w+)",
    r"same dtype, got tf\.(\w+) != tf\.(\w+)",
    r"have types \[(\w+)\b.*?\b(?!\1\b)(\w+)\b.*\] that don't all match",
    r"requested dtype (\w+) for Tensor with dtype (\w+)",
    r"Expected (\w+) got (\w+) for ",
    r"is (\w+), but expects (\w+)",
    r"dtype=(\w+)\).*dtype=(\w+)\) have different types",
    r"DataType (\w+) not in list of allowed values: (\w+)",
)
"""How TensorFlow tells that two dtypes met, in eager mode, in graphs and in input pipelines."""
TOLD_LINE = re.compile(r'File "([^"]+)", line (\d+)')
"""Of a traceback in the text of an error, where code was traced or run by TensorFlow."""


def explain(subject: Subject, error: BaseException) -> tuple[str, str]:
    """Return in one line what an error says, and what helps if the component's own code raised it.

    Args:
        subject: whose rule raised it.
        error: that was raised; where dtypes met, these and the component's own line are told.
    """
    chain = list(_chain(error))
    lines = [line for each in chain for line in _lines(each)]
    own = [f"{file}:{number}" for file, number in lines if subject.owns(file)]
    if dtypes := next(filter(None, map(clash, reversed(chain))), None):
        where = own[-1] if own else subject.line_of()
        return dtype_fault(" meets ".join(dtypes), where, _last_line(chain[-1])), f"cast at {where}"
    if isinstance(error, MmbalError):
        return " ".join(str(error).split()), ""
    where = (own or [f"{file}:{number}" for file, number in lines] or [""])[-1]
    remedy = f"mend what is raised at {where}; pytest shows the whole traceback" if own else ""
    return f"it raises {_last_line(error)}" + (f" ({where})" if where else ""), remedy


def dtype_fault(found: str, where: str, said: str = "") -> str:
    """Return how a finding tells of dtypes.

    Args:
        found: names both of them.
        where: file and line of the component's own.
        said: by TensorFlow.
    """
    return f"dtype fault: {found} ({where})" + (f": {said}" if said else "")


def clash(error: BaseException) -> tuple[str, str] | None:
    """Return the two dtypes that met where an error tells of such, by their names."""
    text = str(error)
    for pattern in CLASHES:
        if match := re.search(pattern, text):
            try:
                one, other = (tf.as_dtype(name).name for name in match.groups())
            except TypeError:  # words that are no dtypes
                continue
            return one, other
    return None


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error, and what it was raised from."""
    while error is not None:
        yield error
        error = error.__cause__


def _lines(error: BaseException) -> Iterator[tuple[str, int]]:
    """Yield file and line of every call, the innermost last."""
    for frame in traceback.extract_tb(error.__traceback__):
        yield frame.filename, frame.lineno or 0
    for file, number in TOLD_LINE.findall(str(error)):
        yield file, int(number)


def _last_line(error: BaseException) -> str:
    """Return type and text of an error in one line; of a traceback in it, the last one."""
    kind, lines = type(error).__name__, str(error).strip().splitlines()
    if not lines:
        return kind
    traced = lines[0] == "in user code:"
    text = lines[-1].strip().removeprefix(f"{kind}: ") if traced else lines[0]
    return f"{kind}: {text}"
