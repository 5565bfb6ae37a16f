"""OCI image manifests and indexes, and Docker's of the same shape (image-spec 1.1, ``manifest.md``)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from providers.descriptor import Descriptor
from providers.errors import InvalidReferenceError, VerificationError
from providers.platforms import Platform
from providers.reasons import ReasonCode

from .strict_json import integer_field, list_field, object_field, parse_object, text_field

OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_INDEX = "application/vnd.docker.distribution.manifest.list.v2+json"
MANIFEST_MEDIA_TYPES = (OCI_MANIFEST, DOCKER_MANIFEST)
INDEX_MEDIA_TYPES = (OCI_INDEX, DOCKER_INDEX)

# What only one of the two kinds has; containerd tells them apart by the same fields.
_OF_MANIFESTS = frozenset({"config", "layers"})
_OF_INDEXES = frozenset({"manifests"})
# What readers take a document to be depends on these.
_FIELDS = {
    name.casefold(): name
    for name in ("schemaVersion", "mediaType", "artifactType", "subject", *_OF_MANIFESTS, *_OF_INDEXES)
}

# distribution-spec 1.1, Pushing Manifests: registries should enforce 4 MiB at the least, and most allow no more.
MAX_MANIFEST_SIZE = 4 << 20
# Images have at most 127 layers (overlayfs); a .sig manifest has one for each signature ever added.
MAX_LAYERS = 1000
# Referrers of one image; the core looks at far fewer of them.
MAX_MANIFESTS = 2000
# Tools write a dozen; far more than a person would read.
_MAX_ANNOTATIONS = 1000


@dataclass(frozen=True, slots=True)
class Manifest:
    """An image manifest. ``artifact_type`` is its artifactType, or else its config's media type
    (distribution-spec 1.1, Listing Referrers). ``annotations`` are not signed.
    """

    media_type: str
    artifact_type: str
    config: Descriptor
    layers: tuple[Descriptor, ...]
    subject: Descriptor | None
    annotations: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Index:
    """The readable entries of an image index, and how many are not (of another digest algorithm, say).

    An entry has a media type, digest, size and, where one can be read, an artifact type. Its annotations are
    left, unless they are asked for: in a listing they decide nothing, and whoever may push chooses them.
    ``platforms`` are those of ``manifests``, one by one, None where an entry names none that can be read.
    """

    manifests: tuple[Descriptor, ...]
    unreadable: int
    platforms: tuple[Platform | None, ...] = ()


def _refuse(message: str) -> VerificationError:
    return VerificationError(ReasonCode.MALFORMED, message)


def _annotations(document: Mapping[str, Any]) -> dict[str, str]:
    # Docker's clients write null where there is nothing to say.
    found = {} if document.get("annotations") is None else object_field(document, "annotations")
    if len(found) > _MAX_ANNOTATIONS:
        raise _refuse(f"{len(found)} annotations; at most {_MAX_ANNOTATIONS} are read")
    if not all(isinstance(value, str) for value in found.values()):
        raise _refuse("an annotation is not text")
    return found


def _descriptor(document: object) -> Descriptor:
    if not isinstance(document, dict):
        raise _refuse("a descriptor is not an object")
    try:
        return Descriptor.parse(
            media_type=text_field(document, "mediaType"),
            digest=text_field(document, "digest"),
            size=integer_field(document, "size"),
            artifact_type=text_field(document, "artifactType", default=""),
            annotations=_annotations(document),
        )
    except InvalidReferenceError as error:
        raise _refuse(f"a descriptor is malformed: {error}") from error


def _entry(document: object, more: tuple[str, ...]) -> Descriptor:
    """An entry of an index. When one of ``more``, the optional fields, cannot be read, it is as if there were
    none: fetch to know.
    """
    if not isinstance(document, dict):
        raise _refuse("a descriptor is not an object")
    read = {name: document[name] for name in ("mediaType", "digest", "size") if name in document}
    try:
        return _descriptor({**read, **{name: document[name] for name in more if name in document}})
    except VerificationError:
        return _descriptor(read)


def _parse(data: bytes) -> dict[str, Any]:
    """The document. Annotations may have keys that differ in case only: below the top level those are two keys.

    At the top, Go's readers take one for the other; to them it would be another document.
    """
    document = parse_object(data, max_size=MAX_MANIFEST_SIZE, fold_case=False)
    if any(_FIELDS.get(key.casefold(), key) != key for key in document):
        raise _refuse("a field of the document is not in the specification's spelling")
    return document


def _media_type(document: Mapping[str, Any], hint: str, known: tuple[str, ...]) -> str:
    """The one media type that the document and its transport agree on.

    A document that can be read as a manifest and as an index means different things to different readers
    (CVE-2021-41190), so whatever could make it ambiguous is refused.
    """
    if document.get("schemaVersion") != 2:
        raise VerificationError(ReasonCode.UNSUPPORTED, "the manifest is not of schema version 2")
    stated = text_field(document, "mediaType", default="")
    if hint and stated and stated != hint:
        raise _refuse(f"served as {hint[:100]!r}, but calls itself {stated[:100]!r}")
    media_type = stated or hint or known[0]
    if media_type not in known:
        raise VerificationError(
            ReasonCode.UNSUPPORTED, f"media type {media_type[:100]!r} cannot be read here"
        )
    foreign = _OF_MANIFESTS if media_type in INDEX_MEDIA_TYPES else _OF_INDEXES
    if not foreign.isdisjoint(document):
        raise _refuse("the document is a manifest and an index at once")
    return media_type


def media_type_of(data: bytes, hint: str) -> str:
    """The media type of a manifest or index; ``hint`` is what the registry said it is.

    What it lists is not looked at: an artifact may have layers of any kind, and a signature is about its digest.

    Raises:
        VerificationError: ``malformed``, or ``unsupported``: another kind of document (Docker's schema 1, say).
    """
    return _media_type(_parse(data), hint, (*MANIFEST_MEDIA_TYPES, *INDEX_MEDIA_TYPES))


def parse_manifest(data: bytes, media_type: str = "") -> Manifest:
    """Parse an image manifest; ``media_type`` is what the registry or a descriptor said it is, if anything.

    Raises:
        VerificationError: ``malformed``, or ``unsupported``: another kind of document.
    """
    document = _parse(data)
    agreed = _media_type(document, media_type, MANIFEST_MEDIA_TYPES)
    config = _descriptor(object_field(document, "config"))
    subject = document.get("subject")
    return Manifest(
        media_type=agreed,
        artifact_type=text_field(document, "artifactType", default="") or config.media_type,
        config=config,
        layers=tuple(_descriptor(item) for item in list_field(document, "layers", limit=MAX_LAYERS)),
        subject=None if subject is None else _descriptor(subject),
        annotations=tuple(sorted(_annotations(document).items())),
    )


def parse_index(data: bytes, media_type: str = "", *, annotated: bool = False) -> Index:
    """An image index; also the answer to Listing Referrers, which is one, and the ``index.json`` of an image
    layout, where the annotations of the entries are their names.

    One entry that cannot be read hides no other: whoever may push may add entries.

    Raises:
        VerificationError: ``malformed``, or ``unsupported``: another kind of document.
    """
    document = _parse(data)
    _media_type(document, media_type, INDEX_MEDIA_TYPES)
    if "manifests" not in document:
        raise _refuse("the index has no list of manifests")
    # Go writes null for a list that was never filled.
    listed = [] if document["manifests"] is None else list_field(document, "manifests", limit=MAX_MANIFESTS)
    more = ("artifactType", "annotations") if annotated else ("artifactType",)
    found, platforms, unreadable = [], [], 0
    for item in listed:
        try:
            found.append(_entry(item, more))
            platforms.append(_platform(item))
        except VerificationError:
            unreadable += 1
    return Index(tuple(found), unreadable, tuple(platforms))


def _platform(document: Mapping[str, Any]) -> Platform | None:
    """image-spec ``image-index.md``, platform. What cannot be read is none."""
    stated = document.get("platform")
    if not isinstance(stated, dict):
        return None
    parts = [stated.get(name, "") for name in ("os", "architecture", "variant")]
    return Platform.of(*parts) if all(isinstance(part, str) for part in parts) else None
