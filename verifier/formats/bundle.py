"""Sigstore bundles 0.1, 0.2 and 0.3 (protobuf-specs ``sigstore_bundle.proto``), as protojson writes them.

Zero values may be left out or null, unknown fields are ignored, and of the alternatives of a ``oneof`` exactly
one must be there. Only the camelCase names are known: a field under its other protojson name counts as absent,
which can only take evidence away.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from providers.descriptor import digest_of
from providers.errors import VerificationError
from providers.reasons import ReasonCode

from .dsse import Envelope, read_envelope
from .entity import MessageSignature, SignedEntity
from .limits import (
    MAX_BUNDLE_SIZE,
    MAX_CERTIFICATE,
    MAX_CERTIFICATES,
    MAX_LOG_ENTRIES,
    MAX_SIGNATURE,
    MAX_TIMESTAMP,
    MAX_TIMESTAMPS,
)
from .log_entry import read_log_entry
from .strict_json import bytes_field, list_field, object_field, parse_go_object, text_field

BUNDLE_V01 = "application/vnd.dev.sigstore.bundle+json;version=0.1"
BUNDLE_V02 = "application/vnd.dev.sigstore.bundle+json;version=0.2"
BUNDLE_V03_ALT = "application/vnd.dev.sigstore.bundle+json;version=0.3"
BUNDLE_V03 = "application/vnd.dev.sigstore.bundle.v0.3+json"
BUNDLE_MEDIA_TYPES = (BUNDLE_V03, BUNDLE_V03_ALT, BUNDLE_V02, BUNDLE_V01)

# A key hint is the base64 of a SHA-256; longer ones name URLs or paths.
_MAX_HINT = 1024

_DIGEST_SIZES = {"SHA2_256": 32, "SHA2_384": 48, "SHA2_512": 64}
_KNOWN_MEDIA_TYPE = re.compile(
    r"application/vnd\.dev\.sigstore\.bundle(?:\.v[0-9.]{1,20}+)?\+json(?:;version=[0-9.]{1,20}+)?"
)


def parse_bundle(data: bytes) -> SignedEntity:
    """Parse a bundle.

    Raises:
        VerificationError: ``malformed``, or ``unsupported``: a bundle version or content not known here.
    """
    return read_bundle(parse_go_object(data, max_size=MAX_BUNDLE_SIZE), data)


def read_bundle(document: Mapping[str, Any], data: bytes) -> SignedEntity:
    """Read the JSON object of a bundle, which ``data`` was parsed as.

    Raises:
        VerificationError: as ``parse_bundle``.
    """
    media_type = text_field(document, "mediaType")
    if media_type not in BUNDLE_MEDIA_TYPES:
        known = _KNOWN_MEDIA_TYPE.fullmatch(media_type)
        reason = ReasonCode.UNSUPPORTED if known else ReasonCode.MALFORMED
        raise VerificationError(reason, f"not a bundle type that can be read: {media_type[:100]!r}")
    material = object_field(document, "verificationMaterial")
    (leaf, *issuers), hint = _read_signer(material, chain=media_type in {BUNDLE_V01, BUNDLE_V02})
    listed = list_field(material, "tlogEntries", limit=MAX_LOG_ENTRIES)
    entries = tuple(read_log_entry(entry, proof_required=media_type != BUNDLE_V01) for entry in listed)
    return SignedEntity(
        media_type=media_type,
        digest=digest_of(data),
        key_hint=hint,
        leaf_certificate=leaf,
        content=_read_content(document),
        log_entries=entries,
        timestamps=_read_timestamps(material),
        stored=data,
        issuers=tuple(issuers),
    )


def _one_of(value: Mapping[str, Any], *names: str) -> str:
    found = [name for name in names if name in value]
    if len(found) != 1:
        raise VerificationError(ReasonCode.MALFORMED, f"exactly one of {', '.join(names)} must be there")
    return found[0]


def _read_signer(material: Mapping[str, Any], *, chain: bool) -> tuple[list[bytes], str]:
    """The certificates, leaf first, and the key hint, one of them empty."""
    kind = _one_of(material, "certificate", "x509CertificateChain", "publicKey")
    signer = object_field(material, kind)
    if kind == "publicKey":
        return [b""], text_field(signer, "hint", default="", limit=_MAX_HINT)
    if (kind == "x509CertificateChain") is not chain:
        raise VerificationError(ReasonCode.MALFORMED, f"a bundle of this version has no {kind}")
    if kind == "certificate":
        return [bytes_field(signer, "rawBytes", limit=MAX_CERTIFICATE)], ""
    certificates = list_field(signer, "certificates", limit=MAX_CERTIFICATES)
    if not certificates or not all(isinstance(item, dict) for item in certificates):
        raise VerificationError(ReasonCode.MALFORMED, "the certificate chain holds no certificate")
    return [bytes_field(item, "rawBytes", limit=MAX_CERTIFICATE) for item in certificates], ""


def _read_content(document: Mapping[str, Any]) -> Envelope | MessageSignature:
    kind = _one_of(document, "messageSignature", "dsseEnvelope")
    content = object_field(document, kind)
    if kind == "dsseEnvelope":
        return read_envelope(content)
    algorithm, digest = "", b""
    if stated := object_field(content, "messageDigest", default={}):
        algorithm, digest = text_field(stated, "algorithm"), bytes_field(stated, "digest")
        if algorithm not in _DIGEST_SIZES:
            raise VerificationError(ReasonCode.UNSUPPORTED, f"a digest of kind {algorithm[:40]!r}")
        if len(digest) != _DIGEST_SIZES[algorithm]:
            raise VerificationError(ReasonCode.MALFORMED, f"{len(digest)} bytes are no {algorithm} digest")
    return MessageSignature(algorithm, digest, bytes_field(content, "signature", limit=MAX_SIGNATURE))


def _read_timestamps(material: Mapping[str, Any]) -> tuple[bytes, ...]:
    held = object_field(material, "timestampVerificationData", default={})
    listed = list_field(held, "rfc3161Timestamps", limit=MAX_TIMESTAMPS)
    if not all(isinstance(item, dict) for item in listed):
        raise VerificationError(ReasonCode.MALFORMED, "a timestamp is not an object")
    return tuple(bytes_field(item, "signedTimestamp", limit=MAX_TIMESTAMP) for item in listed)
