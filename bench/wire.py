"""Requests as the lab's registry sees them: how many, and how many had to wait for one another."""

from __future__ import annotations

import threading
import time

from pycosign.lab import Request


class Wire:
    """A hook for ``serve_registry`` that delays every answer and remembers when each request was in work.

    The delay stands for the network. Of two requests one waited for the other if it came only after the other's
    delay was over, so the longest chain of such requests is the number of round trips in sequence. (Connections
    and TLS cost round trips of their own, which are not counted.)
    """

    def __init__(self, delay: float) -> None:
        self._delay = delay
        self._spans: list[tuple[float, float]] = []
        self._lock = threading.Lock()

    def hook(self, request: Request) -> None:
        del request
        started = time.monotonic()
        time.sleep(self._delay)
        with self._lock:
            self._spans.append((started, time.monotonic()))

    def reset(self) -> None:
        with self._lock:
            self._spans.clear()

    @property
    def requests(self) -> int:
        return len(self._spans)

    @property
    def round_trips(self) -> int:
        """The longest chain: always take the request that ends first among those that started late enough."""
        with self._lock:
            return longest_chain(self._spans)


def longest_chain(spans: list[tuple[float, float]]) -> int:
    """The most of ``spans``, pairs of start and end, that follow one another without overlap."""
    chain, free = 0, float("-inf")
    for start, end in sorted(spans, key=lambda span: span[1]):
        if start >= free:
            chain, free = chain + 1, end
    return chain
