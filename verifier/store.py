"""The contract of a store: where artifacts and their signatures are read from. It has no way to write."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Protocol, TypeVar

from providers.descriptor import Descriptor
from providers.reference import Reference

from .budget import Budget

Q = TypeVar("Q")
R = TypeVar("R")


class Store(Protocol):
    """Read-only access to artifacts. Every method raises ``UnavailableError`` when it cannot answer, never
    returns less than there is in silence, and gives up when the budget is spent.
    """

    def resolve(self, reference: Reference, budget: Budget) -> Descriptor:
        """The descriptor of the manifest that ``reference`` names, its digest computed from the bytes read.

        With a digest in the reference, the content must have that digest.

        Raises:
            UnavailableError: ``image-not-found``, ``content-mismatch``, or why it cannot be read.
        """
        ...

    def referrers(
        self, repository: str, subject: Descriptor, artifact_types: tuple[str, ...], budget: Budget
    ) -> Iterator[Descriptor]:
        """Manifests that refer to ``subject`` and may be of one of ``artifact_types`` (distribution-spec 1.1,
        Listing Referrers). What a listing says of a type is a hint: fetch to know.

        Raises:
            UnavailableError: also in the middle of the iteration; what was yielded before stays valid.
        """
        ...

    def tagged(self, repository: str, tag: str, budget: Budget) -> tuple[Descriptor, bytes] | None:
        """The manifest under ``tag`` with its descriptor, the digest computed from the bytes; None when the
        repository has no such tag.

        Raises:
            UnavailableError: why it cannot be read.
        """
        ...

    def fetch(self, repository: str, descriptor: Descriptor, budget: Budget) -> bytes:
        """The content of ``descriptor``, after its size and digest were checked.

        Raises:
            UnavailableError: ``content-mismatch``, ``limit-exceeded``, or why it cannot be read.
        """
        ...


class Together(Protocol):
    """Does several things at a time, where a store can: reading from a network is mostly waiting."""

    def __call__(
        self, repository: str, work: Callable[[Q], R], items: Iterable[Q]
    ) -> Iterator[tuple[Q, Callable[[], R]]]:
        """``work`` for each of ``items``, which reads from ``repository``, in threads of the store.

        Items come in their order, each with what gives its result, or raises what ``work`` raised. Only a few
        items are taken from ``items`` before their turn, all in the thread of the caller; an error of ``items``
        itself comes after those before it.
        """
        ...


def in_turn(
    repository: str, work: Callable[[Q], R], items: Iterable[Q]
) -> Iterator[tuple[Q, Callable[[], R]]]:
    """One thing after the other, each when its result is asked for: `Together` where nothing keeps one waiting."""
    del repository
    for item in items:
        yield item, partial(work, item)


class ClosingStore(Store, Protocol):
    """A store with something to close at the end."""

    def close(self) -> None:
        """Close it."""
        ...

    @property
    def together(self) -> Together:
        """How several things are read from it at a time."""
        ...
