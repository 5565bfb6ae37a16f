"""What an image index lists: the manifests of its platforms, through the indexes within it.

1. read the index; its digest is that of the question, so what it lists is what a runtime will choose from
2. an entry for ``unknown/unknown`` runs nowhere: so BuildKit marks what describes other manifests. Nothing else is
   left out, whatever it calls itself
3. an index within it is read likewise; what it lists without a platform has that of the index
4. a manifest that stands there several times is one, for all platforms it is listed under
"""

from __future__ import annotations

from collections import deque

from providers.descriptor import Descriptor
from providers.errors import UnavailableError, VerificationError
from providers.platforms import UNKNOWN, Platform
from providers.reasons import ReasonCode

from .budget import Budget
from .findings import Examined, Parts
from .formats.manifest import INDEX_MEDIA_TYPES, Index, parse_index
from .store import Store

# Images for every architecture that Debian and Go build for have about a dozen.
MAX_PLATFORMS = 32
# Tools write none within another; whoever joins the images of two builds makes two.
MAX_INDEXES = 8


def list_parts(store: Store, repository: str, subject: Descriptor, budget: Budget) -> Parts | None:
    """What ``subject`` lists; None when it is no index. Does not raise: where it could not be read to the end, it
    has an ``obstacle`` beside what was read.
    """
    if subject.media_type not in INDEX_MEDIA_TYPES:
        return None
    found: dict[str, Examined] = {}
    digests: set[str] = set()
    obstacle = None
    try:
        _read(store, repository, subject, budget, found, digests)
    except UnavailableError as error:
        obstacle = error
    return Parts(tuple(found.values()), frozenset(digests), obstacle)


def _read(
    store: Store,
    repository: str,
    subject: Descriptor,
    budget: Budget,
    found: dict[str, Examined],
    digests: set[str],
) -> None:
    """Add to ``found`` every manifest by its digest, and to ``digests`` all that is listed.

    Raises:
        UnavailableError: some of it could not be read.
    """
    waiting: deque[tuple[Descriptor, Platform | None]] = deque([(subject, None)])
    indexes = 0
    while waiting:
        descriptor, above = waiting.popleft()
        indexes += 1
        if indexes > MAX_INDEXES:
            raise _more_than(MAX_INDEXES, "indexes are in the index")
        index = _index(store, repository, descriptor, budget)  # (1)
        for entry, stated in zip(index.manifests, index.platforms, strict=True):
            platform = stated or above
            digests.add(entry.digest)
            if entry.media_type in INDEX_MEDIA_TYPES:
                waiting.append((entry, platform))  # (3)
            elif platform != UNKNOWN:  # (2)
                _add(found, entry, platform)
                if len(found) > MAX_PLATFORMS:
                    del found[entry.digest]
                    raise _more_than(MAX_PLATFORMS, "manifests are in the index")
        if index.unreadable:
            raise UnavailableError(
                ReasonCode.REGISTRY_INVALID_RESPONSE,
                f"{index.unreadable} entries of the index cannot be read",
            )


def _add(found: dict[str, Examined], entry: Descriptor, platform: Platform | None) -> None:
    part = found.setdefault(entry.digest, Examined(entry))
    if platform is None:
        part.anywhere = True
    elif platform not in part.platforms:
        part.platforms = (*part.platforms, platform)


def _index(store: Store, repository: str, descriptor: Descriptor, budget: Budget) -> Index:
    content = store.fetch(repository, descriptor, budget)
    try:
        return parse_index(content, descriptor.media_type)
    except VerificationError as error:
        raise UnavailableError(ReasonCode.REGISTRY_INVALID_RESPONSE, error.message) from error


def _more_than(limit: int, what: str) -> UnavailableError:
    return UnavailableError(ReasonCode.LIMIT_EXCEEDED, f"more than {limit} {what}; the others are not read")
