"""Writing artifacts into a registry: images, indexes, charts, plain artifacts, and signatures beside them."""

from __future__ import annotations

import base64
import gzip
import io
import json
import tarfile
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Literal

from .bundle import BUNDLE_MEDIA_TYPE
from .clock import rfc3339
from .registry import OCI_INDEX, OCI_MANIFEST, Descriptor, MemoryRegistry, digest_of
from .wire import compact, find, parse_object

DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"
DOCKER_LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
OCI_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
OCI_EMPTY = "application/vnd.oci.empty.v1+json"
HELM_CONFIG = "application/vnd.cncf.helm.config.v1+json"
HELM_CHART = "application/vnd.cncf.helm.chart.content.v1.tar+gzip"
_EMPTY = b"{}"  # image-spec 1.1, Guidance for an Empty Descriptor
_EPOCH = datetime(2026, 1, 1, tzinfo=UTC)  # the same content gives the same digest


def push_image(
    registry: MemoryRegistry,
    repository: str,
    *,
    tag: str | None = None,
    content: bytes = b"pycosign lab",
    architecture: str = "amd64",
    form: Literal["oci", "docker"] = "oci",
) -> Descriptor:
    """An image of one layer that holds the content as the file `content`."""
    layer = _tar({"content": content})
    compressed = gzip.compress(layer, mtime=0)
    config = compact(
        {
            "architecture": architecture,
            "os": "linux",
            "config": {},
            "rootfs": {"type": "layers", "diff_ids": [digest_of(layer)]},
            "history": [],
        }
    )
    types = (OCI_MANIFEST, OCI_CONFIG, OCI_LAYER)
    if form == "docker":
        types = (DOCKER_MANIFEST, DOCKER_CONFIG, DOCKER_LAYER)
    manifest = {
        "schemaVersion": 2,
        "mediaType": types[0],
        "config": _blob(registry, repository, types[1], config).to_json(),
        "layers": [_blob(registry, repository, types[2], compressed).to_json()],
    }
    return registry.put_manifest(repository, compact(manifest), types[0], tag=tag)


def push_index(
    registry: MemoryRegistry,
    repository: str,
    manifests: Mapping[str, Descriptor],
    *,
    tag: str | None = None,
) -> Descriptor:
    """An image index over manifests by platform ("linux/amd64", "linux/arm/v7")."""
    entries = []
    for platform, descriptor in manifests.items():
        system, architecture, *variant = platform.split("/")
        named = {"os": system, "architecture": architecture, **({"variant": variant[0]} if variant else {})}
        entries.append({**descriptor.to_json(), "platform": named})
    index = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries}
    return registry.put_manifest(repository, compact(index), OCI_INDEX, tag=tag)


def push_chart(
    registry: MemoryRegistry, repository: str, *, version: str = "0.1.0", tag: str | None = None
) -> Descriptor:
    """A Helm chart named after the last part of the repository, tagged with its version as `helm push` does."""
    name = repository.rpartition("/")[2]
    chart = f"apiVersion: v2\nname: {name}\nversion: {version}\ntype: application\n"
    template = (
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {{ .Release.Name }}\n"
        "data:\n  greeting: {{ .Values.greeting | quote }}\n"
    )
    files = {
        f"{name}/Chart.yaml": chart.encode(),
        f"{name}/values.yaml": b"greeting: hello\n",
        f"{name}/templates/configmap.yaml": template.encode(),
    }
    config = compact({"apiVersion": "v2", "name": name, "version": version, "type": "application"})
    archive = gzip.compress(_tar(files), mtime=0)
    manifest = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": _blob(registry, repository, HELM_CONFIG, config).to_json(),
        "layers": [_blob(registry, repository, HELM_CHART, archive).to_json()],
        "annotations": {"org.opencontainers.image.title": name, "org.opencontainers.image.version": version},
    }
    return registry.put_manifest(repository, compact(manifest), OCI_MANIFEST, tag=tag or version)


def push_artifact(
    registry: MemoryRegistry,
    repository: str,
    artifact_type: str,
    content: bytes,
    *,
    media_type: str = "application/octet-stream",
    tag: str | None = None,
    subject: Descriptor | None = None,
    annotations: Mapping[str, str] | None = None,
) -> Descriptor:
    """An artifact of one file: OCI 1.1 artifactType, empty config; with a subject it is a referrer of it."""
    manifest: dict[str, object] = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "artifactType": artifact_type,
        "config": _blob(registry, repository, OCI_EMPTY, _EMPTY).to_json(),
        "layers": [_blob(registry, repository, media_type, content).to_json()],
    }
    if annotations:
        manifest["annotations"] = dict(annotations)
    return push_referrer(registry, repository, manifest, subject, tag=tag)


def attach_bundle(
    registry: MemoryRegistry,
    repository: str,
    subject: Descriptor,
    bundle: bytes,
    *,
    annotations: Mapping[str, str] | None = None,
    created: datetime = _EPOCH,
) -> Descriptor:
    """Stores a bundle as cosign 3 does: a manifest with the subject and, where the registry has no referrers
    API, an entry in the index under the fallback tag. `annotations` replaces those cosign would write.
    """
    config = {
        **_blob(registry, repository, OCI_EMPTY, _EMPTY).to_json(),
        "artifactType": BUNDLE_MEDIA_TYPE,
    }
    written = bundle_annotations(bundle, created) if annotations is None else dict(annotations)
    manifest: dict[str, object] = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "artifactType": BUNDLE_MEDIA_TYPE,
        "config": config,
        "layers": [_blob(registry, repository, BUNDLE_MEDIA_TYPE, bundle).to_json()],
        "annotations": written,
    }
    return push_referrer(registry, repository, manifest, subject)


def bundle_annotations(bundle: bytes, created: datetime) -> dict[str, str]:
    """The annotations cosign 3 writes on the manifest of a bundle."""
    document = parse_object(bundle)
    annotations = {"org.opencontainers.image.created": rfc3339(created)}
    payload = find(document, "dsseEnvelope", "payload")
    if not isinstance(payload, str):
        return {"dev.sigstore.bundle.content": "message-signature", **annotations}
    annotations = {"dev.sigstore.bundle.content": "dsse-envelope", **annotations}
    try:
        predicate_type = find(json.loads(base64.b64decode(payload)), "predicateType")
    except ValueError:
        predicate_type = None  # a test may well sign something that is no statement
    if isinstance(predicate_type, str):
        annotations["dev.sigstore.bundle.predicateType"] = predicate_type
    return annotations


def fallback_tag(digest: str) -> str:
    """The tag of the referrers index of this digest (distribution-spec 1.1, Referrers Tag Schema)."""
    return digest.replace(":", "-", 1)[:128]


def push_referrer(
    registry: MemoryRegistry,
    repository: str,
    manifest: dict[str, object],
    subject: Descriptor | None,
    *,
    tag: str | None = None,
) -> Descriptor:
    """Stores a manifest that refers to the subject, if there is one."""
    if subject is not None:
        manifest["subject"] = subject.to_json()
    stored = registry.put_manifest(repository, compact(manifest), OCI_MANIFEST, tag=tag)
    if subject is not None and not registry.referrers_api:
        _add_to_fallback_index(registry, repository, subject, stored, manifest)
    return stored


def _add_to_fallback_index(
    registry: MemoryRegistry,
    repository: str,
    subject: Descriptor,
    stored: Descriptor,
    manifest: Mapping[str, object],
) -> None:
    """As go-containerregistry does it, and so cosign: the artifact type is the config's media type, and there
    are no annotations. A reader must not filter this index.
    """
    tag = fallback_tag(subject.digest)
    known = registry.get_manifest(repository, tag)
    entries: Sequence[dict[str, object]] = [] if known is None else json.loads(known.data)["manifests"]
    entry = {**stored.to_json(), "artifactType": find(manifest, "config", "mediaType")}
    others = [other for other in entries if other["digest"] != stored.digest]
    index = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [*others, entry]}
    registry.put_manifest(repository, compact(index), OCI_INDEX, tag=tag)


def _blob(registry: MemoryRegistry, repository: str, media_type: str, data: bytes) -> Descriptor:
    return Descriptor(media_type, registry.put_blob(repository, data), len(data))


def _tar(files: Mapping[str, bytes]) -> bytes:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            member.mtime = int(_EPOCH.timestamp())
            archive.addfile(member, io.BytesIO(data))
    return target.getvalue()
