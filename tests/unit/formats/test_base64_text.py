"""Base64 has one spelling for each value; only files may be broken into lines."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from verifier.formats.base64_text import decode, decode_lines


@given(st.binary(min_size=1, max_size=100), st.integers(1, 100))
def test_what_encoders_write(raw: bytes, width: int) -> None:
    text = base64.b64encode(raw)
    assert decode(text) == decode(text.decode()) == raw
    for end in (b"\n", b"\r\n"):
        lines = end.join(text[at : at + width] for at in range(0, len(text), width)) + end
        assert decode_lines(lines) == raw


@pytest.mark.parametrize(
    "text", ["", "QQ", "QQ=", "QR==", "QUF=", "_-8=", "QQ==\n", "Q Q==", "é", "QQ==QQ==", "=QQ="]
)
def test_other_spellings(text: str) -> None:
    for spelled in (text, text.encode()):
        with pytest.raises(ValueError):
            decode(spelled)


@pytest.mark.parametrize("text", [b"\n", b" QQ==", b"Q Q==", b"QQ==\t", b"QQ==\x0b", b"QR==\n", b"Q\x00Q=="])
def test_between_lines_stand_line_ends_only(text: bytes) -> None:
    with pytest.raises(ValueError):
        decode_lines(text)


@given(st.binary(max_size=12))
def test_no_two_spellings(text: bytes) -> None:
    try:
        raw = decode(text)
    except ValueError:
        return
    assert base64.b64encode(raw) == text
