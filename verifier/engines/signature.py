"""The signature itself, and the content it was made over."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils

from providers.errors import VerificationError
from providers.reasons import ReasonCode

from ..formats.dsse import Envelope, pae
from ..formats.entity import Content, MessageSignature
from .ed25519ph import verify_prehashed
from .evidence import refusal
from .signer import Signer

# By the names of protobuf-specs' HashAlgorithm.
_HASHES: dict[str, hashes.HashAlgorithm] = {
    "SHA2_256": hashes.SHA256(),
    "SHA2_384": hashes.SHA384(),
    "SHA2_512": hashes.SHA512(),
}
# Sigstore's algorithm registry: the curve decides the hash.
_CURVES = {"secp256r1": "SHA2_256", "secp384r1": "SHA2_384", "secp521r1": "SHA2_512"}
_OF_ED25519 = "SHA2_512"  # RFC 8032 section 5.1, inside the algorithm
# NIST SP 800-131A for the lower end; Sigstore's algorithm registry ends with 4096.
_MIN_RSA, _MAX_RSA = 2048, 4096


def digest(algorithm: str, content: bytes) -> bytes:
    """The digest of ``content``; ``algorithm`` as protobuf-specs names it."""
    return hashlib.new(algorithm.replace("SHA2_", "sha"), content).digest()


class Message:
    """The bytes that a signature is to be over: read when they are first needed, hashed once with each algorithm,
    however many keys are tried.
    """

    def __init__(self, read: Callable[[], bytes]) -> None:
        self._read = read
        self._content: bytes | None = None
        self._digests: dict[str, bytes] = {}

    @property
    def content(self) -> bytes:
        """The bytes.

        Raises:
            UnavailableError: they cannot be read.
        """
        if self._content is None:
            self._content = self._read()
        return self._content

    def digest(self, algorithm: str) -> bytes:
        """Their digest; ``algorithm`` as protobuf-specs names it.

        Raises:
            UnavailableError: they cannot be read.
        """
        if algorithm not in self._digests:
            self._digests[algorithm] = digest(algorithm, self.content)
        return self._digests[algorithm]

    @classmethod
    def of(cls, content: Content, read_subject: Callable[[], bytes]) -> Message:
        """What the signature in ``content`` is to be over: an envelope's PAE, a payload, or the artifact, which
        ``read_subject`` reads.
        """
        if isinstance(content, MessageSignature):
            return cls(read_subject)
        if isinstance(content, Envelope):
            return cls(lambda: pae(content.payload_type, content.payload))
        return cls(lambda: content.payload)


@dataclass(frozen=True, slots=True)
class SignedContent:
    """What a signature was found to be made over.

    ``message`` is None when only the artifact's ``digest`` was needed, which was made with ``algorithm``.
    """

    content: Content
    message: Message | None
    algorithm: str
    digest: bytes

    @property
    def signature(self) -> bytes:
        """The signature."""
        return self.content.signature

    @property
    def envelope(self) -> Envelope | None:
        """The envelope that was signed, if it was one."""
        return self.content if isinstance(self.content, Envelope) else None

    def digest_as(self, algorithm: str) -> bytes | None:
        """The digest of the message by ``algorithm``, None when that cannot be said."""
        if algorithm == self.algorithm:
            return self.digest
        return self.message.digest(algorithm) if self.message and algorithm in _HASHES else None


def algorithm_of(signer: Signer) -> str:
    """The hash that the key of ``signer`` is used with, as protobuf-specs names it.

    Raises:
        VerificationError: ``unsupported``: keys of this kind or size are not accepted, or not with this hash.
    """
    key = signer.key
    if isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name in _CURVES:
        return signer.algorithm or _CURVES[key.curve.name]
    if isinstance(key, rsa.RSAPublicKey) and _MIN_RSA <= key.key_size <= _MAX_RSA:
        return signer.algorithm or "SHA2_256"
    if isinstance(key, ed25519.Ed25519PublicKey):
        if signer.algorithm in {"", _OF_ED25519}:
            return _OF_ED25519
        raise refusal(ReasonCode.UNSUPPORTED, f"Ed25519 is not used with {signer.algorithm}")
    raise refusal(ReasonCode.UNSUPPORTED, f"signatures by {_described(key)} are not accepted")


def _described(key: object) -> str:
    if isinstance(key, ec.EllipticCurvePublicKey):
        return f"a key on the curve {key.curve.name}"
    size = getattr(key, "key_size", None)
    return f"a {type(key).__name__}" + (f" of {size} bits" if size else "")


def needs_artifact(signer: Signer, content: Content) -> bool:
    """Whether the artifact has to be read: an artifact signature can be verified by the SHA-256 digest alone when
    the key is used with that and the bundle states no other.

    Raises:
        VerificationError: ``unsupported``.
    """
    if not isinstance(content, MessageSignature):
        return False
    return algorithm_of(signer) != "SHA2_256" or content.algorithm not in {"", "SHA2_256"}


def verify_signature(
    signer: Signer, content: Content, subject_digest: bytes, read_subject: Callable[[], bytes]
) -> SignedContent:
    """Verify the signature with the key of ``signer``. Where ``needs_artifact``, that is read with
    ``read_subject``.

    Raises:
        VerificationError: ``signature-invalid``, ``unsupported``, ``subject-digest-mismatch``.
        UnavailableError: from ``read_subject``.
    """
    return verify_over(Message.of(content, read_subject), signer, content, subject_digest)


def verify_over(message: Message, signer: Signer, content: Content, subject_digest: bytes) -> SignedContent:
    """``verify_signature``, for one of several keys that are tried: ``message`` is ``Message.of`` the content.

    Raises:
        VerificationError: ``signature-invalid``, ``unsupported``, ``subject-digest-mismatch``.
        UnavailableError: the artifact cannot be read.
    """
    algorithm = algorithm_of(signer)
    if not isinstance(content, MessageSignature):
        _verify(signer, content.signature, message, algorithm)
        return SignedContent(content, message, algorithm, message.digest(algorithm))
    if not needs_artifact(signer, content):
        signed = content.digest or subject_digest
        _verify_digest(signer, content.signature, signed, algorithm)
        return SignedContent(content, None, algorithm, signed)
    _verify(signer, content.signature, message, algorithm)
    if content.algorithm and message.digest(content.algorithm) != content.digest:
        raise refusal(
            ReasonCode.SUBJECT_DIGEST_MISMATCH, "the bundle states another digest than that of the artifact"
        )
    return SignedContent(content, message, "SHA2_256", message.digest("SHA2_256"))


def _verify(signer: Signer, signature: bytes, message: Message, algorithm: str) -> None:
    key = signer.key
    if not isinstance(key, ed25519.Ed25519PublicKey):
        _verify_digest(signer, signature, message.digest(algorithm), algorithm)
        return
    try:
        key.verify(signature, message.content)
    except InvalidSignature as error:
        # cosign and sigstore-go sign with Ed25519ph what a log is to hold by its digest (RFC 8032 section 5.1).
        if not verify_prehashed(key.public_bytes_raw(), signature, message.content):
            raise _invalid(signer, "message") from error


def _verify_digest(signer: Signer, signature: bytes, signed: bytes, algorithm: str) -> None:
    key, prehashed = signer.key, utils.Prehashed(_HASHES[algorithm])
    try:
        if isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(signature, signed, ec.ECDSA(prehashed))
            return
        if isinstance(key, rsa.RSAPublicKey):
            _verify_rsa(key, signature, signed, prehashed, _HASHES[algorithm])
            return
    except InvalidSignature as error:
        raise _invalid(signer, f"digest {signed.hex()}") from error
    raise refusal(ReasonCode.UNSUPPORTED, f"a {type(key).__name__} cannot verify a digest")


def _verify_rsa(
    key: rsa.RSAPublicKey,
    signature: bytes,
    signed: bytes,
    prehashed: utils.Prehashed,
    algorithm: hashes.HashAlgorithm,
) -> None:
    """PKCS #1 v1.5, or else PSS (RFC 8017 sections 8.2 and 8.1): nothing says beforehand which it is."""
    try:
        key.verify(signature, signed, padding.PKCS1v15(), prehashed)
    except InvalidSignature:
        pss = padding.PSS(mgf=padding.MGF1(algorithm), salt_length=padding.PSS.AUTO)
        key.verify(signature, signed, pss, prehashed)


def _invalid(signer: Signer, what: str) -> VerificationError:
    return refusal(ReasonCode.SIGNATURE_INVALID, f"the signature is not by {signer.noun} over this {what}")
