"""The lower bound: nothing but the public-key operations of a verification, with the keys at hand.

What the trusted root alone decides is not counted, for it need be checked only when the root is loaded: that its
intermediates are issued by its roots, and the chain of a timestamp authority.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import astuple, dataclass

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.hashes import SHA256, SHA384, HashAlgorithm

_DIGEST = b"\x5a" * SHA256.digest_size


@dataclass(frozen=True, slots=True)
class Operations:
    """How many signatures of each kind are verified; those of RSA are by keys of 2048 bits."""

    p256: int = 0
    p384: int = 0
    ed25519: int = 0
    rsa: int = 0
    rsa_pss: int = 0

    def __add__(self, other: Operations) -> Operations:
        return Operations(*map(sum, zip(astuple(self), astuple(other), strict=True)))

    def prepare(self) -> Callable[[], None]:
        """Make keys and signatures; what is returned verifies them all."""
        checks = [
            *(_ecdsa(ec.SECP256R1(), SHA256()) for _ in range(self.p256)),
            *(_ecdsa(ec.SECP384R1(), SHA384()) for _ in range(self.p384)),
            *(_ed25519() for _ in range(self.ed25519)),
            *(_rsa(padding.PKCS1v15()) for _ in range(self.rsa)),
            *(_rsa(padding.PSS(padding.MGF1(SHA256()), 32)) for _ in range(self.rsa_pss)),
        ]

        def verify() -> None:
            for check in checks:
                check()

        return verify


def _ecdsa(curve: ec.EllipticCurve, algorithm: HashAlgorithm) -> Callable[[], None]:
    key, digest = ec.generate_private_key(curve), b"\x5a" * algorithm.digest_size
    scheme = ec.ECDSA(Prehashed(algorithm))
    signature, public = key.sign(digest, scheme), key.public_key()
    return lambda: public.verify(signature, digest, scheme)


def _ed25519() -> Callable[[], None]:
    key, message = ed25519.Ed25519PrivateKey.generate(), b"a checkpoint " * 12
    signature, public = key.sign(message), key.public_key()
    return lambda: public.verify(signature, message)


def _rsa(scheme: padding.PKCS1v15 | padding.PSS) -> Callable[[], None]:
    key, prehashed = rsa.generate_private_key(65537, 2048), Prehashed(SHA256())
    signature, public = key.sign(_DIGEST, scheme, prehashed), key.public_key()
    return lambda: public.verify(signature, _DIGEST, scheme, prehashed)
