"""Which manifests refer to one subject (distribution-spec 1.1, Listing Referrers).

1. Ask the Referrers API, page after page.
2. Where a registry has none, read the index under the tag ``sha256-<hex>`` (Referrers Tag Schema).

That there is no API is said with 404; a registry that has it never answers so. Some without it have answered 400
or 406 (go-containerregistry falls back on these three, 406 for Artifactory), but some with it answer 400 as well
(Quay, for a manifest it cannot read). So after these two an index under the tag counts, and want of one does not
mean that there are no referrers. Any other answer is a failure, and leads to no tag: were "500" taken for "no
API", whoever makes the first question fail would turn "could not check" into "not signed".

A listing is a hint: it grants nothing, and what it says of a type only saves fetching what is not wanted.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from providers.descriptor import Descriptor, digest_of
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

# distribution-spec 1.1, Listing Referrers: "MUST NOT return a 404" with the API.
_NO_API = 404
_PERHAPS_NO_API = frozenset({400, 406})


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
                ``registry-invalid-response`` when entries or the link to the next page could not be read.
        """
        unreadable = 0
        target = self._client.target(self._registry, self._path, f"referrers/{self._subject.digest}")
        fall_back = frozenset({_NO_API, *_PERHAPS_NO_API})
        seen: set[str] = set()
        for page in range(self._limits.referrers_pages):
            answer = self._ask(target, OCI_INDEX, budget, frozenset() if page else fall_back)  # 1
            if answer.status != 200:  # 2
                index = self._tag_schema(answer.status, budget)
                yield from self._unseen(index.manifests, seen)
                self._complete(index.unreadable)
                return
            index = self._parse(answer, (OCI_INDEX,))
            unreadable += index.unreadable
            wanted = (
                d for d in index.manifests if not artifact_types or d.artifact_type in ("", *artifact_types)
            )
            yield from self._unseen(wanted, seen)
            following = self._following(target, answer)
            if following is None:
                self._complete(unreadable)
                return
            target = following
        raise self._too_many(f"{self._limits.referrers_pages} pages")

    def _complete(self, unreadable: int) -> None:
        """Say so when what was yielded is not all there is."""
        if unreadable:
            raise self._invalid(f"entries that are no descriptors with a sha256 digest: {unreadable}")

    def _tag_schema(self, status: int, budget: Budget) -> Index:
        """What the tag-schema index names, after the API answered ``status``.

        No type is looked at, for older clients wrote the config's there. The subject itself under the tag
        (GitLab's registry takes the tag for its digest) lists nothing.
        """
        tag = self._subject.digest.replace(":", "-")
        target = self._client.target(self._registry, self._path, f"manifests/{tag}")
        answer = self._ask(target, ", ".join(INDEX_MEDIA_TYPES), budget, frozenset({404}))
        is_subject = answer.complete and digest_of(answer.body) == self._subject.digest
        if answer.status != 404 and not is_subject:
            return self._parse(answer, INDEX_MEDIA_TYPES)
        if status == _NO_API:
            return Index((), 0)
        raise UnavailableError(
            ReasonCode.REGISTRY_INVALID_RESPONSE,
            f"registry {self._registry} answers {status} when asked for the referrers of {self._subject.digest} "
            f"in {self._path}, and has no tag {tag} that would list them",
        )

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

    def _following(self, target: Target, answer: Answer) -> Target | None:
        """The next page; ``None`` when ``answer`` says there is none."""
        try:
            link = next_link(answer.headers.get("link", ""))
            if not link:
                return None
            following = target.join(link)
        except ValueError as error:
            raise self._invalid(f"the link to its next page cannot be followed ({error})") from error
        if following.origin != target.origin:
            raise self._invalid("the link to its next page leads elsewhere")
        return following

    def _invalid(self, problem: str) -> UnavailableError:
        return UnavailableError(
            ReasonCode.REGISTRY_INVALID_RESPONSE,
            f"registry {self._registry} lists the referrers of {self._subject.digest} in {self._path}, but not "
            f"all of the list can be read: {problem}",
        )

    def _too_many(self, limit: str) -> UnavailableError:
        return UnavailableError(
            ReasonCode.LIMIT_EXCEEDED,
            f"{self._path} at {self._registry} lists more referrers of {self._subject.digest} than are read here "
            f"({limit})",
        )
