"""What cosign signed of an image before bundles."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given

from providers.errors import VerificationError
from providers.reasons import ReasonCode
from tests.unit.formats.mutants import UNREAD, mutants, refusal_of
from verifier.formats.simple_signing import COSIGN_TYPE, MAX_PAYLOAD, SimplePayload, parse_simple_payload
from verifier.formats.statement import MAX_ANNOTATION_BYTES

DIGEST = "sha256:" + "ab" * 32
CRITICAL: dict[str, Any] = {
    "identity": {"docker-reference": "127.0.0.1:5055/demo/app"},
    "image": {"docker-manifest-digest": DIGEST},
    "type": COSIGN_TYPE,
}


def payload(optional: Any = None, **critical: Any) -> bytes:
    document = {"critical": {**CRITICAL, **critical}, "optional": optional}
    return json.dumps(document, separators=(",", ":")).encode()


@pytest.mark.parametrize("data", [payload(), payload({}), b'{"critical":%b}' % json.dumps(CRITICAL).encode()])
def test_without_annotations(data: bytes) -> None:
    assert parse_simple_payload(data) == SimplePayload(DIGEST, ())


def test_annotations_are_the_texts() -> None:
    given_ones = {"env": "prod", "Env": "other", "n": 3, "none": None, "list": ["x"], "a": ""}
    assert parse_simple_payload(payload(given_ones)).annotations == (
        ("Env", "other"),
        ("a", ""),
        ("env", "prod"),
    )


def test_the_reference_that_was_typed_plays_no_part() -> None:
    for identity in ({"docker-reference": "evil.test/x"}, {}, None, "x"):
        assert parse_simple_payload(payload(identity=identity)) == SimplePayload(DIGEST, ())


def test_the_largest() -> None:
    most = payload({"a": "x" * 1000, "b": "x" * (MAX_ANNOTATION_BYTES - 1002)})
    assert len(parse_simple_payload(most).annotations) == 2
    padded = payload() + b" " * (MAX_PAYLOAD - len(payload()))
    assert parse_simple_payload(padded) == SimplePayload(DIGEST, ())


def image(digest: Any) -> bytes:
    return payload(image={"docker-manifest-digest": digest})


MALFORMED = {
    "nothing": b"",
    "null": b"null",
    "no critical part": b'{"optional":null}',
    "a critical part that is a list": b'{"critical":[]}',
    "no image": payload(image=None),
    "no digest": payload(image={}),
    "a digest that is a number": image(1),
    "a digest in capitals": image(DIGEST.upper()),
    "a short digest": image(DIGEST[:-1]),
    "a digest of another kind": image("sha512:" + "ab" * 64),
    "a digest with more behind it": image(DIGEST + "\n"),
    "no type": payload(type=None),
    "options that are a list": payload([]),
    "options that are text": payload("x"),
    "large annotations": payload({"a": "x" * 1000, "b": "x" * (MAX_ANNOTATION_BYTES - 1001)}),
    "large annotations of few characters": payload({"a": "é" * (MAX_ANNOTATION_BYTES // 2)}),
    "a large payload": payload() + b" " * (MAX_PAYLOAD + 1 - len(payload())),
    "two critical parts": payload()[:-1] + b',"critical":{}}',
    "two critical parts in another case": payload()[:-1] + b',"Critical":{}}',
    "two images in another case": payload(Image={"docker-manifest-digest": DIGEST}),
    "two digests in another case": payload(
        image={"docker-manifest-digest": DIGEST, "Docker-Manifest-Digest": "sha256:" + "cd" * 32}
    ),
    "two annotations of one name": b'{"critical":%b,"optional":{"a":"1","a":"2"}}'
    % json.dumps(CRITICAL).encode(),
    "a second document": payload() + payload(),
}


@pytest.mark.parametrize("what", MALFORMED)
def test_malformed(what: str) -> None:
    with pytest.raises(VerificationError) as caught:
        parse_simple_payload(MALFORMED[what])
    assert caught.value.reason is ReasonCode.MALFORMED


def test_a_payload_of_another_signer() -> None:
    with pytest.raises(VerificationError) as caught:
        parse_simple_payload(payload(type="atomic container signature"))
    assert caught.value.reason is ReasonCode.UNSUPPORTED


@given(mutants(payload(), payload({"env": "prod", "Env": "x", "n": 1})))
def test_any_change_gives_a_payload_or_our_error(data: bytes) -> None:
    assert refusal_of(lambda: parse_simple_payload(data)) in UNREAD
