from __future__ import annotations

import contextlib
import time
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from verifier.oci.headers import media_type, next_link, parse_challenges, retry_after


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        ("", []),
        ("Basic", [("basic", {})]),
        ('Basic realm="Registry Realm"', [("basic", {"realm": "Registry Realm"})]),
        (
            'Bearer realm="https://ghcr.io/token",service="ghcr.io",scope="repository:a/b:pull"',
            [
                (
                    "bearer",
                    {"realm": "https://ghcr.io/token", "service": "ghcr.io", "scope": "repository:a/b:pull"},
                )
            ],
        ),
        ("BEARER  Realm = https , scope=a", [("bearer", {"realm": "https", "scope": "a"})]),
        ('Bearer realm="a\\"b"', [("bearer", {"realm": 'a"b'})]),
        (
            'Basic realm="x", Bearer realm="y",service=z',
            [("basic", {"realm": "x"}), ("bearer", {"realm": "y", "service": "z"})],
        ),
        ('Bearer realm="a",realm="b"', [("bearer", {"realm": ""})]),
        ('Bearer realm="unfinished', [("bearer", {"realm": ""})]),
        ("Bearer " + "a" * 9000, []),
    ],
)
def test_challenges(field: str, expected: list[tuple[str, dict[str, str]]]) -> None:
    found = parse_challenges(field)
    assert [c.scheme for c in found] == [scheme for scheme, _ in expected]
    for challenge, (_, parameters) in zip(found, expected, strict=True):
        for name, value in parameters.items():
            assert challenge.get(name) == value


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        ("", ""),
        ('</v2/a/referrers/x?n=2>; rel="next"', "/v2/a/referrers/x?n=2"),
        ("</b>; rel=next", "/b"),
        ('</a>; rel="prev", </b>; rel="next"', "/b"),
        ('</a>; rel="prev"; title="x, y", </b>; title="z";rel="last next"', "/b"),
        (" , ", ""),
        ("</b>; REL = NEXT", "/b"),
        ('</b>;rel="prev\tNext";', "/b"),
        ("</b>; ; foo; title*=UTF-8''x; rel=next , ", "/b"),
        ('</b>; anchor="a;b"; title="x\xe9 \\" <,>"; rel="next"', "/b"),
        ('</b>; rel=next, </b>; rel="next"', "/b"),
        ('</b>; rel=next; rel="prev"', "/b"),
        ('</a>; rel="prev first"', ""),
        ("</next?x=next>; rel=first; title=next", ""),
        ("<https://cdn.example/x.css>; rel=preload; as=style; nopush", ""),
    ],
)
def test_next_link(field: str, expected: str) -> None:
    assert next_link(field) == expected


@pytest.mark.parametrize(
    "field",
    [
        "</b?last=" + "a" * 8200 + '>; rel="next"',
        "," * 8200 + '</b>; rel="next"',
        '/b; rel="next"',
        '</b> rel="next"',
        'junk, </b>; rel="next"',
        '</a>; rel="prev" </b>; rel="next"',
        '</b>; rel="next',
        '</b>; rel="next"; a="',
        '</b>; title=a"b"; rel="next"',
        "</b>; rel=",
        '</b>; rel=""',
        "</b>",
        "</a>, </b>; rel=next",
        '<>; rel="next"',
        '< >; rel="next"',
        "</b>; rel='next'",
        '</b>; rel="nextish"',
        '</b>; rel="https://example.org/next"',
        "</b>; rel=prev; rel=next",
        '</b>; rel="next", </c>; rel="next"',
        "x",
        ";",
    ],
)
def test_a_link_field_that_is_not_understood_is_not_taken_for_none(field: str) -> None:
    with pytest.raises(ValueError, match="link"):
        next_link(field)


NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        ("", None),
        ("0", 0),
        (" 7 ", 7),
        ("-1", None),
        ("1.5", None),
        ("9" * 20, None),
        ("soon", None),
        ("Thu, 01 Jan 2026 00:00:30 GMT", 30),
        ("Wed, 31 Dec 2025 00:00:30 GMT", 0),
        ("Thu, 01 Jan 999999 00:00:30 GMT", None),
    ],
)
def test_retry_after(field: str, expected: float | None) -> None:
    assert retry_after(field, NOW) == expected


def test_media_type() -> None:
    assert media_type("Application/JSON; charset=utf-8") == "application/json"
    assert media_type("") == ""


@given(st.text(alphabet=' \t,;="\\<>abrelnxtBearer/', max_size=200))
def test_fields_of_any_shape_are_read_or_left(field: str) -> None:
    parse_challenges(field)
    with contextlib.suppress(ValueError):
        next_link(field)
    retry_after(field)


@pytest.mark.parametrize(
    "field",
    [
        "a=" * 4000,
        '"' * 8000,
        "<" * 8000,
        "<a>;" * 2000,
        '<a>;rel="' * 800,
        " " * 8000,
        "a " * 4000,
        "<a>" + "; x" * 2500,
        '<a>;rel="' + "next " * 1590 + '\\"x"',
        '<a>; rel = "next' + " " * 4000 + '\\"' + " " * 4000 + '"',
        "<a>" + '; rel=" next"' * 600,
        "<a>" + ";" + " " * 8000 + "x",
        "<a>;a" + " " * 8000 + '="',
    ],
)
def test_reading_takes_linear_time(field: str) -> None:
    """The best of three: the collector may take its turn in one of them."""
    assert min(_seconds_to_read(field) for _ in range(3)) < 0.1


def _seconds_to_read(field: str) -> float:
    """Of this thread alone."""
    started = time.thread_time()
    parse_challenges(field)
    with contextlib.suppress(ValueError):
        next_link(field)
    retry_after(field)
    return time.thread_time() - started
