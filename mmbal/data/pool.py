"""The same work on many files, over processes."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any, TypeVar

from mmbal.errors import MmbalError

Item = TypeVar("Item")
Result = TypeVar("Result")
FEW = 4  # items that are not worth a process


def processors() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def over_processes(
    work: Callable[..., Result], items: Sequence[Item], workers: int | None, *shared: Any
) -> Iterator[Result]:
    """Yield what `work` returns for each item, in their order.

    Ctrl-C ends the items in work and no others are begun; processes end with this one.

    Args:
        work: a function of a module, for it is named to other processes.
        items: one call each.
        workers: processes; None for one per processor.
        shared: further arguments, the same for every call.

    Raises:
        MmbalError: a process was killed, as for want of memory.
    """
    count = min(workers or processors(), len(items))
    if count <= 1 or len(items) <= FEW:
        yield from (work(item, *shared) for item in items)
        return
    # Not forked: TensorFlow's threads would not be there in the copy.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(count, context, initializer=_begin)
    try:
        yield from pool.map(work, items, *([each] * len(items) for each in shared))
    except BrokenProcessPool as problem:
        raise MmbalError(
            "a process that helps with the files was killed, perhaps for want of memory; run "
            "again, with fewer workers, to go on"
        ) from problem
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _begin() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the first process decides
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
