"""What an engine establishes about one signature. Facts only: nothing here says whether a policy is content."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Self

from providers.reasons import ReasonCode

from .printable import printable


class CheckStatus(StrEnum):
    """How a check ended. ``skipped`` was not made, and its evidence says why."""

    PASS = "pass"  # noqa: S105  (a status, not a password)
    FAIL = "fail"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Check:
    """One check of one signature, with the evidence it rests on, in words for people."""

    id: str
    status: CheckStatus
    evidence: str
    reason: ReasonCode = ReasonCode.OK

    @classmethod
    def passed(cls, check: str, evidence: str) -> Self:
        """One that holds. ``evidence`` may have strangers' words in it."""
        return cls(check, CheckStatus.PASS, printable(evidence))

    @classmethod
    def failed(cls, check: str, evidence: str, reason: ReasonCode) -> Self:
        """One that does not, likewise."""
        return cls(check, CheckStatus.FAIL, printable(evidence), reason)


@dataclass(frozen=True, slots=True)
class CertificateSummary:
    """What a verified Fulcio certificate says (Fulcio ``docs/oid-info.md``).

    ``claims`` are the extensions of the arc 1.3.6.1.4.1.57264.1 under their sigstore-go JSON names, sorted;
    ``issuer`` is the OIDC issuer, its v2 extension preferred over v1.
    """

    certificate_issuer: str
    subject_alternative_name: str
    subject_alternative_name_type: str
    issuer: str
    not_before: datetime
    not_after: datetime
    claims: tuple[tuple[str, str], ...] = ()

    def claim(self, name: str) -> str:
        """The claim called ``name``, or the empty text."""
        return dict(self.claims).get(name, "")


@dataclass(frozen=True, slots=True)
class VerifiedTimestamp:
    """A proven time. ``type`` is ``Tlog`` or ``TimestampAuthority`` (sigstore-go's names); ``authority`` names
    the log or authority for counting distinct ones."""

    type: str
    uri: str
    time: datetime
    authority: str


TLOG = "Tlog"
TIMESTAMP_AUTHORITY = "TimestampAuthority"


@dataclass(frozen=True, slots=True)
class VerifiedLogEntry:
    """A log entry whose inclusion was proven and whose body matches the signature. ``log_id`` is hex."""

    log_id: str
    log_index: int
    kind: str
    uri: str


@dataclass(frozen=True, slots=True)
class VerifiedSct:
    """A signed certificate timestamp by a trusted CT log. ``log_id`` is hex."""

    log_id: str
    time: datetime


@dataclass(frozen=True, slots=True)
class Window:
    """A closed time range (``sigstore_common.proto``, TimeRange); an absent end is open."""

    start: datetime | None
    end: datetime | None

    def contains(self, time: datetime) -> bool:
        """Whether ``time`` lies in the window, both ends included."""
        return (self.start is None or self.start <= time) and (self.end is None or time <= self.end)

    def intersection(self, other: Window) -> Window:
        """What lies in both; a window that ends before it starts when nothing does."""
        starts = [start for start in (self.start, other.start) if start is not None]
        ends = [end for end in (self.end, other.end) if end is not None]
        return Window(max(starts, default=None), min(ends, default=None))

    @property
    def unbounded(self) -> bool:
        """Whether every time lies in it."""
        return self.start is None and self.end is None

    def __str__(self) -> str:
        return f"{self.start or '…'} to {self.end or '…'}"


@dataclass(frozen=True, slots=True)
class KeyName:
    """A name under which the key that made a signature is trusted, and when. Every proven time lies in
    ``window``.
    """

    name: str
    window: Window


@dataclass(frozen=True, slots=True)
class SignatureFacts:
    """One signature whose cryptography holds and which binds the subject.

    ``predicate_type`` is that of the signed statement; empty for a plain message signature.
    ``annotations`` are the signed ones, ``statement`` is the signed in-toto statement, empty where it is none.
    Lists hold only what was verified. ``checks`` holds every check made, those that found too little included (an
    untrusted log is a failed check, and no entry in ``log_entries``).

    Either ``certificate`` says who signed, or ``key_id`` (hexadecimal SHA-256 of the SubjectPublicKeyInfo) and
    ``key_names`` do; ``known_as`` are all names of the key, those included under which it was not trusted then.
    Where no time is proven, ``windows`` say when the signature could have been made: when the certificate and all
    above it, along one path each, or the key was trusted; and ``log_windows`` say, for each of ``log_entries``,
    when the keys are trusted by which its log vouches for it.
    """

    media_type: str
    digest: str
    certificate: CertificateSummary | None
    key_id: str
    predicate_type: str
    annotations: tuple[tuple[str, str], ...]
    timestamps: tuple[VerifiedTimestamp, ...]
    log_entries: tuple[VerifiedLogEntry, ...]
    scts: tuple[VerifiedSct, ...]
    checks: tuple[Check, ...]
    key_names: tuple[KeyName, ...] = ()
    windows: tuple[Window, ...] = ()
    log_windows: tuple[tuple[Window, ...], ...] = ()
    statement: bytes = field(default=b"", repr=False)
    known_as: tuple[str, ...] = ()

    @property
    def signer(self) -> str:
        """What one signer's signatures have in common: the key, or the certificate's identity and issuer."""
        if self.certificate is None:
            return self.key_id
        return f"{self.certificate.subject_alternative_name}\0{self.certificate.issuer}"
