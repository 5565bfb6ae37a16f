"""A key that a cloud keeps, from its URI to the verdict on what was signed with it."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from providers.errors import UnavailableError
from providers.key_sources import KeyTerms, RemoteKey
from providers.keys import KeysProvider
from providers.kms import open_key
from providers.policy import Policy
from providers.reasons import ReasonCode
from providers.scope import Scope
from providers.static import StaticPolicyProvider
from providers.verifier_config import VerifierConfig
from pycosign.lab.keys import SigningKey, spki_pem
from tests.integration.clouds import Cloud, Question, Reply, der, self_signed
from tests.integration.keyed_images import Images, engine
from verifier.verdict import Outcome

# Vault signs SHA-256 with whatever curve, AWS with the curve's own: P-384 tells them apart.
KEYS: dict[str, SigningKey] = {
    "old": ec.generate_private_key(ec.SECP256R1()),
    "new": ec.generate_private_key(ec.SECP256R1()),
    "p384": ec.generate_private_key(ec.SECP384R1()),
}
POLICIES = StaticPolicyProvider(
    (
        Policy.single(
            "release",
            (Scope.parse("*"),),
            keys=("release",),
            verifier_config=VerifierConfig.for_keys(unsafe_ignore_tlog=True),
        ),
    )
)


@pytest.fixture(scope="module")
def images() -> Images:
    return Images.signed_with(KEYS)


def _keys(uri: str) -> KeysProvider:
    provider = KeysProvider(remote=(RemoteKey(open_key(uri), KeyTerms("release")),))
    provider.start(engine().accept, background=False)
    return provider


@pytest.fixture
def vault(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, SigningKey]]:
    """Vault on loopback; the versions of its key."""
    versions: dict[str, SigningKey] = {"1": KEYS["old"]}

    def reply(_: Question) -> Reply:
        keys = {name: {"public_key": spki_pem(key.public_key()).decode()} for name, key in versions.items()}
        return (
            Reply({"data": {"keys": keys, "latest_version": max(map(int, keys))}}) if keys else Reply({}, 503)
        )

    monkeypatch.setenv("VAULT_TOKEN", "token")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with Cloud(reply).serving() as cloud:
        monkeypatch.setenv("VAULT_ADDR", f"http://{cloud.address}")
        yield versions


def test_vault_from_rotation_to_outage(vault: dict[str, SigningKey], images: Images) -> None:
    trust = _keys("hashivault://release")
    assert images.judged("old", trust, POLICIES).outcome is Outcome.ALLOWED
    assert images.judged("new", trust, POLICIES).reason is ReasonCode.SIGNATURE_INVALID
    vault["2"] = KEYS["new"]
    trust.refresh()
    assert images.judged("new", trust, POLICIES).outcome is Outcome.ALLOWED
    assert images.judged("old", trust, POLICIES).reason is ReasonCode.SIGNATURE_INVALID
    vault.clear()
    with pytest.raises(UnavailableError):
        trust.refresh()
    assert images.judged("new", trust, POLICIES).outcome is Outcome.ALLOWED
    assert trust.stop()


def test_vault_signs_sha256_with_every_curve(vault: dict[str, SigningKey]) -> None:
    vault["2"] = KEYS["p384"]
    trust = _keys("hashivault://release")
    assert [key.hash for material in trust.materials() for key in material.keys] == ["sha256"]
    assert trust.stop()


def test_aws(images: Images, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    certificate = self_signed(tmp_path)
    for name, value in {
        "AWS_ACCESS_KEY_ID": "id",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_REGION": "eu-north-1",
        "AWS_CA_BUNDLE": str(certificate),
        "NO_PROXY": "127.0.0.1",
    }.items():
        monkeypatch.setenv(name, value)
    body = {
        "PublicKey": base64.b64encode(der(KEYS["p384"].public_key())).decode(),
        "KeyUsage": "SIGN_VERIFY",
        "SigningAlgorithms": ["ECDSA_SHA_384"],
    }
    with Cloud(lambda _: Reply(body)).serving(certificate) as cloud:
        trust = _keys(f"awskms://{cloud.address}/alias/release")
        verdict = images.judged("p384", trust, POLICIES)
        assert verdict.outcome is Outcome.ALLOWED
        assert [used.source for used in verdict.trust] == [f"key:awskms://{cloud.address}/alias/release"]
        assert images.judged("old", trust, POLICIES).reason is ReasonCode.SIGNATURE_INVALID
        assert trust.stop()
