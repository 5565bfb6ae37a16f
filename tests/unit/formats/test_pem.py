"""PEM blocks: which one counts, and how large one may be."""

from __future__ import annotations

import base64
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.errors import VerificationError
from providers.reasons import ReasonCode
from tests.unit.formats.mutants import UNREAD, mutants, refusal_of
from verifier.formats.pem import CERTIFICATE, PUBLIC_KEY, first_block

LIMIT = 4096


def armoured(der: bytes, label: str = CERTIFICATE, end: bytes = b"\n") -> bytes:
    lines = base64.encodebytes(der).replace(b"\n", end)
    return b"-----BEGIN %b-----%b%b-----END %b-----%b" % (label.encode(), end, lines, label.encode(), end)


@given(st.binary(min_size=1, max_size=400), st.sampled_from([b"\n", b"\r\n"]))
def test_a_block(der: bytes, end: bytes) -> None:
    assert first_block(armoured(der, end=end), limit=LIMIT) == (CERTIFICATE, der)


READ = {
    "the first of several": armoured(b"one") + armoured(b"two"),
    "after words": b"subject=/CN=x\n-----\nissuer=/CN=y\n" + armoured(b"one"),
    "in one line": b"-----BEGIN CERTIFICATE-----b25l-----END CERTIFICATE-----",
    "after one that has another end": b"-----BEGIN X-----\nQQ==\n-----END Y-----\n" + armoured(b"one"),
    "after one with headers": b"-----BEGIN X-----\nProc-Type: 4\n\nQQ==\n-----END X-----\n"
    + armoured(b"one"),
}


@pytest.mark.parametrize("what", READ)
def test_the_first_block_counts(what: str) -> None:
    assert first_block(READ[what], limit=LIMIT) == (CERTIFICATE, b"one")


def test_its_label_is_told() -> None:
    assert first_block(armoured(b"k", PUBLIC_KEY) + armoured(b"c"), limit=LIMIT) == (PUBLIC_KEY, b"k")


def test_its_size_is_limited() -> None:
    assert len(first_block(armoured(bytes(LIMIT)), limit=LIMIT)[1]) == LIMIT
    for size in (LIMIT + 1, LIMIT * 30):
        with pytest.raises(VerificationError) as caught:
            first_block(armoured(bytes(size)), limit=LIMIT)
        assert caught.value.reason is ReasonCode.MALFORMED


REFUSED = {
    "nothing": b"",
    "words": b"no certificate",
    "base64 alone": base64.b64encode(b"one"),
    "an empty block": armoured(b""),
    "no end": armoured(b"one")[:-9],
    "no begin": armoured(b"one")[9:],
    "a broken group": b"-----BEGIN CERTIFICATE-----\nQUJ\n-----END CERTIFICATE-----",
    "another spelling": b"-----BEGIN CERTIFICATE-----\nQR==\n-----END CERTIFICATE-----",
    "a label in lower case": armoured(b"one", "certificate"),
    "a long label": armoured(b"one", "A" * 41),
}


@pytest.mark.parametrize("what", REFUSED)
def test_malformed(what: str) -> None:
    with pytest.raises(VerificationError) as caught:
        first_block(REFUSED[what], limit=LIMIT)
    assert caught.value.reason is ReasonCode.MALFORMED


# Each would take time that grows with the square of its length, if anything could be tried twice.
SLOW = {
    "many beginnings": b"-----BEGIN A-----" * 200_000,
    "many dashes": b"-" * 4_000_000,
    "a body without an end": b"-----BEGIN A-----" + b"A" * 4_000_000,
    "spaces": b"-----BEGIN A-----" + b" " * 4_000_000 + b"-----END B-----",
    "a label without an end": b"-----BEGIN " + b"A " * 2_000_000,
    "ends of others": (b"-----BEGIN A-----QQ==-----END B-----") * 100_000,
}


@pytest.mark.parametrize("what", SLOW)
def test_the_time_grows_with_the_length(what: str) -> None:
    started = time.process_time()
    assert refusal_of(lambda: first_block(SLOW[what], limit=4_000_000)) is ReasonCode.MALFORMED
    assert time.process_time() - started < 1


@given(mutants(armoured(b"certificate" * 20), armoured(b"k") + armoured(b"c"), READ["after words"]))
def test_any_change_gives_a_block_or_our_error(data: bytes) -> None:
    assert refusal_of(lambda: first_block(data, limit=LIMIT)) in UNREAD[:2]
