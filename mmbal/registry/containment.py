"""Code of plugins, which neither ends the process nor writes to its standard output."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout, suppress

from mmbal.errors import ContractError, MmbalError, first_line, refused


@contextmanager
def contained(
    failure: str, fault: Callable[[str], MmbalError] = ContractError, subject: str = ""
) -> Iterator[None]:
    """Run code of a plugin.

    Args:
        failure: what went wrong if it raises, such as "factory 'x:X' fails with".
        fault: makes an error of it.
        subject: what runs; given one, what the operating system refuses is nobody's fault.

    Raises:
        MmbalError: raised by the code itself, untouched, or a `fault`: the code failed in any
            other way, or tried to exit.
    """
    try:
        with stdout_to_stderr():
            yield
    except (MmbalError, KeyboardInterrupt):
        raise
    except BaseException as error:
        if subject and isinstance(error, OSError) and error.errno:
            raise MmbalError(f"{subject}: {refused(error)}") from error
        raise fault(f"{failure} {first_line(error)}") from error


@contextmanager
def stdout_to_stderr() -> Iterator[None]:
    """Lead to stderr what is printed, by Python, other languages or child processes.

    stdout belongs to what a command was asked for.
    """
    with redirect_stdout(sys.stderr):
        saved = None
        with suppress(OSError):  # a stream is closed
            saved = os.dup(1)
            os.dup2(2, 1)
        try:
            yield
        finally:
            if saved is not None:
                os.dup2(saved, 1)
                os.close(saved)
