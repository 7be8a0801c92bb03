"""What the self-test trains on: one device, several, several processes."""

import os
from collections.abc import Sequence

from mmbal.laboratory.layouts import Layout

WORKERS = 2


def plan(gpus: Sequence[str], replicas: int | None, *, workers: bool) -> list[Layout]:
    """Return what is compared; the first layout is what the others must agree with.

    Args:
        gpus: as CUDA_VISIBLE_DEVICES names them.
        replicas: on one host; None for all GPUs where there are two or more, else two parts of
            the CPU. More replicas than GPUs are parts of the CPU, too.
        workers: whether to train in several processes as well.
    """
    count = replicas or max(2, len(gpus))
    used = tuple(gpus[:count]) if count <= len(gpus) else ()
    kind = "GPU" if used else "CPU"
    layouts = [one_device(used), Layout(f"{count} {kind} devices", "mirrored", count, (used,))]
    if workers:
        apart = tuple(used[i : i + 1] for i in range(WORKERS))
        layouts.append(Layout(f"{WORKERS} workers", "multiworker", WORKERS, apart))
    return layouts


def one_device(gpus: Sequence[str]) -> Layout:
    """Return the first GPU or, where there is none, the CPU."""
    return Layout("1 GPU device" if gpus else "1 CPU device", "none", 1, (tuple(gpus[:1]),))


def batch_sizes(replicas: int) -> list[int]:
    """Return rows per batch: even ones, an uneven one, and one of fewer rows than replicas."""
    return [4 * replicas, 4 * replicas, 2 * replicas + 1, 1]


def gpu_names(count: int) -> list[str]:
    """Return what CUDA_VISIBLE_DEVICES calls the GPUs that TensorFlow found."""
    listed = os.environ.get("CUDA_VISIBLE_DEVICES")
    names = [str(i) for i in range(count)] if listed is None else listed.split(",")
    return [name.strip() for name in names[:count]]
