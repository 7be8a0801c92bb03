"""The same work on many meshes, over processes."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool

from mmbal.errors import MmbalError
from mmbal_modelnet40.meshes import MeshFile
from mmbal_modelnet40.options import RenderOptions
from mmbal_modelnet40.survey import processors

Work = Callable[[MeshFile, RenderOptions], str | None]
FEW = 4  # meshes that are not worth a process


def over_processes(
    work: Work, meshes: Sequence[MeshFile], options: RenderOptions, workers: int | None
) -> Iterator[str | None]:
    """Yield what `work` returns for each mesh, in their order.

    Ctrl-C ends the meshes in work and no others are begun; processes end with this one.

    Args:
        work: a function of a module, for it is named to other processes.
        meshes: one call each.
        options: handed to every call.
        workers: processes; None for one per processor.

    Raises:
        MmbalError: a process was killed, as for want of memory.
    """
    count = min(workers or processors(), len(meshes))
    if count <= 1 or len(meshes) <= FEW:
        yield from (work(mesh, options) for mesh in meshes)
        return
    # Not forked: TensorFlow's threads would not be there in the copy.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(count, context, initializer=_begin)
    try:
        yield from pool.map(work, meshes, [options] * len(meshes))
    except BrokenProcessPool as problem:
        raise MmbalError(
            "a process that draws meshes was killed, perhaps for want of memory; run again, "
            "with fewer workers, to go on"
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
