"""Evidence that both find: cosign says that one log entry, one timestamp, one SCT hold; which, and what they say,
is read from the same bytes, and held against the same trusted root, with the code of the other engines.

cosign is asked for what came with the signature and the root could vouch for (``askable``). Of each kind one is a
fact: it asks for no more than one, and does not say which it found.
"""

from __future__ import annotations

from datetime import datetime

from cryptography.x509 import Certificate, ExtensionNotFound, PrecertificateSignedCertificateTimestamps

from providers.reasons import ReasonCode

from ...facts import TLOG, VerifiedTimestamp
from ...formats.dsse import Envelope
from ...formats.entity import SignedEntity
from ...formats.simple_signing import SimpleSigning
from .. import evidence
from ..evidence import Record
from ..signature import SignedContent
from ..signer import Signer
from ..sigstore.log import ProvenEntry, prove_entries
from ..sigstore.material import Material
from ..sigstore.proofs import Proven
from ..sigstore.timestamps import CheckTime, verify_timestamps
from .command import Asked, Matter

_UNCONFIRMED = "cosign did not confirm it, so it does not count"


def askable(matter: Matter, material: Material | None, algorithm: str, leaf: Certificate | None) -> Asked:
    """What cosign can find: its log is in the trusted root, and cosign reads it in this form.

    Of the older forms it holds log entries of a payload against SHA-256 only, and timestamps of an envelope
    against the whole envelope only, while cosign 3 stamps the signature inside.
    """
    if material is None or not (matter.is_bundle or matter.is_layer):
        return Asked()
    entity = matter.entity
    log, timestamp = _names_a_log(entity, material), bool(entity.timestamps and material.stamp_authorities)
    if matter.is_layer and isinstance(entity.content, SimpleSigning):
        log = log and algorithm == "SHA2_256"
    if matter.is_layer and isinstance(entity.content, Envelope):
        timestamp = timestamp and bool(_verified_tokens(matter, _any_time, material, Record()))
    return Asked(log, timestamp, leaf is not None and not _logs_of(leaf).isdisjoint(material.ct_logs))


def corroborate(
    matter: Matter,
    content: SignedContent,
    signer: Signer,
    check_time: CheckTime,
    material: Material,
    found: Asked,
    record: Record,
) -> Proven:
    """The log entry and the times that hold; ``found`` is what cosign found to hold.

    Raises:
        EvidenceError: one of them does not, or shows that the signer was not trusted then.
    """
    with record.step(evidence.LOG):
        entries = _entries(matter.entity, content, signer, material, found, record)
    with record.step(evidence.TIMESTAMP):
        times = _signed_time(matter, check_time, material, found, record)
        for entry in entries:
            if entry.time is not None:
                name = entry.key.log_id.hex()
                check_time(entry.time, entry.key.uri or name)
                record.passed(
                    evidence.TIMESTAMP, f"{entry.key.uri or name} took the signature in at {entry.time}"
                )
                times = (*times, VerifiedTimestamp(TLOG, entry.key.uri, entry.time, name))
        if not times and not overlooked(matter, material, found):
            record.failed(
                evidence.TIMESTAMP, ReasonCode.NO_TIMESTAMP, "nothing confirmed says when it was made"
            )
    return Proven(entries, times)


def _entries(
    entity: SignedEntity,
    content: SignedContent,
    signer: Signer,
    material: Material,
    found: Asked,
    record: Record,
) -> tuple[ProvenEntry, ...]:
    if not found.log and _names_a_log(entity, material):
        record.skipped(evidence.LOG, _UNCONFIRMED)
        return ()
    entries = prove_entries(entity.log_entries, content, signer, material, record)
    timed = tuple(entry for entry in entries if entry.time is not None)
    return (timed or entries)[:1]


def _signed_time(
    matter: Matter, check_time: CheckTime, material: Material, found: Asked, record: Record
) -> tuple[VerifiedTimestamp, ...]:
    if overlooked(matter, material, found):
        record.skipped(evidence.TIMESTAMP, _UNCONFIRMED)
        return ()
    return _verified_tokens(matter, check_time, material, record)[:1]


def overlooked(matter: Matter, material: Material, found: Asked) -> bool:
    """Whether a timestamp came with the signature that could hold, and is not among what cosign ``found``."""
    return bool(matter.entity.timestamps and material.stamp_authorities) and not found.timestamp


def check_stated_times(matter: Matter, check_time: CheckTime, material: Material) -> None:
    """Hold every time that a trusted timestamp authority states against ``check_time``, which raises."""
    _verified_tokens(matter, check_time, material, Record())


def _verified_tokens(
    matter: Matter, check_time: CheckTime, material: Material, record: Record
) -> tuple[VerifiedTimestamp, ...]:
    """``askable`` says over what."""
    entity = matter.entity
    whole = matter.is_layer and isinstance(entity.content, Envelope)
    stamped = (entity.stored if whole else entity.content.signature,)
    return verify_timestamps(entity.timestamps, stamped, check_time, material.stamp_authorities, record)


def _names_a_log(entity: SignedEntity, material: Material) -> bool:
    return any(entry.log_id in material.logs for entry in entity.log_entries)


def _any_time(time: datetime, source: str) -> None:
    """Whenever it was."""


def _logs_of(leaf: Certificate) -> set[bytes]:
    """The logs whose SCTs are in the certificate."""
    try:
        listed = leaf.extensions.get_extension_for_class(PrecertificateSignedCertificateTimestamps).value
    except ExtensionNotFound:
        return set()
    return {sct.log_id for sct in listed}
