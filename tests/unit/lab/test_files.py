"""What cosign 2 writes beside files, and evidence in the plural."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from pycosign.lab import Lab, LabError
from pycosign.lab.rekor1 import promised_bytes

BLOB = b"some data"
DIGEST = "sha256:" + hashlib.sha256(BLOB).hexdigest()
STATEMENT: dict[str, Any] = {"predicate_type": "https://p.test/v1", "predicate": {}}


@pytest.mark.parametrize("keyless", [True, False])
def test_the_files_of_a_signature(lab: Lab, keyless: bool) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    made = lab.sign_blob_legacy(BLOB, key=key, keyless=keyless, timestamp=True)
    bundle = json.loads(made.bundle)
    assert set(bundle) == {"base64Signature", "cert", "rekorBundle"}
    assert made.signature.decode() == bundle["base64Signature"]
    key.public_key().verify(base64.b64decode(made.signature), BLOB, ec.ECDSA(hashes.SHA256()))
    verifier = base64.b64decode(bundle["cert"])
    if keyless:
        assert made.certificate.decode() == bundle["cert"]
        assert x509.load_pem_x509_certificate(verifier).public_key() == key.public_key()
    else:
        assert made.certificate == b""
        assert load_pem_public_key(verifier) == key.public_key()
    assert set(json.loads(made.timestamp)) == {"SignedRFC3161Timestamp"}
    promised = bundle["rekorBundle"]["Payload"]
    assert promised["logID"] == lab.rekor1.log_id.hex()
    lab.rekor1.key.public_key().verify(
        base64.b64decode(bundle["rekorBundle"]["SignedEntryTimestamp"]),
        promised_bytes(
            base64.b64decode(promised["body"]),
            promised["integratedTime"],
            lab.rekor1.log_id,
            promised["logIndex"],
        ),
        ec.ECDSA(hashes.SHA256()),
    )


@pytest.mark.parametrize(
    ("entry", "version"), [("dsse", "0.0.1"), ("intoto", "0.0.2"), ("intoto-0.0.1", "0.0.1")]
)
def test_the_files_of_an_attestation(lab: Lab, entry: Any, version: str) -> None:
    made = lab.attest_blob_legacy(DIGEST, **STATEMENT, entry=entry)
    assert set(json.loads(made.signature)) == {"payload", "payloadType", "signatures"}
    assert base64.b64decode(json.loads(made.bundle)["base64Signature"]) == made.signature
    body = json.loads(base64.b64decode(json.loads(made.bundle)["rekorBundle"]["Payload"]["body"]))
    assert (body["kind"], body["apiVersion"]) == (entry.partition("-")[0], version)
    if entry == "intoto-0.0.1":
        assert body["spec"]["content"]["hash"]["value"] == hashlib.sha256(made.signature).hexdigest()


def test_without_evidence_nothing_is_written(lab: Lab) -> None:
    made = lab.sign_blob_legacy(BLOB, keyless=False, log=None)
    assert (made.certificate, made.timestamp) == (b"", b"")
    assert set(json.loads(made.bundle)) == {"base64Signature", "cert"}


def test_an_attestation_can_be_tampered_with(lab: Lab) -> None:
    made = lab.attest_blob_legacy(DIGEST, **STATEMENT, tamper=lambda payload: payload + b" ")
    assert base64.b64decode(json.loads(made.signature)["payload"]).endswith(b" ")


@pytest.mark.parametrize("what", ["Rekor v2", "two logs", "two authorities"])
def test_what_these_forms_do_not_hold(lab: Lab, stranger: Lab, what: str) -> None:
    table: dict[str, dict[str, Any]] = {
        "Rekor v2": {"log": "rekor2"},
        "two logs": {"further_logs": [stranger.rekor1]},
        "two authorities": {"timestamp": True, "further_tsas": [stranger.tsa]},
    }
    options = table[what]
    message = "carry a promise" if what == "Rekor v2" else "one log entry and one timestamp"
    with pytest.raises(LabError, match=message):
        lab.sign_blob_legacy(BLOB, **options)
    with pytest.raises(LabError, match=message):
        lab.sign_image_legacy(DIGEST, reference="r", **options)


def test_several_logs_and_authorities(lab: Lab, stranger: Lab) -> None:
    made = json.loads(
        lab.sign_image(
            DIGEST,
            timestamp=True,
            further_logs=[lab.rekor2, stranger.rekor1],
            further_tsas=[stranger.tsa, stranger.tsa],
        )
    )["verificationMaterial"]
    ids = [base64.b64decode(entry["logId"]["keyId"]) for entry in made["tlogEntries"]]
    assert ids == [lab.rekor1.log_id, lab.rekor2.log_id, stranger.rekor1.log_id]
    assert len(made["timestampVerificationData"]["rfc3161Timestamps"]) == 3


def test_a_root_for_two_labs(lab: Lab, stranger: Lab) -> None:
    both, one, other = (
        json.loads(root)
        for root in (lab.trusted_root(also=[stranger]), lab.trusted_root(), stranger.trusted_root())
    )
    for name in ("tlogs", "certificateAuthorities", "ctlogs", "timestampAuthorities"):
        assert both[name] == one[name] + other[name]
    assert json.loads(lab.trusted_root(also=[stranger], without=["tlogs"]))["tlogs"] == []


@pytest.mark.parametrize(
    ("key", "scheme"),
    [(rsa.generate_private_key(65537, 2048), "pss"), (ed25519.Ed25519PrivateKey.generate(), "ed25519ph")],
)
def test_the_same_signature_is_logged_once(lab: Lab, key: Any, scheme: Any) -> None:
    """Ed25519 makes the same signature each time; the log answers that it has it, and it is taken from there."""
    first, second = (json.loads(lab.sign_blob(BLOB, key=key, scheme=scheme, keyless=False)) for _ in range(2))
    assert (first == second) is (scheme == "ed25519ph")


def test_pure_ed25519_cannot_be_logged_by_a_hash(lab: Lab) -> None:
    key = ed25519.Ed25519PrivateKey.generate()
    with pytest.raises(LabError, match="does not verify"):
        lab.sign_blob(BLOB, key=key, keyless=False)
    # Of an envelope Rekor v1 gets more than a hash.
    material = json.loads(lab.sign_image(DIGEST, key=key, keyless=False))["verificationMaterial"]
    assert material["tlogEntries"][0]["kindVersion"]["kind"] == "dsse"
