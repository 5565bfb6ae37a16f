"""A layout on disk that may be wrong in any way."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from providers.descriptor import Descriptor, digest_of
from providers.errors import UnavailableError
from providers.reference import Reference
from verifier.budget import Budget
from verifier.formats.bundle import BUNDLE_MEDIA_TYPES, BUNDLE_V03
from verifier.formats.manifest import OCI_INDEX, OCI_MANIFEST
from verifier.oci import LayoutLimits, LayoutStore

REF_NAME = "org.opencontainers.image.ref.name"
KIND = "dev.cosignproject.cosign/"
# What must never be read, nor told.
SECRET = b"root:x:0:0:root:/root:/bin/sh\n"


class Layout:
    """One image under the tag v1, and whatever a test adds."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.entries: list[dict[str, Any]] = []
        (path / "blobs" / "sha256").mkdir(parents=True)
        self.write("oci-layout", {"imageLayoutVersion": "1.0.0"})
        self.image = self.manifest(b"image")
        self.enter(self.image, **{REF_NAME: "v1"})

    def write(self, name: str, document: object) -> None:
        (self.path / name).write_text(json.dumps(document))

    def file(self, digest: str) -> Path:
        return self.path / "blobs" / "sha256" / digest.removeprefix("sha256:")

    def blob(self, content: bytes) -> str:
        self.file(digest_of(content)).write_bytes(content)
        return digest_of(content)

    def document(self, document: object) -> Descriptor:
        content = json.dumps(document).encode()
        kind = OCI_INDEX if isinstance(document, dict) and "manifests" in document else OCI_MANIFEST
        return Descriptor(kind, self.blob(content), len(content))

    def manifest(self, layer: bytes, **more: object) -> Descriptor:
        config = {
            "mediaType": "application/vnd.oci.empty.v1+json",
            "digest": self.blob(b"{}"),
            "size": 2,
        }
        layers = [{"mediaType": BUNDLE_V03, "digest": self.blob(layer), "size": len(layer)}]
        return self.document(
            {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config, "layers": layers, **more}
        )

    def referrer(
        self, layer: bytes, artifact_type: str = BUNDLE_V03, subject: Descriptor | None = None
    ) -> Descriptor:
        return self.manifest(layer, artifactType=artifact_type, subject=entry(subject or self.image))

    def index(self, *listed: Descriptor) -> Descriptor:
        return self.document(
            {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [entry(item) for item in listed]}
        )

    def enter(self, descriptor: Descriptor, **annotations: str) -> None:
        more = {"annotations": annotations} if annotations else {}
        self.entries.append({**entry(descriptor), **more})

    def open(self, limits: LayoutLimits | None = None) -> LayoutStore:
        self.write("index.json", {"schemaVersion": 2, "manifests": self.entries})
        return LayoutStore(self.path, limits=limits)

    def resolve(self, tag: str = "", digest: str = "") -> Descriptor:
        with self.open() as store:
            return store.resolve(Reference.local("oci-layout:x", tag=tag, digest=digest), Budget(60))

    def referrers(self, *types: str, limits: LayoutLimits | None = None) -> list[str]:
        with self.open(limits) as store:
            found = store.referrers("any", self.image, types or BUNDLE_MEDIA_TYPES, Budget(60))
            return [descriptor.digest for descriptor in found]

    def some_referrers(self, limits: LayoutLimits | None = None) -> tuple[list[str], str]:
        """What is yielded before the error, and its reason; empty without one."""
        found: list[str] = []
        with self.open(limits) as store:
            listing = store.referrers("any", self.image, BUNDLE_MEDIA_TYPES, Budget(60))
            try:
                found.extend(descriptor.digest for descriptor in listing)
            except UnavailableError as error:
                return found, str(error.reason)
        return found, ""

    def tagged(self, tag: str) -> tuple[Descriptor, bytes] | None:
        with self.open() as store:
            return store.tagged("any", tag, Budget(60))

    def fetch(self, descriptor: Descriptor, limits: LayoutLimits | None = None) -> bytes:
        with self.open(limits) as store:
            return store.fetch("any", descriptor, Budget(60))


def entry(descriptor: Descriptor) -> dict[str, Any]:
    return {"mediaType": descriptor.media_type, "digest": descriptor.digest, "size": descriptor.size}


def spoil(path: Path, fault: str, secret: Path, changed: bytes = b"") -> None:
    """Put something else in the place of the file ``path``."""
    path.unlink()
    if fault == "changed":
        path.write_bytes(changed)
    elif fault == "link":
        path.symlink_to(secret)
    elif fault == "device":
        path.symlink_to("/dev/zero")
    elif fault == "fifo":
        os.mkfifo(path)
    elif fault == "folder":
        path.mkdir()
