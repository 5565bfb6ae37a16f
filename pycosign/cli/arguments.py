"""How the command line reads what is typed: durations as cosign writes them, texts and paths not empty."""

from __future__ import annotations

import csv
import re
from pathlib import Path
from typing import Any

import click

_SECONDS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
_PART = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|h|m|s)")
_DURATION = re.compile(rf"(?:{_PART.pattern})+")
_PLAIN = re.compile(r"[0-9]+(?:\.[0-9]+)?")


class Duration(click.ParamType[float]):
    """Seconds, from Go's form of a duration (``1m30s``, as cosign takes it) or from a plain number."""

    name = "duration"

    def __init__(self, shortest: float, longest: float) -> None:
        self._shortest = shortest
        self._longest = longest

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The seconds.

        Raises:
            click.BadParameter: it has another form, or is too short or too long.
        """
        text = str(value).strip()
        seconds = _parse(text)
        if seconds is None or not self._shortest <= seconds <= self._longest:
            self.fail(
                f"{text[:40]!r} is not a time from {self._shortest:g} to {self._longest:g} seconds;"
                " write it as 90s, 3m, 1m30s, 500ms or in plain seconds.",
                param,
                ctx,
            )
        return seconds


def _parse(text: str) -> float | None:
    if _PLAIN.fullmatch(text):
        return float(text)
    if not _DURATION.fullmatch(text):
        return None
    return sum(float(number) * _SECONDS[unit] for number, unit in _PART.findall(text))


class NamedText(click.ParamType[str]):
    """A text that was given: an unset variable of a script does not take a demand away."""

    name = "text"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The text.

        Raises:
            click.BadParameter: it is empty.
        """
        if value == "":
            self.fail("it is empty; is a variable unset?", param, ctx)
        return str(value)


class KeyValues(click.ParamType[tuple[tuple[str, str], ...]]):
    """Names and values, as ``name=value`` or ``name=value,name=value``; a value may hold further equals signs, or
    be empty. What holds a comma stands in double quotes: cosign's flag is a StringSlice, which reads CSV.
    """

    name = "key=value"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[tuple[str, str], ...]:
        """The pairs.

        Raises:
            click.BadParameter: there is no equals sign, or no name before it.
        """
        if isinstance(value, tuple):
            return value
        try:
            words = next(csv.reader([str(value)], strict=True)) or [""]
        except csv.Error:
            words = [str(value)]
        return tuple(self._pair(word, param, ctx) for word in words)

    def _pair(self, word: str, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str]:
        name, equals, text = word.partition("=")
        if not (name and equals):
            self.fail(f"{word!r} is not of the form key=value.", param, ctx)
        return name, text


class NamedPath(click.Path):
    """A path that was given: an unset variable of a script does not mean the current directory."""

    def __init__(self, *, file_okay: bool = True) -> None:
        super().__init__(file_okay=file_okay, path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The path.

        Raises:
            click.BadParameter: it is empty, or names a file where a folder is wanted.
        """
        if value == "":
            self.fail("the path is empty; is a variable unset?", param, ctx)
        return super().convert(value, param, ctx)
