"""Bundles for each vulnerability and each oddity that we know of."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509

from pycosign.lab import Lab
from pycosign.lab.ctlog import CtLog
from tests.unit.engines.test_sigstore_certificate import OddAuthority, names
from tests.unit.engines.world import ARTIFACT, DIGEST
from tests.vectors.bundle_json import edited, entry, held, stamps, with_chain, with_entries_of

OTHER = "sha256:" + "ab" * 32


def named(lab: Lab, name: str) -> bytes:
    """An image signature whose certificate, by the trusted authority, names its subject so."""
    odd: Any = OddAuthority(lab, names(x509.UniformResourceIdentifier(name)))
    return lab.sign_image(DIGEST, ca=odd)


def attacks(lab: Lab, stranger: Lab) -> dict[str, tuple[str, bytes]]:
    """Name, required answer and bundle; about ``ARTIFACT``, with the lab's trusted root."""
    good, blob = lab.sign_image(DIGEST), lab.sign_blob(ARTIFACT)
    two = lab.sign_image(DIGEST, timestamp=True)
    theirs = lab.sign_image(DIGEST)
    forger = CtLog(host="ctlog", clock=stranger.clock)
    forger.log_id = lab.ct_logs[0].log_id
    trusted_id = base64.b64encode(lab.rekor1.log_id).decode()
    later = str(int(entry(good)["integratedTime"]) + 60)
    late = datetime.now(UTC) + timedelta(hours=1)
    return {
        "image-rekor1": ("ok", good),
        "image-rekor2": ("ok", lab.sign_image(DIGEST, log="rekor2")),
        "blob-rekor1": ("ok", blob),
        "blob-rekor2": ("ok", lab.sign_blob(ARTIFACT, log="rekor2")),
        "promise-only-bundle-0.1": (
            "ok", edited(blob, with_chain("0.1"), lambda d: entry(d).pop("inclusionProof"))),
        "intoto-entry": ("ok", lab.sign_image(DIGEST, entry="intoto")),
        # GHSA-hhfg-fwrw-87w7 (sigstore-python): a time that no promise covers.
        "integrated-time-without-promise_fail": (
            "no-timestamp", edited(good, lambda d: entry(d).pop("inclusionPromise"))),
        "integrated-time-changed_fail": (
            "log-untrusted", edited(good, lambda d: entry(d).update(integratedTime=later))),
        # CVE-2022-36056, CVE-2022-23649, CVE-2026-22703 (cosign): any entry of the log for any signature.
        "entry-of-another-signature_fail": ("log-entry-mismatch", edited(good, with_entries_of(theirs))),
        # CVE-2026-49834 (sigstore-go): one log counted as many.
        "entry-twice_fail": (
            "duplicate-log-entry", edited(good, lambda d: held(d)["tlogEntries"].append(entry(d)))),
        "log-unknown_fail": ("log-untrusted", lab.sign_image(DIGEST, rekor=stranger.rekor1, timestamp=True)),
        "log-unknown-under-trusted-id_fail": (
            "log-untrusted", edited(lab.sign_image(DIGEST, rekor=stranger.rekor1, timestamp=True),
                                    lambda d: entry(d)["logId"].update(keyId=trusted_id))),
        "timestamp-after-certificate_fail": (
            "time-outside-validity", lab.sign_image(DIGEST, timestamp=True, timestamped_at=late)),
        "timestamp-by-stranger_fail": ("no-timestamp", lab.sign_image(DIGEST, log="rekor2", tsa=stranger.tsa)),
        "timestamp-twice_fail": (
            "timestamp-invalid", edited(two, lambda d: stamps(d).append(stamps(d)[0]))),
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
        # An attestation that passes for a signature (GHSA-vjxv-45g9-9296), and the other way round.
        "statement-of-another-type_fail": (
            "no-signature", lab.attest(DIGEST, predicate_type="https://spdx.dev/Document", predicate={})),
        "attestation-that-is-a-signature_fail": ("no-attestation", good),
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
        "attestation-with-environment": ("ok", lab.sign_statement({
            "_type": "https://in-toto.io/Statement/v1", "subject": [{"digest": {"sha256": DIGEST[7:]}}],
            "predicateType": "p", "predicate": {"environment": {"PATH": "/bin", "Path": "/usr/bin"}}})),
        "key-signed_fail": ("no-certificate", lab.sign_image(DIGEST, keyless=False)),
    }  # fmt: skip
