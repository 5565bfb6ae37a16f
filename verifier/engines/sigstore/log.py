"""Transparency log entries: that a trusted log holds this very signature, and since when.

1. The same entry twice is refused (sigstore-go GHSA-9vcr-p3rj-q5q6: one log counted as many).
2. An entry of a log that is not in the trusted root proves nothing and harms nothing.
3. The recorded body must be this signature (``body``).
4. The promise (SET) must be signed by the key of that log, within the window of that key.
5. The inclusion proof must lead to a checkpoint signed by the key of that log.

Either proof suffices for the entry to count, but each one that is there must hold. Only a promise proves a time.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import cast

import rfc8785
from cryptography.exceptions import InvalidSignature
from sigstore._internal.merkle import verify_merkle_inclusion
from sigstore._internal.rekor.checkpoint import SignedCheckpoint
from sigstore.errors import Error as SigstoreError
from sigstore.models import TransparencyLogEntry

from providers.errors import VerificationError
from providers.reasons import ReasonCode

from ...formats.log_entry import InclusionProof, LogEntry
from .body import check_body
from .evidence import LOG, Record, refusal
from .material import LogKey, Material
from .signature import SignedContent

# Rekor v2 makes no promises; a time beside one of its entries is nobody's statement.
_WITHOUT_PROMISE = {"0.0.2": "hashedrekord"}


@dataclass(frozen=True, slots=True)
class ProvenEntry:
    """An entry that a trusted log holds. ``index`` is the proven one: that of the promise, which covers all
    shards of the log, or else that of the inclusion proof. ``time`` is None without a promise.
    """

    entry: LogEntry
    key: LogKey
    index: int
    time: datetime | None


def prove_entries(
    entries: tuple[LogEntry, ...],
    content: SignedContent,
    certificate: bytes,
    material: Material,
    record: Record,
) -> tuple[ProvenEntry, ...]:
    """The entries that are proven, one check recorded for each entry.

    Raises:
        VerificationError: ``duplicate-log-entry``, ``log-entry-mismatch``, ``log-untrusted``, ``unsupported``.
    """
    # 1
    if len({(entry.log_id, entry.log_index) for entry in entries}) != len(entries):
        raise refusal(ReasonCode.DUPLICATE_LOG_ENTRY, "the bundle lists one log entry twice")
    proven = []
    for entry in entries:
        # 2
        keys = material.logs.get(entry.log_id)
        if not keys:
            record.failed(
                LOG, ReasonCode.LOG_UNTRUSTED, f"log {entry.log_id.hex()} is not in the trusted root"
            )
            continue
        # 3
        check_body(entry, content, certificate)
        found = _prove(entry, keys)
        proven.append(found)
        name = found.key.uri or entry.log_id.hex()
        record.passed(LOG, f"entry {found.index} of {name} records this signature")
    if not entries:
        record.skipped(LOG, "the bundle has no log entry")
    return tuple(proven)


def check_windows(proven: tuple[ProvenEntry, ...], times: list[datetime]) -> None:
    """An entry that came without a time must have been made within the window of the log's key, at every time
    that was established otherwise. (cosign and sigstore-go do not hold Rekor v2 keys to their windows.)

    Raises:
        VerificationError: ``log-untrusted``.
    """
    for entry in proven:
        if entry.time is None:
            for time in times:
                _check_window(entry.key, time)


def _check_window(key: LogKey, time: datetime) -> None:
    if not key.window.contains(time):
        raise refusal(
            ReasonCode.LOG_UNTRUSTED,
            f"the key of {key.uri or key.log_id.hex()} is trusted from {key.window}, not at {time}",
        )


def _prove(entry: LogEntry, keys: tuple[LogKey, ...]) -> ProvenEntry:
    """Several keys may share a log id, one after the other; one of them must satisfy everything."""
    for key in keys[:-1]:
        try:
            return _prove_with(entry, key)
        except VerificationError:
            continue
    return _prove_with(entry, keys[-1])


def _prove_with(entry: LogEntry, key: LogKey) -> ProvenEntry:
    time = None
    # 4
    if entry.promise:
        if _WITHOUT_PROMISE.get(entry.version) == entry.kind:
            raise refusal(ReasonCode.LOG_UNTRUSTED, "a promise for an entry of Rekor v2, which makes none")
        _check_promise(entry, key)
        time = datetime.fromtimestamp(entry.integrated_time, UTC)
        _check_window(key, time)
    # 5
    if entry.proof is not None:
        _check_inclusion(entry, entry.proof, key)
        return ProvenEntry(entry, key, entry.proof.log_index if time is None else entry.log_index, time)
    if time is None:
        raise refusal(ReasonCode.LOG_UNTRUSTED, "the log entry has neither a proof nor a promise")
    return ProvenEntry(entry, key, entry.log_index, time)


def _check_promise(entry: LogEntry, key: LogKey) -> None:
    promised: dict[str, str | int] = {
        "body": base64.b64encode(entry.body).decode("ascii"),
        "integratedTime": entry.integrated_time,
        "logID": entry.log_id.hex(),
        "logIndex": entry.log_index,
    }
    try:
        key.key.verify(entry.promise, rfc8785.dumps(promised))
    except InvalidSignature as error:
        text = f"the promise for entry {entry.log_index} is not signed by {key.uri or key.log_id.hex()}"
        raise refusal(ReasonCode.LOG_UNTRUSTED, text) from error


def _check_inclusion(entry: LogEntry, proof: InclusionProof, key: LogKey) -> None:
    try:
        verify_merkle_inclusion(_as_sigstore(entry, proof))
        signed = SignedCheckpoint.from_text(proof.checkpoint)
    except (SigstoreError, ValueError) as error:
        text = f"the inclusion proof of entry {entry.log_index} does not hold: {error}"
        raise refusal(ReasonCode.LOG_UNTRUSTED, text) from error
    if (signed.checkpoint.log_hash, signed.checkpoint.log_size) != (proof.root_hash.hex(), proof.tree_size):
        raise refusal(
            ReasonCode.LOG_UNTRUSTED, "the inclusion proof leads to another tree than the checkpoint's"
        )
    note = signed.signed_note.note.encode()
    # A log may sign twice under one name (key rotation); witnesses sign too and are not asked.
    for signature in signed.signed_note.signatures:
        if signature.sig_hash == key.note_id:
            try:
                key.key.verify(base64.b64decode(signature.signature), note)
            except InvalidSignature:
                continue
            return
    raise refusal(ReasonCode.LOG_UNTRUSTED, f"the checkpoint is not signed by {key.uri or key.log_id.hex()}")


def _as_sigstore(entry: LogEntry, proof: InclusionProof) -> TransparencyLogEntry:
    """What sigstore-python's Merkle check reads of an entry; every value was checked when it was parsed.

    Its own class is a pydantic model, and building one takes longer than the proof.
    """
    return cast(
        "TransparencyLogEntry",
        SimpleNamespace(_inner=SimpleNamespace(inclusion_proof=proof, canonicalized_body=entry.body)),
    )
