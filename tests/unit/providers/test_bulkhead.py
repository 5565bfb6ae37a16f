"""What hangs takes a few of our threads with it, and no more."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable

import pytest

from providers.bulkhead import Bulkhead
from providers.errors import ConfigurationError, UnavailableError
from providers.reasons import ReasonCode
from tests.unit.providers.provider_world import PATIENCE, wait_for

REASON = ReasonCode.TRUST_UNAVAILABLE


def _bulkhead(*, limit: int = 2, seconds: float = 0.05, pause: float = PATIENCE, **options: bool) -> Bulkhead:
    return Bulkhead("the plug-in", REASON, limit=limit, seconds=seconds, pause=pause, **options)


def _refusal(bulkhead: Bulkhead, call: Callable[[], object]) -> str:
    with pytest.raises(UnavailableError) as caught:
        bulkhead.run(call)
    assert caught.value.reason is REASON
    return caught.value.message


@pytest.fixture
def gate() -> threading.Event:
    return threading.Event()


@pytest.mark.parametrize("ends_by_itself", [True, False])
def test_what_is_returned_or_raised_comes_back(ends_by_itself: bool) -> None:
    bulkhead = _bulkhead(seconds=PATIENCE, ends_by_itself=ends_by_itself)
    for number in range(5):  # more than there are places
        assert bulkhead.run(lambda number=number: number) == number  # type: ignore[misc]  # a default of a lambda
        with pytest.raises(KeyError):
            bulkhead.run(set().pop)


def test_what_wants_to_end_the_program_ends_a_call() -> None:
    assert "it ended with SystemExit" in _refusal(_bulkhead(seconds=PATIENCE), sys.exit)


def test_what_hangs_is_left_behind_and_alone(gate: threading.Event) -> None:
    calls = []

    def hang() -> None:
        calls.append(1)
        gate.wait(PATIENCE)

    bulkhead = _bulkhead()
    assert "did not answer within 0.05 s" in _refusal(bulkhead, hang)
    for _ in range(10):
        assert "left alone" in _refusal(bulkhead, hang)
    assert len(calls) == 1
    gate.set()


def test_a_hung_call_keeps_its_place(gate: threading.Event) -> None:
    bulkhead = _bulkhead(pause=0.0)
    for _ in range(2):
        assert "did not answer" in _refusal(bulkhead, lambda: gate.wait(PATIENCE))
    for _ in range(3):
        assert "all of its 2 places are taken" in _refusal(bulkhead, lambda: None)
    gate.set()
    assert wait_for(lambda: _answers(bulkhead))


def _answers(bulkhead: Bulkhead) -> bool:
    try:
        bulkhead.run(lambda: None)
    except UnavailableError:
        return False
    return True


@pytest.mark.parametrize("ends_by_itself", [True, False])
def test_no_more_calls_at_a_time_than_places(gate: threading.Event, ends_by_itself: bool) -> None:
    """Twenty threads want to call; two of them do, and the others are free again at once."""
    bulkhead = _bulkhead(limit=2, seconds=0.2, ends_by_itself=ends_by_itself)
    lock, inside, most = threading.Lock(), 0, 0
    refused = threading.Semaphore(0)

    def call() -> None:
        nonlocal inside, most
        with lock:
            inside += 1
            most = max(most, inside)
        gate.wait(PATIENCE)
        with lock:
            inside -= 1

    def ask() -> None:
        try:
            bulkhead.run(call)
        except UnavailableError:
            refused.release()

    threads = [threading.Thread(target=ask) for _ in range(20)]
    for thread in threads:
        thread.start()
    for _ in range(18):
        assert refused.acquire(timeout=PATIENCE)
    assert most == 2
    gate.set()
    for thread in threads:
        thread.join(PATIENCE)
    assert most == 2


def test_a_call_that_says_so_itself_was_too_long() -> None:
    bulkhead = _bulkhead(ends_by_itself=True)
    assert "did not answer within" in bulkhead.hung().message
    assert "left alone" in _refusal(bulkhead, lambda: None)


def test_after_the_pause_it_is_asked_again(gate: threading.Event) -> None:
    bulkhead = _bulkhead(pause=0.01)
    assert "did not answer" in _refusal(bulkhead, lambda: gate.wait(PATIENCE))
    assert wait_for(lambda: _answers(bulkhead))
    gate.set()


@pytest.mark.parametrize(("limit", "seconds"), [(0, 1.0), (1, 0.0)])
def test_what_could_never_be_called_is_refused(limit: int, seconds: float) -> None:
    with pytest.raises(ConfigurationError):
        _bulkhead(limit=limit, seconds=seconds)
