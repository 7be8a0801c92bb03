"""One trial, in the process that Ray gives it."""

import os
import platform
import traceback
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from mmbal.errors import Interrupted, MmbalError
from mmbal.files.locking import exclusive
from mmbal.sweep.folder import LOCKS, PLAN, set_aside, standing, trial_folder
from mmbal.sweep.plan import Trial

if TYPE_CHECKING:
    from mmbal.records.record import Record

# A process that was told to end needs a moment before it lets go of its trial.
_PATIENCE = 60.0


@dataclass(frozen=True)
class Job:
    """A trial and where it runs.

    Args:
        sweep: absolute path of the sweep's folder, the same on every machine.
        trial: what to run.
        cpus: threads of TensorFlow.
        gpus: share of GPUs; 0 hides them.
    """

    sweep: str
    trial: Trial
    cpus: int
    gpus: float = 0


@dataclass(frozen=True)
class Outcome:
    """What became of a trial.

    Args:
        status: finished, failed or interrupted.
        result: of a finished trial, see `mmbal.report.outcome`.
        error: why it failed, in one line.
        trace: where it failed, unless it was a mistake in what mmbal was given.
    """

    status: Literal["finished", "failed", "interrupted"]
    result: Mapping[str, Any] = field(default_factory=dict)
    error: str = ""
    trace: str = ""


def run_trial(job: Job) -> Outcome:
    """Run a trial to its end, from where it stands; a finished one is not run again.

    Call it in a process that has not loaded TensorFlow: threads are counted at its start.
    """
    _prepare(job)
    sweep = Path(job.sweep)
    try:
        _refuse_unshared(sweep)
        problem = f"another process is running {trial_folder(sweep, job.trial)}"
        with exclusive(sweep / LOCKS / f"trial-{job.trial.name}", problem, _PATIENCE):
            return _run(sweep, job.trial)
    except (Interrupted, KeyboardInterrupt):
        return Outcome("interrupted")
    except MmbalError as error:
        return Outcome("failed", error=" ".join(str(error).split()))
    except Exception as error:  # noqa: BLE001  (a bug in one trial must not end the others)
        return _failure(error)


def _failure(error: BaseException) -> Outcome:
    """Return an unforeseen exception as an outcome."""
    last = traceback.format_exception_only(type(error), error)[-1]
    trace = "".join(traceback.format_exception(type(error), error, error.__traceback__))
    return Outcome("failed", error=" ".join(last.split()), trace=trace)


def _refuse_unshared(sweep: Path) -> None:
    if not (sweep / PLAN).is_file():
        raise MmbalError(
            f"{sweep} is not to be seen on {platform.node()}; --out must lie in a folder "
            "that all machines of the cluster share"
        )


def _prepare(job: Job) -> None:
    """Give TensorFlow as many threads as the trial has CPUs, and no GPU that it was not given.

    Sums of another number of threads end in other digits; so results depend neither on the
    machine nor on how many trials it runs at once.
    """
    for name in ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OMP_NUM_THREADS"):
        os.environ[name] = str(job.cpus)
    # A trial is no part of the distributed job that may have started Ray.
    for name in ("TF_CONFIG", "SLURM_STEP_NUM_TASKS"):
        os.environ.pop(name, None)
    if not job.gpus:
        os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
    elif job.gpus < 1:
        # TensorFlow would take all of the memory that other trials share.
        os.environ["TF_FORCE_GPU_ALLOW_GROWTH"] = "true"


def _run(sweep: Path, trial: Trial) -> Outcome:
    from mmbal.records.run_folder import RunFolder
    from mmbal.registry.discovery import discover
    from mmbal.report.outcome import outcome

    folder = trial_folder(sweep, trial)
    stands = standing(sweep, trial)
    record: Record | None = stands.record
    if record is None:
        catalogue = discover()
        resolved = trial.resolve(catalogue)
        if stands.state == "half-done" and not stands.resumable:
            set_aside(sweep, trial)
        from mmbal.experiment import run

        # Only a run that can be gone on with is told so.
        how: dict[str, Any] = {"resume": True} if stands.resumable else {}
        run(resolved, catalogue, folder, **how)
        record = RunFolder(folder).open()
    return Outcome("finished", outcome(record, str(folder)))
