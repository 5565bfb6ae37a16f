"""Signatures that hold in a scheme which cosign does not try: of these, its "no" says nothing.

cosign reads RSA as PKCS #1 v1.5 only. With Ed25519 it takes a message in a certificate's bundle as prehashed
(Ed25519ph), and everything else as not.
"""

from __future__ import annotations

from collections.abc import Callable

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa

from ...formats.entity import Content, MessageSignature
from ..ed25519ph import verify_prehashed
from ..signature import Message, algorithm_of
from ..signer import Signer

_HASHES: dict[str, hashes.HashAlgorithm] = {
    "SHA2_256": hashes.SHA256(),
    "SHA2_384": hashes.SHA384(),
    "SHA2_512": hashes.SHA512(),
}


def untried_scheme(signer: Signer, content: Content, message: Message) -> str:
    """The name of the scheme in which ``signer`` made the signature in ``content`` over ``message`` and which
    cosign does not try; empty when there is none.

    Raises:
        UnavailableError: the message cannot be read.
    """
    key, signature = signer.key, content.signature
    if isinstance(key, rsa.RSAPublicKey):
        algorithm = _HASHES[algorithm_of(signer)]
        pss = padding.PSS(mgf=padding.MGF1(algorithm), salt_length=padding.PSS.AUTO)
        return "RSA-PSS" if _holds(lambda: key.verify(signature, message.content, pss, algorithm)) else ""
    if isinstance(key, ed25519.Ed25519PublicKey):
        if signer.certificate and isinstance(content, MessageSignature):
            return "Ed25519" if _holds(lambda: key.verify(signature, message.content)) else ""
        prehashed = verify_prehashed(key.public_bytes_raw(), signature, message.content)
        return "Ed25519ph" if prehashed else ""
    return ""


def _holds(verify: Callable[[], None]) -> bool:
    try:
        verify()
    except InvalidSignature:
        return False
    return True
