"""Evidence as cosign wrote it before bundles: beside a signature, in annotations or files of its own.

The log's part is a promise alone (the SET), without an inclusion proof, and names no kind: that stands in the body
of the entry (cosign ``specs/SIGNATURE_SPEC.md``, Properties).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from providers.errors import VerificationError
from providers.reasons import ReasonCode

from . import base64_text, pem
from .limits import (
    MAX_CERTIFICATE,
    MAX_CERTIFICATES,
    MAX_ENTRY_BODY,
    MAX_SIGNATURE,
    MAX_TIMESTAMP,
    MAX_TYPE_NAME,
)
from .log_entry import LogEntry
from .strict_json import bytes_field, integer_field, object_field, parse_go_object, parse_object, text_field

# In base64, with names around it.
_MAX_REKOR_BUNDLE = MAX_ENTRY_BODY // 3 * 4 + (64 << 10)
# A chain of the largest certificates, in PEM and in base64 once more.
_MAX_CERTIFICATE_FILE = MAX_CERTIFICATES * MAX_CERTIFICATE * 2
# SHA-256 of the log's key, as Rekor 1 writes it; bytes.fromhex() would pass over spaces.
_LOG_ID = re.compile(r"[0-9a-f]{64}")


def _refuse(message: str) -> VerificationError:
    return VerificationError(ReasonCode.MALFORMED, message)


def read_certificate(text: bytes) -> bytes:
    """The DER of the certificate in PEM text, which cosign wraps in base64 once more. Of several blocks the first
    counts, as to cosign. Empty when that is a public key: a key that travels with a signature says nothing.

    Raises:
        VerificationError: ``malformed``.
    """
    if len(text) > _MAX_CERTIFICATE_FILE:
        raise _refuse(f"a certificate file of {len(text)} bytes")
    if not pem.is_pem(text):
        try:
            text = base64_text.decode_lines(text)
        except ValueError as error:
            raise _refuse("the certificate is neither PEM nor base64 of it") from error
    label, der = pem.first_block(text, limit=MAX_CERTIFICATE)
    if label == pem.CERTIFICATE:
        return der
    if label == pem.PUBLIC_KEY:
        return b""
    raise _refuse(f"a PEM block of a {label}, where a certificate should be")


def read_signature(text: bytes) -> bytes:
    """A signature from its file: base64 as cosign writes it, or the bytes themselves.

    Raises:
        VerificationError: ``malformed``: it is empty or too long.
    """
    if len(text) > MAX_SIGNATURE * 2:
        raise _refuse(f"a signature file of {len(text)} bytes")
    try:
        found = base64_text.decode_lines(text)
    except ValueError:
        found = text
    return checked_signature(found)


def checked_signature(signature: bytes) -> bytes:
    """``signature``, if it can be one.

    Raises:
        VerificationError: ``malformed``: it is empty or too long.
    """
    if not 0 < len(signature) <= MAX_SIGNATURE:
        raise _refuse(f"a signature of {len(signature)} bytes")
    return signature


def read_rekor_bundle(data: bytes) -> LogEntry:
    """The log entry in a ``dev.sigstore.cosign/bundle`` annotation.

    Raises:
        VerificationError: ``malformed``.
    """
    return rekor_bundle_entry(parse_go_object(data, max_size=_MAX_REKOR_BUNDLE))


def rekor_bundle_entry(document: Mapping[str, Any]) -> LogEntry:
    """The log entry in the object of cosign's ``RekorBundle``.

    Raises:
        VerificationError: ``malformed``.
    """
    payload = object_field(document, "Payload")
    log_id = text_field(payload, "logID")
    body = bytes_field(payload, "body", limit=MAX_ENTRY_BODY)
    stated = parse_object(body, max_size=MAX_ENTRY_BODY)
    if not _LOG_ID.fullmatch(log_id):
        raise _refuse(f"not the id of a log: {log_id[:80]!r}")
    return LogEntry(
        log_index=integer_field(payload, "logIndex", default=0),
        log_id=bytes.fromhex(log_id),
        kind=text_field(stated, "kind", limit=MAX_TYPE_NAME),
        version=text_field(stated, "apiVersion", limit=MAX_TYPE_NAME),
        integrated_time=integer_field(payload, "integratedTime"),
        promise=bytes_field(document, "SignedEntryTimestamp", limit=MAX_SIGNATURE),
        proof=None,
        body=body,
    )


def read_timestamp(data: bytes) -> bytes:
    """The RFC 3161 response in a ``dev.sigstore.cosign/rfc3161timestamp`` annotation, or in a file: cosign's JSON,
    or the response itself.

    Raises:
        VerificationError: ``malformed``.
    """
    if data[:1] == b"\x30":  # the SEQUENCE that a response is
        if len(data) > MAX_TIMESTAMP:
            raise _refuse(f"a timestamp of {len(data)} bytes")
        return data
    return bytes_field(
        parse_object(data, max_size=MAX_TIMESTAMP * 2), "SignedRFC3161Timestamp", limit=MAX_TIMESTAMP
    )
