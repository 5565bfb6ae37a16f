"""Changes to files: to a byte of them, or to a field anywhere inside.

A field is found through everything that holds it: a file is JSON that holds base64 that holds JSON that holds the
certificate in a log entry.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from hypothesis import strategies as st

Path = tuple[str | int, ...]
Change = Callable[[Any], Any]
_JSON, _BASE64 = "{}", "base64"
_GONE = object()


def decoding(step: str | int) -> bool:
    """Whether the step of a path decodes what it goes through."""
    return step in {_JSON, _BASE64}


def paths(value: Any, path: Path = ()) -> Iterator[Path]:
    """Every place in ``value``, that of the whole included."""
    yield path
    if isinstance(value, bytes):
        inside = _parsed(value)
        if inside is not None:
            yield from paths(inside, (*path, _JSON))
        elif (decoded := _decoded(value.decode("latin-1"))) is not None:
            yield from paths(decoded, (*path, _BASE64))
    elif isinstance(value, str):
        inside = _parsed(value.encode())
        if inside is not None:
            yield from paths(inside, (*path, _JSON))
        elif (decoded := _decoded(value)) is not None:
            yield from paths(decoded, (*path, _BASE64))
    elif isinstance(value, dict | list):
        for key, item in value.items() if isinstance(value, Mapping) else enumerate(value):
            yield from paths(item, (*path, key))


def at(value: Any, path: Path) -> Any:
    """What is in that place."""
    for step in path:
        value = _enter(value, step)
    return value


def edited(value: Any, path: Path, change: Change) -> Any:
    """``value`` with what is in that place changed, everything around it encoded again."""
    if not path:
        return change(value)
    step, *rest = path
    inside = edited(_enter(value, step), tuple(rest), change)
    if step == _JSON:
        text = json.dumps(inside, separators=(",", ":"), ensure_ascii=False)
        return text.encode() if isinstance(value, bytes) else text
    if step == _BASE64:
        encoded = base64.b64encode(inside)
        return encoded if isinstance(value, bytes) else encoded.decode()
    if isinstance(step, int):
        return [*value[:step], *([] if inside is _GONE else [inside]), *value[step + 1 :]]
    return {key: item for key, item in {**value, step: inside}.items() if item is not _GONE}


def removed(value: Any) -> Any:
    """A change that takes away what is there."""
    del value
    return _GONE


def flipped(value: bytes, bit: int) -> bytes:
    """A change of one bit, counted from the first."""
    changed = bytearray(value)
    changed[bit // 8 % len(changed)] ^= 1 << bit % 8
    return bytes(changed)


def any_change(place: Path, value: Any, other: Any) -> st.SearchStrategy[Change]:
    """One change to ``value``, which is in ``place``; ``other`` is what is there in another signature."""
    fixed: list[Any]
    if isinstance(value, bytes):
        fixed = [b"", b"x", value + b"\0", value * 2, *([other] if isinstance(other, bytes) else [])]
    else:
        fixed = [None, "", "x", -1, 0, True, [], {}, int("9" * 40), "anVuaw=="]
        fixed += [] if isinstance(other, bytes) else [other]
    if isinstance(value, str):
        fixed += [value.swapcase(), value + " ", value + "\0", "é" + value, value + value, value[::-1]]
    if isinstance(value, int):
        fixed += [value + 1, value - 1, str(value), float(value)]
    if isinstance(value, list):
        fixed += [value * 2, value[::-1], [*value, None]]
        fixed += [[*value, *other], [*other, *value]] if isinstance(other, list) else []
    if isinstance(value, dict) and isinstance(other, dict):
        fixed += [{**value, **other}, {**other, **value}]
    ways = [st.sampled_from(fixed).map(lambda new: lambda _: new)]
    if not decoding(place[-1]):
        ways.append(st.just(removed))
    if isinstance(value, str | bytes) and value:
        ways.append(st.integers(0, len(value) - 1).map(lambda end: lambda found: found[:end]))
    if isinstance(value, bytes) and value:
        ways.append(st.integers(0, len(value) * 8 - 1).map(lambda bit: lambda found: flipped(found, bit)))
    return st.one_of(ways)


def _enter(value: Any, step: str | int) -> Any:
    if step == _JSON:
        return json.loads(value)
    if step == _BASE64:
        return base64.b64decode(value)
    return value[step]


def _parsed(text: bytes) -> Any:
    if text[:1] not in {b"{", b"["}:
        return None
    try:
        return json.loads(text)
    except ValueError:
        return None


def _decoded(text: str) -> bytes | None:
    """What is in ``text``, if it is base64 of more than a word."""
    if len(text) < 16:
        return None
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        return None
