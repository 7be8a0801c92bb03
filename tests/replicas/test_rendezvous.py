import socket
import threading

import pytest

from mmbal.errors import MmbalError
from mmbal.replicas.rendezvous import meet


@pytest.fixture
def port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_two_hosts_meet_however_late_one_is(port):
    listener = socket.create_server(("127.0.0.1", 0))
    other = f"127.0.0.1:{listener.getsockname()[1]}"
    listener.close()
    told, failed = [], []

    def come(own, peer, notice):
        try:
            meet(own, [peer], 30, notice)
        except MmbalError as error:
            failed.append(error)

    own = f"127.0.0.1:{port}"
    arrived = threading.Event()

    def first_notice(text):
        told.append(text)
        arrived.set()

    first = threading.Thread(target=come, args=(own, other, first_notice))
    first.start()
    assert arrived.wait(10)
    # As TensorFlow does after it, the second keeps its port open.
    second = threading.Thread(target=come, args=(other, own, told.append))
    second.start()
    second.join(10)
    with socket.create_server(("127.0.0.1", int(other.rpartition(":")[2]))):
        first.join(10)
    assert not failed
    assert not first.is_alive()
    assert told == [f"waiting for the workers at {other}"]


def test_who_is_missing_is_named(port):
    with socket.create_server(("127.0.0.1", 0)) as there:
        present = f"127.0.0.1:{there.getsockname()[1]}"
        absent = "127.0.0.1:1"
        with pytest.raises(MmbalError) as caught:
            meet(f"127.0.0.1:{port}", [present, absent], 0.2)
    assert "no worker at 127.0.0.1:1 within 0.2 seconds" in str(caught.value)
    assert "worker_wait" in str(caught.value)


def test_a_port_in_use_is_named():
    with socket.create_server(("", 0)) as taken:
        own = f"localhost:{taken.getsockname()[1]}"
        with pytest.raises(MmbalError, match=f"cannot listen on port .* of {own}: "):
            meet(own, [], 1)


def test_alone_there_is_nobody_to_wait_for(port):
    meet(f"[::1]:{port}", [], 0.1)
    with socket.create_server(("", port)):
        pass  # and the port is free again
