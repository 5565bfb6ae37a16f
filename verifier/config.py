"""The configuration of ``pycosign serve``: one YAML file, checked as a whole before anything starts.

The published schema is ``docs/schema/verifier-configuration.v1alpha1.json``; ``json_schema()`` makes it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from providers.document import Document
from providers.provider_spec import AnyPolicySpec, AnyTrustSpec
from providers.spec import Spec

API_VERSION = "pycosign.dev/v1alpha1"


class MetadataSpec(Spec):
    """Kubernetes-style metadata; the name appears in GetInfo and in the log."""

    name: Annotated[str, Field(min_length=1, max_length=253)]


class ServerSpec(Spec):
    """The gRPC server. Where the defaults come from stands in ``server/options.py``."""

    address: Annotated[
        str, Field(description="IP address and port to listen on; port 0 takes a free one.")
    ] = "127.0.0.1:50051"
    max_workers: Annotated[int, Field(ge=1, le=256, description="Threads that decide.")] = 16
    max_request_bytes: Annotated[int, Field(ge=1 << 10, le=16 << 20)] = 64 << 10
    max_concurrent: Annotated[
        int, Field(ge=1, le=10_000, description="Calls in work and waiting; more are turned away.")
    ] = 144
    max_streams: Annotated[int, Field(ge=1, le=256, description="Open ValidateMany calls.")] = 8
    max_concurrent_per_stream: Annotated[
        int, Field(ge=1, le=256, description="Requests of one stream in work at a time.")
    ] = 16
    max_deadline_seconds: Annotated[float, Field(gt=0, le=300, description="Longest for one verdict.")] = 25.0
    max_stream_seconds: Annotated[float, Field(gt=0, le=86_400, description="Longest for one stream.")] = (
        300.0
    )
    max_connection_age_seconds: Annotated[float, Field(gt=0, le=86_400)] = 1800.0
    notice_seconds: Annotated[
        float, Field(ge=0, le=300, description="How long calls are still taken after SIGTERM.")
    ] = 2.0
    drain_seconds: Annotated[
        float, Field(ge=0, le=300, description="How long calls in work then have to finish.")
    ] = 25.0
    reflection: Annotated[bool, Field(description="Whether clients may ask what the service is.")] = True


class RegistrySpec(Spec):
    """How registries are spoken to."""

    plain_http: Annotated[
        list[str],
        Field(
            default_factory=list,
            alias="insecurePlainHTTP",
            description="Registries (host:port) spoken to without TLS.",
        ),
    ]
    addresses: Annotated[
        Literal["public", "private", "loopback"],
        Field(
            description="How far inside the network an image name may lead. Registries in insecurePlainHTTP "
            "may lie anywhere; link-local addresses are never asked."
        ),
    ] = "public"
    token_hosts: Annotated[
        list[str],
        Field(
            default_factory=list,
            description="Hosts that registries may name as their token servers, besides their own.",
        ),
    ]
    ca_file: Annotated[str, Field(description="PEM file of further certificate authorities.")] = ""


class SignaturesSpec(Spec):
    """Where signatures and attestations are looked for."""

    forms: Annotated[
        list[Literal["bundle", "tag", "oci11"]],
        Field(
            min_length=1,
            description="bundle: Sigstore bundles, which refer to the image. tag: cosign's .sig and .att tags."
            " oci11: cosign's experimental form for OCI 1.1.",
        ),
    ] = ["bundle", "tag"]  # noqa: RUF012  (pydantic copies it)
    repository: Annotated[
        str, Field(description="Another repository than that of the image (cosign: COSIGN_REPOSITORY).")
    ] = ""


class VerifierSpec(Spec):
    """Everything the verifier needs. There is no default trusted root and no default identity."""

    server: ServerSpec = ServerSpec()
    registry: Annotated[RegistrySpec, Field(default_factory=RegistrySpec)]
    signatures: Annotated[SignaturesSpec, Field(default_factory=SignaturesSpec)]
    engine: Annotated[
        Literal["native", "cosign"],
        Field(description="What verifies: this program, or the cosign executable."),
    ] = "native"
    cross_check: Annotated[
        list[Literal["cosign"]],
        Field(
            default_factory=list, description="Engines that have to agree about every signature that counts."
        ),
    ]
    trusted_material_provider: AnyTrustSpec
    policy_provider: AnyPolicySpec


class VerifierConfiguration(Spec):
    """The whole file."""

    api_version: Literal["pycosign.dev/v1alpha1"]
    kind: Literal["VerifierConfiguration"]
    metadata: MetadataSpec
    spec: VerifierSpec


def load(path: Path) -> tuple[VerifierConfiguration, Document]:
    """Read and check ``path``.

    Raises:
        ConfigurationError: with file, line and what to do.
    """
    document = Document.load(path)
    return document.validate(VerifierConfiguration), document


def json_schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of the file."""
    schema = VerifierConfiguration.model_json_schema(by_alias=True)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "https://pycosign.dev/schema/verifier-configuration.v1alpha1.json",
    } | schema
