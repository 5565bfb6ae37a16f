"""Transparency log entries: that a trusted log holds this very signature, and since when.

1. The same entry twice is refused.
2. An entry of a log that is not in the trusted root proves nothing and harms nothing.
3. The recorded body must be this signature (``body``).
4. The promise (SET) must be signed by the key of that log, within the window of that key.
5. The inclusion proof must lead to a checkpoint signed by the key of that log.
6. Without a promise, the window of a key must hold every time that is established otherwise.

Either proof suffices for the entry to count, but each one that is there must hold. Only a promise proves a time.
A root may list several keys for one log, or one key several times, each with its window: all of which steps 4 and
5 are true are kept, and step 6 asks for one of them.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import rfc8785
from cryptography.exceptions import InvalidSignature
from sigstore._internal.merkle import (
    _chain_border_right,
    _chain_inner,
    _decomp_inclusion_proof,
    _hash_leaf,
)
from sigstore._internal.rekor.checkpoint import SignedCheckpoint

from providers.errors import VerificationError
from providers.reasons import ReasonCode

from ...formats.log_entry import InclusionProof, LogEntry, refuse_repeated
from ..body import check_body
from ..evidence import LOG, Record, refusal
from ..signature import SignedContent
from ..signer import Signer
from .faults import reading
from .material import LogKey, Material

# Rekor v2 makes no promises; a time beside one of its entries is nobody's statement.
_WITHOUT_PROMISE = {"0.0.2": "hashedrekord"}
# datetime.fromtimestamp() leaves it to the platform what it raises at large numbers.
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Signatures of one checkpoint that carry the id of the log's key. A log signs once with each key, twice where ids
# clash; a checkpoint has room for 600 forged ones, and each costs a verification.
_MAX_NOTE_SIGNATURES = 4


@dataclass(frozen=True, slots=True)
class ProvenEntry:
    """An entry that a trusted log holds. ``keys`` are those by which it is proven, at least one. ``index`` is the
    proven one: that of the promise, which covers all shards of the log, or else that of the inclusion proof.
    ``time`` is None without a promise.
    """

    entry: LogEntry
    keys: tuple[LogKey, ...]
    index: int
    time: datetime | None

    @property
    def key(self) -> LogKey:
        """The key that names the log."""
        return self.keys[0]


def prove_entries(
    entries: tuple[LogEntry, ...],
    content: SignedContent,
    signer: Signer,
    material: Material,
    record: Record,
) -> tuple[ProvenEntry, ...]:
    """The entries that are proven, one check recorded for each entry.

    Raises:
        VerificationError: ``duplicate-log-entry``, ``log-entry-mismatch``, ``log-untrusted``, ``unsupported``.
    """
    # 1
    refuse_repeated(entries)
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
        check_body(entry, content, signer)
        found = _prove(entry, keys)
        proven.append(found)
        name = found.key.uri or entry.log_id.hex()
        record.passed(LOG, f"entry {found.index} of {name} records this signature")
    if not entries:
        record.skipped(LOG, "no log entry came with the signature")
    return tuple(proven)


def check_windows(proven: tuple[ProvenEntry, ...], times: list[datetime]) -> None:
    """Step 6: an entry that came without a time must have been made within the window of one of the log's keys, at
    every time that was established otherwise. (cosign and sigstore-go do not hold Rekor v2 keys to their windows.)

    Raises:
        VerificationError: ``log-untrusted``.
    """
    for entry in proven:
        if entry.time is not None or any(all(map(key.window.contains, times)) for key in entry.keys):
            continue
        windows = " or ".join(str(key.window) for key in entry.keys)
        asked = ", ".join(map(str, times))
        raise refusal(
            ReasonCode.LOG_UNTRUSTED,
            f"the key of {_name(entry.key)} is trusted from {windows}, not at {asked}",
        )


def _name(key: LogKey) -> str:
    return key.uri or key.log_id.hex()


def _prove(entry: LogEntry, keys: tuple[LogKey, ...]) -> ProvenEntry:
    """Keep every key of which all is true; when there is none, say what is wrong with the last."""
    time = _promised_time(entry)
    holding: list[LogKey] = []
    for place, key in enumerate(keys, start=1):
        try:
            _check_proofs(entry, key, time)
        except VerificationError:
            if place == len(keys) and not holding:
                raise
            continue
        holding.append(key)
    index = entry.log_index if time is not None or entry.proof is None else entry.proof.log_index
    return ProvenEntry(entry, tuple(holding), index, time)


def _promised_time(entry: LogEntry) -> datetime | None:
    if not entry.promise:
        return None
    if _WITHOUT_PROMISE.get(entry.version) == entry.kind:
        raise refusal(ReasonCode.LOG_UNTRUSTED, "a promise for an entry of Rekor v2, which makes none")
    with reading("the integrated time", ReasonCode.LOG_UNTRUSTED):
        return _EPOCH + timedelta(seconds=entry.integrated_time)


def _check_proofs(entry: LogEntry, key: LogKey, time: datetime | None) -> None:
    if time is None and entry.proof is None:
        raise refusal(ReasonCode.LOG_UNTRUSTED, "the log entry has neither a proof nor a promise")
    # 4
    if time is not None:
        _check_promise(entry, key)
        if not key.window.contains(time):
            raise refusal(
                ReasonCode.LOG_UNTRUSTED,
                f"the key of {_name(key)} is trusted from {key.window}, not at {time}",
            )
    # 5
    if entry.proof is not None:
        _check_inclusion(entry, entry.proof, key)


def _check_promise(entry: LogEntry, key: LogKey) -> None:
    promised: dict[str, str | int] = {
        "body": base64.b64encode(entry.body).decode("ascii"),
        "integratedTime": entry.integrated_time,
        "logID": entry.log_id.hex(),
        "logIndex": entry.log_index,
    }
    with reading("the promise", ReasonCode.LOG_UNTRUSTED):
        canonical = rfc8785.dumps(promised)
    try:
        key.key.verify(entry.promise, canonical)
    except InvalidSignature as error:
        text = f"the promise for entry {entry.log_index} is not signed by {_name(key)}"
        raise refusal(ReasonCode.LOG_UNTRUSTED, text) from error


def _check_inclusion(entry: LogEntry, proof: InclusionProof, key: LogKey) -> None:
    _check_root(entry.body, proof)
    with reading("the checkpoint", ReasonCode.LOG_UNTRUSTED):
        signed = SignedCheckpoint.from_text(proof.checkpoint)
    if (signed.checkpoint.log_hash, signed.checkpoint.log_size) != (proof.root_hash.hex(), proof.tree_size):
        raise refusal(
            ReasonCode.LOG_UNTRUSTED, "the inclusion proof leads to another tree than the checkpoint's"
        )
    note = signed.signed_note.note.encode()
    # Witnesses sign too and are not asked.
    named = [found for found in signed.signed_note.signatures if found.sig_hash == key.note_id]
    for signature in named[:_MAX_NOTE_SIGNATURES]:
        try:
            key.key.verify(base64.b64decode(signature.signature), note)
        except InvalidSignature:
            continue
        return
    raise refusal(ReasonCode.LOG_UNTRUSTED, f"the checkpoint is not signed by {_name(key)}")


def _check_root(body: bytes, proof: InclusionProof) -> None:
    """The proof leads from ``body`` to its root hash (RFC 9162 section 2.1.3.2).

    sigstore-python's ``verify_merkle_inclusion`` takes a pydantic model and does the same with these functions.
    """
    inner, border = _decomp_inclusion_proof(proof.log_index, proof.tree_size)
    hashes = list(proof.hashes)
    if len(hashes) != inner + border:
        raise refusal(
            ReasonCode.LOG_UNTRUSTED, f"the inclusion proof has {len(hashes)} hashes, not {inner + border}"
        )
    below = _chain_inner(_hash_leaf(body), hashes[:inner], proof.log_index)
    if _chain_border_right(below, hashes[inner:]) != proof.root_hash:
        raise refusal(ReasonCode.LOG_UNTRUSTED, "the inclusion proof does not lead to its root hash")
