"""What a log recorded: its canonical body must say exactly this signature, this signer, this content.

Without the comparison any entry of the log would do for any signature (CVE-2022-36056, CVE-2026-22703).
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Mapping
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key
from cryptography.x509 import load_pem_x509_certificate

from providers.errors import VerificationError
from providers.reasons import ReasonCode

from ..formats.dsse import Envelope
from ..formats.limits import MAX_BUNDLE_SIZE
from ..formats.log_entry import LogEntry
from ..formats.strict_json import bytes_field, list_field, object_field, parse_object, text_field
from .evidence import reading, refusal
from .signature import SignedContent
from .signer import Signer

_REKOR_V1_HASHES = {"sha256": "SHA2_256", "sha384": "SHA2_384", "sha512": "SHA2_512"}

_Reader = Callable[[Mapping[str, Any], SignedContent, Signer], None]


def kind_of(entry: LogEntry) -> str:
    """The kind of ``entry`` with its version, as sigstore_rekor.proto and the wire contract write it."""
    return f"{entry.kind}/{entry.version}"


def check_body(entry: LogEntry, content: SignedContent, signer: Signer) -> None:
    """Compare the body of ``entry`` with the signed ``content`` and its ``signer``.

    Raises:
        VerificationError: ``log-entry-mismatch``; ``unsupported``: a kind of entry not known here.
    """
    kind = kind_of(entry)
    reader = (_ENVELOPE_KINDS if content.envelope else _MESSAGE_KINDS).get(kind)
    if reader is None:
        if kind in _ENVELOPE_KINDS or kind in _MESSAGE_KINDS:
            raise _differs(f"an entry of kind {kind} does not record this kind of signature")
        raise refusal(ReasonCode.UNSUPPORTED, f"a log entry of kind {kind!r} cannot be read")
    try:
        body = parse_object(entry.body, max_size=MAX_BUNDLE_SIZE)
        if (text_field(body, "kind"), text_field(body, "apiVersion")) != (entry.kind, entry.version):
            raise _differs(f"the entry is said to be {kind!r}, its body says something else")
        reader(object_field(body, "spec"), content, signer)
    except VerificationError as error:
        if error.reason is ReasonCode.LOG_ENTRY_MISMATCH:
            raise
        raise _differs(f"the body of the log entry cannot be read: {error.message}") from error


def _differs(message: str) -> VerificationError:
    return refusal(ReasonCode.LOG_ENTRY_MISMATCH, message)


def _same(what: str, *, recorded: bytes | str, ours: bytes | str | None) -> None:
    if ours is None or recorded != ours:
        raise _differs(f"the log recorded another {what} than this signature has")


def _same_verifier(recorded: bytes, signer: Signer) -> None:
    """``recorded`` is PEM of the certificate, or of the key where there is none. Armouring our own costs a tenth
    of parsing theirs.
    """
    label, ours = ("CERTIFICATE", signer.certificate) if signer.certificate else ("PUBLIC KEY", signer.spki)
    armoured = (
        f"-----BEGIN {label}-----".encode() + base64.b64encode(ours) + f"-----END {label}-----".encode()
    )
    if b"".join(recorded.split(b"\n")) == armoured:
        return
    with reading("the recorded verifier", ReasonCode.LOG_ENTRY_MISMATCH):
        if signer.certificate:
            theirs = load_pem_x509_certificate(recorded).public_bytes(Encoding.DER)
        else:
            key = load_pem_public_key(recorded)
            theirs = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    _same("verifier", recorded=theirs, ours=ours)


def _hash_value(document: Mapping[str, Any]) -> tuple[str, str]:
    """Rekor v1's pair: the algorithm by protobuf-specs' name, the value in hex."""
    algorithm = text_field(document, "algorithm")
    return _REKOR_V1_HASHES.get(algorithm, ""), text_field(document, "value")


def _hashedrekord_001(spec: Mapping[str, Any], content: SignedContent, signer: Signer) -> None:
    signature = object_field(spec, "signature")
    _same("signature", recorded=bytes_field(signature, "content"), ours=content.signature)
    pem = bytes_field(object_field(signature, "publicKey"), "content")
    _same_verifier(pem, signer)
    algorithm, value = _hash_value(object_field(object_field(spec, "data"), "hash"))
    ours = content.digest_as(algorithm)
    _same("digest", recorded=value, ours=ours.hex() if ours else None)


def _hashedrekord_002(spec: Mapping[str, Any], content: SignedContent, signer: Signer) -> None:
    record = object_field(spec, "hashedRekordV002")
    signature = object_field(record, "signature")
    _same("signature", recorded=bytes_field(signature, "content"), ours=content.signature)
    kind, ours = ("x509Certificate", signer.certificate) if signer.certificate else ("publicKey", signer.spki)
    held = object_field(object_field(signature, "verifier"), kind)
    _same("verifier", recorded=bytes_field(held, "rawBytes"), ours=ours)
    data = object_field(record, "data")
    signed = content.digest_as(text_field(data, "algorithm"))
    _same("digest", recorded=bytes_field(data, "digest"), ours=signed)


def _envelope(content: SignedContent) -> Envelope:
    if content.envelope is None:
        raise _differs("the log recorded an envelope, and none was signed")
    return content.envelope


def _same_payload(document: Mapping[str, Any], envelope: Envelope) -> None:
    algorithm, value = _hash_value(document)
    ours = hashlib.sha256(envelope.payload).hexdigest() if algorithm == "SHA2_256" else None
    _same("payload", recorded=value, ours=ours)


def _only(document: Mapping[str, Any], name: str) -> dict[str, Any]:
    listed = list_field(document, name, limit=32)
    if len(listed) != 1 or not isinstance(listed[0], dict):
        raise _differs(f"the log recorded {len(listed)} {name} instead of one")
    return listed[0]


def _dsse_001(spec: Mapping[str, Any], content: SignedContent, signer: Signer) -> None:
    envelope = _envelope(content)
    if "proposedContent" in spec:
        _dsse_001_proposed(object_field(spec, "proposedContent"), envelope, signer)
        return
    _same_payload(object_field(spec, "payloadHash"), envelope)
    signature = _only(spec, "signatures")
    _same("signature", recorded=bytes_field(signature, "signature"), ours=envelope.signature)
    _same_verifier(bytes_field(signature, "verifier"), signer)


def _dsse_001_proposed(proposed: Mapping[str, Any], envelope: Envelope, signer: Signer) -> None:
    """A body that was logged as proposed, not in canonical form: it holds the whole envelope as text."""
    recorded = parse_object(text_field(proposed, "envelope").encode(), max_size=MAX_BUNDLE_SIZE)
    _same("payload", recorded=bytes_field(recorded, "payload"), ours=envelope.payload)
    _same("payload type", recorded=text_field(recorded, "payloadType"), ours=envelope.payload_type)
    _same("signature", recorded=bytes_field(_only(recorded, "signatures"), "sig"), ours=envelope.signature)
    verifiers = list_field(proposed, "verifiers", limit=32)
    if len(verifiers) != 1:
        raise _differs(f"the log recorded {len(verifiers)} verifiers instead of one")
    pem = bytes_field({"verifier": verifiers[0]}, "verifier")
    _same_verifier(pem, signer)


def _intoto_001(spec: Mapping[str, Any], content: SignedContent, signer: Signer) -> None:
    """What cosign 1 logged for attestations. It names the signature only by the hash of the envelope around it,
    so it can be held against an envelope that is there as it was logged, to the byte.
    """
    envelope = _envelope(content)
    if not envelope.stored:
        raise _differs("the log recorded the hash of an envelope, and that is not here as it was logged")
    recorded = object_field(spec, "content")
    algorithm, value = _hash_value(object_field(recorded, "hash"))
    ours = hashlib.sha256(envelope.stored).hexdigest() if algorithm == "SHA2_256" else None
    _same("envelope", recorded=value, ours=ours)
    if "payloadHash" in recorded:  # the first versions of Rekor recorded none
        _same_payload(object_field(recorded, "payloadHash"), envelope)
    _same_verifier(bytes_field(spec, "publicKey"), signer)


def _intoto_002(spec: Mapping[str, Any], content: SignedContent, signer: Signer) -> None:
    envelope = _envelope(content)
    recorded = object_field(spec, "content")
    _same_payload(object_field(recorded, "payloadHash"), envelope)
    held = object_field(recorded, "envelope")
    _same("payload type", recorded=text_field(held, "payloadType"), ours=envelope.payload_type)
    signature = _only(held, "signatures")
    # Rekor's intoto 0.0.2 wraps the base64 of the envelope in base64 once more.
    once = bytes_field(signature, "sig")
    with reading("the recorded signature", ReasonCode.LOG_ENTRY_MISMATCH):
        twice = base64.b64decode(once, validate=True)
    _same("signature", recorded=twice, ours=envelope.signature)
    _same_verifier(bytes_field(signature, "publicKey"), signer)


_MESSAGE_KINDS: dict[str, _Reader] = {
    "hashedrekord/0.0.1": _hashedrekord_001,
    "hashedrekord/0.0.2": _hashedrekord_002,
}
# Rekor v2 records an envelope as a hashedrekord over its PAE (rekor-tiles, CLIENTS.md).
_ENVELOPE_KINDS: dict[str, _Reader] = {
    "dsse/0.0.1": _dsse_001,
    "intoto/0.0.1": _intoto_001,
    "intoto/0.0.2": _intoto_002,
    "hashedrekord/0.0.2": _hashedrekord_002,
}
