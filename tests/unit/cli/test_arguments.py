"""What the command line's arguments are read as."""

from __future__ import annotations

from pathlib import Path

import click
import pytest

from pycosign.cli.arguments import Duration, KeyValues, NamedPath, NamedText


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90", 90.0),
        ("2.5", 2.5),
        ("90s", 90.0),
        ("3m", 180.0),
        ("1m30s", 90.0),
        ("1h", 3600.0),
        ("0.5h30m", 3600.0),
        ("500ms", 0.5),
        ("1s500ms", 1.5),
        (" 3m ", 180.0),
        (60.0, 60.0),
    ],
)
def test_durations_as_cosign_writes_them(text: str | float, seconds: float) -> None:
    assert Duration(0.1, 3600).convert(text, None, None) == pytest.approx(seconds)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "m",
        "3x",
        "3 m",
        "-3m",
        "+3",
        "1m30",
        "s30",
        "nan",
        "inf",
        "1e2",
        "0",
        "50ms",
        "61m",
        "9" * 400,
        "٣m",
    ],
)
def test_a_wrong_duration_says_what_is_accepted(text: str) -> None:
    with pytest.raises(click.BadParameter) as caught:
        Duration(0.1, 3600).convert(text, None, None)
    assert caught.value.exit_code == 2
    assert "90s, 3m, 1m30s, 500ms" in caught.value.message
    assert "0.1 to 3600 seconds" in caught.value.message


def test_an_empty_path_is_no_path() -> None:
    """An unset variable in a script must not mean the current directory."""
    with pytest.raises(click.BadParameter, match="empty"):
        NamedPath().convert("", None, None)
    assert NamedPath().convert("a b", None, None) == Path("a b")


def test_an_empty_text_is_no_text() -> None:
    """An unset variable in a script must not take a demand away."""
    with pytest.raises(click.BadParameter, match="empty"):
        NamedText().convert("", None, None)
    assert NamedText().convert(" ", None, None) == " "


@pytest.mark.parametrize(
    ("text", "pair"), [("a=b", ("a", "b")), ("a=", ("a", "")), ("a=b=c", ("a", "b=c")), ("ä=ö ", ("ä", "ö "))]
)
def test_pairs(text: str, pair: tuple[str, str]) -> None:
    assert KeyValues().convert(text, None, None) == (pair,)


@pytest.mark.parametrize("text", ["", "a", "=b", "="])
def test_what_is_no_pair(text: str) -> None:
    with pytest.raises(click.BadParameter, match="key=value"):
        KeyValues().convert(text, None, None)
