"""JSON is read one way or not at all."""

from __future__ import annotations

import base64
import json
import time
import tracemalloc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.errors import VerificationError
from providers.reasons import ReasonCode
from tests.unit.formats.mutants import UNREAD, mutants, refusal_of
from verifier.formats.strict_json import (
    MAX_DEPTH,
    MAX_VALUES,
    bytes_field,
    integer_field,
    list_field,
    object_field,
    one_spelling,
    parse_go_object,
    parse_object,
    text_field,
)


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


# More brackets than may be nested, so that the nesting has to be looked at.
BRACKETS = b"[" + b"[]," * MAX_DEPTH
# Each of them took time that grew with the square of its length: minutes for a registry's error page.
SLOW = {
    "quotes that are escaped, in a string without an end": BRACKETS + b'"' + b'\\"' * 20_000,
    "line ends that are escaped": BRACKETS + b'"' + b"\\\n" * 20_000,
    "many strings of both kinds": BRACKETS + (b'"' + b'\\"' * 200 + b"\\\n") * 100,
    "nothing but quotes": BRACKETS + b'"' * 40_001,
    "a lone backslash at the end": BRACKETS + b'"' + b'\\"' * 20_000 + b"\\",
    "brackets that close nothing": BRACKETS + b"]" * 4_000_000,
}


@pytest.mark.parametrize("what", SLOW)
def test_the_time_grows_with_the_length(what: str) -> None:
    started = time.process_time()
    malformed(SLOW[what], 8 << 20)
    assert time.process_time() - started < 0.2


def test_the_number_of_values_is_limited() -> None:
    most = b'{"x":[' + b"0," * (MAX_VALUES - 2) + b"0]}"  # "{", "[" and the commas
    assert len(parse_object(most, max_size=4 << 20)["x"]) == MAX_VALUES - 1
    malformed(most.replace(b"[", b"[0,", 1), 4 << 20)


def test_what_is_written_in_strings_is_no_value() -> None:
    text = json.dumps({"a": '[,{"\\' * MAX_VALUES})
    assert parse_object(text.encode(), max_size=8 << 20) == json.loads(text)


@pytest.mark.parametrize("unit", [b"[[[[]]]],", b"[],", b'{"a":1},', b"1.5,", b'"x",', b'"":0,', b"]", b'""'])
def test_too_many_values_are_refused_before_any_is_made(unit: bytes) -> None:
    document = b'{"x":[' + unit * ((8 << 20) // len(unit)) + b"0]}"
    tracemalloc.start()
    try:
        malformed(document, 16 << 20)
        assert tracemalloc.get_traced_memory()[1] < 1.5 * len(document)  # its text, and little more
    finally:
        tracemalloc.stop()


def test_a_long_fraction_is_refused() -> None:
    malformed(b'{"a":1.' + b"1" * 5000 + b"}")


@given(st.lists(st.text('[]{},:"\\\n/a', max_size=12), max_size=12))
def test_brackets_in_strings_do_not_count(texts: list[str]) -> None:
    value = {"deep": json.loads("[" * MAX_DEPTH + "]" * MAX_DEPTH)[0], "many": [[]] * MAX_DEPTH, "x": texts}
    assert parse_object(json.dumps(value).encode(), max_size=1 << 20) == value


def test_keys_that_differ_in_case_only() -> None:
    twins = b'{"x":{"PATH":1,"Path":2}}'
    malformed(twins)
    found = parse_object(twins, max_size=100, fold_case=False)
    assert found == {"x": {"PATH": 1, "Path": 2}}
    assert one_spelling(found) is found  # its own keys
    with pytest.raises(VerificationError) as caught:
        one_spelling(found["x"])
    assert caught.value.reason is ReasonCode.MALFORMED


def test_go_takes_null_for_absent() -> None:
    text = b'{"a":null,"b":{"c":null,"d":[null,{"e":null}]},"f":false,"g":0,"h":""}'
    assert parse_go_object(text, max_size=100) == {"b": {"d": [None, {}]}, "f": False, "g": 0, "h": ""}


@pytest.mark.parametrize(
    "text", ['{"a":null,"a":1}', '{"a":null,"A":null}', '{"a":1,"A":null}', '{"a":"\\ud800"}']
)
def test_go_documents_are_held_to_the_same(text: str) -> None:
    with pytest.raises(VerificationError):
        parse_go_object(text.encode(), max_size=100)


@pytest.mark.parametrize("text", ['{"a":1,"a":2}', '{"x":[{"a":1,"\\u0061":2}]}'])
def test_a_repeated_key_is_refused_in_any_case(text: str) -> None:
    with pytest.raises(VerificationError):
        parse_object(text.encode(), max_size=100, fold_case=False)


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
        assert error.reason is ReasonCode.MALFORMED  # noqa: PT017


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


def test_text_is_limited_where_that_is_asked() -> None:
    assert text_field({"x": "é" * 5}, "x", limit=5) == "é" * 5
    assert text_field({}, "x", default="", limit=0) == ""
    for value in ("é" * 6, 5, None):
        with pytest.raises(VerificationError):
            text_field({"x": value}, "x", limit=5)


def test_a_default_stands_for_what_is_absent_only() -> None:
    assert object_field({}, "x", default={"y": 1}) == {"y": 1}
    values: tuple[Any, ...] = (None, [], "", 0)
    for value in values:
        with pytest.raises(VerificationError):
            object_field({"x": value}, "x", default={})


_EVERYTHING = json.dumps(
    {
        "text": "x",
        "n": 1,
        "b64": "QUJD",
        "deep": [[{"a": {}}]],
        "none": None,
        "f": 1.5,
        "e": {"PATH": 1, "Path": 2},
    }
).encode()


@given(mutants(_EVERYTHING))
def test_any_change_gives_a_value_or_our_error(data: bytes) -> None:
    assert refusal_of(lambda: parse_object(data, max_size=1 << 20)) in UNREAD[:2]
    assert refusal_of(lambda: parse_object(data, max_size=1 << 20, fold_case=False)) in UNREAD[:2]
    assert refusal_of(lambda: parse_go_object(data, max_size=1 << 20)) in UNREAD[:2]
