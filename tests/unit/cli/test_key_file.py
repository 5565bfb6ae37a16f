"""``--key``: what it takes, and what it says about everything else."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from providers.errors import ConfigurationError
from pycosign.cli.key_file import read_key

KEY = ec.generate_private_key(ec.SECP256R1())
PUBLIC = KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
PRIVATE = KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def test_a_file_and_a_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a key.pub"
    path.write_bytes(PUBLIC)
    monkeypatch.setenv("THE_KEY", PUBLIC.decode())
    assert read_key(str(path)).public_key == PUBLIC
    assert read_key(str(path)).name == str(path)
    assert read_key(str(path), "sha384").hash == "sha384"
    assert read_key("env://THE_KEY").public_key == PUBLIC
    assert read_key("env://THE_KEY").name == "env://THE_KEY"


@pytest.mark.parametrize(
    "private",
    [
        PRIVATE,
        b"-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED SIGSTORE PRIVATE KEY-----\n",
        b"-----BEGIN ENCRYPTED COSIGN PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED COSIGN PRIVATE KEY-----\n",
        b"-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----\n",
    ],
)
def test_a_private_key_is_named_as_such(private: bytes, tmp_path: Path) -> None:
    path = tmp_path / "cosign.key"
    path.write_bytes(private)
    with pytest.raises(ConfigurationError, match="private key") as caught:
        read_key(str(path))
    assert "cosign public-key" in str(caught.value)
    assert "AAAA" not in str(caught.value)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (PUBLIC.decode(), "a key itself"),
        (PRIVATE.decode(), "a key itself"),
        ("/nowhere/key.pub", "/nowhere/key.pub"),
        ("env://NO_SUCH_VARIABLE", "env://NO_SUCH_VARIABLE"),
        ("env://", "not set"),
        ("https://example.test/key.pub", "files and variables only"),
        ("awskms:///alias/x", "files and variables only"),
        ("k8s://ns/secret", "files and variables only"),
        ("pkcs11:token=x", "files and variables only"),
    ],
)
def test_what_is_no_name_of_a_key(given: str, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said) as caught:
        read_key(given)
    assert caught.value.remedy


def test_a_certificate_leads_to_the_identity_flags(tmp_path: Path) -> None:
    path = tmp_path / "cert.pem"
    path.write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    with pytest.raises(ConfigurationError, match="--certificate-identity"):
        read_key(str(path))


def test_a_key_has_a_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "large.pub"
    path.write_bytes(b"x" * (65 << 10))
    monkeypatch.setenv("LARGE", "x" * (65 << 10))
    for given in (str(path), "env://LARGE"):
        with pytest.raises(ConfigurationError, match=r"larger|no public key"):
            read_key(given)


def test_a_name_prints(tmp_path: Path) -> None:
    path = tmp_path / "a\x1b[2J\nkey.pub"
    path.write_bytes(PUBLIC)
    assert read_key(str(path)).name.isprintable()
