"""What one request may spend: time, bytes and calls. A request carries one ``Budget`` all the way down."""

from __future__ import annotations

import threading
import time

from providers.errors import UnavailableError
from providers.reasons import ReasonCode

# A cosign bundle is about 10 kB, an SBOM attestation up to a few MB; 64 candidates of 1 MiB on average fit.
DEFAULT_MAX_BYTES = 64 << 20
# 64 candidates cost two requests each; the rest is resolution, listing, tokens and redirects.
DEFAULT_MAX_REQUESTS = 256


class Budget:
    """Time (monotonic), bytes and registry requests left for one question. Safe to share between threads.

    What one that is part of another (``within``) spends, the whole spends too, and it ends with the whole.
    """

    def __init__(
        self,
        seconds: float,
        *,
        max_bytes: int = DEFAULT_MAX_BYTES,
        max_requests: int = DEFAULT_MAX_REQUESTS,
        within: Budget | None = None,
    ) -> None:
        self._deadline = time.monotonic() + seconds
        self._bytes_left = max_bytes
        self._requests_left = max_requests
        self._lock = threading.Lock()
        self._within = within

    @property
    def deadline(self) -> float:
        """When it is over (``time.monotonic``)."""
        return self._deadline if self._within is None else min(self._deadline, self._within.deadline)

    def share(self, parts: int) -> Budget:
        """A budget for one of ``parts`` parts of the work that is left, so that none uses up what others need.

        Raises:
            UnavailableError: ``deadline-exceeded``.
        """
        seconds = self.seconds_left() / parts
        with self._lock:
            count, requests = (-(-left // parts) for left in (self._bytes_left, self._requests_left))
        return Budget(seconds, max_bytes=count, max_requests=requests, within=self)

    def end(self) -> None:
        """Nobody waits for the answer any more: let whatever still works on it stop at its next step."""
        self._deadline = min(self._deadline, time.monotonic())

    def seconds_left(self) -> float:
        """Seconds until the deadline, above zero.

        Raises:
            UnavailableError: ``deadline-exceeded``.
        """
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise UnavailableError(
                ReasonCode.DEADLINE_EXCEEDED,
                "the deadline of the request has passed, or the time for this part of it",
            )
        return left

    def spend_request(self) -> None:
        """Count one request to a registry.

        Raises:
            UnavailableError: ``limit-exceeded``, or ``deadline-exceeded``.
        """
        self.seconds_left()
        with self._lock:
            self._requests_left -= 1
            if self._requests_left < 0:
                raise UnavailableError(
                    ReasonCode.LIMIT_EXCEEDED, "the request needs more registry calls than allowed"
                )
        if self._within is not None:
            self._within.spend_request()

    def spend_bytes(self, count: int) -> None:
        """Count ``count`` bytes read from a registry.

        Raises:
            UnavailableError: ``limit-exceeded``, or ``deadline-exceeded``.
        """
        self.seconds_left()
        with self._lock:
            self._bytes_left -= count
            if self._bytes_left < 0:
                raise UnavailableError(
                    ReasonCode.LIMIT_EXCEEDED, "the request reads more from the registry than allowed"
                )
        if self._within is not None:
            self._within.spend_bytes(count)
