"""What one request may spend: time, bytes and calls. A request carries one ``Budget`` all the way down."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterator

from providers.errors import UnavailableError
from providers.reasons import ReasonCode

# Three places are searched at most, at the same time: in each may be one content of the largest size that is read
# (32 MiB), or 64 candidates of half a MiB.
DEFAULT_MAX_BYTES = 3 * (33 << 20)
# For each of three places: 64 candidates cost two requests and a redirect each; the rest is resolution, listing
# and tokens.
DEFAULT_MAX_REQUESTS = 3 * 216
# Of the parts of the work, at least so many are worked on at the same time where there is much to wait for.
_AT_A_TIME = 4
# What may come along with one content: header fields, the answers of token servers, redirects and errors.
_BESIDE_BYTES = 1 << 20
_BESIDE_REQUESTS = 32


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
        """When it is over (``time.monotonic``). It may move nearer, never further away."""
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

    def shares(self, parts: int) -> Iterator[Budget]:
        """Budgets for ``parts`` parts, a few of which are worked on at the same time. They are taken, and waited
        for, one after the other.

        Bytes and requests are the same for each, so that what one may read does not depend on how fast another
        is. Of the time that is left when it is taken, each has as much as leaves some to those after it; the last
        has all of it.

        Raises:
            UnavailableError: ``deadline-exceeded``, also when some were taken.
        """
        with self._lock:
            count, requests = (
                max(left, 0) // max(parts, 1) for left in (self._bytes_left, self._requests_left)
            )
        for after in reversed(range(parts)):
            seconds = self.seconds_left() / (1 + math.ceil(after / _AT_A_TIME))
            yield Budget(seconds, max_bytes=count, max_requests=requests, within=self)

    def ahead(self, size: int) -> BudgetAhead:
        """A budget to read a content of ``size`` bytes before its turn, beside others.

        Those bytes are set aside now; what was really spent is paid by ``settle``, in its turn. So when there is
        not enough for all contents, which of them are read does not depend on which came first.

        Raises:
            UnavailableError: ``limit-exceeded``: not so many bytes are left. ``deadline-exceeded``.
        """
        seconds = self.seconds_left()
        with self._lock:
            if size > self._bytes_left:
                raise _too_many_bytes()
            self._bytes_left -= size
        return BudgetAhead(seconds, size, self)

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
        self.pay(0, 1)

    def spend_bytes(self, count: int) -> None:
        """Count ``count`` bytes read from a registry.

        Raises:
            UnavailableError: ``limit-exceeded``, or ``deadline-exceeded``.
        """
        self.seconds_left()
        self.pay(count, 0)

    def pay(self, count: int, requests: int) -> None:
        """Count ``count`` bytes and ``requests`` that were spent in time, whatever time it is now.

        Raises:
            UnavailableError: ``limit-exceeded``.
        """
        with self._lock:
            self._requests_left -= requests
            self._bytes_left -= count
            if requests and self._requests_left < 0:
                raise UnavailableError(
                    ReasonCode.LIMIT_EXCEEDED, "the request needs more registry calls than allowed"
                )
            if count and self._bytes_left < 0:
                raise _too_many_bytes()
        if self._within is not None:
            self._within.pay(count, requests)

    def put_back(self, count: int) -> None:
        """Take ``count`` bytes back that were set aside (`ahead`)."""
        with self._lock:
            self._bytes_left += count


class BudgetAhead(Budget):
    """What `Budget.ahead` gives: ends with the other budget, and has the other pay when its turn has come."""

    def __init__(self, seconds: float, size: int, whole: Budget) -> None:
        super().__init__(seconds, max_bytes=size + _BESIDE_BYTES, max_requests=_BESIDE_REQUESTS)
        self._size = size
        self._whole = whole
        self._spent = [0, 0]

    @property
    def deadline(self) -> float:
        """When it is over. It may move nearer, never further away."""
        return min(self._deadline, self._whole.deadline)

    def pay(self, count: int, requests: int) -> None:
        """Count what was spent; see `Budget.pay`."""
        with self._lock:
            self._spent[0] += count
            self._spent[1] += requests
        super().pay(count, requests)

    def settle(self) -> None:
        """Have the other budget pay what was spent here, once.

        Raises:
            UnavailableError: ``limit-exceeded``: it has not enough left.
        """
        with self._lock:
            (count, requests), size = self._spent, self._size
            self._spent, self._size = [0, 0], 0
        self._whole.put_back(size)
        self._whole.pay(count, requests)


def _too_many_bytes() -> UnavailableError:
    return UnavailableError(
        ReasonCode.LIMIT_EXCEEDED, "the request reads more from the registry than allowed"
    )
