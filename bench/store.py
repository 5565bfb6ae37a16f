"""A store over the lab's registry without a network."""

from __future__ import annotations

from collections.abc import Iterator

from providers.descriptor import Descriptor, digest_of
from providers.errors import UnavailableError
from providers.reasons import ReasonCode
from providers.reference import Reference
from pycosign.lab import MemoryRegistry
from verifier.budget import Budget

REGISTRY = "registry.lab.test"


class MemoryStore:
    """Implements ``verifier.store.Store``: every digest is computed, as over a network.

    What a registry does to answer is not the verifier's work, so a listing is made once and kept.
    """

    def __init__(self, registry: MemoryRegistry) -> None:
        self._registry = registry
        self._listings: dict[str, tuple[Descriptor, ...]] = {}

    def resolve(self, reference: Reference, budget: Budget) -> Descriptor:
        budget.spend_request()
        manifest = self._registry.get_manifest(reference.path, reference.digest or reference.tag)
        if manifest is None:
            raise UnavailableError(ReasonCode.IMAGE_NOT_FOUND, f"{reference} does not exist")
        return Descriptor(manifest.media_type, digest_of(manifest.data), len(manifest.data))

    def referrers(
        self, repository: str, subject: Descriptor, artifact_types: tuple[str, ...], budget: Budget
    ) -> Iterator[Descriptor]:
        budget.spend_request()
        for found in self._listing(repository.partition("/")[2], subject.digest):
            if not found.artifact_type or found.artifact_type in artifact_types:
                yield found

    def tagged(self, repository: str, tag: str, budget: Budget) -> tuple[Descriptor, bytes] | None:
        budget.spend_request()
        found = self._registry.get_manifest(repository.partition("/")[2], tag)
        if found is None:
            return None
        return Descriptor(found.media_type, digest_of(found.data), len(found.data)), found.data

    def fetch(self, repository: str, descriptor: Descriptor, budget: Budget) -> bytes:
        budget.spend_request()
        path = repository.partition("/")[2]
        manifest = self._registry.get_manifest(path, descriptor.digest)
        content = manifest.data if manifest else self._registry.get_blob(path, descriptor.digest)
        if content is None or digest_of(content) != descriptor.digest:
            raise UnavailableError(ReasonCode.CONTENT_MISMATCH, "other content, or none")
        budget.spend_bytes(len(content))
        return content

    def _listing(self, path: str, digest: str) -> tuple[Descriptor, ...]:
        name = f"{path}@{digest}"
        if name not in self._listings:
            self._listings[name] = tuple(
                Descriptor(
                    str(item["mediaType"]),
                    str(item["digest"]),
                    int(str(item["size"])),
                    str(item.get("artifactType", "")),
                )
                for item in self._registry.referrers(path, digest)
            )
        return self._listings[name]
