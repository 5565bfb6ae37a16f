"""JSON that came from a stranger: parsed once and strictly.

Python's own parser keeps the last of two equal keys, Go's folds case; a signature checked by one reader and
acted on by another is how bundles have been forged. Here a repeated key (also one that differs in case only),
a number that is not finite, a lone surrogate, and too much depth, size or number of values are refused.

Every regular expression here is linear: what may repeat is possessive, so nothing is ever tried twice. The ``re``
module holds the interpreter while it searches, and one that backtracks would stop the whole server.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

from providers.errors import VerificationError
from providers.reasons import ReasonCode

from . import base64_text

# Sigstore bundles nest 9 deep, SPDX documents 7, CycloneDX with nested components 20 in practice.
MAX_DEPTH = 64
# A value follows "[", "{" or ",". SBOMs have one every 25 to 40 bytes, so the largest payload of a bundle (12 MiB)
# holds 300 000 to 500 000. As Python objects that many take 220 MB at most, measured for one object with as many
# keys; without a limit, 16 MiB of brackets took 650 MB, and four seconds in which little else could run.
MAX_VALUES = 500_000
# Go reads numbers of any length, Python's int() takes quadratic time on them; 64 bits have 20 digits.
_MAX_DIGITS = 400

# One bracket or comma with what stands before it, strings as a whole. A string that never ends, ends with the
# text; after 1000 pieces without a bracket the search pauses, so that other threads get their turn.
_STRUCTURE = re.compile(
    r"""(?: [^"\[\]{},]++ | "[^"\\]*+(?:\\.[^"\\]*+)*+"? ){0,1000}+ ([\[\]{},]?)""", re.DOTALL | re.VERBOSE
)
# Protobuf's int64 in JSON: no sign (nothing here is negative), no leading zero, below 2^63.
_DECIMAL = re.compile(r"0|[1-9][0-9]{0,18}")
_MAX_INT64 = (1 << 63) - 1
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


def _refuse(message: str) -> NoReturn:
    raise VerificationError(ReasonCode.MALFORMED, message)


def _check_structure(text: str) -> None:
    """Refuse too many values and too deep nesting, before anything is made of the text."""
    values = depth = 0
    for found in _STRUCTURE.finditer(text):
        mark = found[1]
        if mark in {"[", "{"}:
            depth += 1
        elif mark in {"]", "}"}:
            depth -= 1
        values += mark in {"[", "{", ","}
        if depth > MAX_DEPTH:
            _refuse(f"the JSON nests deeper than {MAX_DEPTH}")
        if values > MAX_VALUES:
            _refuse(f"the JSON holds more than {MAX_VALUES} values")
        if depth < 0:
            _refuse("not JSON: a bracket is closed that was not opened")


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    seen: set[str] = set()
    for key, _ in pairs:
        folded = key.casefold()
        if folded in seen:
            _refuse(f"the JSON key {key[:60]!r} stands twice in one object")
        seen.add(folded)
    return dict(pairs)


def _stated_pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    return {key: value for key, value in _pairs(pairs).items() if value is not None}


def _exact_pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        _refuse("a JSON key stands twice in one object")
    return found


def _integer(text: str) -> int:
    if len(text) > _MAX_DIGITS:
        _refuse("a JSON number is too long")
    return int(text)


def _number(text: str) -> float:
    if len(text) > _MAX_DIGITS:
        _refuse("a JSON number is too long")
    value = float(text)
    if not math.isfinite(value):
        _refuse("a JSON number is out of range")
    return value


def _constant(text: str) -> NoReturn:
    _refuse(f"{text} is no JSON number")


def parse_object(data: bytes, *, max_size: int, fold_case: bool = True) -> dict[str, Any]:
    """Parse ``data``, at most ``max_size`` bytes, as one JSON object.

    Without ``fold_case``, keys that differ in case only are different keys: for documents with keys that are not
    field names (annotations, environment variables). Then ``one_spelling`` is for the objects that have fields.

    Raises:
        VerificationError: ``malformed``.
    """
    return _parse(data, max_size, _pairs if fold_case else _exact_pairs)


def parse_go_object(data: bytes, *, max_size: int) -> dict[str, Any]:
    """Parse ``data`` as ``parse_object`` does; a field that is null is left out.

    Go's readers, protojson among them, take null for a field that was not written, and Rekor 2 answers with
    ``"inclusionPromise": null``.

    Raises:
        VerificationError: ``malformed``.
    """
    return _parse(data, max_size, _stated_pairs)


def _parse(
    data: bytes, max_size: int, pairs: Callable[[list[tuple[str, Any]]], dict[str, Any]]
) -> dict[str, Any]:
    if len(data) > max_size:
        _refuse(f"{len(data)} bytes of JSON are more than the {max_size} allowed here")
    try:
        text = data.decode("utf-8")
        brackets = text.count("[") + text.count("{")
        many = len(text) > MAX_VALUES and brackets + text.count(",") > MAX_VALUES
        if many or brackets > MAX_DEPTH:
            _check_structure(text)
        value = json.loads(
            text,
            object_pairs_hook=pairs,
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


def one_spelling(value: dict[str, Any]) -> dict[str, Any]:
    """``value``, no two of whose own keys differ in case only; what it holds is not looked at.

    Raises:
        VerificationError: ``malformed``: a reader that folds case would take one key for the other.
    """
    _pairs(list(value.items()))
    return value


def text_field(
    value: Mapping[str, Any], name: str, *, default: str | None = None, limit: int | None = None
) -> str:
    """The text under ``name``; ``default`` when absent, if one is given. At most ``limit`` characters, if given.

    Raises:
        VerificationError: ``malformed``: absent, not text, or too long.
    """
    found = value.get(name, default)
    if not isinstance(found, str):
        _refuse(f"{name!r} is missing or not text")
    if limit is not None and len(found) > limit:
        _refuse(f"{name!r} has {len(found)} characters; at most {limit} are read")
    return found


def object_field(
    value: Mapping[str, Any], name: str, *, default: dict[str, Any] | None = None
) -> dict[str, Any]:
    """The object under ``name``; ``default`` when absent, if one is given.

    Raises:
        VerificationError: ``malformed``: absent or not an object.
    """
    found = value.get(name, default)
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


def bytes_field(value: Mapping[str, Any], name: str, *, limit: int | None = None) -> bytes:
    """The bytes under ``name``, never empty; at most ``limit``, if one is given.

    Raises:
        VerificationError: ``malformed``: absent, empty, too long, or another spelling than ``base64_text`` reads.
    """
    text = text_field(value, name)
    try:
        found = base64_text.decode(text)
    except ValueError as error:
        raise VerificationError(ReasonCode.MALFORMED, f"{name!r} is empty or not canonical base64") from error
    if limit is not None and len(found) > limit:
        _refuse(f"{name!r} has {len(found)} bytes; at most {limit} are read")
    return found
