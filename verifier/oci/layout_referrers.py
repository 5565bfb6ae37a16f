"""Which manifests in an image layout refer to one subject.

1. those that ``index.json`` lists, and the index in it under the tag ``sha256-<hex>`` (distribution-spec 1.1,
   Referrers Tag Schema)
2. those that lie among the blobs and stand in no list: ``cosign save`` (3.1.1) leaves bundles so

All are read, for what a list says of a type is a hint, and without a list there is not even that. A blob that
cannot be used hides no other.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from providers.descriptor import Descriptor
from providers.errors import UnavailableError, VerificationError
from providers.reasons import ReasonCode

from ..budget import Budget
from ..formats.manifest import (
    INDEX_MEDIA_TYPES,
    MANIFEST_MEDIA_TYPES,
    OCI_MANIFEST,
    parse_index,
    parse_manifest,
)
from ..printable import printable
from .layout_blobs import BadBlobError, Blobs
from .layout_index import LayoutIndex
from .limits import LayoutLimits


class LayoutReferrers:
    """The referrers of one subject in one layout, read once."""

    def __init__(self, blobs: Blobs, index: LayoutIndex, limits: LayoutLimits, subject: Descriptor) -> None:
        self._blobs = blobs
        self._index = index
        self._limits = limits
        self._subject = subject
        self._problems: list[UnavailableError] = []

    def read(self, artifact_types: tuple[str, ...], budget: Budget) -> Iterator[Descriptor]:
        """Yield every referrer once, of any type when ``artifact_types`` is empty.

        Raises:
            UnavailableError: also after what could be read was yielded.
        """
        named, limit = self._subject.hex.encode(), self._limits.manifest_bytes
        for digest in dict.fromkeys([*self._listed(budget), *self._all()]):
            try:
                content = self._blobs.read_naming(named, digest, budget, limit=limit)
            except BadBlobError as problem:
                self._problems.append(problem)
                continue
            found = self._referrer(digest, content)
            if found and (not artifact_types or found.artifact_type in ("", *artifact_types)):
                yield found
        if self._problems:
            raise max(self._problems, key=lambda problem: problem.reason)

    def _listed(self, budget: Budget) -> list[str]:
        """(1) The digests of the manifests that are listed, whatever they refer to."""
        entries, unreadable = list(self._index.entries), self._index.unreadable
        for entry in self._index.tagged(f"sha256-{self._subject.hex}"):
            if entry.media_type not in INDEX_MEDIA_TYPES:
                continue
            try:
                content = self._blobs.read(entry.digest, budget, limit=self._limits.manifest_bytes)
                index = parse_index(content, entry.media_type)
            except BadBlobError as problem:
                self._problems.append(problem)
            except VerificationError as error:
                self._add(ReasonCode.REGISTRY_INVALID_RESPONSE, f"{entry.digest}: {printable(error.message)}")
            else:
                entries += index.manifests
                unreadable += index.unreadable
        if unreadable:
            what = f"{unreadable} entries that are no descriptors with a sha256 digest"
            self._add(ReasonCode.REGISTRY_INVALID_RESPONSE, what)
        return [entry.digest for entry in entries if entry.media_type in MANIFEST_MEDIA_TYPES]

    def _all(self) -> list[str]:
        """(2) The digests of all blobs."""
        try:
            digests = sorted(islice(self._blobs.digests(), self._limits.blobs + 1))
        except UnavailableError as problem:
            self._problems.append(problem)
            return []
        if len(digests) > self._limits.blobs:
            what = f"more than {self._limits.blobs} blobs; the others are not looked at"
            self._add(ReasonCode.LIMIT_EXCEEDED, what)
        return digests[: self._limits.blobs]

    def _referrer(self, digest: str, content: bytes) -> Descriptor | None:
        """The descriptor of ``content`` if it may be a manifest that refers to the subject; its type is empty when
        it cannot be read as one.
        """
        if b'"subject"' not in content:
            return None
        try:
            manifest = parse_manifest(content)
        except VerificationError:
            return Descriptor(OCI_MANIFEST, digest, len(content))
        if manifest.subject is None or manifest.subject.digest != self._subject.digest:
            return None
        return Descriptor(manifest.media_type, digest, len(content), manifest.artifact_type)

    def _add(self, reason: ReasonCode, what: str) -> None:
        text = f"not all that may refer to {self._subject.digest} can be read in {self._blobs.layout}: {what}"
        self._problems.append(UnavailableError(reason, text))
