"""`verifier.store.Store` over registries (distribution-spec 1.1). It reads and never writes."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from collections.abc import Set as AbstractSet
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from providers.descriptor import Descriptor
from providers.errors import UnavailableError
from providers.reasons import ReasonCode
from providers.reference import Reference, parse_repository

from ..budget import Budget
from .addresses import Reach
from .client import RegistryClient
from .content_cache import ContentCache, Kept
from .credentials import Credentials, NoCredentials
from .dial import LookUp, system_lookup
from .fetch_pool import FetchPool
from .hosts import HostReport
from .limits import RegistryLimits
from .listing import Listing
from .options import Mirror, RegistryOptions
from .proxies import Proxies
from .reader import Found, NotThereError, Place, Reader, is_manifest

logger = logging.getLogger(__name__)

Q = TypeVar("Q")
R = TypeVar("R")


class RegistryStore:
    """Reads artifacts and their signatures from registries. Safe to use from many threads.

    What a registry says about a digest is never believed: every digest is computed from the bytes read.
    Close it when done; it keeps connections, contents and threads.
    """

    def __init__(
        self,
        options: RegistryOptions | None = None,
        *,
        plain_http: AbstractSet[str] = frozenset(),
        ca_file: Path | None = None,
        user_agent: str = "pycosign",
        token_hosts: AbstractSet[str] = frozenset(),
        furthest: Reach = Reach.LOOPBACK,
        limits: RegistryLimits | None = None,
        credentials: Credentials | None = None,
        proxies: Proxies | None = None,
        lookup: LookUp = system_lookup,
    ) -> None:
        """Prepare; nothing is connected yet.

        Args:
            options: how registries are spoken to. Those of the same names that follow are short for options with
                these alone.
            plain_http: see `RegistryOptions`; so the next four.
            ca_file: -
            user_agent: -
            token_hosts: -
            furthest: -
            limits: other limits than the default ones.
            credentials: where credentials are looked up; without it everything is read anonymously.
            proxies: the way out; from the environment when not given.
            lookup: what turns names into addresses.

        Raises:
            ConfigurationError: one of them is unusable.
        """
        short = RegistryOptions(
            plain_http=frozenset(plain_http),
            ca_file=ca_file,
            user_agent=user_agent,
            token_hosts=frozenset(token_hosts),
            furthest=furthest,
        )
        if options is not None and short != RegistryOptions():
            raise TypeError("options, and what is short for options")
        self._options = options = options or short
        self._limits = limits or RegistryLimits()
        self._client = RegistryClient(
            self._limits,
            options,
            credentials=credentials or NoCredentials(),
            proxies=proxies or Proxies.parse(),
            lookup=lookup,
        )
        self._reader = Reader(self._client, self._limits)
        self._cache = ContentCache(self._limits)
        self._pool = FetchPool(self._limits.threads, self._limits.ahead)

    @property
    def hosts(self) -> tuple[HostReport, ...]:
        """How the hosts that were asked lately answer, and which are given up for now."""
        return self._client.hosts

    def resolve(self, reference: Reference, budget: Budget) -> Descriptor:
        """The descriptor of the manifest that ``reference`` names: one GET, none for a digest that was read
        before. See `verifier.store.Store`.
        """
        kept = self._kept(reference.repository, reference.digest, budget) if reference.digest else None
        if kept is not None and kept.media_type:
            return Descriptor.parse(
                media_type=kept.media_type, digest=reference.digest, size=len(kept.content)
            )

        def read(place: Place, part: Budget) -> Found:
            return self._reader.manifest(place, reference.tag, reference.digest, part)

        home = Place(reference.registry, reference.path)
        return self._remembered(home, self._first(home, read, budget, tags=not reference.digest))

    def referrers(
        self, repository: str, subject: Descriptor, artifact_types: tuple[str, ...], budget: Budget
    ) -> Iterator[Descriptor]:
        """Manifests that refer to ``subject``, each once. See `verifier.store.Store`.

        What a listing leaves untyped, and all that a tag-schema index names, is yielded whatever
        ``artifact_types`` says. Past the limits what is in hand is yielded, then ``limit-exceeded`` is raised.
        """
        home = Place(*parse_repository(repository))

        def listed(place: Place, part: Budget) -> Iterator[Descriptor]:
            listing = Listing(self._client, self._limits, place.registry, place.path, subject)
            return listing.read(artifact_types, part)

        # A mirror that lists nothing may have no listing at all: that is for the registry itself to say.
        found = self._from_mirrors(home, lambda place, part: tuple(listed(place, part)), budget, tags=True)
        return listed(home, budget) if found is None else iter(found)

    def tagged(self, repository: str, tag: str, budget: Budget) -> tuple[Descriptor, bytes] | None:
        """The manifest under ``tag``: one GET. See `verifier.store.Store`."""
        home = Place(*parse_repository(repository))
        try:
            found = self._first(
                home, lambda place, part: self._reader.manifest(place, tag, "", part), budget, tags=True
            )
        except NotThereError:
            return None
        return found.descriptor, found.content

    def fetch(self, repository: str, descriptor: Descriptor, budget: Budget) -> bytes:
        """The content of ``descriptor``: one GET, none if it was read before. See `verifier.store.Store`."""
        cap = self._limits.manifest_bytes if is_manifest(descriptor) else self._limits.blob_bytes
        if descriptor.size > cap:
            raise UnavailableError(
                ReasonCode.LIMIT_EXCEEDED,
                f"{descriptor.digest} in {repository} has {descriptor.size} bytes; at most {cap} are read",
            )
        home = Place(*parse_repository(repository))
        kept = self._kept(str(home), descriptor.digest, budget)
        if kept is not None and len(kept.content) == descriptor.size:
            return kept.content
        content = self._first(
            home, lambda place, part: self._reader.content(place, descriptor, part), budget, tags=False
        )
        self._cache.put(str(home), descriptor.digest, Kept(content))
        return content

    def together(
        self, repository: str, work: Callable[[Q], R], items: Iterable[Q]
    ) -> Iterator[tuple[Q, Callable[[], R]]]:
        """Work for several items at a time, in threads of this store. See `verifier.store.Together`."""
        del repository
        return self._pool.together(work, items)

    def close(self) -> None:
        """Close every connection, and end the threads."""
        self._client.close()
        self._pool.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _kept(self, repository: str, digest: str, budget: Budget) -> Kept | None:
        """What was read before. It is spent as if it were read now: a verdict does not depend on it."""
        kept = self._cache.get(repository, digest)
        if kept is not None:
            budget.spend_bytes(len(kept.content))
        return kept

    def _remembered(self, home: Place, found: Found) -> Descriptor:
        kind = found.descriptor.media_type
        self._cache.put(str(home), found.descriptor.digest, Kept(found.content, kind))
        return found.descriptor

    def _first(self, home: Place, read: Callable[[Place, Budget], R], budget: Budget, *, tags: bool) -> R:
        """What the first of the mirrors of ``home`` that has it gives, or else the registry itself."""
        found = self._from_mirrors(home, read, budget, tags=tags)
        return read(home, budget) if found is None else found

    def _from_mirrors(
        self, home: Place, read: Callable[[Place, Budget], R], budget: Budget, *, tags: bool
    ) -> R | None:
        """What the first mirror gives that gives something; None when none does. ``tags`` asks only those that
        may say what a tag means.
        """
        for mirror in self._options.mirrors_of(home.registry):
            if tags and not mirror.resolve_tags:
                continue
            try:
                # One that does not answer leaves time for the next.
                found = read(_place(mirror, home), Budget(budget.seconds_left() / 2, within=budget))
            except UnavailableError as error:
                budget.seconds_left()
                logger.debug("mirror %s is of no use: %s", mirror.registry, error.reason)
                continue
            if found:
                return found
        return None


def _place(mirror: Mirror, home: Place) -> Place:
    return Place(mirror.registry, mirror.path(home.path))
