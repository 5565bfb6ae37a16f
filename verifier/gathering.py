"""Everything about one question that a store has, read before it is looked at.

1. Every place is searched at the same time, within its share of the budget.
2. In a place, manifests are read several at a time, and so are the contents that they name.
3. Places, candidates and contents come in the order in which they are listed, whatever came first.

A place that fails, or never comes to an end, takes nothing away from another. What is read is bounded by the
budget, in that order: what was read does not depend on what was faster.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from providers.descriptor import Descriptor
from providers.errors import UnavailableError
from providers.reasons import ReasonCode

from .budget import Budget, BudgetAhead
from .discovery import Candidate, Discovery
from .formats.manifest import parse_manifest
from .store import Store, Together

T = TypeVar("T")

# For each place that is searched. An image has a handful of signatures, and each costs two requests. What lies
# beyond is not looked at, and the verdict is "could not check" unless what was looked at suffices (CVE-2023-46737:
# endless signatures).
MAX_CANDIDATES = 64
# cosign writes one bundle to a manifest; under a .sig tag there is one layer for each time somebody signed.
MAX_SIGNATURES_PER_ARTIFACT = 64


class Place(Protocol):
    """Where candidates are listed."""

    def candidates(self, store: Store, budget: Budget) -> Iterator[Candidate]:
        """The candidates there.

        Raises:
            UnavailableError: also after some were yielded, which still count.
        """
        ...


@dataclass(slots=True)
class Gathered:
    """One candidate and what was read of it, within ``budget``: the layers that hold signatures, None when it is
    no signature artifact; and their contents by digest, but for layers beyond ``MAX_SIGNATURES_PER_ARTIFACT``.
    In place of what could not be had stands why; `had` tells them apart.
    """

    descriptor: Descriptor
    budget: Budget
    layers: tuple[Descriptor, ...] | Exception | None = None
    contents: dict[str, bytes | Exception] = field(default_factory=dict)


@dataclass(slots=True)
class PlaceGathered:
    """The candidates in one place, and what kept us from reading more."""

    candidates: list[Gathered] = field(default_factory=list)
    obstacle: Exception | None = None


@dataclass(slots=True)
class _Piece:
    """A content of a candidate, to be read with what was set ``ahead`` for it; without that it is there, or cannot
    be had.
    """

    of: Gathered
    descriptor: Descriptor
    ahead: BudgetAhead | None = None
    content: bytes | Exception = b""


class Gathering:
    """Reads from ``repository`` of ``store``. Holds no state of its own."""

    def __init__(self, store: Store, together: Together, discovery: Discovery, repository: str) -> None:
        self._store = store
        self._together = together
        self._discovery = discovery
        self._repository = repository

    def places(self, places: Iterable[tuple[Place, Budget]]) -> Iterator[Callable[[], PlaceGathered]]:
        """What each of ``places`` holds, read within its budget."""
        for _, gathered in self._together(self._repository, self._search, places):
            yield gathered

    def artifact(self, descriptor: Descriptor, budget: Budget) -> Gathered:
        """One candidate that is known."""
        (gathered,) = self._search((_Given(descriptor), budget)).candidates
        return gathered

    def _search(self, asked: tuple[Place, Budget]) -> PlaceGathered:
        """All that one place holds."""
        place, budget = asked
        found = PlaceGathered()
        try:
            layers = self._layers(found, self._manifests(place, budget))
            for piece, read in self._together(self._repository, self._read, layers):
                piece.of.contents[piece.descriptor.digest] = _settled(piece, read)
        except Exception as error:  # noqa: BLE001  (the core tells it, beside what was found)
            found.obstacle = error
        return found

    def _layers(self, found: PlaceGathered, manifests: Iterator[_Piece]) -> Iterator[_Piece]:
        """The contents that the candidates name, each once; the candidates are added to ``found``."""
        for piece, read in self._together(self._repository, self._read, manifests):
            found.candidates.append(piece.of)
            try:
                piece.of.layers = layers = self._discovery.layers(parse_manifest(had(_settled(piece, read))))
            except Exception as error:  # noqa: BLE001  (of this candidate, and of no other)
                piece.of.layers = error
                continue
            wanted = {layer.digest: layer for layer in (layers or ())[:MAX_SIGNATURES_PER_ARTIFACT]}
            for layer in wanted.values():
                yield _piece(piece.of, layer)

    def _manifests(self, place: Place, budget: Budget) -> Iterator[_Piece]:
        for count, candidate in enumerate(place.candidates(self._store, budget)):
            if count == MAX_CANDIDATES:
                raise more_than(MAX_CANDIDATES, "candidate signatures are listed")
            gathered = Gathered(candidate.descriptor, budget)
            if candidate.content is None:
                yield _piece(gathered, candidate.descriptor)
            else:
                yield _Piece(gathered, candidate.descriptor, content=candidate.content)

    def _read(self, piece: _Piece) -> bytes:
        if piece.ahead is None:
            return had(piece.content)
        return self._store.fetch(self._repository, piece.descriptor, piece.ahead)


@dataclass(frozen=True, slots=True)
class _Given:
    """A place that holds one candidate."""

    descriptor: Descriptor

    def candidates(self, store: Store, budget: Budget) -> Iterator[Candidate]:
        del store, budget
        yield Candidate(self.descriptor)


def more_than(limit: int, what: str) -> UnavailableError:
    """The error for what lies beyond a limit."""
    return UnavailableError(ReasonCode.LIMIT_EXCEEDED, f"more than {limit} {what}; the others are not read")


def had(found: T | Exception) -> T:
    """``found``, unless it says why there is nothing: then that is raised."""
    if isinstance(found, Exception):
        raise found
    return found


def _piece(of: Gathered, descriptor: Descriptor) -> _Piece:
    """A content to read ahead, if there is budget for it."""
    try:
        return _Piece(of, descriptor, ahead=of.budget.ahead(descriptor.size))
    except UnavailableError as error:
        return _Piece(of, descriptor, content=error)


def _settled(piece: _Piece, read: Callable[[], bytes]) -> bytes | Exception:
    """What came of ``piece``, paid for."""
    try:
        try:
            return read()
        finally:
            if piece.ahead is not None:
                piece.ahead.settle()
    except Exception as error:  # noqa: BLE001  (raised where it is looked at)
        return error
