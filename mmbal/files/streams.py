"""Standard streams that end nothing: what they cannot show is replaced or left out."""

import codecs
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout, suppress
from pathlib import Path
from typing import Any, TextIO, cast

from mmbal.errors import MmbalError

_PLAIN = {"█": "#", "░": ".", "±": "+-", "…": "..."}


class DroppedOutput(UserWarning):
    """Output could not be written, such as to a terminal that was closed, and was dropped."""


class UnwrittenError(MmbalError):
    """What a command is for could not be written to stdout."""


class Output:
    """A text stream like another, but for what that cannot write.

    Args:
        stream: that writes.
        needed: whether what cannot be written is an error; else it is dropped.
    """

    def __init__(self, stream: TextIO, *, needed: bool) -> None:
        self._stream, self._needed, self._is_telling = stream, needed, False

    def __getattr__(self, name: str) -> Any:
        if name == "buffer":  # click would write past this class into it
            raise AttributeError(name)
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Write a text; characters that the stream cannot show become plain ones or "?"."""
        shown = plain(text, self._stream.encoding)
        self._attempt(lambda: self._stream.write(shown))
        return len(text)

    def flush(self) -> None:
        """Write what waits."""
        self._attempt(self._stream.flush)

    def settle(self) -> None:
        """Throw away what cannot be written, which would fail again when the interpreter ends."""
        try:
            self._stream.flush()
        except (OSError, ValueError):
            with suppress(OSError, ValueError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), self._stream.fileno())

    def _attempt(self, deed: Callable[[], Any]) -> None:
        try:
            deed()
        except RuntimeError:
            pass  # a signal's handler speaks in the middle of another line
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            if self._needed:
                raise UnwrittenError(f"cannot write to stdout: {reason}") from error
            self._tell(f"output was dropped, as stderr cannot be written: {reason}")

    def _tell(self, text: str) -> None:
        """Tell a run, which notes it in its journal once; by default it goes to stderr."""
        if not self._is_telling:
            self._is_telling = True
            try:
                # Not `warn`: no filter of the user may make an error of it.
                warnings.showwarning(DroppedOutput(text), DroppedOutput, "mmbal", 1)
            finally:
                self._is_telling = False


@contextmanager
def lasting_streams() -> Iterator[None]:
    """Let stderr end nothing meanwhile, and stdout only by an error in words.

    Raises:
        UnwrittenError: something could not be written to stdout.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:  # closed; the next file to be opened must not take its place
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
    with ExitStack() as stack:
        nowhere = stack.enter_context(Path(os.devnull).open("w", encoding="utf-8"))
        out = Output(sys.stdout or nowhere, needed=True)  # None was closed
        err = Output(sys.stderr or nowhere, needed=False)
        stack.callback(out.settle)
        stack.callback(err.settle)
        stack.enter_context(redirect_stdout(cast("TextIO", out)))
        stack.enter_context(redirect_stderr(cast("TextIO", err)))
        yield


def plain(text: str, encoding: str | None) -> str:
    """Return a text in which characters that an encoding does not have are plain ones or "?"."""
    return text.encode(encoding, "mmbal.plain").decode(encoding) if encoding else text


def _plain(error: UnicodeError) -> tuple[str, int]:
    """Replace what an encoding does not have; a handler of errors of `codecs`."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    missing = error.object[error.start : error.end]
    return "".join(_PLAIN.get(character, "?") for character in missing), error.end


codecs.register_error("mmbal.plain", _plain)
