"""Reading manifests and blobs of one repository at one registry.

What a registry says of a digest is never believed: every digest is computed from the bytes read.
"""

from __future__ import annotations

from dataclasses import dataclass

from providers.descriptor import Descriptor, digest_of
from providers.errors import UnavailableError, VerificationError
from providers.reasons import ReasonCode
from providers.reference import Reference

from ..budget import Budget
from ..formats.manifest import INDEX_MEDIA_TYPES, MANIFEST_MEDIA_TYPES, media_type_of
from ..printable import printable
from .client import RegistryClient, Request, error_code
from .headers import media_type
from .limits import RegistryLimits
from .transport import Answer

_ACCEPTED = (*MANIFEST_MEDIA_TYPES, *INDEX_MEDIA_TYPES)
_ACCEPT = ", ".join(_ACCEPTED)


@dataclass(frozen=True, slots=True)
class Place:
    """A repository at a registry: ``path`` at ``registry``."""

    registry: str
    path: str

    def __str__(self) -> str:
        return f"{self.registry}/{self.path}"


@dataclass(frozen=True, slots=True)
class Found:
    """A manifest that was read: its descriptor, the digest computed from ``content``."""

    descriptor: Descriptor
    content: bytes


class NotThereError(UnavailableError):
    """There is no such manifest."""


class Reader:
    """Reads from any place."""

    def __init__(self, client: RegistryClient, limits: RegistryLimits) -> None:
        self._client = client
        self._limits = limits

    def manifest(self, place: Place, tag: str, digest: str, budget: Budget) -> Found:
        """The manifest under ``digest``, or without one under ``tag``: one GET.

        Raises:
            NotThereError: there is none.
            UnavailableError: ``content-mismatch``, or why it cannot be read.
        """
        answer = self._get_manifest(place, digest or tag, self._limits.manifest_bytes, budget)
        reference = Reference(place.registry, place.path, tag, digest)
        if answer.status == 404:
            raise _not_there(reference, error_code(answer.body))
        if not answer.complete:
            raise UnavailableError(
                ReasonCode.LIMIT_EXCEEDED,
                f"the manifest of {reference} is larger than the {self._limits.manifest_bytes} bytes read here",
            )
        found = digest_of(answer.body)
        if digest and found != digest:
            raise mismatch(str(place), digest, f"content with the digest {found}")
        kind = _checked_media_type(reference, answer)
        return Found(Descriptor.parse(media_type=kind, digest=found, size=len(answer.body)), answer.body)

    def content(self, place: Place, descriptor: Descriptor, budget: Budget) -> bytes:
        """The content of ``descriptor``: one GET, and no more is read than it says.

        Raises:
            UnavailableError: ``content-mismatch``, or why it cannot be read.
        """
        if is_manifest(descriptor):
            answer = self._get_manifest(place, descriptor.digest, descriptor.size, budget)
        else:
            target = self._client.target(place.registry, place.path, f"blobs/{descriptor.digest}")
            request = Request(place.registry, place.path, target, "*/*", descriptor.size, frozenset({404}))
            answer = self._client.get(request, budget)
        if answer.status == 404:
            raise UnavailableError(
                ReasonCode.REGISTRY_INVALID_RESPONSE,
                f"registry {place.registry} lists {descriptor.digest} in {place.path} but does not have it; push "
                "it again",
            )
        if not answer.complete or len(answer.body) != descriptor.size:
            size = f"{len(answer.body)} bytes in place of" if answer.complete else "more than"
            raise mismatch(str(place), descriptor.digest, f"{size} {descriptor.size} bytes")
        digest = digest_of(answer.body)
        if digest != descriptor.digest:
            raise mismatch(str(place), descriptor.digest, f"content with the digest {digest}")
        return answer.body

    def _get_manifest(self, place: Place, name: str, limit: int, budget: Budget) -> Answer:
        target = self._client.target(place.registry, place.path, f"manifests/{name}")
        request = Request(place.registry, place.path, target, _ACCEPT, limit, frozenset({404}))
        return self._client.get(request, budget)


def is_manifest(descriptor: Descriptor) -> bool:
    """Whether ``descriptor`` is that of a manifest or index, which lie elsewhere than blobs."""
    return descriptor.media_type in _ACCEPTED


def mismatch(repository: str, digest: str, got: str) -> UnavailableError:
    """The error for other content than was asked for."""
    return UnavailableError(
        ReasonCode.CONTENT_MISMATCH, f"asked for {digest}, {repository} answers with {got}; it was not used"
    )


def _checked_media_type(reference: Reference, answer: Answer) -> str:
    """The media type the registry gives, after the document was seen to be of that kind."""
    served = media_type(answer.headers.get("content-type", ""))
    if served not in _ACCEPTED:
        raise UnavailableError(
            ReasonCode.REGISTRY_INVALID_RESPONSE,
            f"registry {reference.registry} serves {reference} as {printable(served, 100)!r}, which is no image "
            "manifest that can be read here",
        )
    try:
        return media_type_of(answer.body, served)
    except VerificationError as error:
        raise UnavailableError(
            ReasonCode.REGISTRY_INVALID_RESPONSE,
            f"registry {reference.registry} serves a manifest of {reference} that cannot be read: "
            f"{printable(error.message)}",
        ) from error


def _not_there(reference: Reference, code: str) -> NotThereError:
    if code == "NAME_UNKNOWN":
        what = f"has no repository {reference.path}"
    elif reference.digest:
        what = f"has no manifest {reference.digest} in {reference.path}"
    else:
        what = f"has no tag {reference.tag} in {reference.path}"
    return NotThereError(ReasonCode.IMAGE_NOT_FOUND, f"registry {reference.registry} {what}")
