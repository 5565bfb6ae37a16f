"""An OCI image layout as ``cosign save`` writes it: one image and one signature (cosign ``pkg/oci/layout``).

``cosign verify --local-image`` finds both by the annotation ``kind`` in the index. The image is its manifest
alone: nothing else of it is read.
"""

from __future__ import annotations

import base64
import json

from providers.descriptor import Descriptor, digest_of

from ...formats.dsse import Envelope
from ...formats.entity import SignedEntity
from ...formats.layer import CERTIFICATE, REKOR_BUNDLE, SIGNATURE, TIMESTAMP

FOLDER = "image"
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_INDEX = "application/vnd.oci.image.index.v1+json"
_CONFIG = "application/vnd.oci.image.config.v1+json"
_INDEXES = frozenset({_INDEX, "application/vnd.docker.distribution.manifest.list.v2+json"})
# What a layout can hold an image of.
IMAGES = _INDEXES | {_MANIFEST, "application/vnd.docker.distribution.manifest.v2+json"}
_KIND = "dev.cosignproject.cosign/"


def image_layout(
    subject: Descriptor, manifest: bytes, entity: SignedEntity, annotations: dict[str, str]
) -> dict[str, bytes]:
    """The files of the layout, by name. ``manifest`` is what ``subject`` describes, ``annotations`` are those of
    the signature (``evidence_beside``).
    """
    layer = {**_descriptor(entity.media_type, entity.stored), "annotations": annotations}
    signatures = {
        "schemaVersion": 2,
        "mediaType": _MANIFEST,
        "config": _descriptor(_CONFIG, b"{}"),
        "layers": [layer],
    }
    stored = json.dumps(signatures).encode()
    image = "imageIndex" if subject.media_type in _INDEXES else "image"
    kind = "atts" if isinstance(entity.content, Envelope) else "sigs"
    index = {
        "schemaVersion": 2,
        "mediaType": _INDEX,
        "manifests": [
            {**_descriptor(subject.media_type, manifest), "annotations": {"kind": _KIND + image}},
            {**_descriptor(_MANIFEST, stored), "annotations": {"kind": _KIND + kind}},
        ],
    }
    return {
        f"{FOLDER}/oci-layout": b'{"imageLayoutVersion":"1.0.0"}',
        f"{FOLDER}/index.json": json.dumps(index).encode(),
        **{_path(content): content for content in (manifest, b"{}", entity.stored, stored)},
    }


def evidence_beside(
    entity: SignedEntity, *, certificate: bytes, log: bool, timestamp: bool
) -> dict[str, str]:
    """cosign's annotations with that much of the evidence of ``entity``, written anew from what was parsed, so
    that both read the same. ``certificate`` is in PEM, empty for none.

    An envelope has its signature inside. Another one in an annotation would be what cosign holds log entries and
    timestamps against, while it verifies the one inside: so there is never one.
    """
    outside = b"" if isinstance(entity.content, Envelope) else entity.content.signature
    written = {SIGNATURE: _base64(outside)}
    if certificate:
        written[CERTIFICATE] = certificate.decode("ascii")
    if log:
        (entry,) = entity.log_entries
        payload = {
            "body": _base64(entry.body),
            "integratedTime": entry.integrated_time,
            "logIndex": entry.log_index,
            "logID": entry.log_id.hex(),
        }
        promise = {"SignedEntryTimestamp": _base64(entry.promise), "Payload": payload}
        written[REKOR_BUNDLE] = json.dumps(promise)
    if timestamp:
        (token,) = entity.timestamps
        written[TIMESTAMP] = json.dumps({"SignedRFC3161Timestamp": _base64(token)})
    return written


def _descriptor(media_type: str, content: bytes) -> dict[str, object]:
    return {"mediaType": media_type, "digest": digest_of(content), "size": len(content)}


def _path(content: bytes) -> str:
    return f"{FOLDER}/blobs/{digest_of(content).replace(':', '/')}"


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii")
