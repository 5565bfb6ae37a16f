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

from providers.errors import VerificationError
from providers.reasons import ReasonCode

from ...facts import VerifiedSct
from ..evidence import SCT, Record, refusal
from .faults import reading
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
        try:
            key, time = _verify(sct, certificate, issuer_key_hash, material)
        except VerificationError as error:
            record.failed(SCT, error.reason, error.message)
            continue
        record.passed(SCT, f"CT log {sct.log_id.hex()} saw the certificate at {time}")
        found.append(VerifiedSct(key.log_id.hex(), time))
    return tuple(found)


def _verify(
    sct: SignedCertificateTimestamp, certificate: Certificate, issuer_key_hash: bytes, material: Material
) -> tuple[LogKey, datetime]:
    """The key that signed it, and when.

    Raises:
        VerificationError: ``sct-untrusted``: it does not count.
    """
    log = f"CT log {sct.log_id.hex()}"
    keys = material.ct_logs.get(sct.log_id, ())
    if not keys:
        raise _untrusted(f"{log} is not in the trusted root")
    with reading(f"the SCT of {log}", ReasonCode.SCT_UNTRUSTED):
        time = sct.timestamp.replace(tzinfo=UTC)
        usual = isinstance(sct.signature_hash_algorithm, SHA256)
    trusted = [key for key in keys if key.window.contains(time)]
    if not trusted:
        raise _untrusted(f"the key of {log} is trusted from {keys[-1].window}, not at {time}")
    if sct.entry_type is not LogEntryType.PRE_CERTIFICATE:
        raise _untrusted(f"the SCT of {log} is not one of a precertificate")
    if not usual:
        raise _untrusted(f"the SCT of {log} does not use SHA-256")
    # RFC 6962 section 3.2: an SCT of a precertificate is bound to its issuer's key.
    with reading(f"the SCT of {log}", ReasonCode.SCT_UNTRUSTED):
        signed = _pack_digitally_signed(sct, certificate, KeyID(issuer_key_hash))
    for key in trusted:
        try:
            key.key.verify(sct.signature, signed)
        except InvalidSignature:
            continue
        return key, time
    raise _untrusted(f"the SCT is not signed by {log}")


def _untrusted(message: str) -> VerificationError:
    return refusal(ReasonCode.SCT_UNTRUSTED, message)
