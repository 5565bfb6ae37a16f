"""Transparency log entries as a Sigstore bundle carries them (protobuf-specs ``sigstore_rekor.proto``)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from providers.errors import VerificationError
from providers.reasons import ReasonCode

from .limits import MAX_ENTRY_BODY, MAX_LOG_ID, MAX_SIGNATURE, MAX_TYPE_NAME
from .strict_json import bytes_field, integer_field, list_field, object_field, text_field

# A tree of 2^63 leaves has proofs of 63 hashes.
_MAX_HASHES = 64
# Bytes. A note of a log with a handful of witnesses is below 4 kB; those that sign with ML-DSA add 3.3 kB each.
_MAX_CHECKPOINT = 64 << 10


@dataclass(frozen=True, slots=True)
class InclusionProof:
    """A Merkle inclusion proof with the checkpoint (a signed note) it leads to."""

    log_index: int
    tree_size: int
    root_hash: bytes
    hashes: tuple[bytes, ...]
    checkpoint: str


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One entry. Nothing in it is proven. ``promise`` (the SET) is empty when there is none, and
    ``integrated_time`` 0 when the log gives none (protojson leaves zeros out; Rekor v2 writes "0").
    """

    log_index: int
    log_id: bytes
    kind: str
    version: str
    integrated_time: int
    promise: bytes
    proof: InclusionProof | None
    body: bytes


def _refuse(message: str) -> VerificationError:
    return VerificationError(ReasonCode.MALFORMED, message)


def _read_proof(document: Mapping[str, Any]) -> InclusionProof | None:
    """None when there is no checkpoint: a proof towards a root that nobody signed proves nothing."""
    if "checkpoint" not in document:
        return None
    checkpoint = text_field(object_field(document, "checkpoint"), "envelope")
    size = len(checkpoint.encode())
    if size > _MAX_CHECKPOINT:
        raise _refuse(f"the checkpoint has {size} bytes; at most {_MAX_CHECKPOINT} are read")
    hashes = list_field(document, "hashes", limit=_MAX_HASHES)
    proof = InclusionProof(
        log_index=integer_field(document, "logIndex", default=0),
        tree_size=integer_field(document, "treeSize", default=0),
        root_hash=bytes_field(document, "rootHash"),
        hashes=tuple(bytes_field({"hash": item}, "hash") for item in hashes),
        checkpoint=checkpoint,
    )
    if proof.log_index >= proof.tree_size:
        raise _refuse(f"index {proof.log_index} is not in a tree of {proof.tree_size}")
    if any(len(item) != 32 for item in (proof.root_hash, *proof.hashes)):
        raise _refuse("the inclusion proof holds a hash that is not SHA-256")
    return proof


def read_log_entry(document: object, *, proof_required: bool) -> LogEntry:
    """Read the JSON object of one entry. It holds a proof with a checkpoint if ``proof_required``, as bundles do
    since 0.2, and otherwise a promise.

    Raises:
        VerificationError: ``malformed``.
    """
    if not isinstance(document, dict):
        raise _refuse("a log entry is not an object")
    kind = object_field(document, "kindVersion")
    proof = _read_proof(object_field(document, "inclusionProof")) if "inclusionProof" in document else None
    promise = b""
    if "inclusionPromise" in document:
        held = object_field(document, "inclusionPromise")
        if text_field(held, "signedEntryTimestamp", default=""):  # protojson leaves out what is empty
            promise = bytes_field(held, "signedEntryTimestamp", limit=MAX_SIGNATURE)
    if proof is None and proof_required:
        raise _refuse("a log entry has no inclusion proof with a checkpoint, which this bundle version needs")
    if not proof_required and not promise:
        raise _refuse("a log entry has no promise, which this bundle version needs")
    return LogEntry(
        log_index=integer_field(document, "logIndex", default=0),
        log_id=bytes_field(object_field(document, "logId"), "keyId", limit=MAX_LOG_ID),
        kind=text_field(kind, "kind", limit=MAX_TYPE_NAME),
        version=text_field(kind, "version", limit=MAX_TYPE_NAME),
        integrated_time=integer_field(document, "integratedTime", default=0),
        promise=promise,
        proof=proof,
        body=bytes_field(document, "canonicalizedBody", limit=MAX_ENTRY_BODY),
    )


def refuse_repeated(entries: tuple[LogEntry, ...]) -> None:
    """One entry twice is refused, for it would count as two (sigstore-go GHSA-9vcr-p3rj-q5q6: one log counted as
    many).

    Raises:
        VerificationError: ``duplicate-log-entry``.
    """
    stated = [(entry.log_id, entry.log_index) for entry in entries]
    # Without a promise nobody signed the stated index; that of the proof is bound by its hashes.
    placed = [
        (entry.log_id, entry.proof.log_index, entry.proof.tree_size)
        for entry in entries
        if entry.proof is not None
    ]
    if len({*stated}) != len(stated) or len({*placed}) != len(placed):
        raise VerificationError(ReasonCode.DUPLICATE_LOG_ENTRY, "one log entry is listed twice")
