"""What logs and timestamp authorities prove about a signature, whoever made it: a certificate's key or a bare
one.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from providers.reasons import ReasonCode

from ...facts import TLOG, VerifiedLogEntry, VerifiedTimestamp, Window
from ...formats.entity import SignedEntity
from .. import evidence
from ..body import kind_of
from ..evidence import Record
from ..signature import SignedContent
from ..signer import Signer
from .log import ProvenEntry, check_windows, prove_entries
from .material import Material
from .timestamps import CheckTime, verify_timestamps


@dataclass(frozen=True, slots=True)
class Proven:
    """Log entries and times that hold."""

    entries: tuple[ProvenEntry, ...]
    timestamps: tuple[VerifiedTimestamp, ...]

    @property
    def times(self) -> list[datetime]:
        """When the signature was made, as each of the timestamps says."""
        return [stamp.time for stamp in self.timestamps]

    @property
    def log_facts(self) -> tuple[VerifiedLogEntry, ...]:
        """The entries, as facts."""
        return tuple(
            VerifiedLogEntry(proven.key.log_id.hex(), proven.index, kind_of(proven.entry), proven.key.uri)
            for proven in self.entries
        )

    @property
    def log_windows(self) -> tuple[tuple[Window, ...], ...]:
        """When the keys are trusted by which each of the entries is proven."""
        return tuple(tuple(key.window for key in proven.keys) for proven in self.entries)

    def check_log_keys(self) -> None:
        """The keys of the logs were trusted at every time that is established otherwise.

        Raises:
            VerificationError: ``log-untrusted``.
        """
        check_windows(self.entries, self.times)


def prove(
    entity: SignedEntity,
    content: SignedContent,
    signer: Signer,
    check_time: CheckTime,
    material: Material,
    record: Record,
) -> Proven:
    """The log entries that record this signature, and when it was made.

    Raises:
        EvidenceError: one of them does not hold, or shows that the signer was not trusted then.
    """
    with record.step(evidence.LOG):
        entries = prove_entries(entity.log_entries, content, signer, material, record)
    with record.step(evidence.TIMESTAMP):
        found = list(
            verify_timestamps(
                entity.timestamps, _stamped(content), check_time, material.stamp_authorities, record
            )
        )
        for entry in entries:
            if entry.time is not None:
                name = entry.key.log_id.hex()
                record.passed(
                    evidence.TIMESTAMP, f"{entry.key.uri or name} took the signature in at {entry.time}"
                )
                found.append(VerifiedTimestamp(TLOG, entry.key.uri, entry.time, name))
        if not found:
            record.failed(
                evidence.TIMESTAMP,
                ReasonCode.NO_TIMESTAMP,
                "nothing trusted says when the signature was made",
            )
    return Proven(entries, tuple(found))


def _stamped(content: SignedContent) -> tuple[bytes, ...]:
    """What a timestamp may be about: the signature; and for an envelope that stands by itself also that envelope,
    which cosign stamped before version 3. Either names this signature and no other.
    """
    envelope = content.envelope
    return (content.signature, envelope.stored) if envelope and envelope.stored else (content.signature,)
