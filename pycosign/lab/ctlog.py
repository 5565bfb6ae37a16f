"""A certificate transparency log that signs promises for precertificates (RFC 6962)."""

from __future__ import annotations

import struct
from collections.abc import Sequence

from asn1crypto.core import OctetString  # type: ignore[import-untyped]  # it ships no types
from cryptography import x509

from .clock import Clock
from .keys import key_id, new_key, sign

# RFC 6962 s3.3: the extension that carries the list of SCTs.
SCT_LIST = x509.ObjectIdentifier("1.3.6.1.4.1.11129.2.4.2")
_VERSION_1 = 0
_CERTIFICATE_TIMESTAMP = 0
_PRECERT_ENTRY = 1
_SHA256_ECDSA = b"\x04\x03"


class CtLog:
    """One log with one P-256 key. It keeps no tree: verifiers of Sigstore check its promises only."""

    def __init__(self, *, host: str, clock: Clock) -> None:
        self.host = host
        self.key = new_key()
        self.log_id = key_id(self.key.public_key())
        self._clock = clock

    def promise(self, tbs: bytes, issuer_key_id: bytes) -> bytes:
        """The serialised SCT (RFC 6962 s3.2) over a TBSCertificate that holds no SCT list."""
        milliseconds = int(self._clock().timestamp() * 1000)
        head = struct.pack(">BBQH", _VERSION_1, _CERTIFICATE_TIMESTAMP, milliseconds, _PRECERT_ENTRY)
        no_extensions = struct.pack(">H", 0)
        signed = head + issuer_key_id + len(tbs).to_bytes(3, "big") + tbs + no_extensions
        signature = sign(self.key, signed)
        return (
            struct.pack(">B", _VERSION_1)
            + self.log_id
            + struct.pack(">Q", milliseconds)
            + no_extensions
            + _SHA256_ECDSA
            + struct.pack(">H", len(signature))
            + signature
        )


def sct_extension(logs: Sequence[CtLog], tbs: bytes, issuer_key_id: bytes) -> x509.UnrecognizedExtension:
    """The certificate extension with one promise of each log (RFC 6962 s3.3)."""
    promises = [log.promise(tbs, issuer_key_id) for log in logs]
    entries = b"".join(struct.pack(">H", len(promise)) + promise for promise in promises)
    scts = struct.pack(">H", len(entries)) + entries
    return x509.UnrecognizedExtension(SCT_LIST, bytes(OctetString(scts).dump()))
