"""Binding: a signature counts for the artifact whose digest it signs, and for no other."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

from providers.descriptor import Descriptor
from providers.errors import VerificationError
from providers.reasons import ReasonCode

from ..formats.dsse import IN_TOTO, Envelope
from ..formats.simple_signing import SimpleSigning, parse_simple_payload
from ..formats.statement import StatementSubject, parse_statement
from .evidence import refusal
from .signature import SignedContent

# More digests than this do not help a reader.
_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Binding:
    """What a verified signature says of the artifact. The type is empty for what is not a statement."""

    predicate_type: str
    annotations: tuple[tuple[str, str], ...]
    statement: bytes = b""


def bind(content: SignedContent, subject: Descriptor, read_subject: Callable[[], bytes]) -> Binding:
    """Check that ``content``, whose signature holds, is about ``subject``. The artifact is read only for a
    statement that names none by SHA-256, and some by longer digests.

    Raises:
        VerificationError: ``subject-digest-mismatch``; ``malformed`` or ``unsupported`` for the statement.
        UnavailableError: from ``read_subject``.
    """
    if content.envelope is not None:
        return _bind_statement(content.envelope, subject, read_subject)
    if isinstance(content.content, SimpleSigning):
        payload = parse_simple_payload(content.content.payload)
        if payload.manifest_digest != subject.digest:
            raise _other_artifact([payload.manifest_digest.partition(":")[2]], subject)
        return Binding("", payload.annotations)
    signed = content.digest_as("SHA2_256")
    if signed is None or signed.hex() != subject.hex:
        raise _other_artifact(["" if signed is None else signed.hex()], subject)
    return Binding("", ())


def _bind_statement(envelope: Envelope, subject: Descriptor, read_subject: Callable[[], bytes]) -> Binding:
    if envelope.payload_type != IN_TOTO:
        raise refusal(ReasonCode.UNSUPPORTED, f"a signed payload of type {envelope.payload_type!r}")
    statement = parse_statement(envelope.payload)
    matching = [entry for entry in statement.subjects if entry.sha256 == subject.hex]
    if not matching and any(entry.longer for entry in statement.subjects):
        matching = _by_longer(statement.subjects, read_subject())
    if not matching:
        raise _other_artifact([entry.sha256 for entry in statement.subjects], subject)
    if any(entry.annotations != matching[0].annotations for entry in matching):
        raise refusal(
            ReasonCode.MALFORMED, "the statement names the artifact twice, with different annotations"
        )
    return Binding(statement.predicate_type, matching[0].annotations, envelope.payload)


def _by_longer(subjects: tuple[StatementSubject, ...], artifact: bytes) -> list[StatementSubject]:
    """Those of ``subjects`` all of whose digests are those of ``artifact``."""
    ours = {name: hashlib.new(name, artifact).hexdigest() for name in ("sha384", "sha512")}
    return [
        entry for entry in subjects if entry.longer and all(ours[name] == text for name, text in entry.longer)
    ]


def _other_artifact(signed: list[str], subject: Descriptor) -> VerificationError:
    listed = ", ".join(f"sha256:{digest or '(none)'}" for digest in signed[:_SHOWN])
    more = f" and {len(signed) - _SHOWN} more" if len(signed) > _SHOWN else ""
    return refusal(
        ReasonCode.SUBJECT_DIGEST_MISMATCH, f"signed digest {listed}{more}; asked about {subject.digest}"
    )
