"""Trials as tasks of Ray, on this machine or a cluster; this is the only module that imports it."""

import importlib.util
import logging
import os
import platform
import secrets
import socket
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mmbal.errors import MmbalError
from mmbal.sweep.job import FOREIGN, Outcome, run_trial, threads_of
from mmbal.sweep.resources import Notice, Resources, Tell

# Ray answers Ctrl-C only between its own calls.
_TICK = 1.0
# A trial that is told to stop writes its record first.
_PATIENCE = 60.0
_ANSWER = 10.0


def require_ray() -> None:
    """Raise unless Ray is installed.

    Raises:
        MmbalError: it is not; the message says what to install.
    """
    if importlib.util.find_spec("ray") is None:
        raise MmbalError(
            "--engine ray needs Ray, which is not installed: pip install 'mmbal[sweep]'"
        )


def run_on_ray(trials: Sequence[Path], resources: Resources, tell: Tell, notice: Notice) -> None:
    """Run trials; see `mmbal.sweep.engine.run_all`."""
    waiting, running = deque(trials), dict[Any, Path]()
    with _connected(resources) as ray:
        gpus = resources.gpus
        if gpus is None:
            gpus = 1 if ray.cluster_resources().get("GPU", 0) >= 1 else 0
        _check_room(ray, resources, gpus, notice)
        # A new process per trial: what one leaves behind in TensorFlow cannot reach the next.
        task = ray.remote(max_calls=1)(work)
        options = {
            "num_cpus": resources.threads,
            "num_gpus": gpus,
            "max_retries": resources.retries,
        }
        try:
            while waiting or running:
                while waiting and len(running) < (resources.concurrent or len(trials)):
                    trial = waiting.popleft()
                    start = task.options(name=trial.name, **options).remote
                    running[start(str(trial), resources.threads, gpus)] = trial
                ended, _ = ray.wait(list(running), timeout=_TICK)
                for reference in ended:
                    tell(running.pop(reference).name, _outcome(ray, reference))
        except KeyboardInterrupt:
            notice("stopping: trials that run now write their records")
            for reference in running:
                ray.cancel(reference)
            count = len(running)
            ended = ray.wait([*running], num_returns=count, timeout=_PATIENCE)[0] if count else []
            for reference in ended:
                tell(running[reference].name, _outcome(ray, reference))
            raise


def work(trial: str, threads: int, gpus: float) -> Outcome:
    """Run a trial in the process that Ray gives it, with the GPUs that it was given and no others.

    Args:
        trial: its folder, the same path on every machine.
        threads: of TensorFlow, which this process has not loaded yet.
        gpus: share of GPUs; 0 hides them.
    """
    os.environ.update(threads_of(threads))
    for name in FOREIGN:
        os.environ.pop(name, None)
    if not gpus:
        os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
    elif gpus < 1:
        # TensorFlow would take all of the memory that other trials share.
        os.environ["TF_FORCE_GPU_ALLOW_GROWTH"] = "true"
    if not Path(trial).is_dir():
        return Outcome(
            "failed",
            error=f"{trial} is not to be seen on {platform.node()}; --out must lie in a folder "
            "that all machines of the cluster share",
        )
    return run_trial(Path(trial))


def _outcome(ray: Any, reference: Any) -> Outcome:
    try:
        outcome: Outcome = ray.get(reference)
    except ray.exceptions.TaskCancelledError:
        return Outcome("interrupted")
    except ray.exceptions.RayTaskError as error:
        # The trial itself lets nothing out, so its process could not even load it.
        trace = str(error).strip()
        last = trace.rpartition("\n")[2]
        reason = f"it did not begin (all machines need the same mmbal and plugins): {last}"
        return Outcome("failed", error=reason, trace=trace)
    except ray.exceptions.RayError as error:
        # It died as often as it may: killed, out of memory, or its machine is gone.
        first = str(error).strip().partition("\n")[0]
        return Outcome("failed", error=f"its process died: {type(error).__name__}: {first}")
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


def _check_room(ray: Any, resources: Resources, gpus: float, notice: Notice) -> None:
    """Say so where no machine has what one trial asks for: it would wait for ever."""
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    machines = [(node.get("CPU", 0), node.get("GPU", 0)) for node in nodes]
    if any(cpus >= resources.threads and free >= gpus for cpus, free in machines):
        return
    asked = f"a trial asks for {resources.threads} CPUs and {gpus:g} GPUs"
    there = ", ".join(f"{cpus:g} CPUs and {free:g} GPUs" for cpus, free in machines)
    if resources.address is None:
        raise MmbalError(f"{asked}; this machine has {there}")
    notice(f"{asked}; no machine of the cluster has them now ({there}), so trials wait for one")
