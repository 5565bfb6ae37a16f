"""RegistryStore against a registry that misbehaves: the right reason, in time, nothing left open."""

from __future__ import annotations

import contextlib
import gzip
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from providers.descriptor import Descriptor, digest_of
from providers.errors import UnavailableError
from providers.reasons import ReasonCode
from providers.reference import Reference
from tests.faulty_registry import INDEX, MANIFEST, Call, FaultyRegistry, index, manifest, response
from verifier.budget import Budget
from verifier.oci import RegistryLimits, RegistryStore

DESCRIPTORS = Path("/proc/self/fd")
SECONDS = 1.0
# Generous: the machine may be busy. What is caught here takes 20 times as long, or never ends.
SLACK = 0.5
CONTENT = b"c" * 1000
BLOB = Descriptor.parse(media_type="application/x", digest=digest_of(CONTENT), size=len(CONTENT))
OK = response(200, manifest(), Content_Type=MANIFEST)

Operation = Callable[[RegistryStore, str, Budget], object]


def resolve(store: RegistryStore, address: str, budget: Budget) -> Descriptor:
    return store.resolve(Reference.parse(f"{address}/demo/app:v1"), budget)


def resolve_digest(store: RegistryStore, address: str, budget: Budget) -> Descriptor:
    return store.resolve(Reference.parse(f"{address}/demo/app@{digest_of(b'something else')}"), budget)


def referrers(store: RegistryStore, address: str, budget: Budget) -> list[Descriptor]:
    return list(store.referrers(f"{address}/demo/app", BLOB, (), budget))


def fetch(store: RegistryStore, address: str, budget: Budget) -> bytes:
    return store.fetch(f"{address}/demo/app", BLOB, budget)


def _says(answer: bytes) -> Callable[[Call], None]:
    return lambda call: call.send(answer)


def _drip_headers(call: Call) -> None:
    call.drip(b"HTTP/1.1 200 OK\r\n" + b"X-A: b\r\n" * 1000)


def _drip_body(call: Call) -> None:
    call.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    call.drip(CONTENT)


def _drip_body_and_close(call: Call) -> None:
    call.send(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")  # http.client lets go of such a socket early
    call.drip(CONTENT)


def _stop_late(call: Call) -> None:
    # Each read alone stays within the time-out of the socket.
    call.send(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
    call.stopping.wait(0.8 * SECONDS)
    call.send(CONTENT[:1])
    call.hang()


def _drip_chunks(call: Call) -> None:
    call.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    call.drip(b"1\r\nc\r\n" * 1000)


def _endless_body(call: Call) -> None:
    call.send(f"HTTP/1.1 200 OK\r\nContent-Type: {MANIFEST}\r\n\r\n".encode())
    call.flood(b"c" * 65536, 1 << 30)


def _endless_listing(call: Call) -> None:
    call.send(f"HTTP/1.1 200 OK\r\nContent-Type: {INDEX}\r\n\r\n".encode())
    call.flood(b" " * 65536, 1 << 30)


def _endless_line(call: Call) -> None:
    call.send(b"HTTP/1.1 200 OK\r\nX: ")
    call.flood(b"x" * 65536, 1 << 30)


def _endless_headers(call: Call) -> None:
    call.send(b"HTTP/1.1 200 OK\r\n")
    call.flood(b"X: y\r\n" * 1000, 1 << 30)


def _cut_short(call: Call) -> None:
    call.send(response(200, CONTENT[:10], length=1000))
    call.close()


def _endless_continue(call: Call) -> None:
    call.flood(b"HTTP/1.1 100 Continue\r\n\r\n" * 100, 1 << 40)


def _endless_error(call: Call) -> None:
    call.send(b"HTTP/1.1 500 X\r\n\r\n")
    call.flood(b"c" * 65536, 1 << 30)


def _endless_pages(call: Call) -> None:
    page = index(digest_of(str(call.number).encode()))
    following = f"{call.path.partition('?')[0]}?n={call.number}"
    call.send(response(200, page, Content_Type=INDEX, Link=f'<{following}>; rel="next"'))


def _endless_empty_pages(call: Call) -> None:
    call.send(response(200, index(), Content_Type=INDEX, Link=f'<{call.path}>; rel="next"'))


def _page_elsewhere(call: Call) -> None:
    call.send(response(200, index(), Content_Type=INDEX, Link='<http://127.0.0.2/next>; rel="next"'))


def _endless_redirects(call: Call) -> None:
    call.send(response(307, Location=f"/v2/demo/app/blobs/{call.number}"))


HTML = response(200, b"<html>Please log in</html>", Content_Type="text/html")
BOMB = gzip.compress(b"c" * (1 << 24))
V2 = "application/vnd.docker.distribution.manifest.v2+json"

CASES: dict[str, tuple[Operation, Callable[[Call], None], ReasonCode]] = {
    "never answers": (resolve, Call.hang, ReasonCode.DEADLINE_EXCEEDED),
    "drips headers": (resolve, _drip_headers, ReasonCode.DEADLINE_EXCEEDED),
    "drips a body": (fetch, _drip_body, ReasonCode.DEADLINE_EXCEEDED),
    "drips a body after Connection: close": (fetch, _drip_body_and_close, ReasonCode.DEADLINE_EXCEEDED),
    "stops in a body after Connection: close": (fetch, _stop_late, ReasonCode.DEADLINE_EXCEEDED),
    "drips chunks": (fetch, _drip_chunks, ReasonCode.DEADLINE_EXCEEDED),
    "100 Continue without end": (resolve, _endless_continue, ReasonCode.DEADLINE_EXCEEDED),
    "an endless manifest": (resolve, _endless_body, ReasonCode.LIMIT_EXCEEDED),
    "an endless blob": (fetch, _endless_body, ReasonCode.CONTENT_MISMATCH),
    "an endless listing": (
        referrers,
        _endless_listing,
        ReasonCode.LIMIT_EXCEEDED,
    ),
    "an endless error": (resolve, _endless_error, ReasonCode.REGISTRY_UNAVAILABLE),
    "endless pages": (referrers, _endless_pages, ReasonCode.LIMIT_EXCEEDED),
    "endless empty pages": (referrers, _endless_empty_pages, ReasonCode.LIMIT_EXCEEDED),
    "a page elsewhere": (referrers, _page_elsewhere, ReasonCode.REGISTRY_INVALID_RESPONSE),
    "endless redirects": (fetch, _endless_redirects, ReasonCode.REGISTRY_INVALID_RESPONSE),
    "a redirect to cloud metadata": (
        fetch,
        _says(response(307, Location="http://169.254.169.254/latest/meta-data")),
        ReasonCode.REGISTRY_INVALID_RESPONSE,
    ),
    "a redirect without a target": (fetch, _says(response(307)), ReasonCode.REGISTRY_INVALID_RESPONSE),
    "Content-Length too large": (
        fetch,
        _cut_short,
        ReasonCode.REGISTRY_UNAVAILABLE,
    ),
    "Content-Length too small": (
        fetch,
        _says(response(200, CONTENT, length=10)),
        ReasonCode.CONTENT_MISMATCH,
    ),
    "Content-Length larger than expected": (
        fetch,
        _says(response(200, CONTENT, length=1 << 40)),
        ReasonCode.CONTENT_MISMATCH,
    ),
    "two Content-Lengths": (
        fetch,
        _says(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\nContent-Length: 10\r\n\r\n" + CONTENT),
        ReasonCode.REGISTRY_INVALID_RESPONSE,
    ),
    "another digest, the right one in the header": (
        resolve_digest,
        _says(
            response(
                200, manifest(), Content_Type=MANIFEST, Docker_Content_Digest=digest_of(b"something else")
            )
        ),
        ReasonCode.CONTENT_MISMATCH,
    ),
    "wrong content": (fetch, _says(response(200, b"d" * 1000)), ReasonCode.CONTENT_MISMATCH),
    "content too short": (fetch, _says(response(200, CONTENT[:-1])), ReasonCode.CONTENT_MISMATCH),
    "content too long": (fetch, _says(response(200, CONTENT + b"c")), ReasonCode.CONTENT_MISMATCH),
    "a gzip bomb": (
        resolve,
        _says(response(200, BOMB, Content_Type=MANIFEST, Content_Encoding="gzip")),
        ReasonCode.REGISTRY_INVALID_RESPONSE,
    ),
    "a gzip bomb for a blob": (
        fetch,
        _says(response(200, BOMB, Content_Encoding="GZIP")),
        ReasonCode.REGISTRY_INVALID_RESPONSE,
    ),
    "HTML": (resolve, _says(HTML), ReasonCode.REGISTRY_INVALID_RESPONSE),
    "HTML for a listing": (referrers, _says(HTML), ReasonCode.REGISTRY_INVALID_RESPONSE),
    "HTML that calls itself a manifest": (
        resolve,
        _says(response(200, b"<html>", Content_Type=MANIFEST)),
        ReasonCode.REGISTRY_INVALID_RESPONSE,
    ),
    "a manifest of another type than it says": (
        resolve,
        _says(response(200, manifest(), Content_Type=V2)),
        ReasonCode.REGISTRY_INVALID_RESPONSE,
    ),
    "a manifest and index at once": (
        resolve,
        _says(response(200, manifest(manifests=[]), Content_Type=MANIFEST)),
        ReasonCode.REGISTRY_INVALID_RESPONSE,
    ),
    "a broken listing": (
        referrers,
        _says(response(200, index("sha256:short"), Content_Type=INDEX)),
        ReasonCode.REGISTRY_INVALID_RESPONSE,
    ),
    "a listed thing that is not there": (fetch, _says(response(404)), ReasonCode.REGISTRY_INVALID_RESPONSE),
    "206": (fetch, _says(response(206, CONTENT)), ReasonCode.REGISTRY_INVALID_RESPONSE),
    "204": (resolve, _says(response(204)), ReasonCode.REGISTRY_INVALID_RESPONSE),
    "401 without a challenge": (resolve, _says(response(401)), ReasonCode.REGISTRY_UNAUTHORIZED),
    "401 Basic": (
        resolve,
        _says(response(401, WWW_Authenticate='Basic realm="x"')),
        ReasonCode.REGISTRY_UNAUTHORIZED,
    ),
    "403": (resolve, _says(response(403)), ReasonCode.REGISTRY_UNAUTHORIZED),
    "429": (resolve, _says(response(429)), ReasonCode.REGISTRY_THROTTLED),
    "429 for longer than there is time": (
        resolve,
        _says(response(429, Retry_After="60")),
        ReasonCode.REGISTRY_THROTTLED,
    ),
    "429 for ever": (resolve, _says(response(429, Retry_After="0")), ReasonCode.REGISTRY_THROTTLED),
    "429 for a listing": (referrers, _says(response(429)), ReasonCode.REGISTRY_THROTTLED),
    "500": (resolve, _says(response(500)), ReasonCode.REGISTRY_UNAVAILABLE),
    "503 for a listing": (referrers, _says(response(503)), ReasonCode.REGISTRY_UNAVAILABLE),
    "resets": (resolve, Call.reset, ReasonCode.REGISTRY_UNAVAILABLE),
    "closes": (resolve, Call.close, ReasonCode.REGISTRY_UNAVAILABLE),
    "no HTTP": (resolve, _says(b"SSH-2.0-OpenSSH_9.2\r\n\r\n"), ReasonCode.REGISTRY_INVALID_RESPONSE),
    "a header line without end": (
        resolve,
        _endless_line,
        ReasonCode.REGISTRY_INVALID_RESPONSE,
    ),
    "headers without end": (
        resolve,
        _endless_headers,
        ReasonCode.REGISTRY_INVALID_RESPONSE,
    ),
    "a chunk of nonsense": (
        fetch,
        _says(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"),
        ReasonCode.REGISTRY_UNAVAILABLE,
    ),
}


@pytest.fixture(autouse=True)
def nothing_left_open() -> Iterator[None]:
    """No descriptor and no thread of ours outlives a test."""
    before = len(list(DESCRIPTORS.iterdir()))
    yield
    assert [t.name for t in threading.enumerate() if t.name.startswith(("pycosign", "faulty"))] == []
    assert len(list(DESCRIPTORS.iterdir())) == before


def ask(
    store: RegistryStore, operation: Operation, address: str, seconds: float = SECONDS
) -> UnavailableError:
    """The error of ``operation``, which must come within the deadline."""
    started = time.monotonic()
    with pytest.raises(UnavailableError) as refused:
        operation(store, address, Budget(seconds))
    assert time.monotonic() - started < seconds + SLACK
    return refused.value


@pytest.mark.parametrize("case", CASES)
def test_misbehaviour_has_its_reason_within_the_deadline(case: str) -> None:
    operation, behave, reason = CASES[case]
    with (
        FaultyRegistry(behave) as registry,
        RegistryStore(plain_http=frozenset({registry.address})) as store,
    ):
        error = ask(store, operation, registry.address)
        assert error.reason is reason, error.message
        # What was left in a bad state is not used again.
        assert store._client._transport._pool._busy.total() == 0


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
        FaultyRegistry(_says(lie)) as registry,
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


def test_a_wait_that_does_not_fit_is_not_begun() -> None:
    with (
        FaultyRegistry(_says(response(429, Retry_After="3"))) as registry,
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
            _drip_headers(call)

    with (
        FaultyRegistry(behave) as registry,
        RegistryStore(plain_http=frozenset({registry.address})) as store,
    ):
        resolve(store, registry.address, Budget(5))
        assert ask(store, resolve, registry.address).reason is ReasonCode.DEADLINE_EXCEEDED
        assert registry.connections == 1


def test_connections_are_kept() -> None:
    with (
        FaultyRegistry(_says(OK)) as registry,
        RegistryStore(plain_http=frozenset({registry.address})) as store,
    ):
        for _ in range(20):
            resolve(store, registry.address, Budget(5))
        assert registry.connections == 1


def test_no_connection_is_lost_however_a_request_ends() -> None:
    """More failures of every kind than there may be connections, then one that works."""
    slow = ReasonCode.DEADLINE_EXCEEDED
    fast = [e for operation, e, why in CASES.values() if operation is not referrers and why is not slow]

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
        FaultyRegistry(_says(OK)) as good,
        RegistryStore(plain_http=frozenset({slow.address, good.address}), limits=limits) as store,
        ThreadPoolExecutor(6) as pool,
    ):
        hanging = [pool.submit(ask, store, resolve, slow.address) for _ in range(6)]
        assert resolve(store, good.address, Budget(0.9)).media_type == MANIFEST
        assert slow.connections <= 2
        reasons = {str(f.result().reason) for f in hanging}
        assert reasons <= {"deadline-exceeded", "overloaded"}


def test_the_budget_bounds_bytes_and_requests() -> None:
    with (
        FaultyRegistry(_says(response(200, CONTENT))) as registry,
        RegistryStore(plain_http=frozenset({registry.address})) as store,
    ):
        for budget in (Budget(5, max_bytes=999), Budget(5, max_requests=0)):
            with pytest.raises(UnavailableError) as refused:
                fetch(store, registry.address, budget)
            assert refused.value.reason is ReasonCode.LIMIT_EXCEEDED


def test_pages_of_a_listing_are_counted() -> None:
    for behave, limits, pages in (
        (_endless_empty_pages, RegistryLimits(referrers_pages=5), 5),
        (_endless_pages, RegistryLimits(referrers=3), 4),
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
            FaultyRegistry(_endless_listing if operation is referrers else _endless_body) as registry,
            RegistryStore(plain_http=frozenset({registry.address})) as store,
        ):
            budget = Budget(5, max_bytes=limit + 1)
            with pytest.raises(UnavailableError):
                operation(store, registry.address, budget)
            budget.spend_bytes(0)
            with pytest.raises(UnavailableError):
                budget.spend_bytes(1)


def test_words_of_a_registry_are_bounded_and_printable() -> None:
    words = b'{"errors": [{"code": "NAME\\u001b[31m_' + b"X" * 5000 + b'"}]}'
    with (
        FaultyRegistry(_says(response(418, words))) as registry,
        RegistryStore(plain_http=frozenset({registry.address})) as store,
    ):
        message = ask(store, resolve, registry.address).message
    assert message.isprintable()
    assert len(message) < 300
