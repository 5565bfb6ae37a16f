"""A store over the lab's registry without a network, that can be told to fail."""

from __future__ import annotations

from collections.abc import Iterator

from providers.descriptor import Descriptor, digest_of
from providers.errors import UnavailableError
from providers.reasons import ReasonCode
from providers.reference import Reference
from pycosign.lab import MemoryRegistry
from verifier.budget import Budget


class MemoryStore:
    """Implements ``verifier.store.Store``. What is asked is recorded in ``asked``.

    ``broken`` maps a digest to the reason with which fetching it fails, ``listing_fails_after`` ends the listing
    with an error after that many entries, ``reverse`` lists the other way round.
    """

    def __init__(self, registry: MemoryRegistry) -> None:
        self.registry = registry
        self.asked: list[str] = []
        self.broken: dict[str, ReasonCode] = {}
        self.listing_fails_after: int | None = None
        self.reverse = False

    def resolve(self, reference: Reference, budget: Budget) -> Descriptor:
        budget.spend_request()
        self.asked.append(f"resolve {reference.digest or reference.tag}")
        manifest = self.registry.get_manifest(reference.path, reference.digest or reference.tag)
        if manifest is None:
            raise UnavailableError(ReasonCode.IMAGE_NOT_FOUND, f"{reference} does not exist")
        return Descriptor(manifest.media_type, digest_of(manifest.data), len(manifest.data))

    def referrers(
        self, repository: str, subject: Descriptor, artifact_types: tuple[str, ...], budget: Budget
    ) -> Iterator[Descriptor]:
        budget.spend_request()
        self.asked.append(f"referrers {subject.digest}")
        path = repository.partition("/")[2]
        listed = [
            Descriptor(
                str(item["mediaType"]),
                str(item["digest"]),
                int(str(item["size"])),
                str(item.get("artifactType", "")),
            )
            for item in self.registry.referrers(path, subject.digest)
        ]
        for count, descriptor in enumerate(reversed(listed) if self.reverse else listed):
            if count == self.listing_fails_after:
                raise UnavailableError(ReasonCode.REGISTRY_UNAVAILABLE, "the listing broke off")
            if not descriptor.artifact_type or descriptor.artifact_type in artifact_types:
                yield descriptor
        if self.listing_fails_after is not None and self.listing_fails_after >= len(listed):
            raise UnavailableError(ReasonCode.REGISTRY_UNAVAILABLE, "the listing broke off")

    def fetch(self, repository: str, descriptor: Descriptor, budget: Budget) -> bytes:
        budget.spend_request()
        self.asked.append(f"fetch {descriptor.digest}")
        if descriptor.digest in self.broken:
            raise UnavailableError(self.broken[descriptor.digest], "told to fail")
        path = repository.partition("/")[2]
        manifest = self.registry.get_manifest(path, descriptor.digest)
        content = manifest.data if manifest else self.registry.get_blob(path, descriptor.digest)
        if content is None:
            raise UnavailableError(ReasonCode.REGISTRY_INVALID_RESPONSE, "not there")
        if digest_of(content) != descriptor.digest or len(content) != descriptor.size:
            raise UnavailableError(ReasonCode.CONTENT_MISMATCH, "other content")
        return content
