r"""A condition in CEL, the Common Expression Language: any question that has a true or false answer.

The one door to cel-expr-python, which is loaded when the first expression is. What has to be known of it:

1. Errors at run time are values, and those are truthy: only a value of type BOOL that is True holds.
2. Text is handed over up to its first NUL: ``"trusted\0evil"`` would equal ``"trusted"``. A predicate with a NUL
   anywhere is refused.
3. The interpreter stands still while it evaluates, and what one round of a loop does is not counted: the work is
   bounded before it is begun (``conditions_cel_text``).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from .conditions_cel_text import combines, makes_lists, names, unknown_patterns
from .conditions_fields import UnreadableError, answer, quoted
from .errors import ConfigurationError

# Two pages; whoever needs more can write several conditions.
_MAX_EXPRESSION = 4096
_MAX_NAME = 100
# Twice the depth and four times the values that ``strict_json`` lets through (keys count as values here).
_MAX_DEPTH = 128
_MAX_VALUES = 2_000_000
# cel-cpp's budget, for all loops of one evaluation together.
_ROUNDS = 10_000
# A round compares a value in 20 to 60 ns and reads 32 bytes of text in 40 (a pattern), so that the most expensive
# body of one operation takes half a second.
_MAX_WORK = 10_000_000
_TEXT_PER_VALUE = 32
# A round of map or filter copies the list so far, 14 ns an entry; all 10 000 rounds over lists this long take half
# a second.
_MAX_COPIED = 4000

_POSITION = re.compile(r"<input>:(-?\d+):(-?\d+): ([^\n]*)")


@dataclass(frozen=True, slots=True)
class _Size:
    """Of a predicate: its values, keys included, characters of text, and entries of the longest list or map."""

    values: int
    characters: int
    longest: int


@dataclass(frozen=True, slots=True)
class CelCondition:
    """``expression``, with ``predicate`` (a map), ``predicateType`` (text) and ``now`` (a timestamp: the time of
    the request), is true.

    Raises:
        ConfigurationError: it does not compile, its answer cannot be true or false, it asks nothing of the
            attestation, or it is too long.
    """

    expression: str
    name: str = ""
    _compiled: Any = field(init=False, repr=False, compare=False)
    _combines: bool = field(init=False, repr=False, compare=False)
    _makes_lists: bool = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_compiled", _compile(self.expression))
        if not self.name:
            object.__setattr__(self, "name", " ".join(self.expression.split())[:_MAX_NAME])
        if len(self.name) > _MAX_NAME or not self.name.isprintable():
            raise ConfigurationError(f"the name of a condition has 1 to {_MAX_NAME} printable characters")
        object.__setattr__(self, "_combines", combines(self.expression))
        object.__setattr__(self, "_makes_lists", makes_lists(self.expression))

    def problem(self, predicate: Mapping[str, Any], predicate_type: str, time: datetime) -> str:
        """See ``requirement.Condition``."""
        return answer(lambda: self._problem(predicate, predicate_type, time))

    def _problem(self, predicate: Mapping[str, Any], predicate_type: str, time: datetime) -> str:
        if not isinstance(predicate, Mapping):
            raise UnreadableError("the predicate is not an object")
        self._bound(_measure([dict(predicate), predicate_type]))
        data = {"predicate": dict(predicate), "predicateType": predicate_type, "now": time}
        try:
            result = self._compiled.eval(data=data)
            kind, value = result.type().name(), result.value()
        except RuntimeError as error:  # what it raises for everything that is not an ERROR value
            return self._not_evaluated(str(error))
        if kind == "BOOL":
            return "" if value is True else f"false: {_short(self.expression)}"
        if kind == "ERROR":
            return self._not_evaluated(str(value))
        return f"neither true nor false but {kind}: {_short(self.expression)}"

    def _bound(self, size: _Size) -> None:
        """Raises UnreadableError where the interpreter could stand still for longer than half a second or so."""
        work = min(size.values, _ROUNDS) * (size.values + size.characters // _TEXT_PER_VALUE)
        if self._combines and work > _MAX_WORK:
            raise UnreadableError(
                f"the predicate, with {size.values} values and {size.characters} characters of text, is too large"
                f" for a condition whose loops look at more than their own element: {_short(self.expression)}"
            )
        if self._makes_lists and size.longest > _MAX_COPIED:
            raise UnreadableError(
                f"the predicate has {size.longest} entries in one place; map and filter are for {_MAX_COPIED} at"
                f" most (all and exists for {_ROUNDS}): {_short(self.expression)}"
            )

    def _not_evaluated(self, error: str) -> str:
        if "Iteration budget" in error:
            error = f"it takes more than {_ROUNDS} rounds of its loops"
        return f"cannot be evaluated: {quoted(error)[1:-1]}: {_short(self.expression)}"


def _short(expression: str) -> str:
    return quoted(" ".join(expression.split()))[1:-1]


def _compile(expression: str) -> Any:
    """The programme of ``expression``.

    Raises:
        ConfigurationError: see ``CelCondition``.
    """
    if not expression.strip() or len(expression) > _MAX_EXPRESSION:
        raise ConfigurationError(f"a CEL expression has 1 to {_MAX_EXPRESSION} characters")
    if not expression.replace("\n", " ").replace("\t", " ").isprintable():
        raise ConfigurationError("a CEL expression has a character that does not print; write it as \\u…")
    # Here, not above: who asks nothing in CEL does not load it.
    from cel_expr_python import cel  # noqa: PLC0415

    variables = {
        "predicate": cel.Type.Map(cel.Type.STRING, cel.Type.DYN),
        "predicateType": cel.Type.STRING,
        "now": cel.Type.TIMESTAMP,
    }
    try:
        compiled = cel.NewEnv(variables=variables).compile(expression)
    except RuntimeError as error:
        raise ConfigurationError(
            f"not a CEL expression: {_where(str(error))}: {_short(expression)}"
        ) from error
    kind = compiled.return_type().name()
    if kind not in {"BOOL", "DYN"}:
        raise ConfigurationError(
            f"a CEL expression is {kind}, not true or false: {_short(expression)}",
            remedy="Compare it with something: predicate.version == 2.",
        )
    _check_text(expression)
    return compiled


def _check_text(expression: str) -> None:
    if not names(expression) & {"predicate", "predicateType"}:
        raise ConfigurationError(
            f"a CEL expression asks nothing of the attestation: {_short(expression)}",
            remedy="Its variables are predicate, predicateType and now.",
        )
    if unknown_patterns(expression):
        raise ConfigurationError(
            f"a CEL expression matches a pattern that is not one literal: {_short(expression)}",
            remedy="Write text.matches('pattern'); a pattern from the predicate could take minutes.",
        )


def _where(message: str) -> str:
    """The first complaint of the compiler, with its place if it names one."""
    found = _POSITION.search(message)
    if found is None:
        return quoted(message.partition("\n")[0])[1:-1]
    line, column, text = found.groups()
    place = f"line {line}, column {column}: " if int(line) > 0 else ""
    return place + quoted(text.removesuffix(" [INVALID_ARGUMENT]"))[1:-1]


def _measure(data: object) -> _Size:
    """How large ``data`` is.

    Raises:
        UnreadableError: too many or too deep, or text with a NUL.
    """
    values = characters = longest = depth = 0
    level = [data]
    while level:
        values += len(level)
        depth += 1
        if values > _MAX_VALUES or depth > _MAX_DEPTH:
            raise UnreadableError("the predicate is too large or too deep for a CEL condition")
        below: list[object] = []
        for value in level:
            if isinstance(value, str):
                characters += len(value)
                if "\0" in value:
                    raise UnreadableError(
                        "the predicate holds text with a NUL character, which CEL would cut off there"
                    )
            elif isinstance(value, dict):
                longest = max(longest, len(value))
                below.extend(value)
                below.extend(value.values())
            elif isinstance(value, list):
                longest = max(longest, len(value))
                below.extend(value)
        level = below
    return _Size(values, characters, longest)
