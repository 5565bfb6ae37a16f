"""What can be seen in the text of a CEL expression before it is run.

CEL stops after 10 000 rounds of its loops, but what one round does is not counted: a list of a megabyte compared
in each of them takes minutes, in which the interpreter stands still. So loops whose body looks at anything but
its own element (``combines``), and those that make lists (``makes_lists``), are told apart: only their work grows
faster than the predicate.

This reads tokens, not meaning; where it errs, it takes an expression for the more expensive kind.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

# cel-spec ``doc/langdef.md``, "Syntax": strings, raw or not, comments, names (macros are names).
_TOKEN = re.compile(
    r'''
      (?P<string> [rR][bB]?"""[\s\S]*?""" | [rR][bB]?\'\'\'[\s\S]*?\'\'\'
                | [bB][rR]"""[\s\S]*?""" | [bB][rR]\'\'\'[\s\S]*?\'\'\'
                | [rR][bB]?"[^"\n]*" | [rR][bB]?'[^'\n]*' | [bB][rR]"[^"\n]*" | [bB][rR]'[^'\n]*'
                | [bB]?"""(?:[^\\]|\\[\s\S])*?""" | [bB]?\'\'\'(?:[^\\]|\\[\s\S])*?\'\'\'
                | [bB]?"(?:[^"\\\n]|\\.)*" | [bB]?'(?:[^'\\\n]|\\.)*' )
    | (?P<comment> //[^\n]* )
    | (?P<name> [A-Za-z_][A-Za-z0-9_]* )
    | (?P<other> \S )
    ''',
    re.VERBOSE,
)
_LOOPS = frozenset({"all", "exists", "exists_one", "map", "filter"})
_DATA = "predicate"


@dataclass(slots=True)
class _Bracket:
    """An open bracket. Of a loop: the name of its element, once read, and whether its body was reached."""

    loop: bool
    element: str = ""
    in_body: bool = False


def _tokens(expression: str) -> Iterator[tuple[str, str]]:
    for found in _TOKEN.finditer(expression):
        if found.lastgroup != "comment":
            yield found.lastgroup or "", found[0]


def names(expression: str) -> frozenset[str]:
    """Every name in it."""
    return frozenset(text for kind, text in _tokens(expression) if kind == "name")


def makes_lists(expression: str) -> bool:
    """Whether a loop in it makes a list, of which every round copies what is there already."""
    return bool(names(expression) & {"map", "filter"})


def unknown_patterns(expression: str) -> bool:
    """Whether it may match a pattern that is not one literal: a stranger's pattern may take minutes."""
    tokens = list(_tokens(expression))
    for at, token in enumerate(tokens):
        if token != ("name", "matches") or tokens[at + 1 : at + 2] != [("other", "(")]:
            continue
        literal = tokens[at + 2 : at + 3]
        closed = tokens[at + 3 : at + 4] == [("other", ")")]
        if not (closed and literal and literal[0][0] == "string"):
            return True
    return False


def combines(expression: str) -> bool:
    """Whether the body of a loop looks at the predicate, or at the element of a loop around it."""
    open_brackets: list[_Bracket] = []
    before = ""
    for kind, text in _tokens(expression):
        if text in {"(", "[", "{"}:
            open_brackets.append(_Bracket(loop=text == "(" and before in _LOOPS))
        elif text in {")", "]", "}"}:
            if open_brackets:
                open_brackets.pop()
        elif text == "," and open_brackets:
            open_brackets[-1].in_body = True
        elif kind == "name":
            if _seen_from_inside(open_brackets, text):
                return True
            if open_brackets and open_brackets[-1].loop and not open_brackets[-1].in_body:
                open_brackets[-1].element = text
        before = text
    return False


def _seen_from_inside(open_brackets: list[_Bracket], name: str) -> bool:
    """Whether ``name``, met here, is data from outside the innermost loop."""
    loops = [bracket.element for bracket in open_brackets if bracket.loop and bracket.in_body]
    return bool(loops) and name != loops[-1] and (name == _DATA or name in loops)
