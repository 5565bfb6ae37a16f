"""A store over the lab's registry without a network, that can be told to fail."""

from __future__ import annotations

from collections.abc import Iterator

from providers.descriptor import Descriptor, digest_of
from providers.errors import UnavailableError
from providers.reasons import ReasonCode
from providers.reference import Reference
from pycosign.lab import MemoryRegistry
from pycosign.lab.registry import Manifest, UnknownNameError
from verifier.budget import Budget


class MemoryStore:
    """Implements ``verifier.store.Store``. What is asked is recorded in ``asked``, and of which repository, call
    by call, in ``repositories``.

    ``broken`` maps a digest or tag to the reason with which reading it fails, ``listing_fails_after`` ends the
    listing with an error (``listing_fails_with``) after that many entries, ``reverse`` lists the other way round.
    """

    def __init__(self, registry: MemoryRegistry) -> None:
        self.registry = registry
        self.asked: list[str] = []
        self.repositories: list[str] = []
        self.broken: dict[str, ReasonCode] = {}
        self.listing_fails_after: int | None = None
        self.listing_fails_with = ReasonCode.REGISTRY_UNAVAILABLE
        self.reverse = False

    def resolve(self, reference: Reference, budget: Budget) -> Descriptor:
        name = reference.digest or reference.tag
        manifest = self._manifest(reference.repository, name, "resolve", budget)
        if manifest is None:
            raise UnavailableError(ReasonCode.IMAGE_NOT_FOUND, f"{reference} does not exist")
        return Descriptor(manifest.media_type, digest_of(manifest.data), len(manifest.data))

    def referrers(
        self, repository: str, subject: Descriptor, artifact_types: tuple[str, ...], budget: Budget
    ) -> Iterator[Descriptor]:
        self._ask(repository, f"referrers {subject.digest}", budget)
        listed = [
            Descriptor(
                str(item["mediaType"]),
                str(item["digest"]),
                int(str(item["size"])),
                str(item.get("artifactType", "")),
            )
            for item in self.registry.referrers(_path(repository), subject.digest)
        ]
        for count, descriptor in enumerate(reversed(listed) if self.reverse else listed):
            if count == self.listing_fails_after:
                raise UnavailableError(self.listing_fails_with, "the listing broke off")
            if not descriptor.artifact_type or descriptor.artifact_type in artifact_types:
                yield descriptor
        if self.listing_fails_after is not None and self.listing_fails_after >= len(listed):
            raise UnavailableError(self.listing_fails_with, "the listing broke off")

    def tagged(self, repository: str, tag: str, budget: Budget) -> tuple[Descriptor, bytes] | None:
        manifest = self._manifest(repository, tag, "tagged", budget)
        if manifest is None:
            return None
        return Descriptor(manifest.media_type, digest_of(manifest.data), len(manifest.data)), manifest.data

    def fetch(self, repository: str, descriptor: Descriptor, budget: Budget) -> bytes:
        manifest = self._manifest(repository, descriptor.digest, "fetch", budget)
        content = manifest.data if manifest else self.registry.get_blob(_path(repository), descriptor.digest)
        if content is None:
            raise UnavailableError(ReasonCode.REGISTRY_INVALID_RESPONSE, "not there")
        if digest_of(content) != descriptor.digest or len(content) != descriptor.size:
            raise UnavailableError(ReasonCode.CONTENT_MISMATCH, "other content")
        return content

    def _ask(self, repository: str, question: str, budget: Budget) -> None:
        budget.spend_request()
        self.asked.append(question)
        self.repositories.append(repository)

    def _manifest(self, repository: str, name: str, verb: str, budget: Budget) -> Manifest | None:
        self._ask(repository, f"{verb} {name}", budget)
        if name in self.broken:
            raise UnavailableError(self.broken[name], "told to fail")
        try:
            return self.registry.get_manifest(_path(repository), name)
        except UnknownNameError:
            return None


def _path(repository: str) -> str:
    return repository.partition("/")[2]
