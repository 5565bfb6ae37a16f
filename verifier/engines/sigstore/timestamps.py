"""Signed timestamps (RFC 3161) by the timestamp authorities of the trusted root."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import datetime

from rfc3161_client import VerificationError as StampError
from rfc3161_client import decode_timestamp_response

from providers.errors import VerificationError
from providers.reasons import ReasonCode

from ...facts import TIMESTAMP_AUTHORITY, VerifiedTimestamp
from ..evidence import TIMESTAMP, Record, refusal
from .faults import UNREADABLE, reading
from .material import StampAuthority

# The hash functions that rfc3161-client takes (RFC 5754 section 2).
_HASHES = {
    "2.16.840.1.101.3.4.2.1": "sha256",
    "2.16.840.1.101.3.4.2.2": "sha384",
    "2.16.840.1.101.3.4.2.3": "sha512",
}
# Raises unless a time, stated by whoever the text names, is one at which the signer was trusted.
CheckTime = Callable[[datetime, str], None]


def verify_timestamps(
    tokens: tuple[bytes, ...],
    messages: tuple[bytes, ...],
    check_time: CheckTime,
    authorities: tuple[StampAuthority, ...],
    record: Record,
) -> tuple[VerifiedTimestamp, ...]:
    """The times that trusted authorities state for one of ``messages``: the signature, or what holds it.

    A token that does not hold, or is by an authority that is not trusted (then), is a failed check and no more:
    whoever passes a bundle on may add such a token. But when a trusted authority says that the signature was
    made while its certificate was not valid, the signature is refused, whatever other tokens say: ``check_time``
    raises.

    Raises:
        VerificationError: ``timestamp-invalid``: one token twice; what ``check_time`` raises.
    """
    if len(set(tokens)) != len(tokens):
        raise refusal(ReasonCode.TIMESTAMP_INVALID, "one timestamp is there twice")
    found = []
    for token in tokens:
        try:
            stamp = _verify(token, messages, authorities)
        except VerificationError as error:
            record.failed(TIMESTAMP, error.reason, error.message)
            continue
        check_time(stamp.time, f"timestamp authority {stamp.authority}")
        record.passed(TIMESTAMP, f"{stamp.authority} saw the signature at {stamp.time}")
        found.append(stamp)
    return tuple(found)


def _imprinted(messages: tuple[bytes, ...], algorithm: str, imprint: bytes) -> bytes:
    """The digest of that of ``messages`` which a token is about; of the first when it is about none, so that its
    own verification says so.
    """
    name = _HASHES.get(algorithm)
    if name is None:
        raise refusal(ReasonCode.TIMESTAMP_INVALID, f"a timestamp over a hash of kind {algorithm}")
    digests = [hashlib.new(name, message).digest() for message in messages]
    return next((digest for digest in digests if digest == imprint), digests[0])


def _verify(
    token: bytes, messages: tuple[bytes, ...], authorities: tuple[StampAuthority, ...]
) -> VerifiedTimestamp:
    with reading("a timestamp", ReasonCode.TIMESTAMP_INVALID):
        response = decode_timestamp_response(token)
        time = response.tst_info.gen_time
        imprint = response.tst_info.message_imprint
        algorithm, stamped = imprint.hash_algorithm.dotted_string, imprint.message
        signers = {(signer.serial_number, signer.issuer) for signer in response.signed_data.signer_infos}
    digest = _imprinted(messages, algorithm, stamped)
    problem = "no timestamp authority of the trusted root made it"
    for authority in authorities:
        # A signature check costs a millisecond: only those that the token names, at a time when they are trusted.
        if (authority.leaf.serial_number, authority.leaf.issuer) not in signers:
            continue
        if not authority.window.contains(time):
            problem = f"{authority.name} is trusted from {authority.window}, not at {time}"
            continue
        try:
            authority.verifier.verify(response, digest)
        except (StampError, *UNREADABLE) as error:
            problem = str(error)
            continue
        return VerifiedTimestamp(TIMESTAMP_AUTHORITY, authority.uri, time, authority.name)
    raise refusal(ReasonCode.TIMESTAMP_INVALID, f"a timestamp does not hold: {problem}")
