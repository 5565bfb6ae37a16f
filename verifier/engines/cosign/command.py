"""What cosign is asked: one command line and its files for each form of signature.

==============================  ============================================================
a message in a bundle           ``verify-blob --bundle``, with the digest or the artifact
an envelope in a bundle         ``verify-blob-attestation --bundle``, with digest and type
a simple signing layer          ``verify --local-image``
an envelope in a layer          ``verify-attestation --local-image``, with type
a bare envelope of a file       ``verify-blob-attestation --signature``, with both
a bare signature of a file      ``verify-blob --signature``, with the artifact
==============================  ============================================================

A bundle is never given without a trusted root, if need be one that trusts nothing: what cosign cannot read as a
bundle it takes for one of its older form, whose ``cert`` field overrides the key (GHSA-fx35-mq7g-6g98), and to
that form it takes no trusted root. All paths are relative to the folder of the run, and every value that came with
the signature follows its flag in the same argument.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass, field, replace
from enum import Enum, auto

from providers.descriptor import Descriptor, digest_of
from providers.errors import UnavailableError
from providers.predicates import PREDICATE_TYPES
from providers.reasons import ReasonCode

from ...formats.bundle import BUNDLE_MEDIA_TYPES
from ...formats.dsse import Envelope
from ...formats.entity import MessageSignature, SignedEntity
from ..signature import Message
from .layout import FOLDER, IMAGES, evidence_beside, image_layout

_NOTHING_TRUSTED = b'{"mediaType":"application/vnd.dev.sigstore.trustedroot+json;version=0.1"}'
# What cosign writes besides what it was given: headers, warnings, why it refused.
_MAX_WORDS = 256 << 10


class Answer(Enum):
    """What cosign writes when it has verified something."""

    OK = auto()
    PAYLOAD = auto()
    ENVELOPE = auto()


@dataclass(frozen=True, slots=True)
class Asked:
    """Evidence that cosign is to find trusted, each at least once."""

    log: bool = False
    timestamp: bool = False
    sct: bool = False


@dataclass(frozen=True, slots=True)
class Signatory:
    """By whom it is to be signed: a key, with the hash it is used with (as cosign names it, empty where it needs
    no name); or a certificate, with the names in it. Both are in PEM. ``by_digest`` says that for an artifact
    signature of theirs the SHA-256 digest is enough.
    """

    by_digest: bool
    key: bytes = b""
    hash: str = ""
    certificate: bytes = b""
    name: str = ""
    issuer: str = ""


@dataclass(frozen=True, slots=True)
class Command:
    """One command line, with the files it needs and the most that cosign may write."""

    arguments: tuple[str, ...]
    files: dict[str, bytes] = field(repr=False)
    answer: Answer
    limit: int


@dataclass(frozen=True, slots=True)
class Matter:
    """A signature, and what it is about. ``artifact`` reads the subject."""

    entity: SignedEntity
    subject: Descriptor
    predicate_type: str
    artifact: Message
    trusted_root: bytes

    @property
    def is_bundle(self) -> bool:
        """Whether it is in a Sigstore bundle."""
        return self.entity.media_type in BUNDLE_MEDIA_TYPES

    @property
    def is_layer(self) -> bool:
        """Whether it is in one of the older forms, and of an image."""
        message = isinstance(self.entity.content, MessageSignature)
        return not self.is_bundle and not message and self.subject.media_type in IMAGES


def command_for(matter: Matter, signatory: Signatory, asked: Asked) -> Command:
    """The command that verifies ``matter``.

    Raises:
        UnavailableError: cosign has none for this form; why the artifact could not be read.
    """
    limit = 2 * len(matter.entity.stored) + _MAX_WORDS
    command = Command(*_signed_by(signatory), Answer.OK, limit)
    if matter.is_bundle or matter.is_layer:
        root = matter.trusted_root or _NOTHING_TRUSTED
        command = _with(command, ("--trusted-root=root.json",), {"root.json": root})
    elif asked != Asked() or signatory.certificate:
        raise unable("cosign takes no trusted root for signatures of files that are not in a bundle")
    command = _with(command, _evidence(signatory, asked))
    if matter.is_bundle:
        return _bundle(matter, command, by_digest=signatory.by_digest)
    if matter.is_layer:
        beside = evidence_beside(
            matter.entity, certificate=signatory.certificate, log=asked.log, timestamp=asked.timestamp
        )
        return _layer(matter, command, beside)
    return _file(matter, command)


def unable(sentence: str) -> UnavailableError:
    """cosign cannot say: why."""
    return UnavailableError(ReasonCode.ENGINE_UNAVAILABLE, sentence)


def _signed_by(signatory: Signatory) -> tuple[tuple[str, ...], dict[str, bytes]]:
    if signatory.key:
        hashed = (f"--signature-digest-algorithm={signatory.hash}",) if signatory.hash else ()
        return ("--key=key.pub", *hashed), {"key.pub": signatory.key}
    # An empty issuer cannot be asked for by its name.
    issuer = f"={signatory.issuer}" if signatory.issuer else "-regexp=^$"
    return (f"--certificate-identity={signatory.name}", f"--certificate-oidc-issuer{issuer}"), {}


def _evidence(signatory: Signatory, asked: Asked) -> tuple[str, ...]:
    flags = [] if asked.log else ["--insecure-ignore-tlog"]
    if asked.timestamp:
        flags.append("--use-signed-timestamps")
    if signatory.certificate and not asked.sct:
        flags.append("--insecure-ignore-sct")
    return tuple(flags)


def _with(command: Command, arguments: tuple[str, ...], files: dict[str, bytes] | None = None) -> Command:
    return replace(
        command, arguments=(*command.arguments, *arguments), files={**command.files, **(files or {})}
    )


def _verb(verb: str, command: Command) -> Command:
    return replace(command, arguments=(verb, *command.arguments))


def _bundle(matter: Matter, command: Command, *, by_digest: bool) -> Command:
    command = _with(command, ("--bundle=bundle.json",), {"bundle.json": matter.entity.stored})
    if isinstance(matter.entity.content, Envelope):
        return _verb("verify-blob-attestation", _with(command, _statement(matter)))
    if by_digest:
        return _verb("verify-blob", _with(command, (matter.subject.digest,)))
    return _verb("verify-blob", _with(command, ("artifact",), {"artifact": _artifact(matter)}))


def _layer(matter: Matter, command: Command, beside: dict[str, str]) -> Command:
    files = image_layout(matter.subject, _artifact(matter), matter.entity, beside)
    command = _with(command, ("--local-image", FOLDER, "--offline"), files)
    if isinstance(matter.entity.content, Envelope):
        command = _with(command, (f"--type={_type(matter)}",))
        return replace(_verb("verify-attestation", command), answer=Answer.ENVELOPE)
    return replace(_verb("verify", _with(command, ("--output=json",))), answer=Answer.PAYLOAD)


def _file(matter: Matter, command: Command) -> Command:
    content = matter.entity.content
    command = _with(command, ("--new-bundle-format=false", "--signature=signature"))
    if isinstance(content, Envelope):
        command = _with(command, _statement(matter), {"signature": matter.entity.stored})
        return _verb("verify-blob-attestation", command)
    if not isinstance(content, MessageSignature):
        raise unable(f"cosign verifies a payload for images only, not for {matter.subject.media_type!r}")
    files = {"signature": base64.b64encode(content.signature), "artifact": _artifact(matter)}
    return _verb("verify-blob", _with(command, ("artifact",), files))


def _statement(matter: Matter) -> tuple[str, ...]:
    return (f"--type={_type(matter)}", f"--digest={matter.subject.hex}", "--digestAlg=sha256")


def _type(matter: Matter) -> str:
    if matter.predicate_type in PREDICATE_TYPES:
        raise unable(
            f"cosign takes the predicate type {matter.predicate_type!r} for its short name of another"
        )
    return matter.predicate_type


def _artifact(matter: Matter) -> bytes:
    content = matter.artifact.content
    if digest_of(content) != matter.subject.digest:
        raise UnavailableError(
            ReasonCode.CONTENT_MISMATCH, f"the store gave other content than that of {matter.subject.digest}"
        )
    return content
