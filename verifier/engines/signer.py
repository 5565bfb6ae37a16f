"""Who made a signature: a public key, with the certificate for it or without."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat


@dataclass(frozen=True, slots=True)
class Signer:
    """``certificate`` is DER, empty for a bare key; ``spki`` the SubjectPublicKeyInfo (RFC 5280 4.1.2.7) of a bare
    key.

    ``algorithm`` names the hash that the key is used with, as protobuf-specs does; empty where its kind decides.
    """

    key: PublicKeyTypes
    spki: bytes = b""
    certificate: bytes = b""
    algorithm: str = ""

    @classmethod
    def of_key(cls, key: PublicKeyTypes, algorithm: str = "") -> Signer:
        """A bare key."""
        return cls(key, key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo), b"", algorithm)

    @property
    def key_id(self) -> str:
        """SHA-256 of the SubjectPublicKeyInfo, in hexadecimal."""
        return hashlib.sha256(self.spki).hexdigest()

    @property
    def noun(self) -> str:
        """What a person calls it."""
        return "the certificate's key" if self.certificate else "this key"
