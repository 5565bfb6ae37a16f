"""Where the signatures of one subject may lie: cosign's storage forms, and what to ask a store for.

1. cosign's tags: ``sha256-<hex>.sig`` for signatures, ``.att`` for attestations (cosign
   ``specs/SIGNATURE_SPEC.md``)
2. bundles, which refer to the subject (cosign ``specs/BUNDLE_SPEC.md``; distribution-spec 1.1, Listing Referrers)
3. cosign's experimental form for OCI 1.1: what stands under ``.sig``, as a referrer

The first two are always searched, so that what a stranger stores in one form never hides a signature in the other.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from providers.descriptor import Descriptor

from .budget import Budget
from .formats.bundle import BUNDLE_MEDIA_TYPES
from .formats.layer import LEGACY_MEDIA_TYPES, signature_digest
from .formats.manifest import Manifest
from .store import Store

# cosign pkg/oci/remote, ArtifactType("sig"); it stands in the config of the manifest.
OCI11_SIGNATURE = "application/vnd.dev.cosign.artifact.sig.v1+json"


class StorageForm(StrEnum):
    """How signatures are stored."""

    BUNDLE = "bundle"
    TAG = "tag"
    OCI11 = "oci11"


class Wanted(StrEnum):
    """What is looked for; the values are the suffixes of cosign's tags."""

    SIGNATURE = "sig"
    ATTESTATION = "att"


# What the layers of each form hold, and what a referrer in that form calls itself.
_LAYERS = {
    StorageForm.BUNDLE: BUNDLE_MEDIA_TYPES,
    StorageForm.TAG: LEGACY_MEDIA_TYPES,
    StorageForm.OCI11: LEGACY_MEDIA_TYPES,
}
_ARTIFACT_TYPES = {StorageForm.BUNDLE: BUNDLE_MEDIA_TYPES, StorageForm.OCI11: (OCI11_SIGNATURE,)}


@dataclass(frozen=True, slots=True)
class Candidate:
    """A manifest that may hold signatures; ``content`` when it was read along the way."""

    descriptor: Descriptor
    content: bytes | None = None


@dataclass(frozen=True, slots=True)
class Tag:
    """A place to look: one of cosign's tags."""

    repository: str
    name: str

    def candidates(self, store: Store, budget: Budget) -> Iterator[Candidate]:
        """The manifest under the tag, if there is one. One request.

        Raises:
            UnavailableError: it cannot be read.
        """
        found = store.tagged(self.repository, self.name, budget)
        if found is not None:
            yield Candidate(*found)


@dataclass(frozen=True, slots=True)
class Referrers:
    """A place to look: what refers to the subject."""

    repository: str
    subject: Descriptor
    artifact_types: tuple[str, ...]

    def candidates(self, store: Store, budget: Budget) -> Iterator[Candidate]:
        """Every referrer that may hold signatures. One request for each page of the listing.

        Raises:
            UnavailableError: also after some were yielded, which still count.
        """
        for descriptor in store.referrers(self.repository, self.subject, self.artifact_types, budget):
            yield Candidate(descriptor)


@dataclass(frozen=True, slots=True)
class Discovery:
    """Which forms are looked for. ``repository`` is where, empty: beside the subject (cosign:
    COSIGN_REPOSITORY).
    """

    forms: frozenset[StorageForm] = frozenset({StorageForm.BUNDLE, StorageForm.TAG})
    repository: str = ""

    def where(self, repository: str) -> str:
        """The repository with the signatures of what lies in ``repository``."""
        return self.repository or repository

    def places(
        self, repository: str, subject: Descriptor, wanted: frozenset[Wanted]
    ) -> tuple[Tag | Referrers, ...]:
        """Where to look for what is wanted, each place independent of the others. Tags come first: each holds one
        manifest, while anybody may add referrers.
        """
        if not wanted:
            return ()
        where = self.where(repository)
        places: list[Tag | Referrers] = []
        if StorageForm.TAG in self.forms:
            places += [Tag(where, f"sha256-{subject.hex}.{suffix}") for suffix in sorted(wanted)]
        types = [name for form in StorageForm if form in self.forms for name in _ARTIFACT_TYPES.get(form, ())]
        if types:
            places.append(Referrers(where, subject, tuple(types)))
        return tuple(places)

    def layers(self, manifest: Manifest) -> tuple[Descriptor, ...] | None:
        """The layers of ``manifest`` that hold signatures, each signature once; None when it is no signature
        artifact, or of a form that is not looked for.
        """
        form = form_of(manifest)
        if form not in self.forms:
            return None
        layers = (layer for layer in manifest.layers if layer.media_type in _LAYERS[form])
        # A layer that is described otherwise may be of no use, and hides none of the same name.
        named = {(signature_digest(layer), layer.media_type, layer.size): layer for layer in layers}
        return tuple(named.values())


def form_of(manifest: Manifest) -> StorageForm | None:
    """The form in which ``manifest`` stores signatures, whichever way it was found; None when it stores none.

    What lies under cosign's tags looks like any image, but for its layers.
    """
    for form, artifact_types in _ARTIFACT_TYPES.items():
        if manifest.artifact_type in artifact_types:
            return form
    if any(layer.media_type in LEGACY_MEDIA_TYPES for layer in manifest.layers):
        return StorageForm.TAG
    return None
