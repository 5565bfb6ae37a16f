"""Flags as cosign's users write them."""

from __future__ import annotations

import click
import pytest

from pycosign.cli.go_flags import GoCommand, go_flag


@click.command(cls=GoCommand)
@click.argument("words", nargs=-1)
@click.option("--text")
@go_flag("--on")
@go_flag("--usual", default=True)
def command(words: tuple[str, ...], text: str | None, on: bool, usual: bool) -> None:
    click.echo(repr((words, text, on, usual)))


def _read(*arguments: str) -> tuple[tuple[str, ...], str | None, bool, bool]:
    with command.make_context("command", list(arguments)) as context:
        values = context.params
    return values["words"], values["text"], values["on"], values["usual"]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((), ((), None, False, True)),
        (("--on",), ((), None, True, True)),
        (("--on", "image"), (("image",), None, True, True)),  # not the value of the flag
        (("image", "--on"), (("image",), None, True, True)),
        (("--on=true", "--usual=false"), ((), None, True, False)),
        (("--on=false", "--usual"), ((), None, False, True)),
        (("--on=1", "--usual=F"), ((), None, True, False)),
        (("--on", "--on=false"), ((), None, False, True)),  # the last one counts, as everywhere
        (("--on=false", "--on"), ((), None, True, True)),
        (("--text=a", "--on"), ((), "a", True, True)),
        (("--text", "a", "--", "--on"), (("--on",), "a", False, True)),
        (("--", "--on=true"), (("--on=true",), None, False, True)),
    ],
)
def test_with_a_value_and_without(arguments: tuple[str, ...], expected: object) -> None:
    assert _read(*arguments) == expected


@pytest.mark.parametrize("word", ["--on=", "--on=yes", "--on=TRUE ", "--on=2", "--on=tRUE"])
def test_another_value_is_no_guess(word: str) -> None:
    with pytest.raises(click.BadParameter, match="neither true nor false"):
        _read(word)
