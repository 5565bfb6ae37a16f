"""Signed timestamps (RFC 3161) by the timestamp authorities of the trusted root."""

from __future__ import annotations

from datetime import datetime

from cryptography.x509 import Certificate
from rfc3161_client import VerificationError as StampError
from rfc3161_client import decode_timestamp_response

from providers.errors import VerificationError
from providers.reasons import ReasonCode

from ...facts import TIMESTAMP_AUTHORITY, VerifiedTimestamp
from .evidence import TIMESTAMP, UNREADABLE, Record, reading, refusal
from .material import StampAuthority


def verify_timestamps(
    tokens: tuple[bytes, ...],
    signature: bytes,
    certificate: Certificate,
    authorities: tuple[StampAuthority, ...],
    record: Record,
) -> tuple[VerifiedTimestamp, ...]:
    """The times that trusted authorities state for ``signature``.

    A token that does not hold, or is by an authority that is not trusted (then), is a failed check and no more:
    whoever passes a bundle on may add such a token. But when a trusted authority says that the signature was
    made while its certificate was not valid, the signature is refused, whatever other tokens say.

    Raises:
        VerificationError: ``timestamp-invalid``: one token twice; ``time-outside-validity``.
    """
    if len(set(tokens)) != len(tokens):
        raise refusal(ReasonCode.TIMESTAMP_INVALID, "the bundle holds one timestamp twice")
    found = []
    for token in tokens:
        try:
            stamp = _verify(token, signature, authorities)
        except VerificationError as error:
            record.failed(TIMESTAMP, error.reason, error.message)
            continue
        check_validity(stamp.time, certificate, f"timestamp authority {stamp.authority}")
        record.passed(TIMESTAMP, f"{stamp.authority} saw the signature at {stamp.time}")
        found.append(stamp)
    return tuple(found)


def check_validity(time: datetime, certificate: Certificate, source: str) -> None:
    """``time`` must lie within the validity of the signing certificate.

    Raises:
        VerificationError: ``time-outside-validity``.
    """
    start, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if not start <= time <= end:
        raise refusal(
            ReasonCode.TIME_OUTSIDE_VALIDITY,
            f"{source} says {time}, but the certificate was valid from {start} to {end}",
        )


def _verify(token: bytes, signature: bytes, authorities: tuple[StampAuthority, ...]) -> VerifiedTimestamp:
    with reading("a timestamp", ReasonCode.TIMESTAMP_INVALID):
        response = decode_timestamp_response(token)
        time = response.tst_info.gen_time
        signers = {(signer.serial_number, signer.issuer) for signer in response.signed_data.signer_infos}
    problem = "no timestamp authority of the trusted root made it"
    for authority in authorities:
        # Only those that the token names: a signature check costs a millisecond.
        if (authority.leaf.serial_number, authority.leaf.issuer) not in signers:
            continue
        try:
            authority.verifier.verify_message(response, signature)
        except (StampError, *UNREADABLE) as error:
            problem = str(error)
            continue
        if authority.window.contains(time):
            return VerifiedTimestamp(TIMESTAMP_AUTHORITY, authority.uri, time, authority.name)
        problem = f"{authority.name} is trusted from {authority.window}, not at {time}"
    raise refusal(ReasonCode.TIMESTAMP_INVALID, f"a timestamp does not hold: {problem}")
