"""Public keys from AWS KMS: boto3 against a service on loopback."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes

from providers.kms import KmsPublicKey
from providers.kms.aws import AwsKey
from tests.integration.clouds import (
    ED25519,
    P256,
    P384,
    RSA2048,
    Cloud,
    Question,
    Reply,
    der,
    refusal,
    self_signed,
)


class Kms:
    """One key, and what the service says of it."""

    def __init__(self) -> None:
        self.status = 200
        self.body: dict[str, object] = {}
        self.keep(P256, "ECDSA_SHA_256")

    def keep(self, key: PublicKeyTypes, *algorithms: str, usage: str = "SIGN_VERIFY") -> None:
        self.body = {
            "KeyId": "arn:aws:kms:eu-north-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab",
            "PublicKey": base64.b64encode(der(key)).decode(),
            "KeyUsage": usage,
            "SigningAlgorithms": list(algorithms),
        }

    def __call__(self, question: Question) -> Reply:
        return Reply(self.body, self.status)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return self_signed(tmp_path_factory.mktemp("aws"))


@pytest.fixture
def kms() -> Kms:
    return Kms()


@pytest.fixture
def cloud(kms: Kms, certificate: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Cloud]:
    for name, value in {
        "AWS_ACCESS_KEY_ID": "id",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_REGION": "eu-north-1",
        "AWS_CA_BUNDLE": str(certificate),
        "AWS_CONFIG_FILE": str(tmp_path / "none"),
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "none"),
        "AWS_EC2_METADATA_DISABLED": "true",
        "NO_PROXY": "127.0.0.1",
    }.items():
        monkeypatch.setenv(name, value)
    with Cloud(kms).serving(certificate) as serving:
        yield serving


@pytest.mark.parametrize(
    ("key", "region"),
    [
        ("alias/release", "eu-north-1"),
        ("1234abcd-12ab-34cd-56ef-1234567890ab", "eu-north-1"),
        ("arn:aws:kms:us-east-2:111122223333:alias/release", "us-east-2"),
        ("arn:aws-cn:kms:cn-north-1:111122223333:key/mrk-1234abcd12ab34cd56ef1234567890ab", "cn-north-1"),
    ],
)
def test_the_key_that_the_uri_names(cloud: Cloud, key: str, region: str) -> None:
    named = AwsKey(f"awskms://{cloud.address}/{key}")
    assert cloud.asked == []
    assert named.read() == KmsPublicKey(der(P256), "sha256")
    (asked,) = cloud.asked
    assert asked.fields["x-amz-target"] == "TrentService.GetPublicKey"
    assert json.loads(asked.body) == {"KeyId": key}
    assert f"/{region}/kms/" in asked.fields["authorization"]
    named.close()
    assert named.read() == KmsPublicKey(der(P256), "sha256")
    named.close()


@pytest.mark.parametrize(
    ("key", "algorithms", "used_with"),
    [
        (P384, ["ECDSA_SHA_384"], "sha384"),
        (RSA2048, ["RSASSA_PSS_SHA_256", "RSASSA_PKCS1_V1_5_SHA_512"], "sha256"),
        (RSA2048, ["RSASSA_PKCS1_V1_5_SHA_512"], "sha512"),
        (ED25519, ["ED25519_SHA_512", "ED25519_PH_SHA_512"], ""),
    ],
)
def test_the_hash_is_that_of_the_first_way_to_sign(
    cloud: Cloud, kms: Kms, key: PublicKeyTypes, algorithms: list[str], used_with: str
) -> None:
    kms.keep(key, *algorithms)
    named = AwsKey(f"awskms://{cloud.address}/alias/release")
    assert named.read() == KmsPublicKey(der(key), used_with)
    named.close()


def test_what_is_no_key_to_sign_with(cloud: Cloud, kms: Kms) -> None:
    named = AwsKey(f"awskms://{cloud.address}/alias/release")
    kms.keep(RSA2048, usage="ENCRYPT_DECRYPT")
    assert "it is for ENCRYPT_DECRYPT" in refusal(named)
    kms.keep(P256, "SM2DSA")
    assert "SM2DSA" in refusal(named)
    kms.keep(P256)
    assert "IndexError" in refusal(named)
    named.close()


def test_what_the_service_says_when_it_refuses(cloud: Cloud, kms: Kms) -> None:
    kms.status, kms.body = 400, {"__type": "AccessDeniedException", "message": "not for\nyou"}
    named = AwsKey(f"awskms://{cloud.address}/alias/release")
    told = refusal(named)
    assert "AccessDeniedException" in told
    assert "\n" not in told
    named.close()


def test_the_certificate_of_the_service_is_checked(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_CA_BUNDLE")
    named = AwsKey(f"awskms://{cloud.address}/alias/release")
    assert "SSL" in refusal(named)
    assert cloud.asked == []
    named.close()


def test_without_credentials(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    named = AwsKey(f"awskms://{cloud.address}/alias/release")
    assert "NoCredentialsError" in refusal(named)
    assert cloud.asked == []
