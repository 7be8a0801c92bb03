"""A trial in a process of its own: `python -m mmbal.sweep.job FOLDER` runs what stands there."""

import json
import os
import signal
import sys
import threading
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from mmbal.errors import Interrupted, MmbalError, first_line
from mmbal.files.streams import lasting_streams


@dataclass(frozen=True)
class Resources:
    """What trials run on.

    Args:
        engine: "processes" of this machine, or "ray".
        address: of a Ray cluster, such as "10.0.0.1:6379" or "auto"; None for this machine.
        threads: of each trial.
        gpus: of each trial; None for one where there are any, else none.
        concurrent: most trials at once; None for as many as there is room for.
        retries: how often a trial is begun again whose process died.
    """

    engine: str = "processes"
    address: str | None = None
    threads: int = 1
    gpus: float | None = None
    concurrent: int | None = None
    retries: int = 2


@dataclass(frozen=True)
class Outcome:
    """What became of a trial.

    Args:
        status: finished, failed, interrupted or, its process, killed; what a finished one came
            to stands in its folder.
        error: why it failed, in one line.
        trace: where it failed, unless it was a mistake in what mmbal was given.
    """

    status: Literal["finished", "failed", "interrupted", "killed"]
    error: str = ""
    trace: str = ""


def run_trial(folder: Path) -> Outcome:
    """Run a trial to its end, from where it stands; a finished one is not run again.

    Args:
        folder: of its run, with its configuration.
    """
    from mmbal.config.resolution import resolve
    from mmbal.records.run_folder import RunFolder
    from mmbal.registry.discovery import discover

    try:
        from mmbal.experiment import run

        catalogue = discover()
        run(resolve(catalogue, None, RunFolder(folder).config), catalogue, folder, resume=True)
    except (Interrupted, KeyboardInterrupt):
        return Outcome("interrupted")
    except MmbalError as error:
        return Outcome("failed", error=" ".join(str(error).split()))
    except Exception as error:  # noqa: BLE001  (a bug in one trial must not end the others)
        return Outcome("failed", error=first_line(error), trace=traceback.format_exc())
    return Outcome("finished")


def main() -> None:
    """Run the trial that is named, and print its outcome as JSON on stdout.

    The sweep holds this process's stdin open. Where that ends, so has the sweep; then this
    process ends, too, with all that it has started.
    """
    threading.Thread(target=_end_with_sweep, daemon=True).start()
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})  # which Ray's processes block
    stdout = os.dup(1)
    os.dup2(2, 1)  # what libraries print goes to stderr
    with lasting_streams():
        outcome = run_trial(Path(sys.argv[1]))
    with os.fdopen(stdout, "w") as file:
        json.dump(vars(outcome), file)


def _end_with_sweep() -> None:
    while os.read(0, 1):
        pass
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    main()
