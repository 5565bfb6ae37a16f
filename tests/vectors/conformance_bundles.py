"""A bundle of our own for every class of the public conformance suite (``conformance_classes``)."""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from cryptography import x509

from pycosign.lab import Lab
from pycosign.lab.ca import CertificateAuthority
from pycosign.lab.clock import rfc3339
from pycosign.lab.ctlog import CtLog
from pycosign.lab.keys import new_key, sign, spki_der, spki_pem
from pycosign.lab.wire import b64, unbase64
from tests.unit.engines.world import ARTIFACT, DIGEST
from tests.vectors.bundle_json import (
    edited,
    entry,
    held,
    signature_of,
    with_chain,
    with_entries_of,
    with_signature,
    with_stamps_of,
)
from tests.vectors.conformance_evidence import evidence_bundles
from tests.vectors.vector import Vector, Vectors, der, root_with

PREDICATE = "https://slsa.dev/provenance/v1"
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


class SameCertificate:
    """An authority that certifies once, and then gives the same certificate again."""

    def __init__(self, ca: CertificateAuthority) -> None:
        self._ca = ca
        self._issued: x509.Certificate | None = None

    def issue(self, public_key: Any, identity: Any, **more: Any) -> x509.Certificate:
        self._issued = self._issued or self._ca.issue(public_key, identity, **more)
        return self._issued


class ExtendingCtLog(CtLog):
    """Puts extensions into its SCTs, as static CT logs do (C2SP static-ct-api: the index of the leaf)."""

    def promise(self, tbs: bytes, issuer_key_id: bytes) -> bytes:
        extensions = b"\x00\x00\x05" + (4711).to_bytes(5, "big")
        milliseconds = int(self._clock().timestamp() * 1000)
        # RFC 6962 section 3.2: version, type and time; for a precertificate its issuer and its TBSCertificate.
        stated = (
            struct.pack(">BBQH", 0, 0, milliseconds, 1) + issuer_key_id + len(tbs).to_bytes(3, "big") + tbs
        )
        added = struct.pack(">H", len(extensions)) + extensions
        signature = sign(self.key, stated + added)
        return (
            b"\x00" + self.log_id + struct.pack(">Q", milliseconds) + added
            + b"\x04\x03" + struct.pack(">H", len(signature)) + signature
        )  # fmt: skip


def conformance_bundles(lab: Lab, stranger: Lab) -> Vectors:
    """By folder. All about ``ARTIFACT``."""
    return {
        **_forms(lab, stranger),
        **_certificates(lab, stranger),
        **_contents(lab),
        **_keys(lab, stranger),
        **_entries(lab),
        **_recorded_envelopes(lab, stranger),
        **evidence_bundles(lab, stranger),
    }


def _attest(lab: Lab, **options: Any) -> bytes:
    return lab.attest(DIGEST, predicate_type=PREDICATE, predicate={}, **options)


def _forms(lab: Lab, stranger: Lab) -> Vectors:
    blob = lab.sign_blob(ARTIFACT)
    intermediate, root = map(der, lab.ca.chain)
    version = "application/vnd.dev.sigstore.bundle+json;version="
    return {
        "chain-empty_fail": Vector(
            "malformed",
            edited(
                blob, with_chain("0.2"), lambda d: held(d)["x509CertificateChain"].update(certificates=[])
            ),
        ),
        "instance-of-a-stranger_fail": Vector("chain-untrusted", stranger.sign_blob(ARTIFACT)),
        "signature-not-base64_fail": Vector(
            "malformed", edited(blob, with_signature("!" + signature_of(blob)))
        ),
        "json-cut-off_fail": Vector("malformed", blob[: len(blob) // 2]),
        "log-index-negative_fail": Vector(
            "malformed", edited(blob, lambda d: entry(d).update(logIndex="-1"))
        ),
        "version-unknown_fail": Vector(
            "unsupported", edited(blob, lambda d: d.update(mediaType=version + "99.9"))
        ),
        "chain-with-root_fail": Vector("malformed", edited(blob, with_chain("0.2", intermediate, root))),
        "chain-with-intermediate": Vector("ok", edited(blob, with_chain("0.2", intermediate))),
        "attestation-rekor1": Vector("ok", _attest(lab)),
        "attestation-rekor2": Vector("ok", _attest(lab, log="rekor2")),
        "blob-bundle-0.1": Vector("ok", edited(blob, with_chain("0.1"))),
        "blob-bundle-0.2": Vector("ok", edited(blob, with_chain("0.2"))),
        "blob-bundle-0.3": Vector("ok", edited(blob, lambda d: d.update(mediaType=version + "0.3"))),
    }


def _certificates(lab: Lab, stranger: Lab) -> Vectors:
    extending = ExtendingCtLog(host="static-ct", clock=lab.clock)
    extending.key, extending.log_id = lab.ct_logs[0].key, lab.ct_logs[0].log_id
    now = lab.clock()

    def ended(root: dict[str, Any]) -> None:
        root["certificateAuthorities"][0]["validFor"]["end"] = rfc3339(now - HOUR)

    def strange(root: dict[str, Any]) -> None:
        root["ctlogs"][0]["publicKey"]["rawBytes"] = b64(spki_der(stranger.ct_logs[0].key.public_key()))

    return {
        "sct-with-extensions": Vector("ok", lab.sign_blob(ARTIFACT, ct_logs=[extending])),
        "attestation-authority-outside-its-window_fail": Vector(
            "chain-untrusted", _attest(lab, entry="intoto"), root_with(lab, ended)
        ),
        "ct-key-of-a-stranger_fail": Vector(
            "sct-untrusted", lab.sign_blob(ARTIFACT), root_with(lab, strange)
        ),
    }


def _contents(lab: Lab) -> Vectors:
    blob, other = lab.sign_blob(ARTIFACT), lab.sign_blob(b"another")
    digest = b64(hashlib.sha256(b"another").digest())
    return {
        "message-digest-of-another_fail": Vector(
            "signature-invalid",
            edited(blob, lambda d: d["messageSignature"]["messageDigest"].update(digest=digest)),
        ),
        "signature-of-another_fail": Vector(
            "signature-invalid", edited(blob, with_signature(signature_of(other)))
        ),
    }


def _keys(lab: Lab, stranger: Lab) -> Vectors:
    key = new_key()
    pem = spki_pem(key.public_key())
    by_key: dict[str, Any] = {"keyless": False, "key": key}
    return {
        "key-rekor1": Vector("ok", lab.sign_blob(ARTIFACT, **by_key), key=pem),
        "key-rekor2": Vector("ok", lab.sign_blob(ARTIFACT, log="rekor2", **by_key), key=pem),
        "attestation-by-key": Vector("ok", _attest(lab, **by_key), key=pem),
        "key-with-another-root": Vector(
            "ok", stranger.sign_blob(ARTIFACT, **by_key), stranger.trusted_root(), key=pem
        ),
        "key-of-another_fail": Vector(
            "signature-invalid", lab.sign_blob(ARTIFACT, **by_key), key=spki_pem(new_key().public_key())
        ),
        "key-and-log-of-a-stranger_fail": Vector(
            "log-untrusted", stranger.sign_blob(ARTIFACT, **by_key), key=pem
        ),
        "key-without-log_fail": Vector("no-log-entry", lab.sign_blob(ARTIFACT, log=None, **by_key), key=pem),
        "key-where-a-certificate-signed_fail": Vector(
            "signature-invalid", lab.sign_blob(ARTIFACT, key=key), key=pem
        ),
    }


def _entries(lab: Lab) -> Vectors:
    """What a hashedrekord records is of another artifact, another signer, or both."""
    same: Any = SameCertificate(lab.ca)
    key = new_key()
    blob = lab.sign_blob(ARTIFACT, ca=same, key=key)
    other_artifact = lab.sign_blob(b"another", ca=same, key=key)
    other_signer = lab.sign_blob(ARTIFACT)
    both = lab.sign_blob(b"another")

    def certificate_changed(document: dict[str, Any]) -> None:
        body = json.loads(unbase64(entry(document)["canonicalizedBody"], "body"))
        theirs = json.loads(unbase64(entry(other_signer)["canonicalizedBody"], "body"))
        body["spec"]["signature"]["publicKey"] = theirs["spec"]["signature"]["publicKey"]
        entry(document)["canonicalizedBody"] = b64(json.dumps(body).encode())

    return {
        "entry-of-another-artifact_fail": Vector(
            "log-entry-mismatch", edited(blob, with_entries_of(other_artifact))
        ),
        "entry-of-another-signer_fail": Vector(
            "log-entry-mismatch", edited(blob, with_entries_of(other_signer))
        ),
        "entry-of-another-blob-and-signer_fail": Vector(
            "log-entry-mismatch", edited(blob, with_entries_of(both))
        ),
        "entry-with-another-certificate_fail": Vector(
            "log-entry-mismatch", edited(blob, certificate_changed)
        ),
    }


def _recorded_envelopes(lab: Lab, stranger: Lab) -> Vectors:
    """The same signer signed twice, or other things: what was logged is not what is in the envelope."""
    found: Vectors = {}
    for log in ("rekor1", "rekor2"):
        signer: dict[str, Any] = {"ca": SameCertificate(lab.ca), "key": new_key(), "log": log}
        first, again = _attest(lab, **signer), _attest(lab, **signer)
        more = lab.attest(DIGEST, predicate_type=PREDICATE, predicate={"more": 1}, **signer)
        theirs = _attest(lab, log=log)

        def stamped_as(other: bytes, log: str = log) -> Callable[[dict[str, Any]], object]:
            """The timestamp is of the signature that is there."""
            return with_stamps_of(other) if log == "rekor2" else lambda _: None

        envelope = json.loads(more)["dsseEnvelope"]
        found |= {
            f"attestation-{log}-signature-of-another_fail": Vector(
                "signature-invalid", edited(first, with_signature(signature_of(theirs)), stamped_as(theirs))
            ),
            f"attestation-{log}-signature-not-the-logged_fail": Vector(
                "log-entry-mismatch", edited(first, with_signature(signature_of(again)), stamped_as(again))
            ),
            f"attestation-{log}-not-the-logged_fail": Vector(
                "log-entry-mismatch",
                edited(first, lambda d, e=envelope: d.update(dsseEnvelope=e), stamped_as(more)),  # type: ignore[misc]  # binds now
            ),
        }
    late = lab.clock() + DAY
    return found | {
        "attestation-intoto": Vector("ok", _attest(lab, entry="intoto")),
        "attestation-intoto-with-another-root": Vector(
            "ok", _attest(stranger, entry="intoto"), stranger.trusted_root()
        ),
        "attestation-intoto-entry-of-another_fail": Vector(
            "log-entry-mismatch",
            edited(_attest(lab, entry="intoto"), with_entries_of(_attest(lab, entry="intoto"))),
        ),
        "attestation-intoto-without-proof_fail": Vector(
            "malformed",
            edited(_attest(lab, entry="intoto"), with_chain("0.2"), lambda d: entry(d).pop("inclusionProof")),
        ),
        "attestation-intoto-promise-after-certificate_fail": Vector(
            "time-outside-validity", _attest(lab, entry="intoto", issued_at=lab.clock() - HOUR)
        ),
        "attestation-intoto-timestamp-after-certificate_fail": Vector(
            "time-outside-validity", _attest(lab, entry="intoto", timestamp=True, timestamped_at=late)
        ),
    }
