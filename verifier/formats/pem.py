"""PEM blocks (RFC 7468), as far as a certificate or a key travels in one. What is inside is for others to
parse.
"""

from __future__ import annotations

import re

from providers.errors import VerificationError
from providers.reasons import ReasonCode

from . import base64_text

CERTIFICATE = "CERTIFICATE"
PUBLIC_KEY = "PUBLIC KEY"
_BEGIN = b"-----BEGIN "
# Linear: nothing that repeats can be divided in two ways.
_BLOCK = re.compile(_BEGIN + rb"([A-Z0-9 ]{1,40}+)-----([A-Za-z0-9+/=\s]*+)-----END \1-----")
# Before a block RFC 7468 section 2 allows words; 'openssl x509 -text' writes some 4 kB.
_MAX_PREFACE = 64 << 10


def is_pem(data: bytes) -> bool:
    """Whether ``data`` may hold a block. Base64 without one has no dashes."""
    return _BEGIN in data


def first_block(data: bytes, *, limit: int) -> tuple[str, bytes]:
    """The label and the DER of the first block of ``data``.

    Raises:
        VerificationError: ``malformed``: there is none, or it has more than ``limit`` bytes.
    """
    # Twice the limit is the block in base64, with its line ends.
    found = _BLOCK.search(data[: limit * 2 + _MAX_PREFACE])
    if found is None:
        raise VerificationError(ReasonCode.MALFORMED, "no PEM block was found where a certificate should be")
    try:
        der = base64_text.decode(b"".join(found[2].split()))
    except ValueError as error:
        raise VerificationError(ReasonCode.MALFORMED, "a PEM block is not base64") from error
    if len(der) > limit:
        raise VerificationError(
            ReasonCode.MALFORMED, f"a PEM block of {len(der)} bytes; at most {limit} are read"
        )
    return found[1].decode("ascii"), der
