"""One store made of several: each repository is read from the one whose scope fits it best."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from typing import TypeVar

from providers.descriptor import Descriptor
from providers.errors import ConfigurationError, InvalidReferenceError, UnavailableError
from providers.reasons import ReasonCode
from providers.reference import Reference, parse_repository
from providers.scope import Scope
from providers.scope_index import ScopeIndex

from ..budget import Budget
from ..store import ClosingStore, Together

Q = TypeVar("Q")
R = TypeVar("R")


class StoreMux:
    """Reads each repository from the store whose scope is the most specific that matches: a path before those
    above it, then its registry, then a domain before those above it, then ``*``. What lies in no registry is read
    from the store for ``*``.
    """

    def __init__(self, stores: Sequence[tuple[Scope, ClosingStore]]) -> None:
        """Put them together; they are closed with it.

        Raises:
            ConfigurationError: there are none, or two for one scope.
        """
        if not stores:
            raise ConfigurationError("no store is configured", remedy="Give one for the scope '*'.")
        seen: dict[tuple[str, ...], str] = {}
        for scope, _ in stores:
            for name in _names(scope):
                if name in seen:
                    raise ConfigurationError(
                        f"the scopes {seen[name]!r} and {scope.text!r} are for the same repositories",
                        remedy="Take one of them out.",
                    )
                seen[name] = scope.text
        self._stores = tuple({id(store): store for _, store in stores}.values())
        self._index = ScopeIndex(stores)

    def resolve(self, reference: Reference, budget: Budget) -> Descriptor:
        """See `verifier.store.Store`."""
        return self._for(reference).resolve(reference, budget)

    def referrers(
        self, repository: str, subject: Descriptor, artifact_types: tuple[str, ...], budget: Budget
    ) -> Iterator[Descriptor]:
        """See `verifier.store.Store`."""
        return self._named(repository).referrers(repository, subject, artifact_types, budget)

    def tagged(self, repository: str, tag: str, budget: Budget) -> tuple[Descriptor, bytes] | None:
        """See `verifier.store.Store`."""
        return self._named(repository).tagged(repository, tag, budget)

    def fetch(self, repository: str, descriptor: Descriptor, budget: Budget) -> bytes:
        """See `verifier.store.Store`."""
        return self._named(repository).fetch(repository, descriptor, budget)

    @property
    def together(self) -> Together:
        """Several things at a time as the store of the repository does them."""
        return self._together

    def close(self) -> None:
        """Close every store."""
        with ExitStack() as closing:
            for store in self._stores:
                closing.callback(store.close)

    def _together(
        self, repository: str, work: Callable[[Q], R], items: Iterable[Q]
    ) -> Iterator[tuple[Q, Callable[[], R]]]:
        return self._named(repository).together(repository, work, items)

    def _named(self, repository: str) -> ClosingStore:
        try:
            registry, path = parse_repository(repository)
        except InvalidReferenceError:  # a layout's name, say
            registry, path = "", repository
        return self._for(Reference(registry, path, "", ""))

    def _for(self, reference: Reference) -> ClosingStore:
        store = next(self._index.matching(reference), None)
        if store is None:
            raise UnavailableError(
                ReasonCode.REGISTRY_UNAVAILABLE, f"no store is configured for {reference.repository}"
            )
        return store


def _names(scope: Scope) -> tuple[tuple[str, ...], ...]:
    """What ``scope`` is looked up by. Two that share one are equally specific."""
    if scope.paths:
        return tuple((scope.registry, path) for path in scope.paths)
    return ((scope.registry, "", scope.domain),)
