from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, rsa
from hypothesis import given
from hypothesis import strategies as st

from pycosign.lab import Lab, LabError
from pycosign.lab.identity import CLAIMS
from pycosign.lab.keys import sign, spki_pem

WHO = "https://ci.lab.test/wf@refs/heads/main"


def test_a_token_is_a_jwt_of_the_published_key(lab: Lab) -> None:
    key = jwt.PyJWKSet.from_dict(lab.oidc.jwks()).keys[0]
    claims = jwt.decode(lab.token(), key, algorithms=["ES256"], audience="sigstore")
    assert (claims["iss"], claims["sub"]) == ("https://oidc.lab.test", WHO)


def test_discovery_names_its_issuer(lab: Lab) -> None:
    assert lab.oidc.discovery("http://h")["issuer"] == "http://h"


def test_an_address_is_verified_email(lab: Lab) -> None:
    identity, challenge = lab.oidc.verify(lab.token("a@example.test"))
    assert (identity.name, challenge) == ("a@example.test", "a@example.test")


def test_github_tokens_become_github_certificates(lab: Lab) -> None:
    identity, challenge = lab.oidc.verify(lab.oidc.github_token(repository="o/r", event="release"))
    assert identity.name == "https://github.com/o/r/.github/workflows/build.yml@refs/heads/main"
    assert challenge == "repo:o/r:ref:refs/heads/main"
    claims = dict(identity.claims)
    assert set(claims) == set(CLAIMS)
    assert claims["githubWorkflowTrigger"] == claims["buildTrigger"] == "release"
    assert claims["runInvocationURI"] == "https://github.com/o/r/actions/runs/3/attempts/1"


def _refused(lab: Lab, stranger: Lab) -> dict[str, str]:
    oidc, good = lab.oidc, lab.token()
    header, body, signature = good.split(".")
    forged = base64.urlsafe_b64encode(json.dumps({"alg": "none"}).encode()).decode().rstrip("=")
    return {
        "a stranger's token": stranger.token(),
        "unsigned": f"{forged}.{body}.",
        "another body": f"{header}.{lab.token('https://else.test').split('.')[1]}.{signature}",
        "short signature": f"{header}.{body}.{signature[:-4]}",
        "two parts": f"{header}.{body}",
        "not base64": f"!.{body}.{signature}",
        "too long": good + "A" * 20000,
        "expired": oidc.token(WHO, lifetime=timedelta(seconds=-1)),
        "unknown issuer": oidc.token(WHO, issuer="https://unknown.test"),
        "other audience": oidc.token(WHO, audience="kubernetes"),
        "unverified email": oidc.token("a@example.test", claims={"email_verified": False}),
        "not yet": oidc.token(WHO, claims={"nbf": 2**40}),
        "no expiry": oidc.token(WHO, claims={"exp": "soon"}),
        "GitHub without claims": oidc.token(WHO, issuer="https://token.actions.githubusercontent.com"),
    }


def test_bad_tokens_are_refused(lab: Lab, stranger: Lab) -> None:
    for what, token in _refused(lab, stranger).items():
        try:
            lab.oidc.verify(token)
        except LabError:
            continue
        pytest.fail(f"accepted: {what}")


def test_tokens_end_with_the_labs_clock() -> None:
    now = [datetime(2026, 1, 1, tzinfo=UTC)]
    lab = Lab(clock=lambda: now[0])
    token = lab.token()
    lab.oidc.verify(token)
    now[0] += timedelta(minutes=11)
    with pytest.raises(LabError, match="not valid now"):
        lab.oidc.verify(token)


def _request(key: Any, proof: bytes) -> dict[str, object]:
    public = {"algorithm": "ECDSA", "content": spki_pem(key.public_key()).decode()}
    proof_text = base64.b64encode(proof).decode()
    return {"publicKeyRequest": {"publicKey": public, "proofOfPossession": proof_text}}


def _certificates(answer: dict[str, Any]) -> list[x509.Certificate]:
    chain = answer["signedCertificateEmbeddedSct"]["chain"]["certificates"]
    return [x509.load_pem_x509_certificate(pem.encode()) for pem in chain]


@pytest.mark.parametrize(
    "key",
    [
        ec.generate_private_key(ec.SECP256R1()),
        ec.generate_private_key(ec.SECP384R1()),
        rsa.generate_private_key(65537, 2048),
    ],
)
def test_fulcio_certifies_a_proven_key(lab: Lab, key: Any) -> None:
    answer = lab.fulcio.signing_certificate(_request(key, sign(key, WHO.encode())), lab.token())
    leaf, intermediate, root = _certificates(answer)
    assert leaf.public_key() == key.public_key()
    assert leaf.not_valid_after_utc - leaf.not_valid_before_utc == timedelta(minutes=10)
    leaf.verify_directly_issued_by(intermediate)
    intermediate.verify_directly_issued_by(root)
    assert list(leaf.subject) == []


def test_fulcio_takes_a_signing_request(lab: Lab) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    csr = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(key, hashes.SHA256())
    pem = base64.b64encode(csr.public_bytes(serialization.Encoding.PEM)).decode()
    answer = lab.fulcio.signing_certificate({"certificateSigningRequest": pem}, lab.token())
    assert _certificates(answer)[0].public_key() == key.public_key()


def test_fulcio_refuses(lab: Lab) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    edwards = ed448.Ed448PrivateKey.generate()
    good = _request(key, sign(key, WHO.encode()))
    cases: list[tuple[dict[str, object], str | None]] = [
        (good, None),
        (good, "not.a.token"),
        (_request(key, sign(key, b"somebody else")), lab.token()),
        (_request(edwards, edwards.sign(WHO.encode())), lab.token()),
        ({"publicKeyRequest": {"publicKey": {"content": "junk"}}}, lab.token()),
        ({"certificateSigningRequest": "anVuaw=="}, lab.token()),
        ({}, lab.token()),
        (_request(key, sign(key, "ünïcode".encode())), lab.token("ünïcode")),
    ]
    for number, (request, token) in enumerate(cases):
        try:
            lab.fulcio.signing_certificate(request, token)
        except LabError:
            continue
        pytest.fail(f"certified: case {number}")


@given(st.text(max_size=60) | st.text(alphabet="abcdefABCDEF0123456789-_.", max_size=80))
def test_junk_is_no_token(token: str) -> None:
    with pytest.raises(LabError):
        JUNK.verify(token)


JUNK = Lab(name="junk").oidc
