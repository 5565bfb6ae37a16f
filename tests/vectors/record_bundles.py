"""Writes ``tests/vectors/bundles``: a folder for each vulnerability and each oddity we know of bundles.

    .venv/bin/python -m tests.vectors.record_bundles

A folder holds ``bundle.sigstore.json`` and ``answer`` (``ok`` or a reason code); its name ends in ``_fail`` when
the bundle must be denied. The trusted root and the artifact are beside the folders.
"""

from __future__ import annotations

import base64
import json
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509

from pycosign.lab import Lab
from pycosign.lab.ctlog import CtLog
from tests.unit.engines.test_sigstore_certificate import OddAuthority, names
from tests.unit.engines.world import ARTIFACT, DIGEST

FOLDER = Path(__file__).parent / "bundles"
OTHER = "sha256:" + "ab" * 32
Change = Callable[[dict[str, Any]], Any]


def edited(bundle: bytes, *changes: Change) -> bytes:
    """``bundle`` with its JSON changed."""
    document = json.loads(bundle)
    for change in changes:
        change(document)
    return json.dumps(document).encode()


def held(document: dict[str, Any]) -> dict[str, Any]:
    """The verification material."""
    found: dict[str, Any] = document["verificationMaterial"]
    return found


def entry(document: dict[str, Any]) -> dict[str, Any]:
    """The first log entry."""
    found: dict[str, Any] = held(document)["tlogEntries"][0]
    return found


def old_form(document: dict[str, Any]) -> None:
    """As bundle 0.1: a chain, and a promise without an inclusion proof."""
    document["mediaType"] = "application/vnd.dev.sigstore.bundle+json;version=0.1"
    held(document)["x509CertificateChain"] = {"certificates": [held(document).pop("certificate")]}
    entry(document).pop("inclusionProof")


def named(lab: Lab, name: str) -> bytes:
    """An image signature whose certificate, by the trusted authority, names its subject so."""
    odd: Any = OddAuthority(lab, names(x509.UniformResourceIdentifier(name)))
    return lab.sign_image(DIGEST, ca=odd)


def vectors(lab: Lab, stranger: Lab) -> dict[str, tuple[str, bytes]]:
    """Name, required answer and bundle."""
    good, blob = lab.sign_image(DIGEST), lab.sign_blob(ARTIFACT)
    two = lab.sign_image(DIGEST, timestamp=True)
    theirs = json.loads(lab.sign_image(DIGEST))
    forger = CtLog(host="ctlog", clock=stranger.clock)
    forger.log_id = lab.ct_logs[0].log_id
    trusted_id = base64.b64encode(lab.rekor1.log_id).decode()
    later = str(int(entry(json.loads(good))["integratedTime"]) + 60)
    late = datetime.now(UTC) + timedelta(hours=1)
    return {
        "image-rekor1": ("ok", good),
        "image-rekor2": ("ok", lab.sign_image(DIGEST, log="rekor2")),
        "blob-rekor1": ("ok", blob),
        "blob-rekor2": ("ok", lab.sign_blob(ARTIFACT, log="rekor2")),
        "promise-only-bundle-0.1": ("ok", edited(blob, old_form)),
        "intoto-entry": ("ok", lab.sign_image(DIGEST, entry="intoto")),
        # GHSA-hhfg-fwrw-87w7 (sigstore-python): a time that no promise covers.
        "integrated-time-without-promise_fail": (
            "no-timestamp", edited(good, lambda d: entry(d).pop("inclusionPromise"))),
        "integrated-time-changed_fail": (
            "log-untrusted", edited(good, lambda d: entry(d).update(integratedTime=later))),
        # CVE-2022-36056, CVE-2022-23649, CVE-2026-22703 (cosign): any entry of the log for any signature.
        "entry-of-another-signature_fail": (
            "log-entry-mismatch",
            edited(good, lambda d: held(d).update(tlogEntries=held(theirs)["tlogEntries"]))),
        # CVE-2026-49834 (sigstore-go): one log counted as many.
        "entry-twice_fail": (
            "duplicate-log-entry", edited(good, lambda d: held(d)["tlogEntries"].append(entry(d)))),
        "log-unknown_fail": ("no-log-entry", lab.sign_image(DIGEST, rekor=stranger.rekor1, timestamp=True)),
        "log-unknown-under-trusted-id_fail": (
            "log-untrusted", edited(lab.sign_image(DIGEST, rekor=stranger.rekor1, timestamp=True),
                                    lambda d: entry(d)["logId"].update(keyId=trusted_id))),
        "timestamp-after-certificate_fail": (
            "time-outside-validity", lab.sign_image(DIGEST, timestamp=True, timestamped_at=late)),
        "timestamp-by-stranger_fail": ("no-timestamp", lab.sign_image(DIGEST, log="rekor2", tsa=stranger.tsa)),
        "timestamp-twice_fail": (
            "timestamp-invalid", edited(two, lambda d: held(d)["timestampVerificationData"].update(
                rfc3161Timestamps=held(d)["timestampVerificationData"]["rfc3161Timestamps"] * 2))),
        "certificate-by-stranger_fail": ("chain-untrusted", lab.sign_image(DIGEST, ca=stranger.ca)),
        "certificate-of-another-signature_fail": (
            "signature-invalid", edited(good, lambda d: held(d).update(certificate=held(theirs)["certificate"]))),
        "sct-by-stranger-under-trusted-id_fail": ("sct-untrusted", lab.sign_image(DIGEST, ct_logs=[forger])),
        "sct-missing_fail": ("sct-untrusted", lab.sign_image(DIGEST, ct_logs=())),
        # A valid signature of another image, copied beside this one.
        "image-of-another-artifact_fail": ("subject-digest-mismatch", lab.sign_image(OTHER)),
        "blob-of-another-artifact_fail": ("subject-digest-mismatch", lab.sign_blob(b"other")),
        "blob-digest-restated_fail": (
            "signature-invalid", lab.sign_blob(b"other", tamper=lambda _: bytes.fromhex(DIGEST[7:]))),
        "payload-changed_fail": ("signature-invalid", lab.sign_image(OTHER, tamper=lambda p: p.replace(
            OTHER[7:].encode(), DIGEST[7:].encode()))),
        # One reader sees the first subject, another the last.
        "statement-subject-twice_fail": ("malformed", lab.sign_payload(
            "application/vnd.in-toto+json",
            b'{"_type":"https://in-toto.io/Statement/v1","predicateType":"p","predicate":{},"subject":'
            b'[{"digest":{"sha256":"%b"}}],"Subject":[{"digest":{"sha256":"%b"}}]}'
            % (DIGEST[7:].encode(), OTHER[7:].encode()))),
        "bundle-key-twice_fail": ("malformed", good.replace(b'{"mediaType"', b'{"MediaType":"x","mediaType"', 1)),
        # Ours: a time that grew with the square of the length, for a string without an end.
        "string-without-end_fail": ("malformed", b'{"mediaType":[' + b"[]," * 65 + b'"' + b'\\"' * 20_000),
        # Ours: a name that ends early for one reader, or writes lines of its own into a log.
        "name-with-nul_fail": ("certificate-invalid", named(lab, "https://good.test\0.evil.test")),
        "name-with-lines_fail": ("certificate-invalid", named(lab, "https://good.test\x1b[2J\nadmitted")),
        # Ours: facts of any size, repeated in the answer for each policy.
        "annotations-large_fail": ("malformed", lab.sign_image(DIGEST, annotations={"a": "x" * (64 << 10)})),
        "certificate-large_fail": (
            "malformed", edited(good, lambda d: held(d)["certificate"].update(
                rawBytes=base64.b64encode(bytes(65 << 10)).decode()))),
        # Ours: good ones that were refused.
        "predicate-with-environment": ("ok", lab.sign_statement({
            "_type": "https://in-toto.io/Statement/v1", "subject": [{"digest": {"sha256": DIGEST[7:]}}],
            "predicateType": "p", "predicate": {"environment": {"PATH": "/bin", "Path": "/usr/bin"}}})),
        "key-signed_fail": ("no-certificate", lab.sign_image(DIGEST, keyless=False)),
    }  # fmt: skip


def main() -> None:
    """Write everything anew."""
    lab, stranger = Lab(name="vectors"), Lab(name="stranger")
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir()
    (FOLDER / "trusted_root.json").write_bytes(lab.trusted_root())
    (FOLDER / "artifact").write_bytes(ARTIFACT)
    for name, (answer, bundle) in vectors(lab, stranger).items():
        folder = FOLDER / name
        folder.mkdir()
        (folder / "bundle.sigstore.json").write_bytes(bundle)
        (folder / "answer").write_text(answer + "\n")


if __name__ == "__main__":
    main()
