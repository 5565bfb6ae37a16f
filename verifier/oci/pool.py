"""Connections kept for the next request, and how many there may be."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable

from providers.errors import UnavailableError
from providers.reasons import ReasonCode

from ..budget import Budget
from .connection import Connection
from .deadline import LOOK_AGAIN
from .limits import RegistryLimits
from .origin import Origin


class Pool:
    """Hands out connections, each to one thread at a time. `take` must be followed by `give_back`."""

    def __init__(self, limits: RegistryLimits, connect: Callable[[Origin], Connection]) -> None:
        self._limits = limits
        self._connect = connect
        self._changed = threading.Condition()
        self._busy: Counter[Origin] = Counter()
        self._idle: list[Connection] = []  # the longest idle first
        self._closed = False

    def take(self, origin: Origin, budget: Budget) -> Connection:
        """A connection to ``origin``: a kept one when there is one, else a new one, not yet connected.

        Raises:
            UnavailableError: ``overloaded``: none became free before the deadline.
        """
        with self._changed:
            self._wait_for_room(origin, budget)
            if self._closed:
                raise UnavailableError(ReasonCode.INTERNAL_ERROR, "the registry client is closed")
            self._busy[origin] += 1
            kept = self._kept(origin)
        return kept or self._connect(origin)

    def give_back(self, connection: Connection, *, keep: bool) -> None:
        """Return ``connection``; ``keep`` only when the last answer on it was read to its end."""
        connection.idle_since = time.monotonic()
        with self._changed:
            self._busy[connection.origin] -= 1
            if not self._busy[connection.origin]:
                del self._busy[connection.origin]
            if keep and not self._closed:
                self._idle.append(connection)
                dropped = self._idle.pop(0) if len(self._idle) > self._limits.connections else None
            else:
                dropped = connection
            self._changed.notify_all()
        if dropped is not None:
            dropped.close()

    def close(self) -> None:
        """Close what is idle now, and the rest when it is given back."""
        with self._changed:
            self._closed = True
            idle, self._idle = self._idle, []
            self._changed.notify_all()
        for connection in idle:
            connection.close()

    def _wait_for_room(self, origin: Origin, budget: Budget) -> None:
        """Wait, in small steps: the deadline may move nearer meanwhile."""
        budget.seconds_left()
        while not self._has_room(origin):
            left = budget.deadline - time.monotonic()
            if left <= 0:
                raise UnavailableError(
                    ReasonCode.OVERLOADED, f"no connection to {origin} became free in time; too many in use"
                )
            self._changed.wait(min(left, LOOK_AGAIN))

    def _has_room(self, origin: Origin) -> bool:
        return self._closed or (
            self._busy[origin] < self._limits.connections_per_host
            and self._busy.total() < self._limits.connections
        )

    def _kept(self, origin: Origin) -> Connection | None:
        """The connection to ``origin`` that was used last; those idle for too long are closed."""
        oldest = time.monotonic() - self._limits.idle_seconds
        while self._idle and self._idle[0].idle_since < oldest:
            self._idle.pop(0).close()
        for index in range(len(self._idle) - 1, -1, -1):
            if self._idle[index].origin == origin:
                connection = self._idle.pop(index)
                if connection.is_connected:
                    return connection
                connection.close()
        return None
