"""Public keys from Azure Key Vault: azure-keyvault-keys against a server on loopback."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from azure.core.credentials import AccessToken
from azure.identity import AzureCliCredential, DefaultAzureCredential
from azure.keyvault.keys import KeyClient
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from providers.kms import KmsPublicKey
from providers.kms.azure import AzureKey, _credential
from tests.integration.clouds import (
    P256,
    P384,
    RSA2048,
    RSA3072,
    Cloud,
    Question,
    Reply,
    pem,
    refusal,
    self_signed,
)


def _number(value: int, size: int) -> str:
    return base64.urlsafe_b64encode(value.to_bytes(size, "big")).rstrip(b"=").decode()


def _ec(key: EllipticCurvePublicKey, curve: str, kind: str = "EC") -> dict[str, str]:
    numbers, size = key.public_numbers(), (key.key_size + 7) // 8
    return {"kty": kind, "crv": curve, "x": _number(numbers.x, size), "y": _number(numbers.y, size)}


def _rsa(key: RSAPublicKey, kind: str = "RSA") -> dict[str, str]:
    numbers = key.public_numbers()
    return {"kty": kind, "n": _number(numbers.n, key.key_size // 8), "e": _number(numbers.e, 3)}


class Vault:
    """One key, and a server that wants to know who asks."""

    def __init__(self) -> None:
        self.key: dict[str, Any] = _ec(P256, "P-256")
        self.address = ""
        self.refusal: Reply | None = None

    def __call__(self, question: Question) -> Reply:
        if question.fields.get("authorization") != "Bearer some-token":
            challenge = 'Bearer authorization="https://login.test/tenant", resource="https://vault.azure.net"'
            return Reply({}, 401, {"WWW-Authenticate": challenge})
        if self.refusal is not None:
            return self.refusal
        key = {"kid": f"https://{self.address}/keys/release/0", **self.key}
        return Reply({"key": key, "attributes": {"enabled": True}})


class _Credential:
    """Whom we are."""

    def get_token(self, *scopes: str, **_: Any) -> AccessToken:
        assert scopes == ("https://vault.azure.net/.default",)
        return AccessToken("some-token", 1 << 40)


@pytest.fixture
def vault() -> Vault:
    return Vault()


@pytest.fixture
def cloud(vault: Vault, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cloud]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    certificate = self_signed(tmp_path)
    with Cloud(vault).serving(certificate) as serving:
        vault.address = serving.address
        yield serving


@pytest.fixture
def named(cloud: Cloud, tmp_path: Path) -> Iterator[Callable[[str], AzureKey]]:
    """Makes keys that ask the server on loopback, whose name is not below vault.azure.net."""
    made: list[AzureKey] = []

    def connect(vault_url: str) -> KeyClient:
        return KeyClient(
            vault_url,
            _Credential(),
            verify_challenge_resource=False,
            connection_verify=str(tmp_path / "cloud.pem"),
            retry_total=0,
        )

    def make(path: str) -> AzureKey:
        made.append(AzureKey(f"azurekms://{cloud.address}/{path}", connect=connect))
        return made[-1]

    yield make
    for key in made:
        key.close()


@pytest.mark.parametrize(
    ("path", "asked"), [("release", "release/"), ("release/", "release/"), ("release/0a1b", "release/0a1b")]
)
def test_the_key_that_the_uri_names(
    named: Callable[[str], AzureKey], cloud: Cloud, path: str, asked: str
) -> None:
    key = named(path)
    assert cloud.asked == []
    assert key.read() == KmsPublicKey(pem(P256))
    assert {question.path.partition("?")[0] for question in cloud.asked} == {f"/keys/{asked}"}
    key.close()
    assert key.read() == KmsPublicKey(pem(P256))


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        (_ec(P384, "P-384"), KmsPublicKey(pem(P384))),
        (_ec(P384, "P-384", "EC-HSM"), KmsPublicKey(pem(P384))),
        (_rsa(RSA2048), KmsPublicKey(pem(RSA2048), "sha256")),
        (_rsa(RSA3072, "RSA-HSM"), KmsPublicKey(pem(RSA3072), "sha384")),
    ],
)
def test_every_kind_of_key_with_the_hash_that_goes_with_it(
    named: Callable[[str], AzureKey], vault: Vault, key: dict[str, str], expected: KmsPublicKey
) -> None:
    vault.key = key
    assert named("release").read() == expected


@pytest.mark.parametrize(
    ("key", "why"),
    [
        ({"kty": "oct-HSM"}, "kind oct "),
        (_ec(P256, "P-256K"), "kind EC P-256K"),
        (_ec(P256, "P-384"), "ValueError"),
        ({"kty": "RSA", "n": _rsa(RSA2048)["n"]}, "a number of the key is missing"),
        ({**_rsa(RSA2048), "n": _number((1 << 1023) + 1, 128)}, "1024 bits"),
    ],
)
def test_what_is_no_key_to_verify_with(
    named: Callable[[str], AzureKey], vault: Vault, key: dict[str, str], why: str
) -> None:
    vault.key = key
    assert why in refusal(named("release"))


def test_what_the_vault_says_when_it_refuses(named: Callable[[str], AzureKey], vault: Vault) -> None:
    vault.refusal = Reply({"error": {"code": "Forbidden", "message": "not for\nyou"}}, 403)
    told = refusal(named("release"))
    assert "not for you" in told
    assert "some-token" not in told


def test_how_we_sign_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing starts a program, or takes what a person left behind, unless that is asked for."""
    for name in ("AZURE_AUTH_METHOD", "AZURE_ENVIRONMENT", "AZURE_TOKEN_CREDENTIALS"):
        monkeypatch.delenv(name, raising=False)
    chain = _credential()
    assert isinstance(chain, DefaultAzureCredential)
    kinds = {type(credential).__name__ for credential in chain.credentials}
    identities = {"EnvironmentCredential", "WorkloadIdentityCredential", "ManagedIdentityCredential"}
    assert kinds <= {*identities, "FailedDACCredential"}  # which stands for one of them that cannot be
    assert "EnvironmentCredential" in kinds
    chain.close()
    monkeypatch.setenv("AZURE_AUTH_METHOD", "cli")
    assert isinstance(_credential(), AzureCliCredential)
