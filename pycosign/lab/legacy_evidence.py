"""Evidence in the form of cosign 2: the promise (SET) of a log without inclusion proof, and a timestamp."""

from __future__ import annotations

from .entry import LogEntry
from .errors import LabError
from .wire import b64


def rekor_bundle(entry: LogEntry) -> dict[str, object]:
    """cosign's RekorBundle. Raises LabError for an entry without a promise."""
    if entry.promise is None:
        raise LabError("legacy signatures carry a promise, which only Rekor v1 gives")
    return {
        "SignedEntryTimestamp": b64(entry.promise),
        "Payload": {
            "body": b64(entry.body),
            "integratedTime": entry.integrated_time,
            "logIndex": entry.log_index,
            "logID": entry.log_id.hex(),
        },
    }


def timestamp_bundle(timestamp: bytes) -> dict[str, object]:
    """cosign's RFC3161Timestamp around a TimeStampResp."""
    return {"SignedRFC3161Timestamp": b64(timestamp)}
