"""An OCI registry in memory (distribution-spec 1.1), as an object."""

from __future__ import annotations

import hashlib
import json
import re
import threading
from dataclasses import dataclass, field

from .errors import LabError

OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
# distribution-spec 1.1, Pulling manifests.
_REPOSITORY = re.compile(r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*")
_TAG = re.compile(r"[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}")


class UnknownNameError(LabError):
    """No such repository."""


@dataclass(frozen=True, slots=True)
class Descriptor:
    """What was stored: media type, digest and size."""

    media_type: str
    digest: str
    size: int

    def to_json(self) -> dict[str, object]:
        """The descriptor as image-spec 1.1 writes it."""
        return {"mediaType": self.media_type, "digest": self.digest, "size": self.size}


@dataclass(frozen=True, slots=True)
class Manifest:
    """A stored manifest: its bytes as they were pushed, and its media type."""

    media_type: str
    data: bytes
    digest: str

    @property
    def descriptor(self) -> Descriptor:
        """The descriptor of these bytes."""
        return Descriptor(self.media_type, self.digest, len(self.data))


@dataclass(slots=True)
class _Repository:
    blobs: dict[str, bytes] = field(default_factory=dict)
    manifests: dict[str, Manifest] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)


class MemoryRegistry:
    """Repositories in a dictionary. Safe to call from several threads.

    `referrers_api=False` makes it a registry from before distribution-spec 1.1; `page_size` cuts the lists of
    tags and referrers into pages. What is stored may be nonsense: a test pushes what it likes.
    """

    def __init__(self, *, referrers_api: bool = True, page_size: int | None = None) -> None:
        self.referrers_api = referrers_api
        self.page_size = page_size
        self._repositories: dict[str, _Repository] = {}
        self._lock = threading.RLock()

    def repositories(self) -> tuple[str, ...]:
        """The names of the repositories that something was pushed to, sorted."""
        with self._lock:
            return tuple(sorted(self._repositories))

    def put_blob(self, repository: str, data: bytes, *, digest: str | None = None) -> str:
        """Stores a blob and returns its digest. Raises LabError if it is not the digest that was announced."""
        stored_as = digest_of(data) if digest is None else digest
        if not is_digest(stored_as) or digest_of(data, stored_as.partition(":")[0]) != stored_as:
            raise LabError("the content does not have this digest")
        with self._lock:
            self._writable(repository).blobs[stored_as] = data
        return stored_as

    def get_blob(self, repository: str, digest: str) -> bytes | None:
        """The blob, or None. Raises UnknownNameError."""
        return self._readable(repository).blobs.get(digest)

    def put_manifest(
        self, repository: str, data: bytes, media_type: str, *, tag: str | None = None
    ) -> Descriptor:
        """Stores a manifest, under a tag too where one is given."""
        if tag is not None and not is_tag(tag):
            raise LabError(f"{tag!r} is not a tag")
        manifest = Manifest(media_type, data, digest_of(data))
        with self._lock:
            target = self._writable(repository)
            target.manifests[manifest.digest] = manifest
            if tag is not None:
                target.tags[tag] = manifest.digest
        return manifest.descriptor

    def get_manifest(self, repository: str, reference: str) -> Manifest | None:
        """The manifest with this tag or digest, or None. Raises UnknownNameError."""
        with self._lock:
            source = self._readable(repository)
            return source.manifests.get(source.tags.get(reference, reference))

    def delete_manifest(self, repository: str, reference: str) -> bool:
        """Deletes a tag, or a manifest and its tags; False where there was nothing. Raises UnknownNameError."""
        with self._lock:
            target = self._readable(repository)
            if reference in target.tags:
                del target.tags[reference]
                return True
            target.tags = {tag: digest for tag, digest in target.tags.items() if digest != reference}
            return target.manifests.pop(reference, None) is not None

    def delete_blob(self, repository: str, digest: str) -> bool:
        """Deletes a blob; False where there was none. Raises UnknownNameError."""
        with self._lock:
            return self._readable(repository).blobs.pop(digest, None) is not None

    def tags(self, repository: str) -> tuple[str, ...]:
        """The tags in lexical order. Raises UnknownNameError."""
        with self._lock:
            return tuple(sorted(self._readable(repository).tags))

    def referrers(
        self, repository: str, digest: str, *, artifact_type: str | None = None
    ) -> tuple[dict[str, object], ...]:
        """Descriptors of the manifests whose `subject` has this digest (distribution-spec 1.1, Listing
        Referrers), in the order they were pushed. An unknown repository has none.
        """
        with self._lock:
            source = self._repositories.get(repository, _Repository())
            found = [referrer_descriptor(manifest, digest) for manifest in source.manifests.values()]
        present = (descriptor for descriptor in found if descriptor is not None)
        return tuple(d for d in present if artifact_type in (None, d.get("artifactType")))

    def _writable(self, repository: str) -> _Repository:
        if not is_repository(repository):
            raise LabError(f"{repository!r} is not a repository name")
        return self._repositories.setdefault(repository, _Repository())

    def _readable(self, repository: str) -> _Repository:
        found = self._repositories.get(repository)
        if found is None:
            raise UnknownNameError(f"there is no repository {repository}")
        return found


def is_repository(name: str) -> bool:
    """Whether this is a repository name."""
    return len(name) <= 255 and _REPOSITORY.fullmatch(name) is not None


def is_tag(text: str) -> bool:
    """Whether this is a tag."""
    return _TAG.fullmatch(text) is not None


def is_digest(text: str) -> bool:
    """Whether this is a sha256 or sha512 digest."""
    return _DIGEST.fullmatch(text) is not None


def digest_of(data: bytes, algorithm: str = "sha256") -> str:
    """The digest of these bytes, algorithm first."""
    return f"{algorithm}:{hashlib.new(algorithm, data).hexdigest()}"


def subject_of(data: bytes) -> str | None:
    """The digest in a manifest's `subject`, or None."""
    subject = _object(data).get("subject")
    digest = subject.get("digest") if isinstance(subject, dict) else None
    return digest if isinstance(digest, str) else None


def referrer_descriptor(manifest: Manifest, subject: str) -> dict[str, object] | None:
    """The entry of a manifest in the referrers list of the subject; None if it does not refer to it.

    The artifact type is that of the manifest or, in an image manifest without one, its config's media type.
    """
    if subject_of(manifest.data) != subject:
        return None
    document = _object(manifest.data)
    descriptor = manifest.descriptor.to_json()
    config = document.get("config")
    artifact_type = document.get("artifactType")
    if not artifact_type and isinstance(config, dict):
        artifact_type = config.get("mediaType")
    if artifact_type:
        descriptor["artifactType"] = artifact_type
    if document.get("annotations"):
        descriptor["annotations"] = document["annotations"]
    return descriptor


def _object(data: bytes) -> dict[str, object]:
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}
