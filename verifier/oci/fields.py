"""The header of an answer, counted while it is read.

Python reads a hundred fields of 64 KiB each into memory before it says that there are too many, and 100 Continue
without end. Here every line is spent from the budget as it comes, and a header has a size it may not exceed.
"""

from __future__ import annotations

import http.client
import io
import socket
from collections.abc import Callable

from providers.errors import UnavailableError
from providers.reasons import ReasonCode

from ..budget import Budget


class _Lines(io.BufferedReader):
    """What a connection brings. The lines of it, which are everything but bodies, are counted."""

    def __init__(self, raw: io.RawIOBase, spend: Callable[[int], None]) -> None:
        super().__init__(raw)
        self._spend = spend

    def readline(self, size: int | None = -1, /) -> bytes:
        """One line, paid for."""
        line = super().readline(size)
        self._spend(len(line))
        return line


class CountedResponse(http.client.HTTPResponse):
    """An answer whose lines (status, fields, sizes of chunks, trailers) are spent from a budget."""

    def __init__(
        self, sock: socket.socket, method: str | None, budget: Budget, limit: int, host: str
    ) -> None:
        super().__init__(sock, method=method)
        self.fp.close()
        self.fp = _Lines(sock.makefile("rb", buffering=0), self._line)
        self._budget = budget
        self._left = limit
        self._host = host
        self._in_header = True

    def begin(self) -> None:
        """Read status and fields.

        Raises:
            UnavailableError: ``registry-invalid-response``: there is no end to them. ``limit-exceeded``.
        """
        super().begin()
        self._in_header = False

    def _line(self, count: int) -> None:
        self._budget.spend_bytes(count)
        self._left -= count if self._in_header else 0
        if self._left < 0:
            raise UnavailableError(
                ReasonCode.REGISTRY_INVALID_RESPONSE, f"{self._host} answers with a header that is too large"
            )
