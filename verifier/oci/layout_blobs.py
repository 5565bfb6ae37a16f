"""The blobs of an image layout, in its folder ``blobs/sha256``: read whole, and used when their digest fits."""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator
from typing import Protocol

from providers.descriptor import digest_of, parse_digest
from providers.errors import UnavailableError
from providers.reasons import ReasonCode

from ..budget import Budget

_NAME = re.compile(r"[0-9a-f]{64}")


class Files(Protocol):
    """Files by their names: a folder, or what stands for one. Every method raises ``OSError``."""

    def names(self) -> Iterator[str]:
        """What there is, in any order."""
        ...

    def read(self, name: str, *, limit: int, start: bytes = b"") -> bytes:
        """The content of ``name``, empty when it does not begin with ``start``; EFBIG above ``limit`` bytes."""
        ...

    def close(self) -> None:
        """Close it."""
        ...


class BadBlobError(UnavailableError):
    """One blob cannot be used, which says nothing of the others."""


class Blobs:
    """Blobs by their digests. ``layout`` is what messages call the layout."""

    def __init__(self, layout: str, files: Files) -> None:
        self.layout = layout
        self._folder = files

    def digests(self) -> Iterator[str]:
        """The digests of all blobs, by their names, in any order.

        Raises:
            UnavailableError: they cannot be listed.
        """
        try:
            for name in self._folder.names():
                if _NAME.fullmatch(name):
                    yield f"sha256:{name}"
        except OSError as error:
            raise UnavailableError(
                ReasonCode.REGISTRY_UNAVAILABLE,
                f"the blobs in {self.layout} cannot be listed: {error.strerror}",
            ) from error

    def read(
        self,
        digest: str,
        budget: Budget,
        *,
        limit: int,
        missing: ReasonCode = ReasonCode.REGISTRY_INVALID_RESPONSE,
        larger: ReasonCode = ReasonCode.LIMIT_EXCEEDED,
    ) -> bytes:
        """The content of ``digest``; ``missing`` or ``larger`` than ``limit`` is an error with that reason.

        Raises:
            BadBlobError: it cannot be read, or has another digest.
            UnavailableError: the budget is spent.
        """
        try:
            content = self._folder.read(_name(digest), limit=limit)
        except OSError as error:
            reasons = {errno.ENOENT: missing, errno.EFBIG: larger}
            raise self._unreadable(digest, error, reasons.get(error.errno or 0)) from error
        budget.spend_bytes(len(content))
        return self._checked(digest, content)

    def read_naming(self, named: bytes, digest: str, budget: Budget, *, limit: int) -> bytes:
        """The content of ``digest`` if it may be a JSON object of at most ``limit`` bytes with ``named`` in it;
        empty otherwise.

        Raises:
            BadBlobError: it cannot be read, or has another digest.
            UnavailableError: the budget is spent.
        """
        try:
            content = self._folder.read(_name(digest), limit=limit, start=b"{")
        except OSError as error:
            if error.errno == errno.EFBIG:
                return b""
            raise self._unreadable(digest, error) from error
        budget.spend_bytes(len(content))
        return self._checked(digest, content) if named in content else b""

    def close(self) -> None:
        """Close the folder."""
        self._folder.close()

    def _checked(self, digest: str, content: bytes) -> bytes:
        found = digest_of(content)
        if found != digest:
            raise BadBlobError(
                ReasonCode.CONTENT_MISMATCH,
                f"the blob {digest} in {self.layout} has the digest {found}; it was not used",
            )
        return content

    def _unreadable(self, digest: str, error: OSError, reason: ReasonCode | None = None) -> BadBlobError:
        return BadBlobError(
            reason or ReasonCode.REGISTRY_INVALID_RESPONSE,
            f"the blob {digest} in {self.layout} cannot be read: {error.strerror}",
        )


def _name(digest: str) -> str:
    """The name of its file: 64 digits, whatever ``digest`` is."""
    return parse_digest(digest).partition(":")[2]
