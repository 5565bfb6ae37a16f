"""JSON that came from a stranger: parsed once and strictly.

Python's own parser keeps the last of two equal keys, Go's folds case; a signature checked by one reader and
acted on by another is how bundles have been forged. Here a repeated key (also one that differs in case only),
a number that is not finite, a lone surrogate, and too much depth or size are refused.
"""

from __future__ import annotations

import base64
import json
import math
import re
from collections.abc import Mapping
from typing import Any, NoReturn

from providers.errors import VerificationError
from providers.reasons import ReasonCode

# Sigstore bundles nest 9 deep, SPDX documents 7, CycloneDX with nested components 20 in practice.
MAX_DEPTH = 64
# Go reads numbers of any length, Python's int() takes quadratic time on them; 64 bits have 20 digits.
_MAX_DIGITS = 400

_STRING = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"')
_BRACKET = re.compile(r"[\[\]{}]")
# Protobuf's int64 in JSON: no sign (nothing here is negative), no leading zero, below 2^63.
_DECIMAL = re.compile(r"0|[1-9][0-9]{0,18}")
_MAX_INT64 = (1 << 63) - 1
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


def _refuse(message: str) -> NoReturn:
    raise VerificationError(ReasonCode.MALFORMED, message)


def _depth_within(text: str) -> bool:
    """Whether brackets outside of strings nest no deeper than MAX_DEPTH; linear, before any recursion."""
    depth = 0
    for bracket in _BRACKET.findall(_STRING.sub("", text)):
        depth += 1 if bracket in "[{" else -1
        if depth > MAX_DEPTH:
            return False
    return True


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    seen: set[str] = set()
    for key, _ in pairs:
        folded = key.casefold()
        if folded in seen:
            _refuse(f"the JSON key {key[:60]!r} stands twice in one object")
        seen.add(folded)
    return dict(pairs)


def _integer(text: str) -> int:
    if len(text) > _MAX_DIGITS:
        _refuse("a JSON number is too long")
    return int(text)


def _number(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        _refuse("a JSON number is out of range")
    return value


def _constant(text: str) -> NoReturn:
    _refuse(f"{text} is no JSON number")


def parse_object(data: bytes, *, max_size: int) -> dict[str, Any]:
    """Parse ``data``, at most ``max_size`` bytes, as one JSON object.

    Raises:
        VerificationError: ``malformed``.
    """
    if len(data) > max_size:
        _refuse(f"{len(data)} bytes of JSON are more than the {max_size} allowed here")
    try:
        text = data.decode("utf-8")
        if text.count("[") + text.count("{") > MAX_DEPTH and not _depth_within(text):
            _refuse(f"the JSON nests deeper than {MAX_DEPTH}")
        value = json.loads(
            text,
            object_pairs_hook=_pairs,
            parse_int=_integer,
            parse_float=_number,
            parse_constant=_constant,
        )
        if _SURROGATE.search(text):  # a lone one does not encode
            json.dumps(value, ensure_ascii=False).encode("utf-8")
    except VerificationError:
        raise
    except (ValueError, RecursionError) as error:
        raise VerificationError(ReasonCode.MALFORMED, f"not JSON: {error}") from error
    if not isinstance(value, dict):
        _refuse("the JSON is not an object")
    return value


def text_field(value: Mapping[str, Any], name: str, *, default: str | None = None) -> str:
    """The text under ``name``; ``default`` when absent, if one is given.

    Raises:
        VerificationError: ``malformed``: absent or not text.
    """
    found = value.get(name, default)
    if not isinstance(found, str):
        _refuse(f"{name!r} is missing or not text")
    return found


def object_field(value: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The object under ``name``.

    Raises:
        VerificationError: ``malformed``: absent or not an object.
    """
    found = value.get(name)
    if not isinstance(found, dict):
        _refuse(f"{name!r} is missing or not an object")
    return found


def list_field(value: Mapping[str, Any], name: str, *, limit: int) -> list[Any]:
    """The list under ``name``, empty when absent (protojson omits empty ones), at most ``limit`` long.

    Raises:
        VerificationError: ``malformed``: not a list or too long.
    """
    found = value.get(name, [])
    if not isinstance(found, list):
        _refuse(f"{name!r} is not a list")
    if len(found) > limit:
        _refuse(f"{name!r} has {len(found)} entries; at most {limit} are read")
    return found


def integer_field(value: Mapping[str, Any], name: str, *, default: int | None = None) -> int:
    """The non-negative 64-bit integer under ``name``: a JSON number, or its decimal text as protojson writes.

    Raises:
        VerificationError: ``malformed``: absent without a ``default``, or not such a number.
    """
    found = value.get(name, default)
    if isinstance(found, str) and _DECIMAL.fullmatch(found):
        found = int(found)
    if not isinstance(found, int) or isinstance(found, bool) or not 0 <= found <= _MAX_INT64:
        _refuse(f"{name!r} is missing or not a whole number of 63 bits")
    return found


def bytes_field(value: Mapping[str, Any], name: str) -> bytes:
    """The bytes under ``name``, never empty.

    Only the canonical standard alphabet with padding is read (RFC 4648 section 4). protojson would also take
    the URL-safe one and missing padding, but no Sigstore client writes them, and with one spelling for each
    value a changed character is always a changed value.

    Raises:
        VerificationError: ``malformed``: absent, empty, or any other spelling.
    """
    text = text_field(value, name)
    try:
        found = base64.b64decode(text, validate=True)
    except ValueError as error:
        raise VerificationError(ReasonCode.MALFORMED, f"{name!r} is not base64") from error
    if not found or base64.b64encode(found[-(len(found) % 3 or 3) :]).decode("ascii") != text[-4:]:
        _refuse(f"{name!r} is empty or not canonical base64")
    return found
