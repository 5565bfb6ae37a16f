"""DSSE envelopes (secure-systems-lab ``dsse`` 1.0.0)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from providers.errors import VerificationError
from providers.reasons import ReasonCode

from .strict_json import bytes_field, list_field, text_field

IN_TOTO = "application/vnd.in-toto+json"


@dataclass(frozen=True, slots=True)
class Envelope:
    """A payload with exactly one signature. The key id beside the signature is not signed and not kept."""

    payload_type: str
    payload: bytes
    signature: bytes


def pae(payload_type: str, payload: bytes) -> bytes:
    """The bytes a DSSE signature is made over (protocol.md, Pre-Authentication Encoding)."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def read_envelope(document: Mapping[str, Any]) -> Envelope:
    """Read the JSON object of an envelope.

    Raises:
        VerificationError: ``malformed``; ``unsupported`` when it does not hold exactly one signature.
    """
    signatures = list_field(document, "signatures", limit=32)  # more than any signer writes; one is read
    if len(signatures) != 1:
        raise VerificationError(
            ReasonCode.UNSUPPORTED,
            f"the envelope holds {len(signatures)} signatures; a Sigstore bundle has exactly one",
        )
    if not isinstance(signatures[0], dict):
        raise VerificationError(ReasonCode.MALFORMED, "the signature of the envelope is not an object")
    return Envelope(
        payload_type=text_field(document, "payloadType"),
        payload=bytes_field(document, "payload"),
        signature=bytes_field(signatures[0], "sig"),
    )
