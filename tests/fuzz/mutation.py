"""Changes to valid documents, made where they mean something.

Sigstore's documents are Russian dolls: JSON with base64 in it, that holds JSON, PEM or DER. A changed byte of the
outer text ends in the base64 decoder. So each layer is opened, one thing inside is changed (a field deleted,
null, of another type, twice, in another case, very large, not ASCII, swapped for that of another document; a bit
flipped), and everything is closed again.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator, Sequence
from random import Random
from typing import Any

from . import der

# What stands for itself when a document is written: JSON that json.dumps() would not write.
_RAW = (
    "9" * 40,
    "-" + "9" * 25,
    "9" * 500,
    "1e999",
    "1.0",
    "-0",
    "NaN",
    "-Infinity",
    '"\\ud800"',
    '"\\u0000"',
    '"\u202e\u2066x"',
    "[" * 70 + "]" * 70,
    '{"a":' * 70 + "1" + "}" * 70,
    "[" + "0," * 300 + "0]",
)
_ODD: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 2**31, 2**63, 2**63 - 1, 1.5, "", "x", "é", "\x00", "0", "-1", "sha256:",
    "\N{ARABIC-INDIC DIGIT ONE}", "QQ==", "QR==", "_-8=", "QQ", " QQ==", [], {}, [None], [[]], {"": None},
    "x" * 3000,
)  # fmt: skip
_NAMES = ("sha256", "mediaType", "publicKey", "certificate", "__proto__", "", "é", "x" * 2000)
_TOKENS = (
    b"", b"\x00", b"\xff", b"\xc3\x28", b'"', b"\\", b"{", b"}", b"[", b"]", b":", b",", b"=", b"/", b"@", b"..",
    b"*", b"\r\n", b"\n", b" ", b"-----BEGIN CERTIFICATE-----", b"-----END CERTIFICATE-----", b"-----", b"0x",
    b"[::1]", b"localhost", b":65536", b"@sha256:", b"sha512:", b"%2f", b"\xc4\xb0", b"\xe2\x84\xaa", b"A" * 64,
    b"null", b"&a *a", b"<<: ", b"!!python/object ", b"1e9", b"\xef\xbb\xbf",
)  # fmt: skip
_PEM = re.compile(rb"(-----BEGIN [A-Z ]+-----)([A-Za-z0-9+/=\s]*)(-----END [A-Z ]+-----)")
_BASE64 = re.compile(rb"[A-Za-z0-9+/]{8,}={0,2}\s*")
_LARGE = 1 << 15


class Members(list[tuple[str, Any]]):
    """A JSON object, in which a key may stand twice."""


class Raw(str):
    """A piece of JSON as it is to be written."""

    __slots__ = ()


def parse(text: str | bytes) -> Any:
    """JSON, its objects as ``Members``.

    Raises:
        ValueError: it is none.
        RecursionError: it is too deep.
    """
    return json.loads(text, object_pairs_hook=Members)


def write(value: Any) -> str:
    """The text of ``value``."""
    if isinstance(value, Raw):
        return value
    if isinstance(value, Members):
        return "{" + ",".join(f"{json.dumps(key)}:{write(item)}" for key, item in value) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(write, value)) + "]"
    return json.dumps(value)


class Mutator:
    """Changes documents like ``seeds``, whose parts it also puts into other ones."""

    def __init__(self, seeds: Sequence[bytes]) -> None:
        self._donors: dict[str, list[Any]] = {}
        for seed in seeds:
            for name, value in _members(_read(seed)):
                self._donors.setdefault(name, []).append(value)

    def mutate(self, data: bytes, dice: Random) -> bytes:
        """``data`` with one to three changes."""
        for _ in range(dice.choice((1, 1, 1, 2, 3))):
            data = self._once(data, dice)
        return data

    def _once(self, data: bytes, dice: Random) -> bytes:
        """One change, in whatever ``data`` is."""
        if len(data) > _LARGE or dice.random() < 0.08:
            return scramble(data, dice)
        if data[:1] in {b"{", b"["}:
            try:
                value = parse(data)
            except (ValueError, RecursionError):
                return scramble(data, dice)
            return self._json(value, dice).encode(errors="surrogatepass")
        if (found := _PEM.search(data)) is not None:
            return self._pem(data, found, dice)
        if data[:1] == b"\x30" and (changed := der.mutate(data, dice)) is not None:
            return changed
        if len(data) % 4 == 0 and _BASE64.fullmatch(data):
            return self._base64(data.decode("ascii"), dice).encode(errors="surrogatepass")
        return scramble(data, dice)

    def _json(self, value: Any, dice: Random) -> str:
        holder, place = dice.choice(_places(value) or [([value], 0)])
        if isinstance(holder, Members):
            self._member(holder, place, dice)
        else:
            self._item(holder, place, dice)
        return write(value)

    def _member(self, holder: Members, place: int, dice: Random) -> None:
        name, value = holder[place]
        kind = dice.randrange(12)
        if kind == 0:
            del holder[place]
        elif kind == 1:
            holder.insert(
                dice.randrange(len(holder) + 1), (name, dice.choice((value, self._value(value, dice))))
            )
        elif kind == 2:
            holder.append((dice.choice((name.upper(), name.capitalize(), name.swapcase())), value))
        elif kind == 3:
            holder[place] = (dice.choice(_NAMES), value)
        elif kind == 4:
            holder.append((dice.choice((*_NAMES, *self._donors)), dice.choice(_ODD)))
        elif kind == 5 and self._donors:
            other = name if name in self._donors and dice.random() < 0.7 else dice.choice([*self._donors])
            holder.append((other, dice.choice(self._donors[other])))
        elif kind == 6 and name in self._donors:
            holder[place] = (name, dice.choice(self._donors[name]))
        else:
            holder[place] = (name, self._value(value, dice))

    def _item(self, holder: list[Any], place: int, dice: Random) -> None:
        kind = dice.randrange(6)
        if kind == 0:
            del holder[place]
        elif kind == 1:
            holder.insert(place, holder[place])
        elif kind == 2:
            holder *= dice.choice((2, 33))
        else:
            holder[place] = self._value(holder[place], dice)

    def _value(self, value: Any, dice: Random) -> Any:
        """Another value in place of ``value``."""
        if isinstance(value, str) and not isinstance(value, Raw) and dice.random() < 0.75:
            return self._text(value, dice)
        if dice.random() < 0.2:
            return Raw(dice.choice(_RAW))
        if isinstance(value, bool | int) and dice.random() < 0.3:
            return str(value)
        return dice.choice(_ODD)

    def _text(self, text: str, dice: Random) -> Any:
        raw = text.encode(errors="surrogatepass")
        if len(raw) > 3 and len(raw) % 4 == 0 and dice.random() < 0.7 and _BASE64.fullmatch(raw):
            return self._base64(text, dice)
        if raw[:1] in {b"{", b"-"} and dice.random() < 0.8:
            return self._once(raw, dice).decode(errors="replace")
        kind = dice.randrange(7)
        if kind == 0:
            return text[: len(text) // 2]
        if kind == 1:
            return text[:-1] + "é" + text[-1:]
        if kind == 2:
            return text.swapcase()
        if kind == 3:
            return text + dice.choice(("\x00", "\n", " ", "=", "A", "/x"))
        if kind == 4 and text.isdecimal():
            return str(int(text) + dice.choice((-1, 1, 1 << 40)))
        return scramble(raw, dice).decode(errors="replace")

    def _base64(self, text: str, dice: Random) -> str:
        """Mostly what it stands for is changed, sometimes how it is spelled."""
        try:
            held = base64.b64decode(text, validate=True)
        except ValueError:
            return scramble(text.encode(), dice).decode(errors="replace")
        spelled = base64.b64encode(self._once(held, dice)).decode()
        kind = dice.randrange(16)
        if kind == 0:
            return spelled.rstrip("=")
        if kind == 1:
            return spelled.replace("+", "-").replace("/", "_")
        if kind == 2:
            return spelled[:76] + "\n" + spelled[76:]
        if kind == 3:
            return text[:-2] + "é" + text[-2:]
        return spelled

    def _pem(self, data: bytes, found: re.Match[bytes], dice: Random) -> bytes:
        kind = dice.randrange(8)
        if kind == 0:
            return data.replace(b"\n", b"\r\n")
        if kind == 1:
            return data + data
        if kind == 2:
            return scramble(data, dice)
        if kind == 3:
            return data.replace(found[1], b"-----BEGIN PUBLIC KEY-----", dice.randrange(2))
        try:
            held = base64.b64decode(found[2])
        except ValueError:
            return scramble(data, dice)
        changed = base64.encodebytes(self._once(held, dice))
        return data[: found.start(2)] + b"\n" + changed + data[found.end(2) :]


def scramble(data: bytes, dice: Random) -> bytes:
    """``data`` with some bytes changed, whatever they mean."""
    start = dice.randrange(len(data) + 1)
    end = min(len(data), start + dice.choice((0, 0, 1, 1, 4, 40)))
    kind = dice.randrange(6)
    if kind == 0:
        return der.flip(data, dice)
    if kind == 1:
        return data[:start] + dice.randbytes(dice.randrange(1, 9)) + data[end:]
    if kind == 2:
        return data[:start] + data[end:]
    if kind == 3:
        return data[:start] + data[start:end] * dice.choice((2, 3, 50)) + data[end:]
    if kind == 4:
        return data[:start] if dice.random() < 0.5 else data[start:]
    return data[:start] + dice.choice(_TOKENS) + data[end:]


def _read(seed: bytes) -> Any:
    try:
        return parse(seed)
    except (ValueError, RecursionError):
        return None


def _members(value: Any) -> Iterator[tuple[str, Any]]:
    """Every member of every object in ``value``."""
    if isinstance(value, Members):
        yield from value
        value = [item for _, item in value]
    if isinstance(value, list):
        for item in value:
            yield from _members(item)


def _places(value: Any) -> list[tuple[Any, int]]:
    """Every place in ``value`` where something stands: what holds it, and its number there."""
    found: list[tuple[Any, int]] = []
    waiting = [value]
    while waiting:
        holder = waiting.pop()
        if isinstance(holder, list):
            found += [(holder, place) for place in range(len(holder))]
            waiting += [item for _, item in holder] if isinstance(holder, Members) else holder
    return found
