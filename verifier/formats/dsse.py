"""DSSE envelopes (secure-systems-lab ``dsse`` 1.0.0)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from providers.errors import VerificationError
from providers.reasons import ReasonCode

from .limits import MAX_BUNDLE_SIZE, MAX_SIGNATURE, MAX_TYPE_NAME
from .strict_json import bytes_field, list_field, parse_go_object, text_field

IN_TOTO = "application/vnd.in-toto+json"
ENVELOPE_MEDIA_TYPE = "application/vnd.dsse.envelope.v1+json"


@dataclass(frozen=True, slots=True)
class Envelope:
    """A payload with exactly one signature. The key id beside the signature is not signed and not kept.

    ``stored`` are the bytes of an envelope that stands by itself, as logs and timestamp authorities may have seen
    them; empty for one inside a bundle.
    """

    payload_type: str
    payload: bytes
    signature: bytes
    stored: bytes = field(default=b"", repr=False)


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
        payload_type=text_field(document, "payloadType", limit=MAX_TYPE_NAME),
        payload=bytes_field(document, "payload"),
        signature=bytes_field(signatures[0], "sig", limit=MAX_SIGNATURE),
    )


def parse_envelope(data: bytes) -> Envelope:
    """Parse an envelope that stands by itself.

    Raises:
        VerificationError: as ``read_envelope``.
    """
    return replace(read_envelope(parse_go_object(data, max_size=MAX_BUNDLE_SIZE)), stored=data)
