"""Signed certificate timestamps: that a trusted CT log has seen the certificate (RFC 6962).

sigstore-python takes exactly one SCT and tries every CT key for a log id it does not know. Here each SCT is
verified, with the key of its log only.
"""

from __future__ import annotations

from datetime import UTC, datetime

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509 import Certificate, ExtensionNotFound, PrecertificateSignedCertificateTimestamps
from cryptography.x509.certificate_transparency import LogEntryType, SignedCertificateTimestamp
from sigstore._internal.sct import _pack_digitally_signed
from sigstore._utils import KeyID

from providers.reasons import ReasonCode

from ...facts import VerifiedSct
from .evidence import SCT, Record, refusal
from .material import LogKey, Material

# Fulcio embeds one; browsers ask for three at most.
_MAX_SCTS = 32


def verify_scts(
    certificate: Certificate, issuer_key_hash: bytes, material: Material, record: Record
) -> tuple[VerifiedSct, ...]:
    """The embedded SCTs that hold, one check recorded for each.

    Raises:
        VerificationError: ``sct-untrusted``: there are too many to look at.
    """
    try:
        listed = list(
            certificate.extensions.get_extension_for_class(PrecertificateSignedCertificateTimestamps).value
        )
    except ExtensionNotFound:
        listed = []
    if len(listed) > _MAX_SCTS:
        raise refusal(ReasonCode.SCT_UNTRUSTED, f"{len(listed)} SCTs; at most {_MAX_SCTS} are read")
    if not listed:
        record.failed(SCT, ReasonCode.SCT_UNTRUSTED, "the certificate holds no SCT")
    found = []
    for sct in listed:
        time = sct.timestamp.replace(tzinfo=UTC)
        problem = _problem(sct, time, certificate, issuer_key_hash, material.ct_logs.get(sct.log_id, ()))
        if problem:
            record.failed(SCT, ReasonCode.SCT_UNTRUSTED, problem)
            continue
        record.passed(SCT, f"CT log {sct.log_id.hex()} saw the certificate at {time}")
        found.append(VerifiedSct(sct.log_id.hex(), time))
    return tuple(found)


def _problem(
    sct: SignedCertificateTimestamp,
    time: datetime,
    certificate: Certificate,
    issuer_key_hash: bytes,
    keys: tuple[LogKey, ...],
) -> str:
    """Why the SCT does not count; empty when it does."""
    log = f"CT log {sct.log_id.hex()}"
    if not keys:
        return f"{log} is not in the trusted root"
    trusted = [key for key in keys if key.window.contains(time)]
    if not trusted:
        return f"the key of {log} is trusted from {keys[-1].window}, not at {time}"
    if sct.entry_type is not LogEntryType.PRE_CERTIFICATE:
        return f"the SCT of {log} is not one of a precertificate"
    if not isinstance(sct.signature_hash_algorithm, SHA256):
        return f"the SCT of {log} does not use SHA-256"
    # RFC 6962 section 3.2: an SCT of a precertificate is bound to its issuer's key.
    signed = _pack_digitally_signed(sct, certificate, KeyID(issuer_key_hash))
    for key in trusted:
        try:
            key.key.verify(sct.signature, signed)
        except InvalidSignature:
            continue
        return ""
    return f"the SCT is not signed by {log}"
