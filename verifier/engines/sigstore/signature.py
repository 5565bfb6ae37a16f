"""The signature itself, and the content it was made over."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils
from cryptography.x509 import Certificate

from providers.errors import VerificationError
from providers.reasons import ReasonCode

from ...formats.bundle import MessageSignature
from ...formats.dsse import Envelope, pae
from .evidence import reading, refusal

# By the names of protobuf-specs' HashAlgorithm.
_HASHES: dict[str, hashes.HashAlgorithm] = {
    "SHA2_256": hashes.SHA256(),
    "SHA2_384": hashes.SHA384(),
    "SHA2_512": hashes.SHA512(),
}
# Sigstore's algorithm registry: the curve decides the hash.
_CURVES = {"secp256r1": "SHA2_256", "secp384r1": "SHA2_384", "secp521r1": "SHA2_512"}
# NIST SP 800-131A for the lower end; above the upper one a verification takes milliseconds.
_MIN_RSA, _MAX_RSA = 2048, 8192


def digest(algorithm: str, content: bytes) -> bytes:
    """The digest of ``content``; ``algorithm`` as protobuf-specs names it."""
    return hashlib.new(algorithm.replace("SHA2_", "sha"), content).digest()


@dataclass(frozen=True, slots=True)
class SignedContent:
    """What a signature was found to be made over.

    ``message`` are the signed bytes (an envelope's PAE, the artifact) and empty when only the artifact's
    ``digest`` was needed, which was made with ``algorithm``.
    """

    signature: bytes
    envelope: Envelope | None
    message: bytes
    algorithm: str
    digest: bytes

    def digest_as(self, algorithm: str) -> bytes | None:
        """The digest of the message by ``algorithm``, None when that cannot be said."""
        if algorithm == self.algorithm:
            return self.digest
        return digest(algorithm, self.message) if self.message and algorithm in _HASHES else None


def verify_signature(
    certificate: Certificate,
    content: Envelope | MessageSignature,
    subject_digest: bytes,
    read_subject: Callable[[], bytes],
) -> SignedContent:
    """Verify the signature with the key of the certificate.

    An artifact signature can be verified by the SHA-256 digest alone when the key uses that and the bundle states
    no other; else the artifact is read with ``read_subject``.

    Raises:
        VerificationError: ``signature-invalid``, ``unsupported``.
        UnavailableError: from ``read_subject``.
    """
    with reading("the key of the certificate", ReasonCode.UNSUPPORTED):
        key = certificate.public_key()
    algorithm = _hash_of(key)
    if isinstance(content, Envelope):
        message = pae(content.payload_type, content.payload)
        _verify(key, content.signature, message, algorithm)
        return SignedContent(content.signature, content, message, algorithm, digest(algorithm, message))
    if algorithm == "SHA2_256" and content.algorithm in {"", "SHA2_256"}:
        signed = content.digest or subject_digest
        _verify_digest(key, content.signature, signed, algorithm)
        return SignedContent(content.signature, None, b"", algorithm, signed)
    message = read_subject()
    _verify(key, content.signature, message, algorithm)
    if content.algorithm and digest(content.algorithm, message) != content.digest:
        raise refusal(
            ReasonCode.SUBJECT_DIGEST_MISMATCH, "the bundle states another digest than that of the artifact"
        )
    return SignedContent(content.signature, None, message, "SHA2_256", digest("SHA2_256", message))


def _hash_of(key: object) -> str:
    if isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name in _CURVES:
        return _CURVES[key.curve.name]
    if isinstance(key, rsa.RSAPublicKey) and _MIN_RSA <= key.key_size <= _MAX_RSA:
        return "SHA2_256"
    if isinstance(key, ed25519.Ed25519PublicKey):
        return "SHA2_512"  # inside the algorithm: it takes the message, not a digest
    size = getattr(key, "key_size", "?")
    raise refusal(
        ReasonCode.UNSUPPORTED, f"signatures by a {type(key).__name__} of {size} bits are not accepted"
    )


def _verify(key: object, signature: bytes, message: bytes, algorithm: str) -> None:
    if not isinstance(key, ed25519.Ed25519PublicKey):
        _verify_digest(key, signature, digest(algorithm, message), algorithm)
        return
    try:
        key.verify(signature, message)
    except InvalidSignature as error:
        raise _invalid("message") from error


def _verify_digest(key: object, signature: bytes, signed: bytes, algorithm: str) -> None:
    prehashed = utils.Prehashed(_HASHES[algorithm])
    try:
        if isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(signature, signed, ec.ECDSA(prehashed))
            return
        if isinstance(key, rsa.RSAPublicKey):
            key.verify(signature, signed, padding.PKCS1v15(), prehashed)
            return
    except InvalidSignature as error:
        raise _invalid(f"digest {signed.hex()}") from error
    raise refusal(ReasonCode.UNSUPPORTED, f"a {type(key).__name__} cannot verify a digest")


def _invalid(what: str) -> VerificationError:
    return refusal(
        ReasonCode.SIGNATURE_INVALID, f"the signature is not by the certificate's key over this {what}"
    )
