"""`verifier.store.Store` over an image layout: blobs with an index (image-spec 1.1, image-layout.md), in a folder
or packed into a tar file.

A layout is one repository, and the only one here: it answers whatever repository is asked for.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from providers.descriptor import Descriptor
from providers.errors import ConfigurationError, UnavailableError, VerificationError
from providers.reasons import ReasonCode
from providers.reference import Reference

from ..budget import Budget
from ..formats.manifest import (
    INDEX_MEDIA_TYPES,
    MANIFEST_MEDIA_TYPES,
    OCI_INDEX,
    media_type_of,
    parse_manifest,
)
from ..formats.strict_json import parse_object, text_field
from ..printable import printable
from ..store import Together, in_turn
from .archive import Archive
from .folder import Folder
from .layout_blobs import Blobs, Files
from .layout_index import LayoutIndex
from .layout_referrers import LayoutReferrers
from .limits import LayoutLimits

# image-spec 1.1, oci-layout file.
_VERSION = "1.0.0"


class LayoutStore:
    """Reads an image and its signatures from a folder or an archive. Safe to use from many threads.

    Nothing outside of it is read, and no digest is believed: each is computed from the bytes read. Close it when
    done; it keeps the folder or archive open.
    """

    def __init__(self, path: Path, *, limits: LayoutLimits | None = None) -> None:
        """Open the layout at ``path`` and read its index, once.

        Raises:
            ConfigurationError: there is no image layout that can be read.
        """
        self._limits = limits or LayoutLimits()
        self._name = f"oci-layout:{printable(str(path))}"
        try:
            if path.is_file():
                self._blobs = Blobs(self._name, self._opened_archive(path))
            else:
                self._blobs = Blobs(self._name, self._opened_folder(path))
        except (OSError, ValueError, VerificationError) as error:
            raise _no_layout(path, error) from error

    def _opened_folder(self, path: Path) -> Files:
        """The blobs in a folder, after the index was read."""
        with closing(Folder(path)) as root:
            self._index = self._read_index(root)
            with closing(Folder("blobs", within=root)) as blobs:
                return Folder("sha256", within=blobs)

    def _opened_archive(self, path: Path) -> Files:
        """The blobs in an archive, after the index was read."""
        archive = Archive(path, self._limits)
        try:
            self._index = self._read_index(archive)
        except BaseException:
            archive.close()
            raise
        return archive

    def _read_index(self, root: Files) -> LayoutIndex:
        _check_version(root.read("oci-layout", limit=self._limits.version_bytes))
        return LayoutIndex.parse(root.read("index.json", limit=self._limits.manifest_bytes))

    def resolve(self, reference: Reference, budget: Budget) -> Descriptor:
        """The descriptor of the manifest that ``reference`` names: by its digest, else by its tag, and with
        neither it is the only image there is. See `verifier.store.Store`.
        """
        budget.spend_request()
        digest = reference.digest or self._chosen(reference.tag, budget)
        limit, missing = self._limits.manifest_bytes, ReasonCode.IMAGE_NOT_FOUND
        return self._described(digest, self._blobs.read(digest, budget, limit=limit, missing=missing))

    def referrers(
        self, repository: str, subject: Descriptor, artifact_types: tuple[str, ...], budget: Budget
    ) -> Iterator[Descriptor]:
        """Manifests that refer to ``subject``, each once. See `verifier.store.Store`."""
        del repository
        budget.spend_request()
        referrers = LayoutReferrers(self._blobs, self._index, self._limits, subject)
        yield from referrers.read(artifact_types, budget)

    def tagged(self, repository: str, tag: str, budget: Budget) -> tuple[Descriptor, bytes] | None:
        """The manifest under ``tag``, or what ``cosign save`` took from there. See `verifier.store.Store`."""
        del repository
        budget.spend_request()
        found = self._index.tagged(tag)
        if len(found) > 1 or (not found and self._index.unreadable):
            raise UnavailableError(
                ReasonCode.REGISTRY_INVALID_RESPONSE,
                f"it is not clear what {printable(tag, 140)} is in {self._name}: of the entries of its index, "
                f"{len(found)} go by that name, and {self._index.unreadable} cannot be read",
            )
        if not found:
            return None
        content = self._blobs.read(found[0].digest, budget, limit=self._limits.manifest_bytes)
        return self._described(found[0].digest, content), content

    def fetch(self, repository: str, descriptor: Descriptor, budget: Budget) -> bytes:
        """The content of ``descriptor``; no more is read than it says. See `verifier.store.Store`."""
        del repository
        budget.spend_request()
        is_manifest = descriptor.media_type in (*MANIFEST_MEDIA_TYPES, *INDEX_MEDIA_TYPES)
        cap = self._limits.manifest_bytes if is_manifest else self._limits.blob_bytes
        if descriptor.size > cap:
            raise UnavailableError(
                ReasonCode.LIMIT_EXCEEDED,
                f"{descriptor.digest} in {self._name} has {descriptor.size} bytes; at most {cap} are read",
            )
        other = ReasonCode.CONTENT_MISMATCH
        content = self._blobs.read(descriptor.digest, budget, limit=descriptor.size, larger=other)
        if len(content) != descriptor.size:
            raise UnavailableError(
                other,
                f"{descriptor.digest} in {self._name} has {len(content)} bytes in place of {descriptor.size}; it "
                "was not used",
            )
        return content

    @property
    def together(self) -> Together:
        """A folder keeps nobody waiting: one thing after the other."""
        return in_turn

    def close(self) -> None:
        """Close the folder."""
        self._blobs.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _chosen(self, tag: str, budget: Budget) -> str:
        """The digest of the one image with ``tag``, or of the one image there is."""
        images = self._index.tagged(tag) if tag else self._index.images()
        if not tag and len(images) > 1:  # signatures may lie beside their image, and have no name either
            images = tuple(image for image in images if not self._refers(image, budget))
        if len(images) == 1:
            return images[0].digest
        asked = f"images with the tag {printable(tag, 140)}" if tag else "images to choose from"
        raise UnavailableError(
            ReasonCode.IMAGE_NOT_FOUND,
            f"{self._name} has {len(images) or 'no'} {asked}: {self._index.choice()}",
        )

    def _refers(self, entry: Descriptor, budget: Budget) -> bool:
        """Whether ``entry`` is a manifest that refers to another."""
        if entry.media_type not in MANIFEST_MEDIA_TYPES:
            return False
        content = self._blobs.read(entry.digest, budget, limit=self._limits.manifest_bytes)
        try:
            return parse_manifest(content).subject is not None
        except VerificationError:
            return False

    def _described(self, digest: str, content: bytes) -> Descriptor:
        """The descriptor of a manifest. Its type is what the index and the document agree on; what is listed
        nowhere and does not say what it is, can only be one of two.
        """
        listed = [entry.media_type for entry in self._index.entries if entry.digest == digest]
        for hint in listed or ("", OCI_INDEX):
            with suppress(VerificationError):
                kind = media_type_of(content, hint)
                return Descriptor.parse(media_type=kind, digest=digest, size=len(content))
        raise UnavailableError(
            ReasonCode.REGISTRY_INVALID_RESPONSE,
            f"{digest} in {self._name} is no manifest of a kind that can be read here",
        )


def _check_version(content: bytes) -> None:
    """Raises VerificationError or ValueError."""
    version = text_field(parse_object(content, max_size=len(content)), "imageLayoutVersion")
    if version != _VERSION:
        raise ValueError(f"version {printable(version, 40)!r} of image layouts cannot be read here")


def _no_layout(path: Path, error: Exception) -> ConfigurationError:
    why = f"{error.filename}: {error.strerror}" if isinstance(error, OSError) else str(error)
    return ConfigurationError(
        f"no image layout that can be read: {printable(why)}",
        file=printable(str(path)),
        remedy="Name a folder that holds oci-layout, index.json and blobs/sha256, as files and folders and not as"
        " links, or an uncompressed tar file of one; 'cosign save --dir' and 'crane pull --format oci' make one.",
    )
