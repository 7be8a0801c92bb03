"""Waiting for the other hosts, which TensorFlow itself does for many minutes, deaf to Ctrl-C."""

import socket
import time
from collections.abc import Callable, Iterable
from contextlib import closing

from mmbal.errors import MmbalError

PAUSE, PATIENCE_PER_CALL = 0.1, 1.0
"""Seconds between two calls on a host, and how long one call may take."""


def meet(
    own: str, others: Iterable[str], wait: float, notice: Callable[[str], None] = lambda _: None
) -> None:
    """Return once every other host has been reached; be there to be reached meanwhile.

    Args:
        own: host:port of this process, on which TensorFlow will listen afterwards.
        others: host:port of the other processes.
        wait: seconds after which the wait is given up.
        notice: told whom the wait is for, in one line.

    Raises:
        MmbalError: a host did not come in time, or the port is in use.
    """
    deadline = time.monotonic() + wait
    with closing(_listen(own)):
        missing = [host for host in others if not _answers(host)]
        if missing:
            notice(f"waiting for the workers at {', '.join(missing)}")
        while missing:
            if time.monotonic() > deadline:
                raise MmbalError(
                    f"no worker at {', '.join(missing)} within {wait:g} seconds; start one "
                    "process per entry of the cluster, each able to reach the others' ports "
                    "(worker_wait sets the seconds)"
                )
            time.sleep(PAUSE)
            missing = [host for host in missing if not _answers(host)]


def _listen(own: str) -> socket.socket:
    port, dual = _parts(own)[1], socket.has_dualstack_ipv6()
    family = socket.AF_INET6 if dual else socket.AF_INET
    try:
        return socket.create_server(("", port), family=family, backlog=128, dualstack_ipv6=dual)
    except OSError as error:
        raise MmbalError(
            f"this worker cannot listen on port {port} of {own}: {error.strerror}"
        ) from error


def _answers(host: str) -> bool:
    try:
        with socket.create_connection(_parts(host), timeout=PATIENCE_PER_CALL):
            return True
    except OSError:
        return False


def _parts(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    return host.strip("[]"), int(port)
