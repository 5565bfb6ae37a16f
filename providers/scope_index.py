"""Which of many scopes speak for a repository, found without trying each.

The most specific comes first: the repository itself, then longer paths before shorter ones, the registry, longer
domains before shorter ones, and ``*``.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Generic, TypeVar

from .reference import Reference
from .scope import Scope

T = TypeVar("T")


class ScopeIndex(Generic[T]):
    """Values by the scopes they stand under. Says of each scope what ``Scope.matches`` says."""

    def __init__(self, entries: Iterable[tuple[Scope, T]]) -> None:
        self._everything: list[T] = []
        self._domains: defaultdict[str, list[T]] = defaultdict(list)
        self._registries: defaultdict[str, list[T]] = defaultdict(list)
        self._paths: defaultdict[tuple[str, str], list[T]] = defaultdict(list)
        for scope, value in entries:
            if scope.everything:
                self._everything.append(value)
            elif scope.domain:
                self._domains[scope.domain].append(value)
            elif not scope.paths:
                self._registries[scope.registry].append(value)
            for path in scope.paths:
                self._paths[scope.registry, path].append(value)

    def matching(self, reference: Reference) -> Iterator[T]:
        """The values under scopes that match ``reference``, most specific first; a value with several such scopes
        comes several times.
        """
        if reference.registry:
            path = reference.path
            while path:
                yield from self._paths.get((reference.registry, path), ())
                path = path.rpartition("/")[0]
            yield from self._registries.get(reference.registry, ())
            domain = reference.registry.partition(":")[0].partition(".")[2]
            while domain:
                yield from self._domains.get(domain, ())
                domain = domain.partition(".")[2]
        yield from self._everything
