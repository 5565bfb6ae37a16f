"""Seeds that nobody has to sign: manifests, statements, names, headers, configuration."""

from __future__ import annotations

import json

from verifier.v1 import verifier_pb2 as pb

_HEX = "ab" * 32
_DIGEST = f"sha256:{_HEX}"
_LAYER = {
    "mediaType": "application/vnd.dev.cosign.simplesigning.v1+json",
    "digest": _DIGEST,
    "size": 242,
    "annotations": {"dev.cosignproject.cosign/signature": "QUJD", "dev.sigstore.cosign/chain": ""},
}
_CONFIG = {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": _DIGEST, "size": 2}
_OCI = "application/vnd.oci.image."
_DOCKER = "application/vnd.docker.distribution.manifest."


def _json(*documents: object) -> tuple[bytes, ...]:
    return tuple(json.dumps(document).encode() for document in documents)


MANIFESTS = _json(
    {
        "schemaVersion": 2, "mediaType": f"{_OCI}manifest.v1+json", "config": _CONFIG, "layers": [_LAYER, _LAYER],
        "artifactType": "application/vnd.dev.sigstore.bundle.v0.3+json", "annotations": {"a": "b", "A": "c"},
        "subject": {"mediaType": f"{_DOCKER}v2+json", "size": 423, "digest": _DIGEST},
    },
    {"schemaVersion": 2, "config": _CONFIG, "layers": [], "annotations": None},
    {
        "schemaVersion": 2, "mediaType": f"{_OCI}index.v1+json",
        "manifests": [
            {**_CONFIG, "artifactType": "application/x", "platform": {"os": "linux"}, "annotations": {"a": "b"}},
            {**_CONFIG, "digest": "sha512:00"},
        ],
    },
    {"schemaVersion": 2, "mediaType": f"{_DOCKER}list.v2+json", "manifests": None},
)  # fmt: skip

STATEMENTS = _json(
    {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [
            {"digest": {"sha256": _HEX, "gitCommit": "1" * 40}, "annotations": {"env": "prod", "n": 1}}
        ],
        "predicateType": "https://sigstore.dev/cosign/sign/v1",
        "predicate": {},
    },
    {
        "_type": "https://in-toto.io/Statement/v0.1",
        "subject": [
            {"name": "app", "digest": {"sha256": _HEX}},
            {"name": "other", "digest": {"sha512": "00"}},
        ],
        "predicateType": "https://spdx.dev/Document",
        "predicate": {"packages": [{"name": "x", "PATH": 1, "Path": [None, 1.5, True]}]},
    },
)

JSON = _json(
    {
        "text": "x",
        "number": 1,
        "digits": "123",
        "none": None,
        "yes": True,
        "deep": [[[{"a": {}}]]],
        "b64": "QUJD",
    },
    {"list": [1, 2.5, "x"], "é": "\u20ac\U0001f600", "object": {"PATH": 1, "Path": 2}},
)

REFERENCES = tuple(
    text.encode()
    for text in (
        "nginx", "nginx:1.27", "docker.io/library/nginx@" + _DIGEST, "ghcr.io/org/app:v1@" + _DIGEST,
        "reg:5000/a/b", "localhost/x", "[::1]:5000/x", "[0:0:0:0:0:ffff:127.0.0.1]/x", "127.0.0.1:05000/x",
        "index.docker.io:443/nginx", "EXAMPLE.com/a__b/c--d:T.a-g", _DIGEST, "xn--bcher-kva.example/a",
        "x" * 240, "o:443/app",
    )
)  # fmt: skip

SCOPES = tuple(
    text.encode()
    for text in (
        "*",
        "*.example.com",
        "ghcr.io",
        "ghcr.io/org",
        "reg:5000",
        "docker.io/nginx",
        "[::1]:5000/x",
    )
)

HEADERS = tuple(
    text.encode()
    for text in (
        'Bearer realm="https://auth.example.com/token",service="registry.example.com",scope="repository:a:pull"',
        'Basic realm="a \\"b\\"", Bearer realm="https://registry.example.com/t"',
        '</v2/a/referrers/x?n=2&last=y>; rel="next", <https://example.com/>; rel="prev next"',
        "Wed, 21 Oct 2026 07:28:00 GMT", "120", "application/json; charset=utf-8",
        "https://cdn.example.com/blob?X-Amz-Signature=0", "/v2/other", "//[fe80::1%25eth0]:443/x", "http://127.0.0.1/",
    )
)  # fmt: skip

POLICY_WORDS = tuple(
    text.encode()
    for text in (
        r"https://github\.com/org/.*/\.github/workflows/release\.yml@refs/heads/main", "slsaprovenance1",
        "a{1000}{9}", "https://slsa.dev/provenance/v1", "default", r"(?i)[[:alpha:]\p{Greek}]+|x{2,5}?$",
        r"\Q.\E(?P<n>a)\C\z",
    )
)  # fmt: skip

CONFIGURATIONS = (
    b"""\
apiVersion: pycosign.dev/v1alpha1
kind: VerifierConfiguration
metadata:
  name: all
spec:
  server: {address: "127.0.0.1:0", maxWorkers: 2}
  registry: {insecurePlainHTTP: ["127.0.0.1:5000"], addresses: loopback}
  trustedMaterialProvider:
    type: static
    trustedRoot: trusted_root.json
    keys:
      - {name: release, file: a.pub, validUntil: 2026-12-31T23:59:59Z}
  policyProvider:
    type: static
    policies:
      - name: keyless
        scopes: [ghcr.io/org, "*.example.com"]
        mode: warn
        namespaces: [default]
        operations: [CREATE]
        certificateIdentities:
          - subjectRegExp: https://github\\.com/org/.*
            issuer: https://token.actions.githubusercontent.com
            claims: {githubWorkflowRepository: org/app}
        verifierConfig:
          tlogEntriesThreshold: 2
          requireSignedTimestamps: true
        attestation: {predicateTypes: [slsaprovenance1]}
      - name: keys
        scopes: ["*"]
        keys: [release]
        annotations: {env: prod}
        verifierConfig: {unsafeIgnoreTlog: true}
""",
)


def requests() -> tuple[bytes, ...]:
    """What clients ask over gRPC."""
    descriptor = pb.Descriptor(
        media_type=f"{_OCI}manifest.v1+json", digest=_DIGEST, size=7, annotations={"a": "b"}
    )
    asked = pb.ValidateRequest(
        reference="ghcr.io/org/app:v1", namespace="default", operation=pb.OPERATION_CREATE, request_id="1"
    )
    about = pb.VerifyRequest(
        repository="ghcr.io/org/app",
        subject_descriptor=descriptor,
        artifact_descriptor=descriptor,
        namespace="x",
    )
    return (asked.SerializeToString(), about.SerializeToString())
