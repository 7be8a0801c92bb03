"""Ctrl-C, SIGTERM and SIGHUP as this process hears them."""

import signal
import threading

import pytest

from mmbal.experiment.stopping import StopRequest

INT, TERM, HUP = signal.SIGINT, signal.SIGTERM, signal.SIGHUP


def handlers():
    return {which: signal.getsignal(which) for which in (INT, TERM, HUP)}


@pytest.fixture
def request_():
    """Return a request and what it told."""
    told = []
    return StopRequest(told.append), told


@pytest.mark.parametrize(
    ("which", "reason"), [(INT, "interrupt"), (TERM, "preempted"), (HUP, "preempted")]
)
def test_the_first_signal_asks_and_says_so(request_, which, reason):
    request, told = request_
    with request.hearing():
        assert request.reason is None
        signal.raise_signal(which)
        assert request.reason == reason
    assert told == [f"{which.name}: stopping after this step, with a checkpoint"]


@pytest.mark.parametrize("first", [INT, TERM])
def test_ctrl_c_after_any_other_stops_at_once(request_, first):
    request, told = request_
    with request.hearing():
        signal.raise_signal(first)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(INT)
    assert request.reason == {INT: "interrupt", TERM: "preempted"}[first]
    assert len(told) == 1


@pytest.mark.parametrize(("first", "reason"), [(TERM, "preempted"), (INT, "preempted")])
def test_sigterm_never_cuts_a_step_short(request_, first, reason):
    """A scheduler may send it more than once; the last request names the reason."""
    request, told = request_
    with request.hearing():
        signal.raise_signal(first)
        signal.raise_signal(TERM)
    assert request.reason == reason
    assert len(told) == 2


def test_handlers_come_back(request_):
    before = handlers()
    with request_[0].hearing():
        assert all(handlers()[which] != before[which] for which in before)
    assert handlers() == before


def test_handlers_come_back_after_an_error(request_):
    before = handlers()
    with pytest.raises(ZeroDivisionError), request_[0].hearing():
        raise ZeroDivisionError
    assert handlers() == before


def test_own_handlers_come_back_too(request_):
    def mine(number, frame):
        """Never called."""

    outer = signal.signal(TERM, mine)
    try:
        with request_[0].hearing():
            signal.raise_signal(TERM)
        assert signal.getsignal(TERM) is mine
    finally:
        signal.signal(TERM, outer)


def test_outside_of_the_main_thread_it_hears_nothing(request_):
    request, told = request_
    before, seen = handlers(), []

    def work():
        with request.hearing():
            seen.append(handlers())

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [before]
    assert handlers() == before
    assert (request.reason, told) == (None, [])


def test_a_hangup_that_nohup_ignores_stays_ignored(request_):
    request, told = request_
    before = signal.signal(HUP, signal.SIG_IGN)
    try:
        with request.hearing():
            signal.raise_signal(HUP)
    finally:
        signal.signal(HUP, before)
    assert request.reason is None
    assert told == []
