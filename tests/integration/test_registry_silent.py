"""Registries that are silent: they cost those who ask them, and soon not even them."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest

from providers.descriptor import Descriptor, digest_of
from providers.errors import UnavailableError
from providers.reasons import ReasonCode
from tests.faulty_registry import (
    OK,
    Call,
    FaultyRegistry,
    drip_body,
    drip_headers,
    fetch,
    resolve,
    response,
    says,
)
from verifier.budget import Budget
from verifier.oci import HostReport, HostState, RegistryLimits, RegistryStore
from verifier.oci.dial import Address
from verifier.oci.proxies import Proxies

# As the default ones, but for the time: what takes seconds there takes tenths here.
QUICK = RegistryLimits(silent_seconds=0.5, unanswered_seconds=0.1, pause_seconds=0.2, longest_pause=0.8)
# As many as a server has.
WORKERS = 16
# Nothing here takes so long, unless somebody waits for a silent registry to the end.
LONG = 30.0


@contextmanager
def asking(*registries: FaultyRegistry, limits: RegistryLimits = QUICK) -> Iterator[RegistryStore]:
    with RegistryStore(plain_http={r.address for r in registries}, limits=limits) as store:
        yield store


def report(store: RegistryStore, registry: FaultyRegistry) -> HostReport:
    return next(report for report in store.hosts if report.host == registry.address)


def until(condition: Callable[[], bool]) -> None:
    """Wait for ``condition``, which comes about unless something is wrong."""
    latest = time.monotonic() + LONG / 2
    while not condition():
        assert time.monotonic() < latest
        time.sleep(0.01)


def reasons(asked: Sequence[Future[Any]]) -> set[ReasonCode]:
    """Why they failed, those that are over."""
    errors = [future.exception() for future in asked if future.done()]
    return {error.reason for error in errors if isinstance(error, UnavailableError)}


def give_up(store: RegistryStore, registry: FaultyRegistry) -> None:
    """Ask ``registry``, which is silent, until it is given up and nobody waits for it."""
    with ThreadPoolExecutor(4) as pool:
        budgets = [Budget(LONG) for _ in range(4)]
        asked = [pool.submit(resolve, store, registry.address, budget) for budget in budgets]
        until(lambda: sum(future.done() for future in asked) >= 3)
        for budget in budgets:
            budget.end()
    assert report(store, registry).state is HostState.GIVEN_UP


def refusal(store: RegistryStore, registry: FaultyRegistry) -> UnavailableError:
    with pytest.raises(UnavailableError) as refused:
        resolve(store, registry.address, Budget(LONG))
    return refused.value


# Given up


@pytest.mark.parametrize("behave", [Call.hang, drip_headers, drip_body])
def test_one_silent_registry_does_not_hold_every_worker(behave: Callable[[Call], None]) -> None:
    """All workers wait for it, with deadlines far away. Soon one of them is left waiting, and another registry is
    asked through the others.
    """
    with (
        FaultyRegistry(behave) as silent,
        FaultyRegistry(says(OK)) as good,
        asking(silent, good) as store,
        ThreadPoolExecutor(WORKERS) as workers,
    ):
        budgets = [Budget(LONG) for _ in range(WORKERS)]
        held = [workers.submit(fetch, store, silent.address, budget) for budget in budgets]
        until(lambda: len(silent.calls) == WORKERS)
        answer = workers.submit(resolve, store, good.address, Budget(LONG))
        assert answer.result(timeout=LONG / 2).digest
        until(lambda: sum(future.done() for future in held) == WORKERS - 1)
        assert reasons(held) == {ReasonCode.REGISTRY_UNAVAILABLE}
        assert report(store, silent).state is HostState.PROBED
        assert report(store, silent).in_flight == 1
        assert report(store, good).state is HostState.ANSWERING
        for budget in budgets:
            budget.end()


def test_a_registry_that_is_given_up_is_not_connected_to() -> None:
    with FaultyRegistry(Call.hang) as silent, asking(silent, limits=QUICK_TO_STOP) as store:
        give_up(store, silent)
        asked = len(silent.calls)
        error = refusal(store, silent)
        assert error.reason is ReasonCode.REGISTRY_UNAVAILABLE
        assert "without an answer" in error.message
        assert len(silent.calls) == asked
        assert report(store, silent).again_in > 0


# Pauses that do not end while a test looks.
QUICK_TO_STOP = RegistryLimits(silent_seconds=0.3, unanswered_seconds=0.1, pause_seconds=LONG)


def test_one_request_finds_out_whether_it_answers_again() -> None:
    answers, gate = threading.Event(), threading.Event()

    def behave(call: Call) -> None:
        if not answers.is_set():
            call.hang()
        gate.wait(LONG)
        call.send(OK)

    with FaultyRegistry(behave) as registry, asking(registry) as store, ThreadPoolExecutor(1) as pool:
        give_up(store, registry)
        answers.set()
        until(lambda: report(store, registry).again_in == 0)
        asked = len(registry.calls)
        probe = pool.submit(resolve, store, registry.address, Budget(LONG))
        until(lambda: len(registry.calls) == asked + 1)
        assert report(store, registry).state is HostState.PROBED
        assert (
            refusal(store, registry).reason is ReasonCode.REGISTRY_UNAVAILABLE
        )  # the others are not let through
        assert len(registry.calls) == asked + 1
        gate.set()
        assert probe.result(timeout=LONG / 2).digest
        assert report(store, registry) == HostReport(
            registry.address, HostState.ANSWERING, in_flight=0, unanswered=0, waiting=0, again_in=0
        )
        assert resolve(store, registry.address, Budget(LONG)).digest


def test_the_one_who_was_left_waiting_may_get_the_answer() -> None:
    gate = threading.Event()

    def behave(call: Call) -> None:
        gate.wait(LONG)
        call.send(OK)

    with FaultyRegistry(behave) as registry, asking(registry) as store, ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(resolve, store, registry.address, Budget(LONG)) for _ in range(4)]
        until(lambda: sum(future.done() for future in asked) == 3)
        gate.set()
        until(lambda: all(future.done() for future in asked))
        assert sum(future.exception() is None for future in asked) == 1
        assert report(store, registry).state is HostState.ANSWERING


def test_time_outs_one_after_the_other_count_until_there_is_an_answer() -> None:
    answers = threading.Event()

    def behave(call: Call) -> None:
        if not answers.is_set():
            call.hang()
        call.send(OK)

    def time_out(times: int) -> None:
        for _ in range(times):
            with pytest.raises(UnavailableError) as refused:
                resolve(store, registry.address, Budget(0.3))
            assert refused.value.reason is ReasonCode.DEADLINE_EXCEEDED

    with FaultyRegistry(behave) as registry, asking(registry, limits=QUICK_TO_STOP) as store:
        time_out(2)
        assert (report(store, registry).unanswered, report(store, registry).state) == (2, HostState.ANSWERING)
        answers.set()
        assert resolve(store, registry.address, Budget(LONG)).digest
        answers.clear()
        assert report(store, registry).unanswered == 0
        time_out(3)
        assert report(store, registry).state is HostState.GIVEN_UP


# Not given up


def test_a_burst_to_one_registry_that_answers_is_not_held_back() -> None:
    """More at a time than there are workers, each as slow as half of what counts as silence."""

    def behave(call: Call) -> None:
        time.sleep(QUICK.silent_seconds / 2)
        call.send(OK)

    with FaultyRegistry(behave) as registry, asking(registry) as store, ThreadPoolExecutor(40) as pool:
        asked = [pool.submit(resolve, store, registry.address, Budget(LONG)) for _ in range(40)]
        assert all(future.result(timeout=LONG) for future in asked)
        assert report(store, registry).state is HostState.ANSWERING
        assert registry.connections == 40


@pytest.mark.parametrize("status", [401, 404, 429, 500, 503])
def test_an_error_is_an_answer(status: int) -> None:
    with FaultyRegistry(says(response(status))) as registry, asking(registry) as store:
        for _ in range(10):
            refusal(store, registry)
        assert report(store, registry).unanswered == 0


def test_one_slow_answer_among_others_is_waited_for() -> None:
    gate = threading.Event()

    def behave(call: Call) -> None:
        if "/blobs/" in call.path:
            gate.wait(LONG)
        call.send(response(200, b"c" * 1000) if "/blobs/" in call.path else OK)

    with FaultyRegistry(behave) as registry, asking(registry) as store, ThreadPoolExecutor(4) as pool:
        slow = [pool.submit(fetch, store, registry.address, Budget(LONG)) for _ in range(4)]
        ends = time.monotonic() + 2 * QUICK.silent_seconds
        while time.monotonic() < ends:
            resolve(store, registry.address, Budget(LONG))
            time.sleep(0.05)
        gate.set()
        assert all(future.result(timeout=LONG) for future in slow)


def test_a_large_answer_that_goes_on_is_an_answer() -> None:
    piece, pieces = b"c" * (64 << 10), 12
    content = piece * pieces
    blob = Descriptor.parse(media_type="application/x", digest=digest_of(content), size=len(content))

    def behave(call: Call) -> None:
        call.send(f"HTTP/1.1 200 OK\r\nContent-Length: {len(content)}\r\n\r\n".encode())
        for _ in range(pieces):
            time.sleep(QUICK.silent_seconds / 5)
            call.send(piece)

    with FaultyRegistry(behave) as registry, asking(registry) as store, ThreadPoolExecutor(4) as pool:
        asked = [
            pool.submit(store.fetch, f"{registry.address}/demo/app", blob, Budget(LONG)) for _ in range(4)
        ]
        assert all(future.result(timeout=LONG) == content for future in asked)


def test_questions_nobody_waited_for_say_nothing_about_the_host() -> None:
    with FaultyRegistry(Call.hang) as registry, asking(registry) as store:
        for _ in range(20):
            with pytest.raises(UnavailableError):
                resolve(store, registry.address, Budget(QUICK.unanswered_seconds / 4))
        assert (report(store, registry).unanswered, report(store, registry).state) == (0, HostState.ANSWERING)


def test_what_is_known_of_hosts_is_bounded() -> None:
    limits = RegistryLimits(hosts=3)
    lookup: Callable[[str, int], list[Address]] = lambda host, port: []  # noqa: E731
    with RegistryStore(limits=limits, lookup=lookup, proxies=Proxies.parse({})) as store:
        for number in range(10):
            with pytest.raises(UnavailableError):
                resolve(store, f"registry{number}.test", Budget(LONG))
        assert [r.host for r in store.hosts] == ["registry7.test", "registry8.test", "registry9.test"]


# Callers who hang up


@contextmanager
def full_backlog() -> Iterator[tuple[str, int]]:
    """An address where nobody accepts connections: to connect takes for ever."""
    with socket.create_server(("127.0.0.2", 0), backlog=0) as full:
        host, port = full.getsockname()
        with socket.create_connection((host, port)):
            yield host, port


def ended_early(ask: Callable[[Budget], object]) -> UnavailableError:
    """The error of ``ask``, whose caller hangs up while it waits."""
    budget = Budget(10 * LONG)
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(ask, budget)
        time.sleep(0.3)
        assert not asked.done()
        budget.end()
        error = asked.exception(timeout=LONG)
    assert isinstance(error, UnavailableError)
    return error


@pytest.mark.parametrize("behave", [Call.hang, drip_headers, drip_body])
def test_a_caller_who_hangs_up_ends_what_is_read_for_it(behave: Callable[[Call], None]) -> None:
    with FaultyRegistry(behave) as registry, asking(registry, limits=RegistryLimits()) as store:
        error = ended_early(lambda budget: fetch(store, registry.address, budget))
        assert error.reason is ReasonCode.DEADLINE_EXCEEDED


def test_a_caller_who_hangs_up_ends_the_wait_for_a_connection() -> None:
    limits = RegistryLimits(connections=1, connections_per_host=1)
    with (
        FaultyRegistry(Call.hang) as registry,
        asking(registry, limits=limits) as store,
        ThreadPoolExecutor(1) as pool,
    ):
        budget = Budget(LONG)
        other = pool.submit(resolve, store, registry.address, budget)
        until(lambda: len(registry.calls) == 1)
        assert ended_early(lambda b: resolve(store, registry.address, b)).reason is ReasonCode.OVERLOADED
        budget.end()
        assert other.exception(timeout=LONG)


def test_a_caller_who_hangs_up_ends_a_connection_that_does_not_come_about() -> None:
    with (
        full_backlog() as (host, port),
        RegistryStore(plain_http={f"{host}:{port}"}, limits=RegistryLimits()) as store,
    ):
        error = ended_early(lambda budget: resolve(store, f"{host}:{port}", budget))
        assert error.reason is ReasonCode.DEADLINE_EXCEEDED


def test_a_caller_who_hangs_up_ends_a_look_up() -> None:
    answer = threading.Event()

    def lookup(_host: str, _port: int) -> list[Address]:
        answer.wait(LONG)
        return []

    with RegistryStore(lookup=lookup, proxies=Proxies.parse({})) as store:
        error = ended_early(lambda budget: resolve(store, "registry.test", budget))
        assert error.reason is ReasonCode.DEADLINE_EXCEEDED
        answer.set()


def test_closing_a_store_lets_everybody_go() -> None:
    with FaultyRegistry(Call.hang) as registry, ThreadPoolExecutor(2) as pool:
        store = RegistryStore(plain_http={registry.address})
        asked = [pool.submit(resolve, store, registry.address, Budget(10 * LONG)) for _ in range(2)]
        until(lambda: len(registry.calls) == 2)
        store.close()
        assert all(isinstance(future.exception(timeout=LONG), UnavailableError) for future in asked)
