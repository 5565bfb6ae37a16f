"""How the lab's keys sign, checked with other code than the lab's."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from nacl import bindings
from nacl.exceptions import BadSignatureError

from pycosign.lab import LabError
from pycosign.lab.ed25519ph import is_prehashed_signature, sign_prehashed
from pycosign.lab.keys import Scheme, hash_name, is_signature, key_details, sign, signed_with

MESSAGE = b"a message"
RSA = rsa.generate_private_key(65537, 2048)
EDWARDS = ed25519.Ed25519PrivateKey.generate()
WAYS: list[tuple[Any, Scheme, str]] = [
    (ec.generate_private_key(ec.SECP256R1()), "usual", "PKIX_ECDSA_P256_SHA_256"),
    (ec.generate_private_key(ec.SECP384R1()), "usual", "PKIX_ECDSA_P384_SHA_384"),
    (ec.generate_private_key(ec.SECP521R1()), "usual", "PKIX_ECDSA_P521_SHA_512"),
    (RSA, "usual", "PKIX_RSA_PKCS1V15_2048_SHA256"),
    (RSA, "pss", "PKIX_RSA_PSS_2048_SHA256"),
    (EDWARDS, "usual", "PKIX_ED25519"),
    (EDWARDS, "ed25519ph", "PKIX_ED25519_PH"),
]


@pytest.mark.parametrize(("key", "scheme", "details"), WAYS)
def test_every_way_to_sign(key: Any, scheme: Scheme, details: str) -> None:
    public, signature = key.public_key(), sign(key, MESSAGE, scheme)
    assert key_details(public, scheme) == details
    assert signed_with(public, signature, MESSAGE) == hash_name(public)
    assert signed_with(public, signature, MESSAGE + b"!") is None
    digest = hashlib.new(hash_name(public), MESSAGE).digest()
    # Only pure Ed25519 cannot be checked by a hash: the reason why Ed25519ph exists.
    by_hash = (key, scheme) != (EDWARDS, "usual")
    assert is_signature(public, signature, digest, hash_name(public)) is by_hash
    assert not is_signature(public, signature, digest[::-1], hash_name(public))
    assert not is_signature(public, signature, digest[:-1], hash_name(public))


def test_pss_is_pss() -> None:
    pss = padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.AUTO)
    RSA.public_key().verify(sign(RSA, MESSAGE, "pss"), MESSAGE, pss, hashes.SHA256())


@pytest.mark.parametrize(
    ("key", "scheme"), [(RSA, "ed25519ph"), (EDWARDS, "pss"), (WAYS[0][0], "pss"), (WAYS[0][0], "ed25519ph")]
)
def test_a_scheme_of_another_key(key: Any, scheme: Scheme) -> None:
    with pytest.raises(LabError, match="does not sign with"):
        sign(key, MESSAGE, scheme)


class TestEd25519ph:
    """RFC 8032 section 7.3, and libsodium's own verification, which wants the message."""

    def test_the_rfc_s_example(self) -> None:
        secret = "833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42"
        expected = (
            "98a70222f0b8121aa9d30f813d683f809e462b469c7ff87639499bb94e6dae41"
            "31f85042463c2a355a2003d062adf5aaa10b8c61e636062aaad11c2a26083406"
        )
        key = ed25519.Ed25519PrivateKey.from_private_bytes(bytes.fromhex(secret))
        assert sign_prehashed(key, b"abc").hex() == expected
        assert is_prehashed_signature(
            key.public_key(), bytes.fromhex(expected), hashlib.sha512(b"abc").digest()
        )

    def test_changed_signatures(self) -> None:
        signature, digest = sign_prehashed(EDWARDS, MESSAGE), hashlib.sha512(MESSAGE).digest()
        order = 2**252 + 27742317777372353535851937790883648493
        again = int.from_bytes(signature[32:], "little") + order
        malleable = signature[:32] + again.to_bytes(32, "little")
        changed = [bytes([*signature[:n], signature[n] ^ 1, *signature[n + 1 :]]) for n in range(64)]
        for wrong in (*changed, malleable, signature[:-1], b"", bytes(64)):
            assert not is_prehashed_signature(EDWARDS.public_key(), wrong, digest)
            assert not _libsodium_accepts(wrong)
        assert _libsodium_accepts(signature)


def _libsodium_accepts(signature: bytes) -> bool:
    if len(signature) != 64:
        return False
    state = bindings.crypto_sign_ed25519ph_state()
    bindings.crypto_sign_ed25519ph_update(state, MESSAGE)
    try:
        return bindings.crypto_sign_ed25519ph_final_verify(
            state, signature, EDWARDS.public_key().public_bytes_raw()
        )
    except BadSignatureError:
        return False
