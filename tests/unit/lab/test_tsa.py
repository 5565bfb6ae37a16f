"""The timestamp authority, judged by rfc3161-client and asn1crypto."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from asn1crypto import tsp  # type: ignore[import-untyped]  # it ships no types
from hypothesis import given
from hypothesis import strategies as st
from rfc3161_client import (
    HashAlgorithm,
    PKIStatus,
    TimeStampRequest,
    TimestampRequestBuilder,
    VerificationError,
    VerifierBuilder,
    decode_timestamp_response,
)

from pycosign.lab import Lab, LabError

MESSAGE = b"message"


def _request(*, nonce: bool = True, certificate: bool = True) -> TimeStampRequest:
    builder = TimestampRequestBuilder().hash_algorithm(HashAlgorithm.SHA512).data(MESSAGE)
    return builder.nonce(nonce=nonce).cert_request(cert_request=certificate).build()


def _verifier(lab: Lab) -> VerifierBuilder:
    return VerifierBuilder().tsa_certificate(lab.tsa.leaf).add_root_certificate(lab.tsa.root)


@pytest.mark.parametrize("nonce", [True, False])
@pytest.mark.parametrize("certificate", [True, False])
def test_a_timestamp_is_verified(lab: Lab, nonce: bool, certificate: bool) -> None:
    request = _request(nonce=nonce, certificate=certificate)
    response = decode_timestamp_response(lab.tsa.answer(request.as_bytes()))
    builder = _verifier(lab)
    if request.nonce is not None:
        builder = builder.nonce(request.nonce)
    assert builder.build().verify_message(response, MESSAGE)
    assert response.tst_info.nonce == request.nonce
    assert len(response.signed_data.certificates) == (2 if certificate else 0)


def test_of_a_stranger_or_of_something_else(lab: Lab, stranger: Lab) -> None:
    response = decode_timestamp_response(lab.tsa.answer(_request().as_bytes()))
    with pytest.raises(VerificationError):
        _verifier(stranger).build().verify_message(response, MESSAGE)
    with pytest.raises(VerificationError):
        _verifier(lab).build().verify_message(response, b"else")


def test_the_time_is_the_callers(lab: Lab) -> None:
    then = datetime(2026, 10, 1, 2, 3, 4, tzinfo=UTC)
    response = decode_timestamp_response(lab.tsa.stamp(MESSAGE, at=then))
    assert response.tst_info.gen_time == then


def test_weak_hashes_are_rejected(lab: Lab) -> None:
    imprint = {"hash_algorithm": {"algorithm": "sha1"}, "hashed_message": b"\0" * 20}
    request = tsp.TimeStampReq({"version": "v1", "message_imprint": imprint}).dump()
    answer = decode_timestamp_response(lab.tsa.answer(request))
    assert PKIStatus(answer.status) is PKIStatus.REJECTION


@given(st.binary(max_size=80))
def test_junk_is_refused(junk: bytes) -> None:
    with pytest.raises(LabError):
        TSA.answer(junk)


def test_a_type_that_is_only_known_by_name() -> None:
    """certReq, the BOOLEAN at the end, as an ObjectDescriptor."""
    request = bytearray(_request(nonce=False).as_bytes())
    assert request[-3:] == b"\x01\x01\xff"
    request[-3] = 7
    with pytest.raises(LabError, match="not a TimeStampReq"):
        TSA.answer(bytes(request))


@given(st.data())
def test_a_damaged_request_is_refused_or_answered(data: st.DataObject) -> None:
    request = bytearray(_request(nonce=False).as_bytes())
    request[data.draw(st.integers(0, len(request) - 1))] = data.draw(st.integers(0, 255))
    try:
        answer = TSA.answer(bytes(request))
    except LabError:
        return
    decode_timestamp_response(answer)


TSA = Lab(name="junk").tsa
