"""Rekor v1: entries with an inclusion promise (SET), an inclusion proof and a signed checkpoint.

Bodies are RFC 8785 JSON of {apiVersion, kind, spec}; the SET is a signature over RFC 8785 JSON of
{body, integratedTime, logID, logIndex}.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping

from .checkpoint import checkpoint_text, signed_note
from .clock import Clock
from .entry import InclusionProof, LogEntry
from .errors import LabConflictError
from .keys import key_id, new_key, sign
from .merkle import MerkleTree, leaf_hash
from .proposals import canonical_spec
from .wire import b64, canonical, find, text

# Real Rekor counts entries across its shards: the index in the log is not the index in the tree.
EARLIER_SHARDS = 1000
# A few entries from the start, so that neither index nor proof is ever empty (protojson leaves out zeros).
SEEDS = 5
_TREE_ID_DIGITS = 10**18


class RekorV1:
    """One log with one P-256 key. Safe to call from several threads."""

    def __init__(self, *, host: str, clock: Clock) -> None:
        self.host = host
        self.key = new_key()
        self.log_id = key_id(self.key.public_key())
        self.tree_id = int.from_bytes(self.log_id[:8], "big") % _TREE_ID_DIGITS + _TREE_ID_DIGITS
        self.origin = f"{host} - {self.tree_id}"
        self._clock = clock
        self._tree = MerkleTree()
        self._entries: dict[str, LogEntry] = {}
        self._order: list[str] = []
        self._lock = threading.Lock()
        for number in range(SEEDS):
            self._tree.append(f"seed {number} of {self.origin}".encode())

    def submit(self, proposal: Mapping[str, object]) -> tuple[str, LogEntry]:
        """Checks a proposed entry as Rekor does, signature included, and adds it.

        Raises LabError, and LabConflictError for an entry that is there already.
        """
        kind, version = text(proposal, "kind"), text(proposal, "apiVersion")
        return self.append(kind, version, canonical_spec(kind, version, find(proposal, "spec")))

    def append(self, kind: str, version: str, spec: Mapping[str, object]) -> tuple[str, LogEntry]:
        """Adds an entry unseen, whatever its body says; returns its UUID and the entry."""
        body = canonical({"apiVersion": version, "kind": kind, "spec": dict(spec)})
        uuid = f"{self.tree_id:016x}{leaf_hash(body).hex()}"
        with self._lock:
            if uuid in self._entries:
                raise LabConflictError("an equivalent entry already exists", f"/api/v1/log/entries/{uuid}")
            tree_index = self._tree.append(body)
            entry = self._entry(kind, version, body, tree_index)
            self._entries[uuid] = entry
            self._order.append(uuid)
        return uuid, entry

    def find(self, uuid: str) -> tuple[str, LogEntry] | None:
        """The entry with this UUID, with or without the tree identifier in front."""
        full = uuid if len(uuid) == 80 else f"{self.tree_id:016x}{uuid}"
        entry = self._entries.get(full)
        return None if entry is None else (full, entry)

    def at(self, log_index: int) -> tuple[str, LogEntry] | None:
        """The entry with this index in the whole log."""
        position = log_index - EARLIER_SHARDS - SEEDS
        if not 0 <= position < len(self._order):
            return None
        uuid = self._order[position]
        return uuid, self._entries[uuid]

    def state(self) -> dict[str, object]:
        """What GET /api/v1/log answers."""
        with self._lock:
            return {
                "inactiveShards": [],
                "rootHash": self._tree.root().hex(),
                "signedTreeHead": self._checkpoint(),
                "treeID": str(self.tree_id),
                "treeSize": len(self._tree),
            }

    def _entry(self, kind: str, version: str, body: bytes, tree_index: int) -> LogEntry:
        log_index = EARLIER_SHARDS + tree_index
        now = int(self._clock().timestamp())
        proof = InclusionProof(
            log_index=tree_index,
            tree_size=len(self._tree),
            root_hash=self._tree.root(),
            hashes=self._tree.inclusion_proof(tree_index),
            checkpoint=self._checkpoint(),
        )
        promise = sign(self.key, promised_bytes(body, now, self.log_id, log_index))
        return LogEntry(log_index, self.log_id, kind, version, body, proof, now, promise)

    def _checkpoint(self) -> str:
        note = checkpoint_text(self.origin, len(self._tree), self._tree.root())
        return signed_note(
            note, name=self.host, key_hash=self.log_id, signature=sign(self.key, note.encode())
        )


def promised_bytes(body: bytes, integrated_time: int, log_id: bytes, log_index: int) -> bytes:
    """What a signed entry timestamp signs."""
    return canonical(
        {"body": b64(body), "integratedTime": integrated_time, "logID": log_id.hex(), "logIndex": log_index}
    )
