"""Reading JSON that came from a client, and writing JSON that goes into signatures."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from typing import Any

import rfc8785

from .errors import LabError


def parse_object(data: bytes) -> dict[str, object]:
    """The JSON object in these bytes. Raises LabError."""
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise LabError("the request is not JSON") from error
    if not isinstance(document, dict):
        raise LabError("the request is not a JSON object")
    return document


def find(document: object, *path: str) -> object | None:
    """The value at this path, or None where a step is missing."""
    value = document
    for step in path:
        if not isinstance(value, dict):
            return None
        value = value.get(step)
    return value


def text(document: object, *path: str) -> str:
    """The string at this path. Raises LabError."""
    value = find(document, *path)
    if not isinstance(value, str):
        raise LabError(f"{'.'.join(path)} is missing or is not a string")
    return value


def objects(document: object, *path: str) -> list[dict[str, object]]:
    """The list of objects at this path, at least one. Raises LabError."""
    value = find(document, *path)
    if not isinstance(value, list) or not value or not all(isinstance(item, dict) for item in value):
        raise LabError(f"{'.'.join(path)} is not a list of objects")
    return value


def decoded(document: object, *path: str) -> bytes:
    """The base64 string at this path, decoded. Raises LabError."""
    return unbase64(text(document, *path), ".".join(path))


def unbase64(value: str, what: str) -> bytes:
    """The decoded value of standard base64. Raises LabError."""
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError) as error:
        raise LabError(f"{what} is not base64") from error


def b64(data: bytes) -> str:
    """Standard base64, as protojson writes bytes."""
    return base64.b64encode(data).decode("ascii")


def compact(document: Mapping[str, object]) -> bytes:
    """Compact JSON in the given order, as Go's encoder writes it."""
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()


def canonical(document: dict[str, Any]) -> bytes:
    """JSON in the canonical form of RFC 8785, which Rekor keeps and signs."""
    return rfc8785.dumps(document)
