"""A process with two devices, which trains every strategy that it is told on one and on both.

Devices must be set before TensorFlow starts, so this process cannot do it. One worker serves
all strategies, since starting TensorFlow takes longer than training a toy.
"""

import atexit
import json
import os
import select
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from typing import IO, Any, ClassVar

from mmbal.doctor.layouts import environment
from mmbal.doctor.processes import last_words
from mmbal.errors import MmbalError
from mmbal.registry.catalogue import first_line

PROGRAM = (sys.executable, "-m", "mmbal.testing.worker")
DEVICES = 2
SECONDS = 300
"""After which the worker is given up; the first answer takes longest."""


class Worker:
    """The other process, as this one sees it."""

    _only: ClassVar["Worker | None"] = None

    def __init__(self) -> None:
        self._said: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  (open as long as this)
        self._process = subprocess.Popen(
            PROGRAM,
            env=environment(()),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._said,
            bufsize=0,  # `select` does not see what Python has read ahead
        )
        self._asked = 0
        self._answers: list[dict[str, Any]] = []
        atexit.register(self.close)

    @classmethod
    def of_this_process(cls) -> "Worker":
        """Return the running worker; it ends with this process."""
        if cls._only is None or cls._only.has_ended():
            cls._only = cls()
        return cls._only

    @classmethod
    def end(cls) -> None:
        """End the running worker, if there is one."""
        if cls._only is not None:
            cls._only.close()
        cls._only = None

    def has_ended(self) -> bool:
        """Return whether the process is no more."""
        return self._process.poll() is not None

    def begin(self, description: Mapping[str, Any]) -> int:
        """Have a strategy trained on one device and on two, while this process goes on.

        Args:
            description: as `Subject.describe` gives it.

        Returns:
            The number of the question.
        """
        assert self._process.stdin is not None  # noqa: S101  (for the type checker)
        try:
            self._process.stdin.write(json.dumps(description).encode() + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise self._lost("ended") from None
        self._asked += 1
        return self._asked - 1

    def answer(self, number: int) -> dict[str, float]:
        """Wait for what came of a question.

        Returns:
            `distance`: how far the weights are apart; `apart`: how far those of the replicas
            are from each other.

        Raises:
            MmbalError: it failed there, or took too long.
        """
        assert self._process.stdout is not None  # noqa: S101  (for the type checker)
        while len(self._answers) <= number:
            if not select.select([self._process.stdout], [], [], SECONDS)[0]:
                raise self._lost(f"did not answer within {SECONDS} seconds")
            line = self._process.stdout.readline()
            if not line:
                raise self._lost("ended")
            self._answers.append(json.loads(line))
        found = self._answers[number]
        if "error" in found:
            raise MmbalError(f"on {DEVICES} replicas {found['error']}")
        return found

    def close(self) -> None:
        """End the process; again, it does nothing."""
        atexit.unregister(self.close)
        self._process.kill()
        for pipe in (self._process.stdin, self._process.stdout, self._said):
            if pipe is not None:
                pipe.close()
        self._process.wait()

    def _lost(self, how: str) -> MmbalError:
        self._process.kill()
        self._process.wait()
        self._said.seek(0)
        words = last_words(self._said.read().decode(errors="replace"))
        self.close()
        return MmbalError(f"the process with {DEVICES} devices {how}: {words}")


def serve(questions: IO[bytes], answers: int) -> None:
    """Answer line by line until there are no more questions.

    Args:
        questions: unbuffered, so that nothing is read ahead and lost when this starts anew.
        answers: file descriptor.
    """
    from mmbal.testing.replicated import compare, make_ready

    make_ready()
    while line := questions.readline():
        try:
            answer: dict[str, Any] = compare(json.loads(line), DEVICES)
        except (Exception, SystemExit) as error:  # noqa: BLE001  (of the plugin)
            answer = {"error": f"it raises {first_line(error)}"}
        os.write(answers, json.dumps(answer).encode() + b"\n")
        if "error" in answer:
            # Replicas that one of them left in the middle of a sum never meet again.
            os.execv(sys.executable, [*PROGRAM, str(answers)])  # noqa: S606


def main(arguments: list[str]) -> None:
    """Serve; `arguments` name the descriptor for answers where this is not the first start."""
    if arguments:
        answers = int(arguments[0])
    else:
        answers = os.dup(1)
        os.set_inheritable(answers, True)
        os.dup2(2, 1)  # what plugins and libraries print must not be taken for answers
    with open(0, "rb", buffering=0, closefd=False) as questions:
        serve(questions, answers)


if __name__ == "__main__":
    main(sys.argv[1:])
