"""Trials as tasks of Ray, on this machine or a cluster; this is the only module that imports it."""

import asyncio
import importlib.util
import logging
import os
import platform
import secrets
import socket
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mmbal.errors import MmbalError, first_line
from mmbal.sweep.job import Outcome, Resources
from mmbal.sweep.processes import run_process, wait_or_stop

PAUSE = 0.5
"""Seconds between two looks at a trial."""

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


@contextmanager
def ray_tasks(
    resources: Resources, notice: Callable[[str], None]
) -> Iterator[Callable[[Path, str], Awaitable[Outcome]]]:
    """Connect to Ray; yield what runs a trial on it, see `mmbal.sweep.engine.RunTrial`.

    Args:
        resources: what trials run on.
        notice: told where they wait for a machine.

    Raises:
        MmbalError: there is no such cluster, or no room for a trial on this machine.
    """
    with _connected(resources.address) as ray:
        gpus = resources.gpus
        if gpus is None:
            gpus = 1 if ray.cluster_resources().get("GPU", 0) >= 1 else 0
        _check_room(ray, resources, gpus, notice)
        # Ray itself retries none, for it would try for ever what does not fit into memory.
        options = {"num_cpus": resources.threads, "num_gpus": gpus, "max_retries": 0}
        task = ray.remote(**options)(work)

        async def run(trial: Path, _slot: str) -> Outcome:
            reference = task.options(name=trial.name).remote(str(trial), resources.threads, gpus)
            await wait_or_stop(
                lambda: bool(ray.wait([reference], timeout=0)[0]),
                lambda at_once: ray.cancel(reference, force=at_once),
                PAUSE,
            )
            return _outcome(ray, reference)

        yield run


def work(trial: str, threads: int, gpus: float) -> Outcome:
    """Run a trial on the machine that Ray has found, with the GPUs that it gives and no others.

    Args:
        trial: its folder, the same path on every machine.
        threads: of TensorFlow.
        gpus: share of GPUs; 0 hides them.
    """
    if not Path(trial).is_dir():
        return Outcome(
            "failed",
            error=f"{trial} is not to be seen on {platform.node()}; --out must lie in a folder "
            "that all machines of the cluster share",
        )
    if 0 < gpus < 1:
        # TensorFlow would take all of the memory that other trials share.
        os.environ["TF_FORCE_GPU_ALLOW_GROWTH"] = "true"
    visible = os.environ.get("CUDA_VISIBLE_DEVICES", "") if gpus else "-1"
    return asyncio.run(run_process(Path(trial), visible, threads=threads))


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
        # Killed, out of memory, or its machine is gone.
        return Outcome("killed", error=f"its process died: {first_line(error)}")
    return outcome


@contextmanager
def _connected(address: str | None) -> Iterator[Any]:
    if address is not None and address != "auto":
        _knock(address)
    for name, value in _environment(address).items():
        os.environ.setdefault(name, value)
    import ray

    options: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    if address is None:
        options["include_dashboard"] = False
    try:
        ray.init(address or "local", **options)
    except (ConnectionError, RuntimeError, ValueError, OSError) as error:
        reason = first_line(error, typed=False)
        if address is None:
            raise MmbalError(f"Ray does not start on this machine: {reason}") from error
        raise _nobody(address, reason) from error
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


def _environment(address: str | None) -> dict[str, str]:
    """Return what Ray reads once, at its import; what the user has set stays."""
    chosen = {
        # Nobody was asked whether Ray may report home.
        "RAY_USAGE_STATS_ENABLED": "0",
        # Under `uv run` Ray would build an environment of its own for each process.
        "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",
        # GPUs are hidden by the trial itself.
        "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    }
    # Ray listens on the network and obeys whoever calls: only this sweep's processes may.
    theirs = {"RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"} & set(os.environ)
    if address is None and not theirs:
        chosen |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
    return chosen


def _check_room(ray: Any, resources: Resources, gpus: float, notice: Callable[[str], None]) -> None:
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
