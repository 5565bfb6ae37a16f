"""What operators write about trust: the shapes of the YAML, and their values. Field names are those of the
published JSON Schema.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic.alias_generators import to_camel
from pydantic.json_schema import SkipJsonSchema

from .bounded_file import read_bounded
from .errors import ConfigurationError
from .trust import MAX_KEY_FILE, MAX_KEYS, TrustedKey

Location = tuple[str | int, ...]


class Spec(BaseModel):
    """A part of a document: camelCase names, no unknown fields, no guessing of types."""

    model_config = ConfigDict(
        extra="forbid", strict=True, frozen=True, alias_generator=to_camel, validate_by_alias=True
    )


def stated(given: object) -> object:
    """A field without a value is not the same as no field: it would read as the opposite of what was meant."""
    if given is None:
        raise ValueError("the field has no value; give it one, or leave it out")
    return given


def _read_time(given: object) -> object:
    """RFC 3339, as YAML reads it or as text. pydantic would also take 20260131, as seconds since 1970."""
    time = given
    if isinstance(given, str):
        try:
            time = datetime.fromisoformat(given)
        except ValueError:
            time = None
    if not isinstance(time, datetime) or time.tzinfo is None:
        raise ValueError("not a time with its zone; write it as 2026-01-31T00:00:00Z")
    return time


Age = Annotated[str, Field(pattern=r"^[1-9][0-9]{0,4}[hd]$")]


def to_age(text: str) -> timedelta:
    """What an ``Age`` says in hours or days."""
    number = int(text[:-1])
    return timedelta(hours=number) if text[-1] == "h" else timedelta(days=number)


# None only where the field is absent.
Time = Annotated[datetime | SkipJsonSchema[None], BeforeValidator(_read_time)]


class TrustedKeySpec(Spec):
    """A public key by name. Exactly one of file and publicKey."""

    name: Annotated[str, Field(min_length=1, max_length=253, description="What policies call it.")]
    file: Annotated[str, Field(description="Path of a public key in PEM, relative to this file.")] = ""
    public_key: Annotated[str, Field(description="A public key in PEM.")] = ""
    hash: Annotated[
        Literal["", "sha256", "sha384", "sha512"],
        Field(description="Empty: what the kind of key says (a curve its own, RSA SHA-256)."),
    ] = ""
    valid_from: Annotated[Time, Field(description="RFC 3339. Absent: always.")] = None
    valid_until: Annotated[Time, Field(description="RFC 3339, included. Absent: for ever.")] = None


class StaticTrustSpec(Spec):
    """A trusted root, public keys, or both, from files that are read once when the program starts."""

    type: Literal["static"]
    trusted_root: Annotated[
        str, Field(description="Path of a trusted_root.json, relative to this file. Empty: none.")
    ] = ""
    keys: Annotated[list[TrustedKeySpec], Field(default_factory=list, max_length=MAX_KEYS)]


def to_key(spec: TrustedKeySpec, folder: Path) -> TrustedKey:
    """The key that ``spec`` describes, its file relative to ``folder``.

    Raises:
        ConfigurationError: the file cannot be read, or a field is malformed.
    """
    if bool(spec.file) == bool(spec.public_key):
        raise ConfigurationError(f"key {spec.name!r} needs exactly one of file and publicKey")
    content = spec.public_key.encode()
    if spec.file:
        content = read_bounded(folder / spec.file, MAX_KEY_FILE, remedy="Name a public key in PEM.")
    return TrustedKey(spec.name, content, spec.hash, spec.valid_from, spec.valid_until)
