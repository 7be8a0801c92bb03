"""Ray runs the trials; this is the only module that imports it."""

import importlib.util
import logging
import os
import secrets
import socket
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from mmbal.errors import MmbalError
from mmbal.sweep.trial import Job, Outcome, run_trial

Tell = Callable[[Job, Outcome], None]
Notice = Callable[[str], None]

# Ray answers Ctrl-C only between its own calls.
_TICK = 1.0
# A trial that is told to stop writes its record first.
_PATIENCE = 60.0
_ANSWER = 10.0


@dataclass(frozen=True)
class Resources:
    """What trials run on.

    Args:
        address: of a Ray cluster, such as "10.0.0.1:6379" or "auto"; None for this machine.
        cpus: of each trial.
        gpus: of each trial; None for one where there are any, else none.
        concurrent: most trials at once; None for as many as there is room for.
        retries: how often a trial is begun again whose process died.
    """

    address: str | None = None
    cpus: int = 1
    gpus: float | None = None
    concurrent: int | None = None
    retries: int = 2


def require_ray() -> None:
    """Raise unless Ray is installed.

    Raises:
        MmbalError: it is not; the message says what to install.
    """
    if importlib.util.find_spec("ray") is None:
        raise MmbalError("a sweep runs on Ray, which is not installed: pip install 'mmbal[sweep]'")


def run_all(jobs: Sequence[Job], resources: Resources, tell: Tell, notice: Notice) -> None:
    """Run jobs; every one is told once, in the order in which they end.

    Args:
        jobs: what to run. Their GPUs are set from the resources.
        resources: what they run on.
        tell: hears what became of a job.
        notice: hears remarks, one line each.

    Raises:
        KeyboardInterrupt: Ctrl-C, after running jobs were told to stop and have.
        MmbalError: there is no such cluster, or no room for a trial on this machine.
    """
    require_ray()
    with _connected(resources) as ray:
        gpus = _gpus(ray, resources)
        _check_room(ray, resources, gpus, notice)
        # A new process per trial: what one leaves behind in TensorFlow cannot reach the next.
        task = ray.remote(max_calls=1)(run_trial)
        options = {
            "num_cpus": resources.cpus,
            "num_gpus": gpus,
            "max_retries": resources.retries,
        }
        chosen = [replace(job, gpus=gpus) for job in jobs]
        _run(ray, task, options, chosen, resources.concurrent or len(jobs), tell, notice)


def _run(
    ray: Any,
    task: Any,
    options: dict[str, Any],
    jobs: Sequence[Job],
    most: int,
    tell: Tell,
    notice: Notice,
) -> None:
    waiting = deque(jobs)
    running: dict[Any, Job] = {}
    try:
        while waiting or running:
            while waiting and len(running) < most:
                job = waiting.popleft()
                running[task.options(name=job.trial.name, **options).remote(job)] = job
            ready, _ = ray.wait(list(running), timeout=_TICK)
            for reference in ready:
                job = running.pop(reference)
                tell(job, _outcome(ray, reference))
    except KeyboardInterrupt:
        notice("stopping: trials that run now write their records")
        _stop(ray, running, tell)
        raise


def _stop(ray: Any, running: dict[Any, Job], tell: Tell) -> None:
    """Interrupt what runs and wait until it has put its records in order."""
    for reference in running:
        ray.cancel(reference)
    ended, _ = ray.wait(list(running), num_returns=len(running), timeout=_PATIENCE)
    for reference in ended:
        tell(running[reference], _outcome(ray, reference))


def _outcome(ray: Any, reference: Any) -> Outcome:
    try:
        outcome: Outcome = ray.get(reference)
    except ray.exceptions.TaskCancelledError:
        return Outcome("interrupted")
    except ray.exceptions.RayTaskError as error:
        # The trial itself lets nothing out, so its process could not even load it.
        trace = str(error).strip()
        error_line = trace.rpartition("\n")[2]
        told = f"it did not begin (all machines need the same mmbal and plugins): {error_line}"
        return Outcome("failed", error=told, trace=trace)
    except ray.exceptions.RayError as error:
        # It died as often as it may: killed, out of memory, or its machine is gone.
        reason = str(error).strip().splitlines() or [""]
        return Outcome("failed", error=f"its process died: {type(error).__name__}: {reason[0]}")
    return outcome


@contextmanager
def _connected(resources: Resources) -> Iterator[Any]:
    if resources.address not in (None, "auto"):
        _knock(str(resources.address))
    _prepare(resources)
    import ray

    where: dict[str, Any] = {"address": resources.address or "local"}
    if resources.address is None:
        where |= {"include_dashboard": False}
    try:
        ray.init(**where, log_to_driver=False, logging_level=logging.ERROR)
    except (ConnectionError, RuntimeError, ValueError, OSError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        if resources.address is None:
            raise MmbalError(f"Ray does not start on this machine: {reason}") from error
        raise _nobody(resources.address, reason) from error
    try:
        yield ray
    finally:
        ray.shutdown()


def _knock(address: str) -> None:
    """Raise unless something listens: Ray itself waits for many minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not host or not port.isdigit():
        raise MmbalError(f"--address must be HOST:PORT or auto, received {address!r}")
    try:
        socket.create_connection((host.strip("[]"), int(port)), _ANSWER).close()
    except (OSError, OverflowError) as error:
        raise _nobody(address, str(error)) from error


def _nobody(address: str, reason: str) -> MmbalError:
    return MmbalError(
        f"--address {address}: no Ray cluster answers; `ray start --head` starts one, and one "
        f"that asks for a token wants RAY_AUTH_MODE=token here ({reason})"
    )


def _prepare(resources: Resources) -> None:
    """Set what Ray reads once, at its import; what the user has set stays."""
    chosen = {
        # Nobody was asked whether Ray may report home.
        "RAY_USAGE_STATS_ENABLED": "0",
        # Under `uv run` Ray would build an environment of its own for each process.
        "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",
        # GPUs are hidden by the trial itself.
        "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    }
    if resources.address is None:
        # By itself Ray tries for ever what does not fit into memory.
        chosen["RAY_task_oom_retries"] = str(resources.retries)
        # Ray listens on the network and obeys whoever calls: only this sweep's processes may.
        if not {"RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"} & set(os.environ):
            chosen |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
    for name, value in chosen.items():
        os.environ.setdefault(name, value)


def _gpus(ray: Any, resources: Resources) -> float:
    if resources.gpus is not None:
        return resources.gpus
    return 1 if ray.cluster_resources().get("GPU", 0) >= 1 else 0


def _check_room(ray: Any, resources: Resources, gpus: float, notice: Notice) -> None:
    """Say so where no machine has what one trial asks for: it would wait for ever."""
    machines = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    fits = [
        each.get("CPU", 0) >= resources.cpus and each.get("GPU", 0) >= gpus for each in machines
    ]
    if any(fits):
        return
    asked = f"a trial asks for {resources.cpus} CPUs and {gpus:g} GPUs"
    found = ", ".join(f"{m.get('CPU', 0):g} CPUs and {m.get('GPU', 0):g} GPUs" for m in machines)
    if resources.address is None:
        raise MmbalError(f"{asked}; this machine has {found}")
    notice(f"{asked}; no machine of the cluster has them now ({found}), so trials wait for one")
