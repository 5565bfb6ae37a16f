"""Ed25519ph (RFC 8032 s5.1), which logs can check by the hash of a message; `cryptography` does not know it."""

from __future__ import annotations

import hashlib

from cryptography.hazmat.primitives.asymmetric import ed25519
from nacl import bindings
from nacl.exceptions import CryptoError

# dom2(1, "") of s2: pre-hashed, without a context.
_DOM2 = b"SigEd25519 no Ed25519 collisions\x01\x00"
_HALF = 32


def sign_prehashed(key: ed25519.Ed25519PrivateKey, message: bytes) -> bytes:
    """The signature over the message."""
    state = bindings.crypto_sign_ed25519ph_state()
    bindings.crypto_sign_ed25519ph_update(state, message)
    both = key.private_bytes_raw() + key.public_key().public_bytes_raw()
    return bytes(bindings.crypto_sign_ed25519ph_final_create(state, both))


def is_prehashed_signature(key: ed25519.Ed25519PublicKey, signature: bytes, digest: bytes) -> bool:
    """Whether the signature is over a message with this SHA-512.

    s5.1.7, with libsodium's arithmetic: its own verification wants the message.
    1. Take the signature apart into R and S.
    2. k is the hash of dom2, R, the public key A and the digest.
    3. It holds when [S]B = R + [k]A.
    """
    if len(signature) != 2 * _HALF:
        return False
    point, scalar = signature[:_HALF], signature[_HALF:]  # 1
    public = key.public_bytes_raw()
    hashed = hashlib.sha512(_DOM2 + point + public + digest).digest()
    factor = bindings.crypto_core_ed25519_scalar_reduce(hashed)  # 2
    if scalar != bindings.crypto_core_ed25519_scalar_reduce(scalar + bytes(_HALF)):
        return False  # not reduced: the same signature written another way
    try:
        right = bindings.crypto_core_ed25519_add(
            point, bindings.crypto_scalarmult_ed25519_noclamp(factor, public)
        )
        return bool(bindings.crypto_scalarmult_ed25519_base_noclamp(scalar) == right)  # 3
    except CryptoError:  # no points of the curve
        return False
