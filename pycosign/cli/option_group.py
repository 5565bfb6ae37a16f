"""Options that belong together: declared once, used by several commands, handed over as one value."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import fields
from typing import Any

Option = Callable[[Callable[..., Any]], Callable[..., Any]]


def with_options(name: str, kind: type[Any], options: Sequence[Option]) -> Option:
    """Add ``options`` to a command. Their values arrive as its argument ``name``, a dataclass ``kind`` that has a
    field for each of them.
    """

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def command(*arguments: Any, **flags: Any) -> Any:
            own = {field.name: flags.pop(field.name) for field in fields(kind)}
            return function(*arguments, **{name: kind(**own)}, **flags)

        for option in reversed(options):
            command = option(command)  # type: ignore[assignment]  # click returns what it was given
        return command

    return decorate
