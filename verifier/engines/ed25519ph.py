"""Ed25519ph (RFC 8032 section 5.1), which ``cryptography`` does not know: libsodium's, by PyNaCl."""

from __future__ import annotations

from nacl import bindings
from nacl.exceptions import BadSignatureError

_SIGNATURE_SIZE = 64


def verify_prehashed(public_key: bytes, signature: bytes, message: bytes) -> bool:
    """Whether ``signature`` is one of ``message`` by the raw ``public_key``, by Ed25519ph without a context."""
    if len(signature) != _SIGNATURE_SIZE:
        return False
    state = bindings.crypto_sign_ed25519ph_state()
    bindings.crypto_sign_ed25519ph_update(state, message)
    try:
        return bool(bindings.crypto_sign_ed25519ph_final_verify(state, signature, public_key))
    except BadSignatureError:
        return False
