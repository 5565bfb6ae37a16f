"""in-toto statements 0.1 and 1 (in-toto ``attestation``, ``spec/v1/statement.md``).

A reader that folds case would take ``Subject`` for ``subject``, so in the objects whose keys are read here (the
statement, its subjects, their digest sets) keys that differ in case only are refused. Elsewhere they are different
keys: a predicate may tell of environment variables called ``PATH`` and ``Path``, and the keys of annotations are
names that the signer chose. A key that is repeated to the letter is refused everywhere.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from providers.errors import VerificationError
from providers.reasons import ReasonCode

from .limits import MAX_BUNDLE_SIZE, MAX_TYPE_NAME
from .strict_json import list_field, object_field, one_spelling, parse_object, text_field

STATEMENT_V01 = "https://in-toto.io/Statement/v0.1"
STATEMENT_V1 = "https://in-toto.io/Statement/v1"

# sigstore-go, pkg/verify: 1024 subjects, 32 digests each.
MAX_SUBJECTS = 1024
MAX_DIGESTS = 32
# cosign writes one for each -a flag; a kilobyte of flags is plenty.
_MAX_ANNOTATIONS = 256
# Of one subject, names and values in UTF-8. Annotations are kept as facts and repeated in the answer for each
# policy; a commit message or a build URL fits many times.
MAX_ANNOTATION_BYTES = 8 << 10

# in-toto spec/v1/digest_set.md, those that an artifact is held against.
_SHA256 = re.compile(r"[0-9a-f]{64}")
_LONGER = {"sha384": re.compile(r"[0-9a-f]{96}"), "sha512": re.compile(r"[0-9a-f]{128}")}


@dataclass(frozen=True, slots=True)
class StatementSubject:
    """What a statement is about. ``sha256`` is hex, empty when the subject has no such digest; ``longer`` are then
    those by SHA-384 and SHA-512 (npm's provenance has no other). Only annotations whose value is text are kept;
    cosign writes no others.
    """

    name: str
    sha256: str
    annotations: tuple[tuple[str, str], ...] = ()
    longer: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement without its predicate."""

    type: str
    subjects: tuple[StatementSubject, ...]
    predicate_type: str


def _refuse(message: str) -> VerificationError:
    return VerificationError(ReasonCode.MALFORMED, message)


def _read_subject(document: object) -> StatementSubject:
    if not isinstance(document, dict):
        raise _refuse("a subject of the statement is not an object")
    digests = one_spelling(object_field(one_spelling(document), "digest"))
    if not 1 <= len(digests) <= MAX_DIGESTS:
        raise _refuse(f"a subject has {len(digests)} digests; 1 to {MAX_DIGESTS} are possible")
    sha256 = text_field(digests, "sha256", default="")
    if sha256 and not _SHA256.fullmatch(sha256):
        raise _refuse("a subject's sha256 is not 64 lower-case hexadecimal digits")
    annotations = object_field(document, "annotations", default={})
    if len(annotations) > _MAX_ANNOTATIONS:
        raise _refuse(f"a subject has {len(annotations)} annotations; at most {_MAX_ANNOTATIONS} are read")
    texts = sorted((key, value) for key, value in annotations.items() if isinstance(value, str))
    size = sum(len(key.encode()) + len(value.encode()) for key, value in texts)
    if size > MAX_ANNOTATION_BYTES:
        raise _refuse(f"a subject has {size} bytes of annotations; at most {MAX_ANNOTATION_BYTES} are read")
    stated = () if sha256 else ((name, text_field(digests, name, default="")) for name in _LONGER)
    longer = tuple((name, text) for name, text in stated if text)
    if not all(_LONGER[name].fullmatch(text) for name, text in longer):
        raise _refuse("a subject's digest is not in lower-case hexadecimal digits of its length")
    return StatementSubject(text_field(document, "name", default=""), sha256, tuple(texts), longer)


def parse_predicate(payload: bytes) -> dict[str, Any]:
    """The predicate of a statement that ``parse_statement`` took.

    Raises:
        VerificationError: ``malformed``: it is no object.
    """
    return object_field(parse_object(payload, max_size=MAX_BUNDLE_SIZE, fold_case=False), "predicate")


def parse_statement(payload: bytes) -> Statement:
    """Parse the payload of an envelope of type ``application/vnd.in-toto+json``.

    Raises:
        VerificationError: ``malformed``; ``unsupported`` for a statement of another version.
    """
    document = one_spelling(parse_object(payload, max_size=MAX_BUNDLE_SIZE, fold_case=False))
    kind = text_field(document, "_type")
    if kind not in {STATEMENT_V01, STATEMENT_V1}:
        raise VerificationError(ReasonCode.UNSUPPORTED, f"a statement of type {kind[:100]!r}")
    subjects = list_field(document, "subject", limit=MAX_SUBJECTS)
    if not subjects:
        raise _refuse("the statement is about nothing: it has no subject")
    predicate_type = text_field(document, "predicateType", limit=MAX_TYPE_NAME)
    if not predicate_type:
        raise _refuse("the predicate type is empty")
    return Statement(kind, tuple(_read_subject(subject) for subject in subjects), predicate_type)
