"""Which manifests refer to one subject (distribution-spec 1.1, Listing Referrers).

1. Ask the Referrers API, page after page.
2. Where a registry has none, read the index under the tag ``sha256-<hex>`` (Referrers Tag Schema).

A listing is a hint: it grants nothing, and what it says of a type only saves fetching what is not wanted.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from urllib.parse import urlencode

from providers.descriptor import Descriptor
from providers.errors import UnavailableError, VerificationError
from providers.reasons import ReasonCode

from ..budget import Budget
from ..formats.manifest import INDEX_MEDIA_TYPES, OCI_INDEX, Index, parse_index
from ..printable import printable
from .client import RegistryClient, Request
from .headers import media_type, next_link
from .limits import RegistryLimits
from .origin import Target
from .transport import Answer

# distribution-spec 1.1 says 404; the others are what registries without the API have answered in its place.
_NO_API = frozenset({400, 404, 405, 406, 501})


class Listing:
    """The referrers of one subject in one repository."""

    def __init__(
        self, client: RegistryClient, limits: RegistryLimits, registry: str, path: str, subject: Descriptor
    ) -> None:
        self._client = client
        self._limits = limits
        self._registry = registry
        self._path = path
        self._subject = subject

    def read(self, artifact_types: tuple[str, ...], budget: Budget) -> Iterator[Descriptor]:
        """Yield every referrer once, of any type when ``artifact_types`` is empty.

        Raises:
            UnavailableError: also after what was in hand was yielded: ``limit-exceeded``, or
                ``registry-invalid-response`` when entries could not be read.
        """
        unreadable = 0
        target = self._client.target(self._registry, self._path, f"referrers/{self._subject.digest}")
        if len(artifact_types) == 1:  # the API takes one, and need not heed it
            target = Target(target.origin, f"{target.path}?{urlencode({'artifactType': artifact_types[0]})}")
        seen: set[str] = set()
        for page in range(self._limits.referrers_pages):
            answer = self._ask(target, OCI_INDEX, budget, _NO_API if page == 0 else frozenset())
            if answer.status != 200:  # 2
                index = self._tag_schema(budget)
                yield from self._unseen(index.manifests, seen)
                self._complete(index.unreadable)
                return
            index = self._parse(answer, (OCI_INDEX,))
            unreadable += index.unreadable
            wanted = (
                d for d in index.manifests if not artifact_types or d.artifact_type in ("", *artifact_types)
            )
            yield from self._unseen(wanted, seen)
            link = next_link(answer.headers.get("link", ""))
            if not link:
                self._complete(unreadable)
                return
            target = self._following(target, link)
        raise self._too_many(f"{self._limits.referrers_pages} pages")

    def _complete(self, unreadable: int) -> None:
        """Say so when what was yielded is not all there is."""
        if unreadable:
            raise self._invalid(f"{unreadable} of its entries are no descriptors with a sha256 digest")

    def _tag_schema(self, budget: Budget) -> Index:
        """What the tag-schema index names; no type is looked at, for older clients wrote the config's there."""
        tag = self._subject.digest.replace(":", "-")
        target = self._client.target(self._registry, self._path, f"manifests/{tag}")
        answer = self._ask(target, ", ".join(INDEX_MEDIA_TYPES), budget, frozenset({404}))
        return Index((), 0) if answer.status == 404 else self._parse(answer, INDEX_MEDIA_TYPES)

    def _ask(self, target: Target, accept: str, budget: Budget, also: frozenset[int]) -> Answer:
        request = Request(self._registry, self._path, target, accept, self._limits.manifest_bytes, also)
        return self._client.get(request, budget)

    def _unseen(self, found: Iterable[Descriptor], seen: set[str]) -> Iterator[Descriptor]:
        for descriptor in found:
            if descriptor.digest in seen:
                continue
            if len(seen) == self._limits.referrers:
                raise self._too_many(f"{self._limits.referrers} entries")
            seen.add(descriptor.digest)
            yield descriptor

    def _parse(self, answer: Answer, expected: tuple[str, ...]) -> Index:
        if not answer.complete:
            raise self._too_many(f"{self._limits.manifest_bytes} bytes in one answer")
        served = media_type(answer.headers.get("content-type", ""))
        if served not in expected:
            raise self._invalid(f"served as {printable(served, 100)!r}")
        try:
            return parse_index(answer.body, served)
        except VerificationError as error:
            raise self._invalid(printable(error.message)) from error

    def _following(self, target: Target, link: str) -> Target:
        try:
            following = target.join(link)
        except ValueError as error:
            raise self._invalid("the link to its next page is not a usable URL") from error
        if following.origin != target.origin:
            raise self._invalid("the link to its next page leads elsewhere")
        return following

    def _invalid(self, problem: str) -> UnavailableError:
        return UnavailableError(
            ReasonCode.REGISTRY_INVALID_RESPONSE,
            f"registry {self._registry} lists the referrers of {self._subject.digest} in {self._path}, but the "
            f"list cannot be read: {problem}",
        )

    def _too_many(self, limit: str) -> UnavailableError:
        return UnavailableError(
            ReasonCode.LIMIT_EXCEEDED,
            f"{self._path} at {self._registry} lists more referrers of {self._subject.digest} than are read here "
            f"({limit}); remove some",
        )
