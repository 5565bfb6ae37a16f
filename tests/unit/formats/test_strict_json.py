"""JSON is read one way or not at all."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.errors import VerificationError
from providers.reasons import ReasonCode
from verifier.formats.strict_json import MAX_DEPTH, bytes_field, integer_field, list_field, parse_object


def malformed(data: bytes, max_size: int = 1 << 20) -> None:
    with pytest.raises(VerificationError) as caught:
        parse_object(data, max_size=max_size)
    assert caught.value.reason is ReasonCode.MALFORMED


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '"x"',
        "null",
        "{",
        "{}{}",
        '{"a":1,"a":2}',
        '{"a":1,"A":2}',
        '{"x":{"a":1,"\\u0061":2}}',
        '{"a":NaN}',
        '{"a":Infinity}',
        '{"a":1e999}',
        '{"a":"\\ud800"}',
        '{"a":"\n"}',
        '\ufeff{"a":1}',
        '{"a":' + "9" * 5000 + "}",
        '{"a":' * 70 + "1" + "}" * 70,
        '{"a":' + "[" * 100000,
    ],
)
def test_what_is_refused(text: str) -> None:
    malformed(text.encode())


def test_bytes_that_are_no_utf8() -> None:
    malformed(b'{"a":"\xff"}')


def test_size_is_limited() -> None:
    assert parse_object(b'{"a":1}', max_size=7) == {"a": 1}
    malformed(b'{"a":1}', max_size=6)


def test_depth_counts_brackets_outside_of_strings_only() -> None:
    text = json.dumps({"a": '[{"\\' * 200})
    assert parse_object(text.encode(), max_size=1 << 20) == json.loads(text)
    deepest = '{"a":' + "[" * (MAX_DEPTH - 1) + "]" * (MAX_DEPTH - 1) + "}"
    assert parse_object(deepest.encode(), max_size=1 << 20)
    malformed(deepest.replace("[]", "[[]]").encode())


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", max_size=2), inner, max_size=3)
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.text("abcd", max_size=3), _VALUES, max_size=4))
def test_everything_plain_comes_back(value: dict[str, Any]) -> None:
    assert parse_object(json.dumps(value).encode(), max_size=1 << 20) == value


@given(st.binary(max_size=200))
def test_any_bytes_give_a_value_or_our_error(data: bytes) -> None:
    try:
        assert isinstance(parse_object(data, max_size=100), dict)
    except VerificationError as error:
        assert error.reason is ReasonCode.MALFORMED  # noqa: PT017  # noqa: PT017


class TestBase64:
    """One spelling for each value: standard alphabet, padded, canonical."""

    @given(st.binary(min_size=1, max_size=100))
    def test_the_one_spelling(self, raw: bytes) -> None:
        assert bytes_field({"x": base64.b64encode(raw).decode()}, "x") == raw

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "=",
            "_-8=",
            "QQ",
            "QQ=",
            "QQ==\n",
            " QQ==",
            "QR==",
            "QUF=",
            "QQ==QQ==",
            "QQ==x",
            "é",
            "Q\x00==",
        ],
    )
    def test_any_other(self, text: str) -> None:
        with pytest.raises(VerificationError):
            bytes_field({"x": text}, "x")

    @given(st.text(max_size=12))
    def test_no_two_spellings(self, text: str) -> None:
        try:
            raw = bytes_field({"x": text}, "x")
        except VerificationError:
            return
        assert base64.b64encode(raw).decode() == text


class TestIntegers:
    @pytest.mark.parametrize("value", [0, "0", 7, "7", 2**63 - 1, str(2**63 - 1)])
    def test_numbers_and_protojson_s_text(self, value: Any) -> None:
        assert integer_field({"x": value}, "x") == int(value)

    @pytest.mark.parametrize(
        "value", [-1, "-1", "+1", "01", " 1", "1_0", "1.0", 1.0, True, None, "", "x", 2**63, str(2**63), "²"]
    )
    def test_anything_else(self, value: Any) -> None:
        with pytest.raises(VerificationError):
            integer_field({"x": value}, "x")


def test_lists_are_limited() -> None:
    assert list_field({}, "x", limit=1) == []
    values: tuple[Any, ...] = ({}, "x", None, [1, 2])
    for value in values:
        with pytest.raises(VerificationError):
            list_field({"x": value}, "x", limit=1)
