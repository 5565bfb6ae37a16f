"""Flags that are true or false, written as cosign's are: ``--flag``, ``--flag=true``, ``--flag=false``.

click knows either flags that take no value or options that take the next word for one. Here a bare ``--flag`` is
read as ``--flag=true``, and the value stands behind an equals sign or nowhere.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import click

# Go's strconv.ParseBool.
_TRUE = frozenset({"1", "t", "T", "TRUE", "true", "True"})
_FALSE = frozenset({"0", "f", "F", "FALSE", "false", "False"})


class GoBool(click.ParamType[bool]):
    """True or false, as Go reads it."""

    name = "bool"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> bool:
        """The value.

        Raises:
            click.BadParameter: it is neither.
        """
        if isinstance(value, bool):
            return value
        if value not in _TRUE | _FALSE:
            self.fail(f"{str(value)[:40]!r} is neither true nor false.", param, ctx)
        return value in _TRUE


def go_flag(
    *names: str, default: bool = False, hidden: bool = False, text: str = ""
) -> Callable[[click.decorators.FC], click.decorators.FC]:
    """An option of this kind, for commands of class ``GoCommand``."""
    metavar = "" if not default else "[=false]"
    return click.option(
        *names, type=GoBool(), default=default, hidden=hidden, metavar=metavar, help=text or None
    )


class GoCommand(click.Command):
    """A command with such flags."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Write every bare flag with its value, then let click read them all."""
        return super().parse_args(ctx, _explicit(args, self._flags()))

    def _flags(self) -> frozenset[str]:
        options = (option for option in self.params if isinstance(option.type, GoBool))
        return frozenset(name for option in options for name in option.opts)


def _explicit(arguments: Sequence[str], flags: frozenset[str]) -> list[str]:
    """``arguments`` up to ``--``, after which there are no options, with a value for each of ``flags``."""
    end = list(arguments).index("--") if "--" in arguments else len(arguments)
    return [f"{word}=true" if word in flags else word for word in arguments[:end]] + list(arguments[end:])
