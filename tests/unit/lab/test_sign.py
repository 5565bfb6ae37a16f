"""The lab's bundles, judged by sigstore-python, which shares no code with it."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from sigstore.errors import VerificationError
from sigstore.models import Bundle
from sigstore.verify import Verifier
from sigstore.verify.policy import AllOf, GitHubWorkflowRepository, Identity, OIDCBuildTrigger, OIDCIssuerV2

from pycosign.lab import Lab, LabError

DIGEST = "sha256:" + "ab" * 32
BLOB = b"some data"
WHO = Identity(identity="https://ci.lab.test/wf@refs/heads/main", issuer="https://oidc.lab.test")
LOGS: list[dict[str, Any]] = [{}, {"timestamp": True}, {"log": "rekor2"}]


@pytest.mark.parametrize("options", LOGS)
def test_image_signature_is_verified(lab: Lab, verifier: Verifier, options: dict[str, Any]) -> None:
    bundle = lab.sign_image(DIGEST, annotations={"env": "prod"}, **options)
    kind, payload = verifier.verify_dsse(Bundle.from_json(bundle), WHO)
    assert kind == "application/vnd.in-toto+json"
    expected = (
        b'{"_type":"https://in-toto.io/Statement/v1","subject":[{"digest":{"sha256":"%s"},'
        b'"annotations":{"env":"prod"}}],"predicateType":"https://sigstore.dev/cosign/sign/v1","predicate":{}}'
    )
    assert payload == expected % (b"ab" * 32)


@pytest.mark.parametrize("options", LOGS)
def test_attestation_is_verified(lab: Lab, verifier: Verifier, options: dict[str, Any]) -> None:
    bundle = lab.attest(DIGEST, predicate_type="https://p.test/v1", predicate={"a": [1]}, **options)
    _, payload = verifier.verify_dsse(Bundle.from_json(bundle), WHO)
    assert json.loads(payload)["predicate"] == {"a": [1]}


@pytest.mark.parametrize("options", LOGS)
def test_blob_signature_is_verified(lab: Lab, verifier: Verifier, options: dict[str, Any]) -> None:
    bundle = Bundle.from_json(lab.sign_blob(BLOB, **options))
    verifier.verify_artifact(BLOB, bundle, WHO)
    with pytest.raises(VerificationError):
        verifier.verify_artifact(BLOB + b"!", bundle, WHO)


def test_claims_and_email_are_certified(lab: Lab, verifier: Verifier) -> None:
    claims = {"githubWorkflowRepository": "o/r", "buildTrigger": "push"}
    bundle = lab.sign_image(DIGEST, identity="a@example.test", issuer="https://i.test", claims=claims)
    policy = AllOf(
        [
            Identity(identity="a@example.test", issuer="https://i.test"),
            OIDCIssuerV2("https://i.test"),
            GitHubWorkflowRepository("o/r"),
            OIDCBuildTrigger("push"),
        ]
    )
    verifier.verify_dsse(Bundle.from_json(bundle), policy)


def _attacks(lab: Lab, stranger: Lab) -> dict[str, bytes]:
    past = datetime.now(UTC) - timedelta(hours=1)
    return {
        "everything of a stranger": stranger.sign_image(DIGEST),
        "certificate of a stranger": lab.sign_image(DIGEST, ca=stranger.ca),
        "promise of a stranger's CT log": lab.sign_image(DIGEST, ct_logs=stranger.ct_logs),
        "no SCT": lab.sign_image(DIGEST, ct_logs=()),
        "entry in a stranger's Rekor v1": lab.sign_image(DIGEST, rekor=stranger.rekor1),
        "entry in a stranger's Rekor v2": lab.sign_image(DIGEST, rekor=stranger.rekor2),
        "timestamp of a stranger": lab.sign_image(DIGEST, log="rekor2", tsa=stranger.tsa),
        "Rekor v2 without timestamp": lab.sign_image(DIGEST, log="rekor2", timestamp=False),
        "timestamp after the certificate": lab.sign_image(
            DIGEST, log="rekor2", timestamped_at=datetime.now(UTC) + timedelta(hours=1)
        ),
        "certificate of an hour ago": lab.sign_image(DIGEST, issued_at=past),
        "payload changed after signing": lab.sign_image(DIGEST, tamper=lambda payload: payload + b" "),
        "another identity": lab.sign_image(DIGEST, identity="https://elsewhere.test"),
        "another issuer": lab.sign_image(DIGEST, issuer="https://elsewhere.test"),
    }


def test_attacks_are_refused(lab: Lab, stranger: Lab, verifier: Verifier) -> None:
    for what, bundle in _attacks(lab, stranger).items():
        try:
            verifier.verify_dsse(Bundle.from_json(bundle), WHO)
        except Exception:  # noqa: BLE001, S112  sigstore-python raises more than its own errors
            continue
        pytest.fail(f"accepted: {what}")


def test_each_log_gives_an_sct() -> None:
    lab = Lab(ct_logs=3)
    bundle = json.loads(lab.sign_blob(BLOB))
    raw = base64.b64decode(bundle["verificationMaterial"]["certificate"]["rawBytes"])
    extensions = x509.load_der_x509_certificate(raw).extensions
    scts = extensions.get_extension_for_class(x509.PrecertificateSignedCertificateTimestamps).value
    assert [sct.log_id for sct in scts] == [log.log_id for log in lab.ct_logs]
    with pytest.raises(LabError, match="one to eight"):
        Lab(ct_logs=0)


def test_a_backdated_signature_is_verified_at_its_own_time(lab: Lab, verifier: Verifier) -> None:
    past = datetime.now(UTC) - timedelta(days=30)
    bundle = lab.sign_image(DIGEST, log="rekor2", issued_at=past, timestamped_at=past)
    verifier.verify_dsse(Bundle.from_json(bundle), WHO)


def test_the_clock_of_the_lab_is_the_callers() -> None:
    then = datetime(2031, 5, 6, 7, 8, 9, 123456, tzinfo=UTC)
    bundle = json.loads(Lab(clock=lambda: then).sign_blob(BLOB))
    material = bundle["verificationMaterial"]
    certificate = x509.load_der_x509_certificate(base64.b64decode(material["certificate"]["rawBytes"]))
    assert certificate.not_valid_before_utc == then.replace(microsecond=0)
    assert material["tlogEntries"][0]["integratedTime"] == str(int(then.timestamp()))


def test_a_lab_needs_a_time_zone() -> None:
    with pytest.raises(LabError, match="time zone"):
        Lab(clock=lambda: datetime(2031, 5, 6))  # noqa: DTZ001  the point of the test


@pytest.mark.parametrize("name", ["", "UP", "-x", "a" * 21, "a.b"])
def test_names_are_host_labels(name: str) -> None:
    with pytest.raises(LabError, match="host label"):
        Lab(name=name)


@pytest.mark.parametrize(
    ("key", "algorithm"),
    [
        (ec.generate_private_key(ec.SECP384R1()), "SHA2_384"),
        (rsa.generate_private_key(65537, 2048), "SHA2_256"),
    ],
)
@pytest.mark.parametrize("log", ["rekor1", "rekor2"])
def test_other_keys_are_certified_and_logged(lab: Lab, key: Any, algorithm: str, log: Any) -> None:
    bundle = json.loads(lab.sign_blob(BLOB, key=key, log=log))
    assert bundle["messageSignature"]["messageDigest"]["algorithm"] == algorithm
    assert len(bundle["verificationMaterial"]["tlogEntries"]) == 1


def test_the_wire_form_is_protojsons(lab: Lab) -> None:
    bundle = json.loads(lab.sign_image(DIGEST, timestamp=True))
    assert bundle["mediaType"] == "application/vnd.dev.sigstore.bundle.v0.3+json"
    assert set(bundle["verificationMaterial"]) == {
        "certificate",
        "tlogEntries",
        "timestampVerificationData",
    }
    entry = bundle["verificationMaterial"]["tlogEntries"][0]
    proof = entry["inclusionProof"]
    numbers = [entry["logIndex"], entry["integratedTime"], proof["logIndex"], proof["treeSize"]]
    assert all(isinstance(number, str) and int(number) > 0 for number in numbers)
    assert proof["hashes"]


def test_without_log_nothing_is_logged(lab: Lab) -> None:
    material = json.loads(lab.sign_image(DIGEST, log=None))["verificationMaterial"]
    assert set(material) == {"certificate"}


def test_a_key_signature_names_its_key(lab: Lab) -> None:
    material = json.loads(lab.sign_image(DIGEST, keyless=False, log="rekor2"))["verificationMaterial"]
    assert len(base64.b64decode(material["publicKey"]["hint"])) == 32
    assert "certificate" not in material


def test_unknown_claims_are_refused(lab: Lab) -> None:
    with pytest.raises(LabError, match="unknown certificate claims: colour"):
        lab.sign_image(DIGEST, claims={"colour": "red"})


def test_nobody_takes_it_for_a_real_sigstore(lab: Lab) -> None:
    root = json.loads(lab.trusted_root())
    for certificate in (*lab.ca.chain, *lab.tsa.chain):
        assert "NOT A REAL SIGSTORE" in certificate.subject.rfc4514_string()
    for log in (*root["tlogs"], *root["ctlogs"]):
        assert "not-a-real-sigstore.test" in log["baseUrl"]
    assert "not-a-real-sigstore" in lab.rekor1.origin
    assert "not-a-real-sigstore" in lab.rekor2.origin
