"""What logs and timestamp authorities say: our bundles for those classes of the public conformance suite."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from typing import Any

from asn1crypto import tsp  # type: ignore[import-untyped]  # it ships no types

from pycosign.lab import Lab
from pycosign.lab.clock import rfc3339
from pycosign.lab.keys import new_key, spki_der
from pycosign.lab.merkle import MerkleTree
from pycosign.lab.rekor1 import RekorV1
from pycosign.lab.tsa import TimestampAuthority
from pycosign.lab.wire import b64, unbase64
from tests.unit.engines.world import ARTIFACT
from tests.vectors.bundle_json import (
    Note,
    cosigned_line,
    edited,
    entry,
    signature_of,
    signed_line,
    with_stamp,
    with_stamps_of,
)
from tests.vectors.vector import Vector, Vectors, der, root_with

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
LONG_AGO = timedelta(days=12 * 365)  # longer ago than the lab's authorities are valid


def evidence_bundles(lab: Lab, stranger: Lab) -> Vectors:
    """By folder."""
    return {**_proofs(lab), **_checkpoints(lab), **_timestamps(lab, stranger)}


def _flipped(text: str) -> str:
    """One bit of the last byte of some base64."""
    raw = bytearray(unbase64(text, "text"))
    raw[-1] ^= 1
    return b64(bytes(raw))


def _of_log(root: dict[str, Any], log_id: bytes) -> dict[str, Any]:
    """When the root trusts the key of this log."""
    (log,) = [log for log in root["tlogs"] if log["logId"]["keyId"] == b64(log_id)]
    window: dict[str, Any] = log["publicKey"]["validFor"]
    return window


def _proofs(lab: Lab) -> Vectors:
    earlier, blob = lab.sign_blob(b"earlier"), lab.sign_blob(ARTIFACT)
    blob2 = lab.sign_blob(ARTIFACT, log="rekor2")
    tomorrow = RekorV1(host=lab.rekor1.host, clock=lambda: lab.clock() + DAY)
    tomorrow.key, tomorrow.log_id = lab.rekor1.key, lab.rekor1.log_id

    def hash_flipped(document: dict[str, Any]) -> None:
        hashes = entry(document)["inclusionProof"]["hashes"]
        hashes[0] = _flipped(hashes[0])

    def promise_flipped(document: dict[str, Any]) -> None:
        promise = entry(document)["inclusionPromise"]
        promise["signedEntryTimestamp"] = _flipped(promise["signedEntryTimestamp"])

    def ends_then(root: dict[str, Any]) -> None:
        seconds = int(entry(blob)["integratedTime"])
        _of_log(root, lab.rekor1.log_id)["end"] = rfc3339(datetime.fromtimestamp(seconds, lab.clock().tzinfo))

    return {
        "proof-hash-flipped_fail": Vector("log-untrusted", edited(blob, hash_flipped)),
        "proof-of-an-earlier-tree_fail": Vector(
            "log-untrusted",
            edited(blob, lambda d: entry(d).update(inclusionProof=entry(earlier)["inclusionProof"])),
        ),
        "promise-of-tomorrow_fail": Vector("time-outside-validity", lab.sign_blob(ARTIFACT, rekor=tomorrow)),
        "promise-signature-flipped_fail": Vector("log-untrusted", edited(blob, promise_flipped)),
        "rekor2-without-proof_fail": Vector(
            "malformed", edited(blob2, lambda d: entry(d).pop("inclusionProof"))
        ),
        "log-window-without-start_fail": Vector(
            "trust-unavailable", blob2, root_with(lab, lambda r: _of_log(r, lab.rekor2.log_id).pop("start"))
        ),
        "log-window-ends-then": Vector("ok", blob, root_with(lab, ends_then)),
    }


def _checkpoints(lab: Lab) -> Vectors:
    blob, blob1 = lab.sign_blob(ARTIFACT, log="rekor2"), lab.sign_blob(ARTIFACT)
    note, note1 = Note.of(blob), Note.of(blob1)
    log = lab.rekor2
    witnesses = [cosigned_line(note.text, f"witness{n}.test") for n in range(3)]
    own = new_key()
    # Another key of the same log, which the trusted root does not list.
    second = signed_line(note.text, log.origin, hashlib.sha256(spki_der(own.public_key())).digest(), own)

    def resigned(text: str) -> Note:
        """So that nothing is wrong but what the text lacks."""
        return Note(text, (signed_line(text, log.origin, log.log_id, log.key),))

    def variant(of: Note) -> bytes:
        return edited(blob, of.put())

    line = note1.lines[0]
    hint, *rest = unbase64(line.split(" ")[2], "line")
    hinted = line.replace(line.split(" ")[2], b64(bytes([hint ^ 1, *rest])))
    renamed = Note(
        note.text.replace(log.origin, "rekor2.elsewhere.test"),
        tuple(line.replace(log.origin, "rekor2.elsewhere.test") for line in note.lines),
    )
    tree = MerkleTree()
    tree.append(b"another tree")
    lines = note1.text.splitlines()
    other = f"{lines[0]}\n{lines[1]}\n{b64(tree.root())}\n"
    return {
        "checkpoint-key-hint_fail": Vector("log-untrusted", edited(blob1, Note(note1.text, (hinted,)).put())),
        "checkpoint-of-another-tree_fail": Vector(
            "log-untrusted",
            edited(
                blob1,
                Note(other, (signed_line(other, lab.rekor1.host, lab.rekor1.log_id, lab.rekor1.key),)).put(),
            ),
        ),
        "checkpoint-signature-flipped_fail": Vector(
            "log-untrusted",
            edited(
                blob1,
                Note(note1.text, (line.replace(line.split(" ")[2], _flipped(line.split(" ")[2])),)).put(),
            ),
        ),
        "checkpoint-without-signature_fail": Vector("log-untrusted", variant(Note(note.text, ()))),
        "checkpoint-signed-by-witnesses-only_fail": Vector(
            "log-untrusted", variant(Note(note.text, tuple(witnesses)))
        ),
        "checkpoint-without-origin_fail": Vector("log-untrusted", variant(resigned(note.without(0)))),
        "checkpoint-without-size_fail": Vector("log-untrusted", variant(resigned(note.without(1)))),
        "checkpoint-without-root-hash_fail": Vector("log-untrusted", variant(resigned(note.without(2)))),
        "checkpoint-by-another-name_fail": Vector("log-untrusted", variant(renamed)),
        "checkpoint-cosigned": Vector("ok", variant(Note(note.text, (*note.lines, witnesses[0])))),
        "checkpoint-cosigned-by-three": Vector("ok", variant(Note(note.text, (*note.lines, *witnesses)))),
        "checkpoint-log-signs-last": Vector("ok", variant(Note(note.text, (witnesses[0], *note.lines)))),
        "checkpoint-two-of-the-log": Vector("ok", variant(Note(note.text, (*note.lines, second)))),
        "checkpoint-two-of-the-log-cosigned": Vector(
            "ok", variant(Note(note.text, (second, *note.lines, witnesses[0])))
        ),
    }


def _with_certificates(authority: TimestampAuthority, bundle: bytes) -> bytes:
    """A token that brings the authority's certificates."""
    request = tsp.TimeStampReq(
        {
            "version": "v1",
            "message_imprint": {
                "hash_algorithm": {"algorithm": "sha256"},
                "hashed_message": hashlib.sha256(unbase64(signature_of(bundle), "signature")).digest(),
            },
            "cert_req": True,
        }
    )
    return authority.answer(request.dump())


def _timestamps(lab: Lab, stranger: Lab) -> Vectors:
    blob, other = lab.sign_blob(ARTIFACT, log="rekor2"), lab.sign_blob(ARTIFACT, log="rekor2")
    now = lab.clock()
    past = Lab(name="past", clock=lambda: now - LONG_AGO)
    expired = TimestampAuthority(lab_name="expired", clock=lambda: now - LONG_AGO)

    def window(end: datetime) -> bytes:
        def change(root: dict[str, Any]) -> None:
            root["timestampAuthorities"][0]["validFor"]["end"] = rfc3339(end)

        return root_with(lab, change)

    def by_expired(root: dict[str, Any]) -> None:
        chain = [{"rawBytes": b64(der(certificate))} for certificate in expired.chain]
        root["timestampAuthorities"][0]["certChain"]["certificates"] = chain

    stamped = lab.sign_blob(ARTIFACT, log="rekor2", timestamped_at=now)
    return {
        "rekor2-without-timestamp_fail": Vector(
            "no-timestamp", lab.sign_blob(ARTIFACT, log="rekor2", timestamp=False)
        ),
        "rekor2-timestamp-after-certificate_fail": Vector(
            "time-outside-validity", lab.sign_blob(ARTIFACT, log="rekor2", timestamped_at=now + DAY)
        ),
        "timestamp-after-the-window_fail": Vector("no-timestamp", stamped, window(now - HOUR)),
        "timestamp-at-the-end-of-the-window": Vector("ok", stamped, window(now)),
        "timestamp-after-the-authority-expired_fail": Vector(
            "no-timestamp", lab.sign_blob(ARTIFACT, log="rekor2", tsa=expired), root_with(lab, by_expired)
        ),
        "timestamp-by-an-authority-expired-since": Vector(
            "ok", past.sign_blob(ARTIFACT, log="rekor2"), past.trusted_root()
        ),
        "timestamp-of-another-signature_fail": Vector("no-timestamp", edited(blob, with_stamps_of(other))),
        "timestamp-by-stranger-with-certificates_fail": Vector(
            "no-timestamp", edited(blob, with_stamp(_with_certificates(stranger.tsa, blob)))
        ),
        "timestamp-with-certificates": Vector(
            "ok", edited(blob, with_stamp(_with_certificates(lab.tsa, blob)))
        ),
        "timestamp-without-certificates": Vector(
            "ok", lab.sign_blob(ARTIFACT, log=None, timestamp=True, further_logs=[lab.rekor2])
        ),
    }
