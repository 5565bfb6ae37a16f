"""The thread that ends connections at their deadline."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from verifier.budget import Budget
from verifier.oci.deadline import Reaper


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.settimeout(5)
        yield ours, theirs


@pytest.fixture
def reaper() -> Iterator[Reaper]:
    made = Reaper(idle_seconds=0.05)
    yield made
    made.close()
    assert _threads() == 0


def _threads() -> int:
    return sum(t.name == "pycosign-deadlines" for t in threading.enumerate())


Pair = tuple[socket.socket, socket.socket]


def in_seconds(seconds: float) -> Callable[[], float]:
    moment = time.monotonic() + seconds
    return lambda: moment


def test_a_deadline_that_moves_nearer_is_noticed(reaper: Reaper, pair: Pair) -> None:
    """The caller has hung up; nobody tells the thread that keeps the deadline."""
    moments = [time.monotonic() + 60]
    watch = reaper.watch(pair[0], lambda: moments[0])
    threading.Timer(0.05, lambda: moments.__setitem__(0, 0.0)).start()
    pair[0].settimeout(5)
    assert pair[0].recv(1) == b""  # past five seconds it raises
    watch.cancel()


def test_the_end_of_a_budget_ends_what_is_read_for_it(reaper: Reaper, pair: Pair) -> None:
    """Also when it is the budget of a part, of a content that is read ahead."""
    whole = Budget(60)
    part = whole.share(1).ahead(10)
    watch = reaper.watch(pair[0], lambda: part.deadline)
    threading.Timer(0.05, whole.end).start()
    pair[0].settimeout(5)
    assert pair[0].recv(1) == b""
    watch.cancel()


def test_a_reader_sees_the_end_at_the_deadline(reaper: Reaper, pair: Pair) -> None:
    started = time.monotonic()
    watch = reaper.watch(pair[0], lambda: started + 0.2)
    assert pair[0].recv(1) == b""
    assert 0.15 < time.monotonic() - started < 2
    watch.cancel()
    watch.cancel()


def test_an_earlier_deadline_is_not_missed_behind_a_later_one(reaper: Reaper, pair: Pair) -> None:
    other, far = socket.socketpair()
    with other, far:
        later = reaper.watch(other, in_seconds(60))
        sooner = reaper.watch(pair[0], in_seconds(0.1))
        assert pair[0].recv(1) == b""
        far.sendall(b"x")
        assert other.recv(1) == b"x"
        later.cancel()
        sooner.cancel()


def test_a_cancelled_watch_leaves_the_connection_alone(reaper: Reaper, pair: Pair) -> None:
    reaper.watch(pair[0], in_seconds(0.05)).cancel()
    time.sleep(0.15)
    pair[1].sendall(b"x")
    assert pair[0].recv(1) == b"x"


def test_the_connection_is_ended_though_its_first_owner_let_go(reaper: Reaper, pair: Pair) -> None:
    """As http.client does after "Connection: close", and TLS when it takes a socket over."""
    watch = reaper.watch(pair[0], in_seconds(0.1))
    with socket.socket(fileno=pair[0].detach()) as taken:
        taken.settimeout(5)
        assert taken.recv(1) == b""
    watch.cancel()


def test_the_thread_ends_when_there_is_nothing_to_watch_and_starts_again(reaper: Reaper, pair: Pair) -> None:
    for _ in range(2):
        watch = reaper.watch(pair[0], in_seconds(0.02))
        assert _threads() == 1
        watch.cancel()
        until = time.monotonic() + 5
        while _threads() and time.monotonic() < until:
            time.sleep(0.01)
        assert _threads() == 0


def test_closing_ends_what_is_watched(reaper: Reaper, pair: Pair) -> None:
    watch = reaper.watch(pair[0], in_seconds(60))
    reaper.close()
    assert pair[0].recv(1) == b""
    watch.cancel()
