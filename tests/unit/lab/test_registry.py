"""The registry and what is pushed into it, without sockets."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from typing import Any

import pytest

from pycosign.lab import (
    Answer,
    Lab,
    LabError,
    MemoryRegistry,
    Request,
    attach_bundle,
    attach_legacy,
    push_artifact,
    push_chart,
    push_image,
    push_index,
)
from pycosign.lab.registry_http import RegistryApp

NAME = "demo/app"
BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"


def _ask(app: RegistryApp, method: str, path: str, body: bytes = b"", **more: Any) -> Answer:
    bare, _, query = path.partition("?")
    pairs = dict(pair.split("=", 1) for pair in query.split("&")) if query else {}
    return app.answer(Request(method, bare, pairs, more.get("headers", {}), body))


def _code(answer: Answer) -> tuple[int, str]:
    return answer.status, json.loads(answer.body)["errors"][0]["code"]


def _digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


@pytest.fixture
def registry() -> MemoryRegistry:
    return MemoryRegistry()


@pytest.fixture
def app(registry: MemoryRegistry) -> RegistryApp:
    return RegistryApp(registry)


def test_a_manifest_by_tag_and_by_digest(registry: MemoryRegistry, app: RegistryApp) -> None:
    image = push_image(registry, NAME, tag="v1")
    by_tag = _ask(app, "GET", f"/v2/{NAME}/manifests/v1")
    by_digest = _ask(app, "GET", f"/v2/{NAME}/manifests/{image.digest}")
    assert by_tag == by_digest
    assert _digest(by_tag.body) == image.digest == by_tag.headers["Docker-Content-Digest"]
    assert len(by_tag.body) == image.size
    assert by_tag.headers["Content-Type"] == image.media_type
    for descriptor in [json.loads(by_tag.body)["config"], *json.loads(by_tag.body)["layers"]]:
        blob = _ask(app, "GET", f"/v2/{NAME}/blobs/{descriptor['digest']}")
        assert _digest(blob.body) == descriptor["digest"]
        assert len(blob.body) == descriptor["size"]


def test_blobs_in_one_piece_in_chunks_and_mounted(app: RegistryApp) -> None:
    data = b"0123456789"
    whole = _ask(app, "POST", f"/v2/{NAME}/blobs/uploads/?digest={_digest(data)}", data)
    assert whole.status == 201
    other = "demo/other"
    location = _ask(app, "POST", f"/v2/{other}/blobs/uploads/").headers["Location"]
    assert _ask(app, "PATCH", location, data[:4]).headers["Range"] == "0-3"
    wrong = _ask(app, "PATCH", location, data[4:], headers={"content-range": "7-9"})
    assert wrong.status == 416
    assert _ask(app, "PATCH", location, data[4:8], headers={"content-range": "4-7"}).status == 202
    assert _ask(app, "PUT", f"{location}?digest={_digest(data)}", data[8:]).status == 201
    assert _ask(app, "GET", f"/v2/{other}/blobs/{_digest(data)}").body == data
    third = "demo/third"
    mounted = _ask(app, "POST", f"/v2/{third}/blobs/uploads/?mount={_digest(data)}&from={NAME}")
    assert mounted.status == 201
    assert _ask(app, "GET", f"/v2/{third}/blobs/{_digest(data)}").body == data
    unknown = _ask(app, "POST", f"/v2/{third}/blobs/uploads/?mount={_digest(b'')}&from=no/such")
    assert unknown.status == 202


def test_what_is_wrong_has_its_code(registry: MemoryRegistry, app: RegistryApp) -> None:
    push_image(registry, NAME, tag="v1")
    zero = "sha256:" + "0" * 64
    upload = _ask(app, "POST", f"/v2/{NAME}/blobs/uploads/").headers["Location"]
    cases = {
        ("GET", "/v2/no/such/manifests/v1"): (404, "NAME_UNKNOWN"),
        ("GET", "/v2/no/such/tags/list"): (404, "NAME_UNKNOWN"),
        ("GET", f"/v2/{NAME}/manifests/v2"): (404, "MANIFEST_UNKNOWN"),
        ("GET", f"/v2/{NAME}/blobs/{zero}"): (404, "BLOB_UNKNOWN"),
        ("GET", "/v2/UPPER/manifests/v1"): (400, "NAME_INVALID"),
        ("PUT", f"/v2/{NAME}/manifests/{zero}"): (400, "DIGEST_INVALID"),
        ("PUT", f"/v2/{NAME}/manifests/-bad"): (400, "TAG_INVALID"),
        ("PUT", f"{upload}"): (400, "DIGEST_INVALID"),
        ("PUT", f"{upload}?digest={zero}"): (400, "DIGEST_INVALID"),
        ("PATCH", f"{upload}"): (404, "BLOB_UPLOAD_UNKNOWN"),
        ("PUT", f"{upload}?digest={_digest(b'')}"): (404, "BLOB_UPLOAD_UNKNOWN"),
        ("POST", f"/v2/{NAME}/manifests/v1"): (405, "UNSUPPORTED"),
        ("GET", f"/v2/{NAME}/referrers/junk"): (400, "DIGEST_INVALID"),
        ("DELETE", f"/v2/{NAME}/manifests/v2"): (404, "MANIFEST_UNKNOWN"),
        ("DELETE", f"/v2/{NAME}/blobs/{zero}"): (404, "BLOB_UNKNOWN"),
        ("GET", "/v1/"): (404, "NOT_FOUND"),
    }
    for (method, path), expected in cases.items():
        assert _code(_ask(app, method, path)) == expected, path


def test_referrers_are_listed_and_filtered(registry: MemoryRegistry, app: RegistryApp) -> None:
    image = push_image(registry, NAME)
    path = f"/v2/{NAME}/referrers/{image.digest}"
    assert json.loads(_ask(app, "GET", path).body)["manifests"] == []
    notes = {"a": "b"}
    first = push_artifact(registry, NAME, "text/x", b"1", subject=image, annotations=notes)
    second = push_artifact(registry, NAME, "text/y", b"2", subject=image)
    answer = _ask(app, "GET", path)
    assert answer.headers["Content-Type"] == "application/vnd.oci.image.index.v1+json"
    assert "OCI-Filters-Applied" not in answer.headers
    assert json.loads(answer.body)["manifests"] == [
        {**first.to_json(), "artifactType": "text/x", "annotations": {"a": "b"}},
        {**second.to_json(), "artifactType": "text/y"},
    ]
    filtered = _ask(app, "GET", f"{path}?artifactType=text/y")
    assert filtered.headers["OCI-Filters-Applied"] == "artifactType"
    assert [found["digest"] for found in json.loads(filtered.body)["manifests"]] == [second.digest]
    manifest = _ask(app, "GET", f"/v2/{NAME}/manifests/{first.digest}").body
    again = _ask(app, "PUT", f"/v2/{NAME}/manifests/{first.digest}", manifest)
    assert again.headers["OCI-Subject"] == image.digest


def test_pages_link_to_the_next() -> None:
    registry = MemoryRegistry(page_size=2)
    app = RegistryApp(registry)
    image = push_image(registry, NAME)
    pushed = [push_artifact(registry, NAME, "t", b"%d" % n, subject=image, tag=f"t{n}") for n in range(5)]
    path, found = f"/v2/{NAME}/referrers/{image.digest}", []
    tag_path, tags = f"/v2/{NAME}/tags/list", []
    for _ in range(3):
        answer, tag_answer = _ask(app, "GET", path), _ask(app, "GET", tag_path)
        found += [descriptor["digest"] for descriptor in json.loads(answer.body)["manifests"]]
        tags += json.loads(tag_answer.body)["tags"]
        path = answer.headers.get("Link", "<>").partition(">")[0][1:].replace("%3A", ":")
        tag_path = tag_answer.headers.get("Link", "<>").partition(">")[0][1:]
    assert found == [descriptor.digest for descriptor in pushed]
    assert tags == ["t0", "t1", "t2", "t3", "t4"]
    assert path == tag_path == ""


def test_a_bundle_is_stored_as_cosign_stores_it(lab: Lab, registry: MemoryRegistry) -> None:
    image = push_image(registry, NAME)
    bundle = lab.sign_image(image.digest)
    stored = registry.get_manifest(NAME, attach_bundle(registry, NAME, image, bundle).digest)
    assert stored is not None
    manifest = json.loads(stored.data)
    assert list(manifest) == [
        *("schemaVersion", "mediaType", "artifactType", "config", "layers", "annotations", "subject")
    ]
    assert manifest["artifactType"] == manifest["config"]["artifactType"] == BUNDLE
    assert manifest["config"]["mediaType"] == "application/vnd.oci.empty.v1+json"
    assert manifest["subject"] == image.to_json()
    assert manifest["annotations"] == {
        "dev.sigstore.bundle.content": "dsse-envelope",
        "dev.sigstore.bundle.predicateType": "https://sigstore.dev/cosign/sign/v1",
        "org.opencontainers.image.created": "2026-01-01T00:00:00Z",
    }
    assert registry.tags(NAME) == ()


def test_without_referrers_api_there_is_an_index(lab: Lab) -> None:
    registry = MemoryRegistry(referrers_api=False)
    app = RegistryApp(registry)
    image = push_image(registry, NAME)
    first = attach_bundle(registry, NAME, image, lab.sign_image(image.digest))
    second = attach_bundle(registry, NAME, image, lab.sign_blob(b"x"))
    attach_bundle(registry, NAME, image, b"not json", annotations={})
    assert _ask(app, "GET", f"/v2/{NAME}/referrers/{image.digest}").status == 404
    tag = image.digest.replace(":", "-")
    index = json.loads(_ask(app, "GET", f"/v2/{NAME}/manifests/{tag}").body)
    assert index["manifests"][:2] == [
        {**first.to_json(), "artifactType": "application/vnd.oci.empty.v1+json"},
        {**second.to_json(), "artifactType": "application/vnd.oci.empty.v1+json"},
    ]
    assert len(index["manifests"]) == 3
    manifest = _ask(app, "GET", f"/v2/{NAME}/manifests/{second.digest}").body
    assert json.loads(manifest)["annotations"]["dev.sigstore.bundle.content"] == "message-signature"
    again = _ask(app, "PUT", f"/v2/{NAME}/manifests/{second.digest}", manifest)
    assert "OCI-Subject" not in again.headers


def test_legacy_layers_have_tags_of_their_own(lab: Lab, registry: MemoryRegistry) -> None:
    image = push_image(registry, NAME, form="docker")
    signature = lab.sign_image_legacy(image.digest, reference="h/demo/app", annotations={"a": "b"})
    attestation = lab.attest_legacy(image.digest, predicate_type="https://p.test", predicate={})
    attach_legacy(registry, NAME, image, [signature, signature])
    attach_legacy(registry, NAME, image, [attestation])
    tag = image.digest.replace(":", "-")
    assert registry.tags(NAME) == (f"{tag}.att", f"{tag}.sig")
    stored = registry.get_manifest(NAME, f"{tag}.sig")
    assert stored is not None
    layer = json.loads(stored.data)["layers"][0]
    assert layer["mediaType"] == "application/vnd.dev.cosign.simplesigning.v1+json"
    annotations = layer["annotations"]
    assert annotations["dev.sigstore.cosign/certificate"].startswith("-----BEGIN CERTIFICATE")
    assert set(json.loads(annotations["dev.sigstore.cosign/bundle"])) == {"SignedEntryTimestamp", "Payload"}
    assert registry.get_blob(NAME, layer["digest"]) == (
        b'{"critical":{"identity":{"docker-reference":"h/demo/app"},"image":{"docker-manifest-digest":"%s"},'
        b'"type":"cosign container image signature"},"optional":{"a":"b"}}' % image.digest.encode()
    )
    with pytest.raises(LabError):
        attach_legacy(registry, NAME, image, [signature, attestation])
    with pytest.raises(LabError, match="promise"):
        lab.sign_image_legacy(image.digest, reference="h/demo/app", log="rekor2")


def test_the_same_content_has_the_same_digest(registry: MemoryRegistry) -> None:
    assert push_image(registry, NAME) == push_image(MemoryRegistry(), "other")
    assert push_image(registry, NAME) != push_image(registry, NAME, content=b"else")


def test_an_index_names_its_platforms(registry: MemoryRegistry) -> None:
    amd = push_image(registry, NAME)
    arm = push_image(registry, NAME, architecture="arm")
    index = push_index(registry, NAME, {"linux/amd64": amd, "linux/arm/v7": arm}, tag="v1")
    stored = registry.get_manifest(NAME, "v1")
    assert stored is not None
    assert stored.descriptor == index
    platforms = [entry["platform"] for entry in json.loads(stored.data)["manifests"]]
    assert platforms[1] == {"os": "linux", "architecture": "arm", "variant": "v7"}


def test_a_chart_can_be_unpacked(registry: MemoryRegistry) -> None:
    push_chart(registry, "charts/web", version="1.2.3")
    stored = registry.get_manifest("charts/web", "1.2.3")
    assert stored is not None
    manifest = json.loads(stored.data)
    assert manifest["config"]["mediaType"] == "application/vnd.cncf.helm.config.v1+json"
    archive = registry.get_blob("charts/web", manifest["layers"][0]["digest"])
    assert archive is not None
    with tarfile.open(fileobj=io.BytesIO(gzip.decompress(archive))) as chart:
        assert chart.getnames() == ["web/Chart.yaml", "web/values.yaml", "web/templates/configmap.yaml"]


def test_deleting(registry: MemoryRegistry, app: RegistryApp) -> None:
    image = push_image(registry, NAME, tag="v1")
    assert _ask(app, "DELETE", f"/v2/{NAME}/manifests/v1").status == 202
    assert _ask(app, "GET", f"/v2/{NAME}/manifests/{image.digest}").status == 200
    assert _ask(app, "DELETE", f"/v2/{NAME}/manifests/{image.digest}").status == 202
    assert _ask(app, "GET", f"/v2/{NAME}/manifests/{image.digest}").status == 404
    blob = registry.put_blob(NAME, b"x")
    assert _ask(app, "DELETE", f"/v2/{NAME}/blobs/{blob}").status == 202


def test_what_cannot_be_stored(registry: MemoryRegistry) -> None:
    with pytest.raises(LabError):
        registry.put_blob("UPPER", b"")
    with pytest.raises(LabError):
        registry.put_blob(NAME, b"", digest="md5:00")
    with pytest.raises(LabError):
        registry.put_manifest(NAME, b"{}", "t", tag="-x")
    assert registry.put_blob(NAME, b"", digest=f"sha512:{hashlib.sha512(b'').hexdigest()}")
