"""Envelopes that stand by themselves."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given

from providers.errors import VerificationError
from providers.reasons import ReasonCode
from tests.unit.formats.mutants import UNREAD, mutants, refusal_of
from verifier.formats.dsse import IN_TOTO, Envelope, parse_envelope
from verifier.formats.limits import MAX_SIGNATURE, MAX_TYPE_NAME

SIGNED = {"sig": base64.b64encode(b"signature").decode()}
GOOD: dict[str, Any] = {
    "payload": base64.b64encode(b'{"_type":"x"}').decode(),
    "payloadType": IN_TOTO,
    "signatures": [SIGNED],
}


def envelope(**changes: Any) -> bytes:
    return json.dumps({**GOOD, **changes}).encode()


@pytest.mark.parametrize(
    "data",
    [
        envelope(),
        envelope() + b"\n",
        envelope(signatures=[{**SIGNED, "keyid": ""}]),
        envelope(signatures=[{**SIGNED, "keyid": None}]),
        envelope(later={"x": 1}),
    ],
)
def test_what_signers_write(data: bytes) -> None:
    assert parse_envelope(data) == Envelope(IN_TOTO, b'{"_type":"x"}', b"signature", data)


MALFORMED = {
    "nothing": b"",
    "a list": b"[" + envelope() + b"]",
    "two on two lines": envelope() + b"\n" + envelope(),
    "no payload": envelope(payload=None),
    "an empty payload": envelope(payload=""),
    "a payload that is an object": envelope(payload={}),
    "URL-safe base64": envelope(payload="__8="),
    "no type": envelope(payloadType=None),
    "a long type": envelope(payloadType="x" * (MAX_TYPE_NAME + 1)),
    "a signature that is text": envelope(signatures=["x"]),
    "a signature that is null": envelope(signatures=[None]),
    "an empty signature": envelope(signatures=[{"sig": ""}]),
    "a large signature": envelope(signatures=[{"sig": base64.b64encode(bytes(MAX_SIGNATURE + 1)).decode()}]),
    "many signatures": envelope(signatures=[SIGNED] * 33),
    "two payloads": envelope()[:-1] + b',"Payload":"QQ=="}',
}


@pytest.mark.parametrize("what", MALFORMED)
def test_malformed(what: str) -> None:
    with pytest.raises(VerificationError) as caught:
        parse_envelope(MALFORMED[what])
    assert caught.value.reason is ReasonCode.MALFORMED


@pytest.mark.parametrize("signatures", [[], None, [SIGNED, SIGNED]])
def test_not_exactly_one_signature(signatures: Any) -> None:
    with pytest.raises(VerificationError) as caught:
        parse_envelope(envelope(signatures=signatures))
    assert caught.value.reason is ReasonCode.UNSUPPORTED


@given(mutants(envelope(), envelope(signatures=[{**SIGNED, "keyid": "x"}])))
def test_any_change_gives_an_envelope_or_our_error(data: bytes) -> None:
    assert refusal_of(lambda: parse_envelope(data)) in UNREAD
