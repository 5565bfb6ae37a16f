"""Public keys from the transit engine of Vault: hvac against a server on loopback."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from providers.kms import KmsPublicKey
from providers.kms.vault import VaultKey
from tests.integration.clouds import ED25519, P256, P384, Cloud, Question, Reply, pem, refusal

RAW_ED25519 = base64.b64encode(ED25519.public_bytes(Encoding.Raw, PublicFormat.Raw)).decode()


class Transit:
    """The engine: what it says of each version of a key."""

    def __init__(self) -> None:
        self.reply = Reply()
        self.keep({"1": pem(P384).decode(), "10": pem(P256).decode(), "9": pem(P384).decode()}, 10)

    def keep(self, versions: dict[str, object], latest: object) -> None:
        keys = {version: {"name": "some kind", "public_key": key} for version, key in versions.items()}
        self.reply = Reply({"data": {"keys": keys, "latest_version": latest}})

    def __call__(self, question: Question) -> Reply:
        return self.reply


@pytest.fixture
def transit() -> Transit:
    return Transit()


@pytest.fixture
def cloud(transit: Transit, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Cloud]:
    for name in ("TRANSIT_SECRET_ENGINE_PATH", "VAULT_NAMESPACE"):
        monkeypatch.delenv(name, raising=False)
    with Cloud(transit).serving() as serving:
        for name, value in {
            "VAULT_ADDR": f"http://{serving.address}",
            "VAULT_TOKEN": "s.token",
            "NO_PROXY": "127.0.0.1",
            "HOME": str(tmp_path),
        }.items():
            monkeypatch.setenv(name, value)
        yield serving


def test_the_newest_version_of_the_key(cloud: Cloud) -> None:
    key = VaultKey("hashivault://release-1.key")
    assert cloud.asked == []
    assert key.read() == KmsPublicKey(pem(P256), "sha256")
    (asked,) = cloud.asked
    assert (asked.method, asked.path) == ("GET", "/v1/transit/keys/release-1.key")
    assert asked.fields["x-vault-token"] == "s.token"
    key.close()


def test_where_the_engine_is_mounted_and_whose_it_is(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRANSIT_SECRET_ENGINE_PATH", "/team/transit/")
    monkeypatch.setenv("VAULT_NAMESPACE", "team")
    key = VaultKey("hashivault://release")
    key.read()
    assert cloud.asked[0].path == "/v1/team/transit/keys/release"
    assert cloud.asked[0].fields["x-vault-namespace"] == "team"
    key.close()


def test_ed25519_comes_as_bare_bytes(cloud: Cloud, transit: Transit) -> None:
    transit.keep({"1": RAW_ED25519}, 1)
    key = VaultKey("hashivault://release")
    assert key.read() == KmsPublicKey(pem(ED25519))
    key.close()


def test_a_token_in_a_file_is_read_again_after_a_failure(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """An agent writes a new one when the old one ends."""
    monkeypatch.delenv("VAULT_TOKEN")
    (tmp_path / ".vault-token").write_text("s.old")
    key = VaultKey("hashivault://release")
    key.read()
    (tmp_path / ".vault-token").write_text("s.new")
    key.close()
    key.read()
    assert [asked.fields["x-vault-token"] for asked in cloud.asked] == ["s.old", "s.new"]
    key.close()


def test_the_token_is_not_carried_elsewhere(cloud: Cloud, transit: Transit) -> None:
    with Cloud(Transit()).serving() as elsewhere:
        transit.reply = Reply(None, 307, {"Location": f"http://{elsewhere.address}/v1/transit/keys/release"})
        key = VaultKey("hashivault://release")
        refusal(key)
        assert len(cloud.asked) == 1
        assert elsewhere.asked == []
        key.close()


@pytest.mark.parametrize(
    "spoilt",
    [
        {"data": None},
        {"data": {}},
        {"data": {"keys": {}, "latest_version": 1}},
        {"data": {"keys": {"1": {}}, "latest_version": 1}},
        {"data": {"keys": {"1": {"public_key": None}}, "latest_version": 1}},
        {"data": {"keys": {"1": {"public_key": ""}}, "latest_version": 1}},
        {"data": {"keys": {"1": {"public_key": "AAAA"}}, "latest_version": 1}},
        {"data": {"keys": {"1": {"public_key": "no base64"}}, "latest_version": 1}},
        {"data": {"keys": {"1": 1789000000}, "latest_version": 1}},  # a symmetric key: when it was made
        [],
    ],
)
def test_an_answer_that_holds_no_key(cloud: Cloud, transit: Transit, spoilt: object) -> None:
    transit.reply = Reply(spoilt)
    key = VaultKey("hashivault://release")
    refusal(key)
    key.close()


def test_what_the_server_says_when_it_refuses(cloud: Cloud, transit: Transit) -> None:
    transit.reply = Reply({"errors": ["permission denied"]}, 403)
    key = VaultKey("hashivault://release")
    told = refusal(key)
    assert "Forbidden: permission denied" in told
    assert "s.token" not in told
    key.close()


def test_without_an_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VAULT_ADDR", raising=False)
    assert "VAULT_ADDR is not set" in refusal(VaultKey("hashivault://release"))
