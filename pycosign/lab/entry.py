"""An entry of a transparency log with the evidence that it is there, in the three forms clients read."""

from __future__ import annotations

from dataclasses import dataclass

from .wire import b64


@dataclass(frozen=True, slots=True)
class InclusionProof:
    """A place in the tree, the audit path to the root, and the signed checkpoint that commits to the root."""

    log_index: int
    tree_size: int
    root_hash: bytes
    hashes: tuple[bytes, ...]
    checkpoint: str

    def to_protojson(self) -> dict[str, object]:
        """As sigstore_rekor.proto's InclusionProof."""
        return {
            "logIndex": str(self.log_index),
            "rootHash": b64(self.root_hash),
            "treeSize": str(self.tree_size),
            "hashes": [b64(value) for value in self.hashes],
            "checkpoint": {"envelope": self.checkpoint},
        }


@dataclass(frozen=True, slots=True)
class LogEntry:
    """What a log returns for an entry. `promise` is Rekor v1's signed entry timestamp."""

    log_index: int
    log_id: bytes
    kind: str
    version: str
    body: bytes
    proof: InclusionProof
    integrated_time: int | None = None
    promise: bytes | None = None

    def to_protojson(self) -> dict[str, object]:
        """As sigstore_rekor.proto's TransparencyLogEntry; zero values are left out, as Go leaves them out."""
        entry: dict[str, object] = {
            "logIndex": str(self.log_index),
            "logId": {"keyId": b64(self.log_id)},
            "kindVersion": {"kind": self.kind, "version": self.version},
        }
        if self.integrated_time is not None:
            entry["integratedTime"] = str(self.integrated_time)
        if self.promise is not None:
            entry["inclusionPromise"] = {"signedEntryTimestamp": b64(self.promise)}
        entry["inclusionProof"] = self.proof.to_protojson()
        entry["canonicalizedBody"] = b64(self.body)
        return entry

    def to_rekor1(self) -> dict[str, object]:
        """As Rekor v1's OpenAPI LogEntry, without the UUID around it."""
        return {
            "body": b64(self.body),
            "integratedTime": self.integrated_time or 0,
            "logID": self.log_id.hex(),
            "logIndex": self.log_index,
            "verification": {
                "inclusionProof": {
                    "checkpoint": self.proof.checkpoint,
                    "hashes": [value.hex() for value in self.proof.hashes],
                    "logIndex": self.proof.log_index,
                    "rootHash": self.proof.root_hash.hex(),
                    "treeSize": self.proof.tree_size,
                },
                "signedEntryTimestamp": b64(self.promise or b""),
            },
        }
