"""Base64 with one spelling for each value.

Only the standard alphabet with padding is read (RFC 4648 section 4), and the bits that the last character has to
spare must be zero (section 3.5). Go's readers also take other spellings, but no Sigstore client writes them; with
one spelling for each value, a changed character is always a changed value.
"""

from __future__ import annotations

import base64

# What Go's decoder passes over, and so what may stand between the lines of a file. Nothing else may.
_LINE_ENDS = b"\r\n"


def decode(text: str | bytes) -> bytes:
    """The bytes that ``text`` stands for.

    Raises:
        ValueError: it is empty, or spells nothing here.
    """
    found = base64.b64decode(text, validate=True)
    written = text.encode("ascii") if isinstance(text, str) else text
    # All but the last four characters have no bits to spare.
    if not found or base64.b64encode(found[-(len(found) % 3 or 3) :]) != written[-4:]:
        raise ValueError("empty, or not the canonical spelling")
    return found


def decode_lines(text: bytes) -> bytes:
    """The bytes that ``text``, which may be broken into lines, stands for.

    Raises:
        ValueError: it is empty, or spells nothing here.
    """
    return decode(text.translate(None, _LINE_ENDS))
