"""What stands beside a signed file: a bundle, cosign's older bundle, a bare signature or a bare envelope."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from providers.descriptor import digest_of
from providers.errors import VerificationError
from providers.reasons import ReasonCode

from .bundle import read_bundle
from .dsse import ENVELOPE_MEDIA_TYPE, parse_envelope
from .entity import Content, MessageSignature, SignedEntity
from .legacy import (
    checked_signature,
    read_certificate,
    read_signature,
    read_timestamp,
    rekor_bundle_entry,
)
from .limits import MAX_BUNDLE_SIZE
from .log_entry import LogEntry
from .strict_json import bytes_field, object_field, parse_go_object, text_field

# Names of ours: cosign gives these forms no media type.
LEGACY_BUNDLE = "application/vnd.dev.sigstore.cosign.bundle+json"
BARE_SIGNATURE = "application/vnd.dev.sigstore.cosign.signature"
# base64Signature may be a whole envelope, in base64.
_MAX_LEGACY_BUNDLE = MAX_BUNDLE_SIZE * 2


class SignatureForm(StrEnum):
    """What ``SignatureFile.content`` is, as the caller names it (cosign: --bundle, --signature)."""

    BUNDLE = "bundle"
    SIGNATURE = "signature"
    ENVELOPE = "envelope"


@dataclass(frozen=True, slots=True)
class SignatureFile:
    """The files of one signature, unparsed. ``certificate`` and ``timestamp`` belong to a bare signature or
    envelope.
    """

    form: SignatureForm
    content: bytes
    certificate: bytes = b""
    timestamp: bytes = b""

    @property
    def digest(self) -> str:
        """What names the signature with its evidence: the digest of its file, or of all its files together."""
        beside = (self.certificate, self.timestamp)
        if not any(beside):
            return digest_of(self.content)
        return digest_of("\n".join(map(digest_of, (self.content, *beside))).encode())


def parse_signature_file(given: SignatureFile) -> SignedEntity:
    """The signature in ``given``.

    Raises:
        VerificationError: ``malformed``, ``unsupported``.
    """
    if given.form is SignatureForm.BUNDLE:
        document = _object(given.content)
        if "base64Signature" in document and "mediaType" not in document:
            return _legacy_bundle(given, document)
        if len(given.content) > MAX_BUNDLE_SIZE:
            raise VerificationError(ReasonCode.MALFORMED, f"a bundle of {len(given.content)} bytes")
        if given.certificate or given.timestamp:  # never left aside in silence
            raise VerificationError(
                ReasonCode.MALFORMED,
                "a certificate or a timestamp was given beside a bundle that brings its own",
            )
        return read_bundle(document, given.content)
    content: Content
    if given.form is SignatureForm.ENVELOPE:
        _refuse_bundle(given.content, "an envelope")
        content, media_type = parse_envelope(given.content), ENVELOPE_MEDIA_TYPE
    else:
        _refuse_bundle(given.content, "a signature alone")
        content, media_type = MessageSignature("", b"", read_signature(given.content)), BARE_SIGNATURE
    return _entity(given, content, media_type, _given_certificate(given), ())


def _object(content: bytes) -> dict[str, Any]:
    """The JSON object of a bundle."""
    if content[:1].isspace() or content[:1] == b"{":
        return parse_go_object(content, max_size=_MAX_LEGACY_BUNDLE)
    if not content:
        raise VerificationError(ReasonCode.MALFORMED, "the file is empty")
    raise VerificationError(
        ReasonCode.MALFORMED,
        "this is no JSON object; a bundle is one (cosign: --bundle), a signature alone is not (--signature)",
    )


def _refuse_bundle(content: bytes, wanted: str) -> None:
    """Raises ``malformed`` where a bundle was given as ``wanted``. Names of fields that no signature spells."""
    if content.lstrip()[:1] == b"{" and (
        b'"verificationMaterial"' in content or b'"base64Signature"' in content
    ):
        raise VerificationError(
            ReasonCode.MALFORMED, f"this is a bundle (cosign: --bundle), not {wanted} (--signature)"
        )


def _legacy_bundle(given: SignatureFile, document: dict[str, Any]) -> SignedEntity:
    """cosign's ``LocalSignedPayload``. A public key in ``cert`` is not read (GHSA-fx35-mq7g-6g98)."""
    signature = bytes_field(document, "base64Signature")
    content: Content = (
        parse_envelope(signature)
        if _is_envelope(signature)
        else MessageSignature("", b"", checked_signature(signature))
    )
    certificate = _given_certificate(given)
    if not certificate and (stated := text_field(document, "cert", default="")):
        certificate = read_certificate(stated.encode())
    entries: tuple[LogEntry, ...] = ()
    if "rekorBundle" in document:
        entries = (rekor_bundle_entry(object_field(document, "rekorBundle")),)
    return _entity(given, content, LEGACY_BUNDLE, certificate, entries)


def _is_envelope(signature: bytes) -> bool:
    """cosign attest-blob puts a whole envelope there. One signature in 256 begins like a JSON object, too."""
    return signature[:1] == b"{" and b'"payloadType"' in signature


def _given_certificate(given: SignatureFile) -> bytes:
    if not given.certificate:
        return b""
    found = read_certificate(given.certificate)
    if not found:
        raise VerificationError(ReasonCode.MALFORMED, "a public key was given where a certificate should be")
    return found


def _entity(
    given: SignatureFile, content: Content, media_type: str, certificate: bytes, entries: tuple[LogEntry, ...]
) -> SignedEntity:
    return SignedEntity(
        media_type=media_type,
        digest=given.digest,
        key_hint="",
        leaf_certificate=certificate,
        content=content,
        log_entries=entries,
        timestamps=(read_timestamp(given.timestamp),) if given.timestamp else (),
        stored=given.content,
    )
