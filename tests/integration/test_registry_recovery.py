"""What RegistryStore keeps, counts and waits for while a registry misbehaves."""

from __future__ import annotations

import contextlib
import gc
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from providers.descriptor import digest_of
from providers.errors import UnavailableError
from providers.reasons import ReasonCode
from providers.reference import Reference
from tests.faulty_registry import (
    BLOB,
    CONTENT,
    INDEX,
    MANIFEST,
    OK,
    Call,
    FaultyRegistry,
    ask,
    cut_short,
    drip_headers,
    endless_body,
    endless_empty_pages,
    endless_error,
    endless_line,
    endless_listing,
    endless_pages,
    endless_redirects,
    fetch,
    index,
    manifest,
    referrers,
    resolve,
    response,
    says,
)
from verifier.budget import Budget
from verifier.oci import RegistryLimits, RegistryStore

DESCRIPTORS = Path("/proc/self/fd")
HTML = response(200, b"<html>Please log in</html>", Content_Type="text/html")


@pytest.fixture(autouse=True)
def nothing_left_open() -> Iterator[None]:
    """No descriptor and no thread of ours outlives a test."""
    gc.collect()  # what other tests left to the collector would go during this one
    before = len(list(DESCRIPTORS.iterdir()))
    yield
    assert [t.name for t in threading.enumerate() if t.name.startswith(("pycosign", "faulty"))] == []
    assert len(list(DESCRIPTORS.iterdir())) <= before


def test_a_registry_that_is_down() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"127.0.0.1:{listener.getsockname()[1]}"
    with RegistryStore(plain_http=frozenset({address})) as store:
        error = ask(store, resolve, address)
    assert error.reason is ReasonCode.REGISTRY_UNAVAILABLE
    assert "refused" in error.message


def test_content_digest_headers_are_never_believed() -> None:
    lie = response(200, manifest(), Content_Type=MANIFEST, Docker_Content_Digest=digest_of(b"a signed image"))
    with (
        FaultyRegistry(says(lie)) as registry,
        RegistryStore(plain_http=frozenset({registry.address})) as store,
    ):
        assert resolve(store, registry.address, Budget(5)).digest == digest_of(manifest())


def test_a_wait_that_fits_into_the_deadline_is_kept() -> None:
    def behave(call: Call) -> None:
        call.send(OK if call.number == 2 else response((429, 503)[call.number], Retry_After="0"))

    with (
        FaultyRegistry(behave) as registry,
        RegistryStore(plain_http=frozenset({registry.address})) as store,
    ):
        assert resolve(store, registry.address, Budget(5)).media_type == MANIFEST
        assert len(registry.calls) == 3


def test_waits_are_counted() -> None:
    with (
        FaultyRegistry(says(response(429, Retry_After="0"))) as registry,
        RegistryStore(plain_http=frozenset({registry.address})) as store,
    ):
        ask(store, resolve, registry.address)
        assert len(registry.calls) == 3


def test_a_wait_that_does_not_fit_is_not_begun() -> None:
    with (
        FaultyRegistry(says(response(429, Retry_After="3"))) as registry,
        RegistryStore(plain_http=frozenset({registry.address})) as store,
    ):
        started = time.monotonic()
        error = ask(store, resolve, registry.address, 2)
        assert time.monotonic() - started < 1
        assert "in 3 s" in error.message
        assert len(registry.calls) == 1


@pytest.mark.parametrize("leave", [Call.close, Call.reset])
def test_a_kept_connection_that_the_registry_closed_is_replaced(leave: Callable[[Call], None]) -> None:
    def behave(call: Call) -> None:
        if call.on_connection == 1:
            leave(call)
        call.send(OK)

    with (
        FaultyRegistry(behave) as registry,
        RegistryStore(plain_http=frozenset({registry.address})) as store,
    ):
        for _ in range(3):
            resolve(store, registry.address, Budget(5))
        assert (len(registry.calls), registry.connections) == (5, 3)


def test_a_kept_connection_obeys_the_deadline_too() -> None:
    def behave(call: Call) -> None:
        if call.on_connection == 0:
            call.send(OK)
        else:
            drip_headers(call)

    with (
        FaultyRegistry(behave) as registry,
        RegistryStore(plain_http=frozenset({registry.address})) as store,
    ):
        resolve(store, registry.address, Budget(5))
        assert ask(store, resolve, registry.address).reason is ReasonCode.DEADLINE_EXCEEDED
        assert registry.connections == 1


def test_connections_are_kept() -> None:
    with (
        FaultyRegistry(says(OK)) as registry,
        RegistryStore(plain_http=frozenset({registry.address})) as store,
    ):
        for _ in range(20):
            resolve(store, registry.address, Budget(5))
        assert registry.connections == 1


def test_no_connection_is_lost_however_a_request_ends() -> None:
    """More failures of every kind than there may be connections, then one that works."""
    fast = [cut_short, endless_body, endless_error, endless_redirects, endless_line, Call.reset, Call.close]

    def behave(call: Call) -> None:
        if call.path.endswith("works"):
            call.send(OK)
        else:
            fast[call.number % len(fast)](call)

    limits = RegistryLimits(connections=2, connections_per_host=1)
    with (
        FaultyRegistry(behave) as registry,
        RegistryStore(plain_http=frozenset({registry.address}), limits=limits) as store,
    ):
        for number in range(2 * len(fast)):
            with contextlib.suppress(UnavailableError):  # some are harmless to the other operation
                (resolve, fetch)[number % 2](store, registry.address, Budget(5))
        works = Reference.parse(f"{registry.address}/demo/app:works")
        assert store.resolve(works, Budget(5)).media_type == MANIFEST


def test_a_registry_that_hangs_does_not_take_the_connections_of_another() -> None:
    limits = RegistryLimits(connections=8, connections_per_host=2)
    with (
        FaultyRegistry(Call.hang) as slow,
        FaultyRegistry(says(OK)) as good,
        RegistryStore(plain_http=frozenset({slow.address, good.address}), limits=limits) as store,
        ThreadPoolExecutor(6) as pool,
    ):
        hanging = [pool.submit(ask, store, resolve, slow.address) for _ in range(6)]
        time.sleep(0.3)
        assert resolve(store, good.address, Budget(0.9)).media_type == MANIFEST
        assert slow.connections == 2
        reasons = {str(f.result().reason) for f in hanging}
        assert reasons <= {"deadline-exceeded", "overloaded"}


def test_the_budget_bounds_bytes_and_requests() -> None:
    with (
        FaultyRegistry(says(response(200, CONTENT))) as registry,
        RegistryStore(plain_http=frozenset({registry.address})) as store,
    ):
        for budget in (Budget(5, max_bytes=999), Budget(5, max_requests=0)):
            with pytest.raises(UnavailableError) as refused:
                fetch(store, registry.address, budget)
            assert refused.value.reason is ReasonCode.LIMIT_EXCEEDED


def test_the_rest_of_one_answer_is_never_the_next_answer() -> None:
    """The body that was not read holds an answer of its own, which comes when the next question was asked."""
    forged = response(200, manifest(annotations={"forged": "yes"}), Content_Type=MANIFEST)

    def behave(call: Call) -> None:
        if "/blobs/" in call.path:
            call.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
            call.stopping.wait(0.2)
            call.send(forged)
        else:
            call.send(OK)

    with (
        FaultyRegistry(behave) as registry,
        RegistryStore(plain_http=frozenset({registry.address})) as store,
    ):
        assert ask(store, fetch, registry.address).reason is ReasonCode.CONTENT_MISMATCH
        assert resolve(store, registry.address, Budget(5)).digest == digest_of(manifest())
        assert registry.connections == 2


def test_nothing_is_listed_twice() -> None:
    twice = index(digest_of(b"a"), digest_of(b"b"), digest_of(b"a"))

    def behave(call: Call) -> None:
        link = "" if call.number else f'<{call.path}?page=2>; rel="next"'
        call.send(response(200, twice, Content_Type=INDEX, Link=link))

    with (
        FaultyRegistry(behave) as registry,
        RegistryStore(plain_http=frozenset({registry.address})) as store,
    ):
        found = referrers(store, registry.address, Budget(5))
        assert [d.digest for d in found] == [digest_of(b"a"), digest_of(b"b")]
        assert len(registry.calls) == 2


def test_the_type_that_was_served_is_named() -> None:
    with (
        FaultyRegistry(says(HTML)) as registry,
        RegistryStore(plain_http=frozenset({registry.address})) as store,
    ):
        assert "'text/html', which is no image manifest" in ask(store, resolve, registry.address).message


def test_pages_of_a_listing_are_counted() -> None:
    for behave, limits, pages in (
        (endless_empty_pages, RegistryLimits(referrers_pages=5), 5),
        (endless_pages, RegistryLimits(referrers=3), 4),
    ):
        with (
            FaultyRegistry(behave) as registry,
            RegistryStore(plain_http=frozenset({registry.address}), limits=limits) as store,
        ):
            assert ask(store, referrers, registry.address).reason is ReasonCode.LIMIT_EXCEEDED
            assert len(registry.calls) == pages


def test_no_more_is_read_than_the_limit() -> None:
    """What is left of a budget shows what was read."""
    for operation, limit in ((resolve, 4 << 20), (referrers, 4 << 20), (fetch, BLOB.size)):
        with (
            FaultyRegistry(endless_listing if operation is referrers else endless_body) as registry,
            RegistryStore(plain_http=frozenset({registry.address})) as store,
        ):
            headers = 4096  # more than those of the answers
            budget = Budget(5, max_bytes=limit + 1 + headers)
            with pytest.raises(UnavailableError):
                operation(store, registry.address, budget)
            budget.spend_bytes(1)
            with pytest.raises(UnavailableError):
                budget.spend_bytes(headers + 1)


def test_words_of_a_registry_are_bounded_and_printable() -> None:
    words = b'{"errors": [{"code": "NAME\\u001b[31m_' + b"X" * 5000 + b'"}]}'
    with (
        FaultyRegistry(says(response(418, words))) as registry,
        RegistryStore(plain_http=frozenset({registry.address})) as store,
    ):
        message = ask(store, resolve, registry.address).message
    assert message.isprintable()
    assert len(message) < 300


def _padded(size: int) -> bytes:
    """An answer whose header has about ``size`` bytes, in lines of 1 kB."""
    lines = "".join(f"X-{number}: {'x' * 1000}\r\n" for number in range(size // 1000))
    head = f"HTTP/1.1 200 OK\r\nContent-Type: {MANIFEST}\r\n{lines}Content-Length: {len(manifest())}\r\n\r\n"
    return head.encode() + manifest()


def test_headers_are_spent_from_the_budget() -> None:
    with (
        FaultyRegistry(says(_padded(20_000))) as registry,
        RegistryStore(plain_http=frozenset({registry.address})) as store,
    ):
        resolve(store, registry.address, Budget(5, max_bytes=25_000))
        with pytest.raises(UnavailableError) as refused:
            resolve(store, registry.address, Budget(5, max_bytes=15_000))
        assert refused.value.reason is ReasonCode.LIMIT_EXCEEDED


def test_headers_have_a_size_they_may_not_exceed() -> None:
    for size, reason in ((60_000, None), (70_000, ReasonCode.REGISTRY_INVALID_RESPONSE)):
        with (
            FaultyRegistry(says(_padded(size))) as registry,
            RegistryStore(plain_http=frozenset({registry.address})) as store,
        ):
            if reason is None:
                resolve(store, registry.address, Budget(5))
            else:
                assert ask(store, resolve, registry.address).reason is reason


def test_what_frames_a_body_is_spent_too() -> None:
    """A byte in a chunk costs five more, and trailers come after it all."""
    chunks = b"".join(b"1\r\n%c\r\n" % byte for byte in CONTENT)
    trailers = b"".join(b"X-%d: %s\r\n" % (number, b"x" * 1000) for number in range(50))
    answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n" + trailers + b"\r\n"
    with (
        FaultyRegistry(says(answer)) as registry,
        RegistryStore(plain_http=frozenset({registry.address})) as store,
    ):
        with pytest.raises(UnavailableError) as refused:
            fetch(store, registry.address, Budget(5, max_bytes=50_000))
        assert refused.value.reason is ReasonCode.LIMIT_EXCEEDED
        assert fetch(store, registry.address, Budget(5, max_bytes=60_000)) == CONTENT
