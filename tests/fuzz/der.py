"""DER, taken apart, changed in one place, and put together again with lengths that fit.

A flipped bit in a certificate mostly breaks a length and ends in the first line of a parser. What is changed here
stays readable as DER (nearly always), so that what the parser makes of its content is tried too.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

_MAX_DEPTH = 24
_MAX_NODES = 2000
_CONSTRUCTED = 0x20
_OCTET_STRING = 0x04
# BOOLEAN, INTEGER, BIT STRING, OCTET STRING, NULL, OID, UTF8String, SEQUENCE, SET, PrintableString, IA5String,
# UTCTime, GeneralizedTime, BMPString, [0], [1], [6], [0] constructed, a tag of several bytes
_TAGS = bytes.fromhex("01020304050c063031131617181e808186a01f")
_VALUES = (
    b"",
    b"\x00",
    b"\xff" * 9,
    b"\x80" + b"\x00" * 30,
    b"\x7f" * 300,
    b"99991231235959Z",
    b"20261301000000Z",
    b"500101000000Z",
    b"\xc3\x28",
    b"\xed\xa0\x80",
    "\N{RIGHT-TO-LEFT OVERRIDE}x\x00".encode(),
    bytes.fromhex("2a8648ce3d030107"),
    bytes.fromhex("2b060104018fbf300108"),
)


@dataclass
class Node:
    """One value. ``inside`` are its parts, where it has any, and then counts instead of ``content``."""

    tag: int
    content: bytes
    inside: list[Node] | None = None


def read(data: bytes, depth: int = 0) -> list[Node] | None:
    """The values that ``data`` is made of; None when it is not DER."""
    nodes: list[Node] = []
    at = 0
    while at < len(data):
        header = _header(data, at)
        if header is None or depth > _MAX_DEPTH or len(nodes) > _MAX_NODES:
            return None
        start, end = header
        tag, content = data[at], data[start:end]
        inside = None
        if tag & _CONSTRUCTED:
            inside = read(content, depth + 1)
        elif tag == _OCTET_STRING and len(content) > 2:
            inside = read(content, depth + 1)  # the extensions of a certificate
        nodes.append(Node(tag, content, inside))
        at = end
    return nodes


def _header(data: bytes, at: int) -> tuple[int, int] | None:
    """Where the content of the value at ``at`` starts and ends."""
    if at + 2 > len(data) or data[at] & 0x1F == 0x1F:
        return None
    size, start = data[at + 1], at + 2
    if size & 0x80:
        count = size & 0x7F
        if not 1 <= count <= 4:
            return None
        size, start = int.from_bytes(data[start : start + count]), start + count
    return (start, start + size) if start + size <= len(data) else None


def write(nodes: list[Node]) -> bytes:
    """The bytes of ``nodes``."""
    return b"".join(map(_write, nodes))


def _write(node: Node) -> bytes:
    content = node.content if node.inside is None else write(node.inside)
    size = len(content)
    if size < 0x80:
        return bytes((node.tag, size)) + content
    length = size.to_bytes((size.bit_length() + 7) // 8)
    return bytes((node.tag, 0x80 | len(length))) + length + content


def mutate(data: bytes, dice: Random) -> bytes | None:
    """``data`` with one change; None when it is not DER."""
    nodes = read(data)
    if not nodes:
        return None
    places: list[tuple[list[Node], int]] = []
    waiting = [nodes]
    while waiting:
        siblings = waiting.pop()
        for place, node in enumerate(siblings):
            places.append((siblings, place))
            if node.inside is not None:
                waiting.append(node.inside)
    siblings, place = dice.choice(places)
    _change(siblings, place, dice.choice(places), dice)
    return write(nodes)


def _change(siblings: list[Node], place: int, other: tuple[list[Node], int], dice: Random) -> None:
    node = siblings[place]
    kind = dice.randrange(8)
    if kind == 0:
        del siblings[place]
    elif kind == 1:
        siblings.insert(place, Node(node.tag, node.content, node.inside))
    elif kind == 2:
        node.tag = dice.choice(_TAGS)
    elif kind == 3:
        donor = other[0][other[1]]
        # As it stands, in one piece: a copy of what it is itself a part of would have no end.
        siblings[place] = Node(donor.tag, donor.content)
    elif kind == 4:
        node.inside, node.content = None, dice.choice(_VALUES)
    elif kind == 5:
        siblings.insert(place, Node(dice.choice(_TAGS), dice.choice(_VALUES)))
    elif kind == 6 and node.inside:
        dice.shuffle(node.inside)
    else:
        node.content, node.inside = flip(node.content, dice), None


def flip(data: bytes, dice: Random) -> bytes:
    """``data`` with one bit changed."""
    if not data:
        return b"\x01"
    changed = bytearray(data)
    changed[dice.randrange(len(changed))] ^= 1 << dice.randrange(8)
    return bytes(changed)
