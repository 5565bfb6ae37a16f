"""RegistryStore against a registry that misbehaves: the right reason, in time, nothing left open."""

from __future__ import annotations

import gc
import gzip
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from providers.descriptor import digest_of
from providers.reasons import ReasonCode
from tests.faulty_registry import (
    CONTENT,
    INDEX,
    MANIFEST,
    Call,
    FaultyRegistry,
    Operation,
    ask,
    cut_short,
    drip_body,
    drip_body_and_close,
    drip_chunks,
    drip_headers,
    endless_body,
    endless_continue,
    endless_empty_pages,
    endless_error,
    endless_headers,
    endless_line,
    endless_listing,
    endless_pages,
    endless_redirects,
    fetch,
    index,
    manifest,
    page_elsewhere,
    referrers,
    resolve,
    resolve_digest,
    response,
    says,
    stop_late,
    tagged,
    two_links,
)
from verifier.explain import sentence
from verifier.oci import RegistryStore

DESCRIPTORS = Path("/proc/self/fd")
HTML = response(200, b"<html>Please log in</html>", Content_Type="text/html")
BOMB = gzip.compress(b"c" * (1 << 24))
V2 = "application/vnd.docker.distribution.manifest.v2+json"

CASES: dict[str, tuple[Operation, Callable[[Call], None], ReasonCode]] = {
    "never answers": (resolve, Call.hang, ReasonCode.DEADLINE_EXCEEDED),
    "drips headers": (resolve, drip_headers, ReasonCode.DEADLINE_EXCEEDED),
    "drips a body": (fetch, drip_body, ReasonCode.DEADLINE_EXCEEDED),
    "drips a body after Connection: close": (fetch, drip_body_and_close, ReasonCode.DEADLINE_EXCEEDED),
    "stops in a body after Connection: close": (fetch, stop_late, ReasonCode.DEADLINE_EXCEEDED),
    "drips chunks": (fetch, drip_chunks, ReasonCode.DEADLINE_EXCEEDED),
    "100 Continue without end": (resolve, endless_continue, ReasonCode.REGISTRY_INVALID_RESPONSE),
    "an endless manifest": (resolve, endless_body, ReasonCode.LIMIT_EXCEEDED),
    "an endless blob": (fetch, endless_body, ReasonCode.CONTENT_MISMATCH),
    "an endless listing": (
        referrers,
        endless_listing,
        ReasonCode.LIMIT_EXCEEDED,
    ),
    "an endless error": (resolve, endless_error, ReasonCode.REGISTRY_UNAVAILABLE),
    "endless pages": (referrers, endless_pages, ReasonCode.LIMIT_EXCEEDED),
    "endless empty pages": (referrers, endless_empty_pages, ReasonCode.LIMIT_EXCEEDED),
    "a page elsewhere": (referrers, page_elsewhere, ReasonCode.REGISTRY_INVALID_RESPONSE),
    "a next page in a second Link field": (referrers, two_links, ReasonCode.LIMIT_EXCEEDED),
    "a Link that is not understood": (
        referrers,
        says(response(200, index(), Content_Type=INDEX, Link="</v2/x>; rel='next'")),
        ReasonCode.REGISTRY_INVALID_RESPONSE,
    ),
    "a Link that is too long": (
        referrers,
        says(response(200, index(), Content_Type=INDEX, Link=f'</x?{"x" * 8200}>; rel="next"')),
        ReasonCode.REGISTRY_INVALID_RESPONSE,
    ),
    "endless redirects": (fetch, endless_redirects, ReasonCode.REGISTRY_INVALID_RESPONSE),
    "a redirect to cloud metadata": (
        fetch,
        says(response(307, Location="http://169.254.169.254/latest/meta-data")),
        ReasonCode.REGISTRY_INVALID_RESPONSE,
    ),
    "a redirect without a target": (fetch, says(response(307)), ReasonCode.REGISTRY_INVALID_RESPONSE),
    "Content-Length too large": (
        fetch,
        cut_short,
        ReasonCode.REGISTRY_UNAVAILABLE,
    ),
    "Content-Length too small": (
        fetch,
        says(response(200, CONTENT, length=10)),
        ReasonCode.CONTENT_MISMATCH,
    ),
    "Content-Length larger than expected": (
        fetch,
        says(response(200, CONTENT, length=1 << 40)),
        ReasonCode.CONTENT_MISMATCH,
    ),
    "two Content-Lengths": (
        fetch,
        says(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\nContent-Length: 10\r\n\r\n" + CONTENT),
        ReasonCode.REGISTRY_INVALID_RESPONSE,
    ),
    "another digest, the right one in the header": (
        resolve_digest,
        says(
            response(
                200, manifest(), Content_Type=MANIFEST, Docker_Content_Digest=digest_of(b"something else")
            )
        ),
        ReasonCode.CONTENT_MISMATCH,
    ),
    "wrong content": (fetch, says(response(200, b"d" * 1000)), ReasonCode.CONTENT_MISMATCH),
    "content too short": (fetch, says(response(200, CONTENT[:-1])), ReasonCode.CONTENT_MISMATCH),
    "content too long": (fetch, says(response(200, CONTENT + b"c")), ReasonCode.CONTENT_MISMATCH),
    "a gzip bomb": (
        resolve,
        says(response(200, BOMB, Content_Type=MANIFEST, Content_Encoding="gzip")),
        ReasonCode.REGISTRY_INVALID_RESPONSE,
    ),
    "a gzip bomb for a blob": (
        fetch,
        says(response(200, BOMB, Content_Encoding="GZIP")),
        ReasonCode.REGISTRY_INVALID_RESPONSE,
    ),
    "HTML": (resolve, says(HTML), ReasonCode.REGISTRY_INVALID_RESPONSE),
    "HTML for a listing": (referrers, says(HTML), ReasonCode.REGISTRY_INVALID_RESPONSE),
    "HTML that calls itself a manifest": (
        resolve,
        says(response(200, b"<html>", Content_Type=MANIFEST)),
        ReasonCode.REGISTRY_INVALID_RESPONSE,
    ),
    "a manifest of another type than it says": (
        resolve,
        says(response(200, manifest(), Content_Type=V2)),
        ReasonCode.REGISTRY_INVALID_RESPONSE,
    ),
    "a manifest and index at once": (
        resolve,
        says(response(200, manifest(manifests=[]), Content_Type=MANIFEST)),
        ReasonCode.REGISTRY_INVALID_RESPONSE,
    ),
    "a broken listing": (
        referrers,
        says(response(200, index("sha256:short"), Content_Type=INDEX)),
        ReasonCode.REGISTRY_INVALID_RESPONSE,
    ),
    "a listed thing that is not there": (fetch, says(response(404)), ReasonCode.REGISTRY_INVALID_RESPONSE),
    "206": (fetch, says(response(206, CONTENT)), ReasonCode.REGISTRY_INVALID_RESPONSE),
    "204": (resolve, says(response(204)), ReasonCode.REGISTRY_INVALID_RESPONSE),
    "401 without a challenge": (resolve, says(response(401)), ReasonCode.REGISTRY_UNAUTHORIZED),
    "401 Basic": (
        resolve,
        says(response(401, WWW_Authenticate='Basic realm="x"')),
        ReasonCode.REGISTRY_UNAUTHORIZED,
    ),
    "403": (resolve, says(response(403)), ReasonCode.REGISTRY_UNAUTHORIZED),
    "429": (resolve, says(response(429)), ReasonCode.REGISTRY_THROTTLED),
    "429 for longer than there is time": (
        resolve,
        says(response(429, Retry_After="60")),
        ReasonCode.REGISTRY_THROTTLED,
    ),
    "429 for ever": (resolve, says(response(429, Retry_After="0")), ReasonCode.REGISTRY_THROTTLED),
    "429 for a listing": (referrers, says(response(429)), ReasonCode.REGISTRY_THROTTLED),
    "500": (resolve, says(response(500)), ReasonCode.REGISTRY_UNAVAILABLE),
    "503 for a listing": (referrers, says(response(503)), ReasonCode.REGISTRY_UNAVAILABLE),
    "resets": (resolve, Call.reset, ReasonCode.REGISTRY_UNAVAILABLE),
    "closes": (resolve, Call.close, ReasonCode.REGISTRY_UNAVAILABLE),
    "no HTTP": (resolve, says(b"SSH-2.0-OpenSSH_9.2\r\n\r\n"), ReasonCode.REGISTRY_INVALID_RESPONSE),
    "a header line without end": (
        resolve,
        endless_line,
        ReasonCode.REGISTRY_INVALID_RESPONSE,
    ),
    "headers without end": (
        resolve,
        endless_headers,
        ReasonCode.REGISTRY_INVALID_RESPONSE,
    ),
    "a chunk of nonsense": (
        fetch,
        says(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"),
        ReasonCode.REGISTRY_UNAVAILABLE,
    ),
}
# A tag of cosign's is read as any other.
CASES |= {
    f"{case} under cosign's tag": (tagged, behave, reason)
    for case, (operation, behave, reason) in CASES.items()
    if operation is resolve
}


@pytest.fixture(autouse=True)
def nothing_left_open() -> Iterator[None]:
    """No descriptor and no thread of ours outlives a test."""
    gc.collect()  # what other tests left to the collector would go during this one
    before = len(list(DESCRIPTORS.iterdir()))
    yield
    assert [t.name for t in threading.enumerate() if t.name.startswith(("pycosign", "faulty"))] == []
    assert len(list(DESCRIPTORS.iterdir())) <= before


@pytest.mark.parametrize("case", CASES)
def test_misbehaviour_has_its_reason_within_the_deadline(case: str) -> None:
    operation, behave, reason = CASES[case]
    with (
        FaultyRegistry(behave) as registry,
        RegistryStore(plain_http=frozenset({registry.address})) as store,
    ):
        error = ask(store, operation, registry.address)
        assert error.reason is reason, error.message
        _says_what_to_do_once(sentence(error.reason, error.message))
        # What was left in a bad state is not used again.
        assert store._client._transport._pool._busy.total() == 0


def _says_what_to_do_once(told: str) -> None:
    """The core appends what to do about the reason (`verifier.explain.REMEDIES`); the finding does not."""
    for advice in ("try again", "check the", "remove", "credentials", "push"):
        assert told.lower().count(advice) <= 1, told
    assert ".." not in told.replace("...", ""), told
