"""Contents that were read before. What has a digest never changes, so it need not be read again."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass

from .limits import RegistryLimits


@dataclass(frozen=True, slots=True)
class Kept:
    """A content, and the media type if it is a manifest."""

    content: bytes
    media_type: str = ""


class ContentCache:
    """Contents by repository and digest, those used last, up to a number of bytes. Owns its lock.

    By repository: what may be read in one need not be there for whoever asks for another.
    """

    def __init__(self, limits: RegistryLimits) -> None:
        self._limits = limits
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[str, str], Kept] = OrderedDict()
        self._bytes = 0

    def get(self, repository: str, digest: str) -> Kept | None:
        """What is kept of it."""
        with self._lock:
            kept = self._kept.get((repository, digest))
            if kept is not None:
                self._kept.move_to_end((repository, digest))
            return kept

    def put(self, repository: str, digest: str, kept: Kept) -> None:
        """Keep it. Whoever calls this has checked the digest."""
        if len(kept.content) > self._limits.cached_content_bytes:
            return
        with self._lock:
            before = self._kept.pop((repository, digest), None)
            self._kept[repository, digest] = kept
            self._bytes += len(kept.content) - (0 if before is None else len(before.content))
            while self._bytes > self._limits.cached_bytes:
                _, dropped = self._kept.popitem(last=False)
                self._bytes -= len(dropped.content)
