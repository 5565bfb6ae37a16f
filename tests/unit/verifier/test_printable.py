"""What strangers wrote cannot write lines or colours of its own."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from verifier.printable import MAX_LENGTH, printable


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("a\r\nb\x1b[31mc\u202ed\u200b", "a\ufffd\ufffdb\ufffd[31mc\ufffdd\ufffd"),
        ("x" * 300, "x" * 199 + "…"),
    ],
)
def test_what_is_shown(text: str, expected: str) -> None:
    assert printable(text, 200) == expected


@given(st.text())
def test_any_text_is_one_printable_line(text: str) -> None:
    shown = printable(text)
    assert shown.isprintable()
    assert len(shown) <= MAX_LENGTH
    if text.isprintable() and len(text) <= MAX_LENGTH:
        assert shown == text
