"""Public keys from Google Cloud KMS: google-cloud-kms against a gRPC server on loopback."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import pytest
from google.cloud import kms_v1
from google.cloud.kms_v1.services.key_management_service.transports import KeyManagementServiceGrpcTransport

from providers.kms import KmsPublicKey
from providers.kms.gcp import GcpKey
from tests.integration.clouds import ED25519, P256, P384, RSA2048, pem, refusal

PARENT = "projects/p-1/locations/global/keyRings/ring/cryptoKeys/release"
Algorithm = kms_v1.CryptoKeyVersion.CryptoKeyVersionAlgorithm
State = kms_v1.CryptoKeyVersion.CryptoKeyVersionState


class Kms:
    """The service: keys by the name of their version."""

    def __init__(self) -> None:
        self.keys: dict[str, kms_v1.PublicKey] = {}
        self.states: dict[str, Any] = {}
        self.asked: list[str] = []
        self.error: grpc.StatusCode | None = None
        self.keep("1", P256, Algorithm.EC_SIGN_P256_SHA256)

    def keep(self, version: str, key: Any, algorithm: Any, state: Any = State.ENABLED) -> None:
        name = f"{PARENT}/cryptoKeyVersions/{version}"
        self.keys[name] = kms_v1.PublicKey(name=name, pem=pem(key).decode(), algorithm=algorithm)
        self.states[name] = state

    def get_public_key(self, request: kms_v1.GetPublicKeyRequest, context: grpc.ServicerContext) -> Any:
        self.asked.append(request.name)
        if self.error is not None:
            context.abort(self.error, "not\nnow")
        return self.keys[request.name]

    def list_crypto_key_versions(
        self, request: kms_v1.ListCryptoKeyVersionsRequest, context: grpc.ServicerContext
    ) -> Any:
        self.asked.append(f"{request.parent} {request.filter}")
        listed = [kms_v1.CryptoKeyVersion(name=name, state=state) for name, state in self.states.items()]
        return kms_v1.ListCryptoKeyVersionsResponse(crypto_key_versions=listed)

    def handler(self) -> grpc.GenericRpcHandler:
        def unary(method: Callable[..., Any], request: Any, response: Any) -> grpc.RpcMethodHandler[Any, Any]:
            return grpc.unary_unary_rpc_method_handler(
                method, request_deserializer=request.deserialize, response_serializer=response.serialize
            )

        return grpc.method_handlers_generic_handler(
            "google.cloud.kms.v1.KeyManagementService",
            {
                "GetPublicKey": unary(self.get_public_key, kms_v1.GetPublicKeyRequest, kms_v1.PublicKey),
                "ListCryptoKeyVersions": unary(
                    self.list_crypto_key_versions,
                    kms_v1.ListCryptoKeyVersionsRequest,
                    kms_v1.ListCryptoKeyVersionsResponse,
                ),
            },
        )


@pytest.fixture
def kms() -> Kms:
    return Kms()


@pytest.fixture
def named(kms: Kms) -> Iterator[Callable[[str], GcpKey]]:
    """Makes keys that ask the service on loopback."""
    server = grpc.server(ThreadPoolExecutor(2))
    server.add_generic_rpc_handlers((kms.handler(),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    made: list[GcpKey] = []

    def connect() -> kms_v1.KeyManagementServiceClient:
        channel = grpc.insecure_channel(f"127.0.0.1:{port}")
        return kms_v1.KeyManagementServiceClient(transport=KeyManagementServiceGrpcTransport(channel=channel))

    def make(uri: str) -> GcpKey:
        made.append(GcpKey(uri, connect=connect))
        return made[-1]

    yield make
    for key in made:
        key.close()
    server.stop(None).wait()


@pytest.mark.parametrize("spelling", ["versions", "cryptoKeyVersions"])
def test_the_version_that_the_uri_names(named: Callable[[str], GcpKey], kms: Kms, spelling: str) -> None:
    kms.keep("2", P384, Algorithm.EC_SIGN_P384_SHA384)
    key = named(f"gcpkms://{PARENT}/{spelling}/1")
    assert kms.asked == []
    assert key.read() == KmsPublicKey(pem(P256), "sha256")
    assert kms.asked == [f"{PARENT}/cryptoKeyVersions/1"]
    key.close()
    assert key.read().content == pem(P256)


def test_without_a_version_the_newest_that_is_enabled(named: Callable[[str], GcpKey], kms: Kms) -> None:
    kms.keep("10", P384, Algorithm.EC_SIGN_P384_SHA384)
    kms.keep("9", RSA2048, Algorithm.RSA_SIGN_PSS_2048_SHA256)
    kms.keep("11", RSA2048, Algorithm.RSA_SIGN_PSS_2048_SHA256, State.DISABLED)
    assert named(f"gcpkms://{PARENT}").read() == KmsPublicKey(pem(P384), "sha384")
    assert kms.asked == [f"{PARENT} state=ENABLED", f"{PARENT}/cryptoKeyVersions/10"]
    kms.states.clear()
    assert "no version that is enabled" in refusal(named(f"gcpkms://{PARENT}"))


@pytest.mark.parametrize(
    ("key", "algorithm", "used_with"),
    [
        (RSA2048, Algorithm.RSA_SIGN_PKCS1_4096_SHA512, "sha512"),
        (RSA2048, Algorithm.RSA_SIGN_PSS_2048_SHA256, "sha256"),
        (ED25519, Algorithm.EC_SIGN_ED25519, ""),
    ],
)
def test_the_hash_is_that_of_the_key(
    named: Callable[[str], GcpKey], kms: Kms, key: Any, algorithm: Any, used_with: str
) -> None:
    kms.keep("1", key, algorithm)
    assert named(f"gcpkms://{PARENT}/versions/1").read() == KmsPublicKey(pem(key), used_with)


@pytest.mark.parametrize(
    "algorithm",
    [Algorithm.RSA_DECRYPT_OAEP_2048_SHA256, Algorithm.RSA_SIGN_RAW_PKCS1_2048, Algorithm.HMAC_SHA256],
)
def test_what_is_no_key_to_sign_with(named: Callable[[str], GcpKey], kms: Kms, algorithm: Any) -> None:
    kms.keep("1", RSA2048, algorithm)
    assert algorithm.name in refusal(named(f"gcpkms://{PARENT}/versions/1"))


def test_another_key_than_was_asked_for(named: Callable[[str], GcpKey], kms: Kms) -> None:
    kms.keep("2", P384, Algorithm.EC_SIGN_P384_SHA384)
    kms.keys[f"{PARENT}/cryptoKeyVersions/1"] = kms.keys[f"{PARENT}/cryptoKeyVersions/2"]
    assert "got" in refusal(named(f"gcpkms://{PARENT}/versions/1"))


@pytest.mark.parametrize("code", [grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.NOT_FOUND])
def test_what_the_service_says_when_it_refuses(
    named: Callable[[str], GcpKey], kms: Kms, code: grpc.StatusCode
) -> None:
    kms.error = code
    told = refusal(named(f"gcpkms://{PARENT}/versions/1"))
    assert "not now" in told
