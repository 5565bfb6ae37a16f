"""Keys as Sigstore names them: identifiers, algorithm names, and how each kind of key signs."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import partial
from typing import Literal

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

from .ed25519ph import is_prehashed_signature, sign_prehashed
from .errors import LabError

SigningKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey
PublicKey = ec.EllipticCurvePublicKey | rsa.RSAPublicKey | ed25519.Ed25519PublicKey
HashName = Literal["sha256", "sha384", "sha512"]
# How a key signs: as its kind usually does (RSA: PKCS#1 v1.5; Ed25519: the message itself), or in its other way.
Scheme = Literal["usual", "pss", "ed25519ph"]
SCHEMES: tuple[Scheme, ...] = ("usual", "pss", "ed25519ph")

# sigstore algorithm registry: the hash that belongs to each curve.
_CURVES: dict[str, tuple[HashName, str]] = {
    "secp256r1": ("sha256", "PKIX_ECDSA_P256_SHA_256"),
    "secp384r1": ("sha384", "PKIX_ECDSA_P384_SHA_384"),
    "secp521r1": ("sha512", "PKIX_ECDSA_P521_SHA_512"),
}
_HASHES: dict[HashName, hashes.SHA256 | hashes.SHA384 | hashes.SHA512] = {
    "sha256": hashes.SHA256(),
    "sha384": hashes.SHA384(),
    "sha512": hashes.SHA512(),
}


def new_key() -> ec.EllipticCurvePrivateKey:
    """A fresh P-256 key, what Sigstore clients make for each signature."""
    return ec.generate_private_key(ec.SECP256R1())


def accepted(key: object) -> PublicKey:
    """The key, if it is of a kind the lab signs certificates and log entries for. Raises LabError."""
    if isinstance(key, rsa.RSAPublicKey) and 2048 <= key.key_size <= 4096:
        return key
    if isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name in _CURVES:
        return key
    if isinstance(key, ed25519.Ed25519PublicKey):
        return key
    raise LabError("the lab takes ECDSA P-256, P-384, P-521, RSA 2048 to 4096 and Ed25519 keys")


def hash_name(key: PublicKey) -> HashName:
    """The hash that the algorithm registry pairs with this key."""
    if isinstance(key, ed25519.Ed25519PublicKey):
        return "sha512"
    return "sha256" if isinstance(key, rsa.RSAPublicKey) else _CURVES[key.curve.name][0]


def key_details(key: PublicKey, scheme: Scheme = "usual") -> str:
    """The key's name in the PublicKeyDetails enumeration of sigstore_common.proto."""
    if isinstance(key, ed25519.Ed25519PublicKey):
        return "PKIX_ED25519_PH" if scheme == "ed25519ph" else "PKIX_ED25519"
    if isinstance(key, rsa.RSAPublicKey):
        return f"PKIX_RSA_{'PSS' if scheme == 'pss' else 'PKCS1V15'}_{key.key_size}_SHA256"
    return _CURVES[key.curve.name][1]


def spki_der(key: PublicKey) -> bytes:
    """SubjectPublicKeyInfo in DER."""
    return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def spki_pem(key: PublicKey) -> bytes:
    """SubjectPublicKeyInfo in PEM."""
    return key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def key_id(key: PublicKey) -> bytes:
    """SHA-256 of the SubjectPublicKeyInfo: the log identifier of RFC 6962 s3.2 and of Rekor v1."""
    return hashlib.sha256(spki_der(key)).digest()


def sign(key: SigningKey, message: bytes, scheme: Scheme = "usual") -> bytes:
    """A signature with the key's own hash. Raises LabError for a scheme of another kind of key."""
    if isinstance(key, ed25519.Ed25519PrivateKey) and scheme != "pss":
        return sign_prehashed(key, message) if scheme == "ed25519ph" else key.sign(message)
    algorithm = _HASHES[hash_name(key.public_key())]
    if isinstance(key, rsa.RSAPrivateKey) and scheme != "ed25519ph":
        return key.sign(message, _pss(algorithm) if scheme == "pss" else padding.PKCS1v15(), algorithm)
    if isinstance(key, ec.EllipticCurvePrivateKey) and scheme == "usual":
        return key.sign(message, ec.ECDSA(algorithm))
    raise LabError(f"such a key does not sign with {scheme}")


def is_signature(key: PublicKey, signature: bytes, digest: bytes, algorithm: HashName) -> bool:
    """Whether the signature is this key's over content with this digest, in whichever of its ways."""
    if len(digest) != _HASHES[algorithm].digest_size:
        return False
    if isinstance(key, ed25519.Ed25519PublicKey):
        return algorithm == "sha512" and is_prehashed_signature(key, signature, digest)
    if isinstance(key, ec.EllipticCurvePublicKey):
        return _holds(lambda: key.verify(signature, digest, ec.ECDSA(Prehashed(_HASHES[algorithm]))))
    prehashed = Prehashed(_HASHES[algorithm])
    return any(
        _holds(partial(key.verify, signature, digest, way, prehashed))
        for way in (padding.PKCS1v15(), _pss(_HASHES[algorithm]))
    )


def signed_with(key: PublicKey, signature: bytes, message: bytes) -> HashName | None:
    """The hash with which the signature over the message is this key's; None if there is none.

    Clients differ in the hash they pair with P-384 keys, so each is tried.
    """
    if isinstance(key, ed25519.Ed25519PublicKey) and _holds(lambda: key.verify(signature, message)):
        return "sha512"
    names: tuple[HashName, ...] = ("sha256", "sha384", "sha512")
    for name in names:
        if is_signature(key, signature, hashlib.new(name, message).digest(), name):
            return name
    return None


def _pss(algorithm: hashes.HashAlgorithm) -> padding.PSS:
    return padding.PSS(padding.MGF1(algorithm), algorithm.digest_size)


def _holds(verify: Callable[[], object]) -> bool:
    try:
        verify()
    except InvalidSignature:
        return False
    return True
