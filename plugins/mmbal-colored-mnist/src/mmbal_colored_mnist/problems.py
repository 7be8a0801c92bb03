"""From a list of problems to one error."""

from mmbal.errors import DataFormatError


def refusal(problems: list[str]) -> DataFormatError:
    """Return the error that tells the first problem and how many follow."""
    more = len(problems) - 1
    rest = f" ({more} more: see `mmbal data check`)" if more else ""
    return DataFormatError(problems[0] + rest)
