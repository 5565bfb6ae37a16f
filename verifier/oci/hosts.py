"""Which hosts answer: a host that is silent costs those who ask it, and soon not even them.

1. Every exchange with a host is counted in here, from its connection to the last byte of the answer.
2. A host *answers* when an exchange comes to its end, or a large answer makes progress. Dripping is no answer.
3. A host is *given up* when it was asked several times and has not answered for some seconds. Whoever still waits
   for it is let go, but the one who has waited longest; whoever asks is told at once.
4. After a pause one exchange is let through, a *probe*. An answer to it, or to the one who was left waiting, and
   the host is as good as any other; silence, and the pause is twice as long.

A host that answers, be it with errors, is never held back, however many ask.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from types import TracebackType
from typing import Self

from providers.errors import UnavailableError
from providers.reasons import ReasonCode

from ..budget import Budget
from .limits import RegistryLimits
from .origin import Origin

# What an exchange ends with when the host said nothing in time. Anything else the host has said.
_SILENCE = frozenset({ReasonCode.DEADLINE_EXCEEDED, ReasonCode.REGISTRY_UNAVAILABLE})


class HostState(StrEnum):
    """How a host is dealt with."""

    ANSWERING = "answering"
    GIVEN_UP = "given-up"
    PROBED = "probed"  # given up, and asked by one


@dataclass(frozen=True, slots=True)
class HostReport:
    """The conduct of one host. ``unanswered`` counts since its last answer, ``again_in`` is in seconds."""

    host: str
    state: HostState
    in_flight: int
    unanswered: int
    waiting: int
    again_in: float


@dataclass(slots=True)
class _Host:
    """What is known of one host since its last answer: how many exchanges it left unanswered, and for how long it
    was asked, of which ``asked_since`` is the stretch that goes on.
    """

    pause: float
    asked_for: float = 0.0
    asked_since: float | None = None
    asked_last: float = 0.0
    unanswered: int = 0
    given_up_until: float | None = None
    probe: Exchange | None = None
    probed_at: float = 0.0
    waiting: int = 0
    in_flight: list[Exchange] = field(default_factory=list)  # the longest under way first

    def silent_for(self, now: float) -> float:
        """Seconds that it was asked for and has not answered."""
        return self.asked_for + (0.0 if self.asked_since is None else now - self.asked_since)


class Exchange:
    """One request to one host, while it is under way. It ends with its budget, or earlier when its host is given
    up: whatever waits for the host asks `seconds_left` or `deadline` again every now and then.
    """

    def __init__(self, hosts: Hosts, origin: Origin, budget: Budget, began: float) -> None:
        self.origin = origin
        self.began = began
        self.let_go = False
        self._hosts = hosts
        self._budget = budget

    def deadline(self) -> float:
        """When it is over, as things are now (``time.monotonic``)."""
        return 0.0 if self._hosts.look(self) else self._budget.deadline

    def seconds_left(self) -> float:
        """Seconds until then, above zero.

        Raises:
            UnavailableError: ``deadline-exceeded``, or ``registry-unavailable``: the host was given up.
        """
        left = self._budget.seconds_left()
        if self._hosts.look(self):
            raise self._hosts.given_up(self.origin)
        return left

    def progressed(self) -> None:
        """A large answer goes on."""
        self._hosts.answered(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._hosts.end(self, error)


class Hosts:
    """The conduct of every host that was asked lately. Owns its lock."""

    def __init__(self, limits: RegistryLimits, clock: Callable[[], float] = time.monotonic) -> None:
        self._limits = limits
        self._clock = clock
        self._lock = threading.Lock()
        self._hosts: OrderedDict[Origin, _Host] = OrderedDict()

    def begin(self, origin: Origin, budget: Budget) -> Exchange:
        """An exchange with ``origin`` begins; it ends when its context is left.

        Raises:
            UnavailableError: ``registry-unavailable``: the host is given up, and not to be asked yet.
        """
        exchange = Exchange(self, origin, budget, self._clock())
        with self._lock:
            host = self._host(origin)
            self._give_up_if_silent(host, exchange.began)
            if host.given_up_until is not None:
                if not self._may_probe(host, exchange.began):
                    raise self._given_up(origin, host)
                if host.probe is not None:
                    host.probe.let_go = True
                host.probe, host.probed_at = exchange, exchange.began
            elif not host.in_flight and exchange.began - host.asked_last > self._limits.longest_pause:
                host.asked_for, host.unanswered = 0.0, 0  # long ago
            if host.asked_since is None:
                host.asked_since = exchange.began
            host.in_flight.append(exchange)
        return exchange

    def look(self, exchange: Exchange) -> bool:
        """Whether ``exchange`` is to end because its host is given up, which may come out just now."""
        with self._lock:
            host = self._hosts.get(exchange.origin)
            if host is not None:
                self._give_up_if_silent(host, self._clock())
            return exchange.let_go

    def answered(self, exchange: Exchange) -> None:
        """The host of ``exchange`` answers."""
        with self._lock:
            host = self._host(exchange.origin)
            host.asked_for, host.asked_since, host.unanswered = 0.0, self._clock(), 0
            host.given_up_until, host.probe, host.pause = None, None, self._limits.pause_seconds

    def end(self, exchange: Exchange, error: BaseException | None) -> None:
        """``exchange`` is over; without ``error`` it was answered."""
        if error is None:
            self.answered(exchange)
        now = self._clock()
        with self._lock:
            host = self._host(exchange.origin)
            host.in_flight.remove(exchange)
            was_probe = host.probe is exchange
            if was_probe:
                host.probe = None
            silent = isinstance(error, UnavailableError) and error.reason in _SILENCE
            if silent and not exchange.let_go and now - exchange.began >= self._limits.unanswered_seconds:
                host.unanswered += 1
                if was_probe:
                    host.pause = min(2 * host.pause, self._limits.longest_pause)
                    host.given_up_until = now + host.pause
                self._give_up_if_silent(host, now)
            if not host.in_flight:
                host.asked_for, host.asked_since, host.asked_last = host.silent_for(now), None, now

    def wait(self, origin: Origin) -> bool:
        """Whether one more may wait for ``origin``, which is busy; if so, `waited` must follow."""
        with self._lock:
            host = self._host(origin)
            if host.waiting >= self._limits.waiting_per_host:
                return False
            host.waiting += 1
            return True

    def waited(self, origin: Origin) -> None:
        """One has waited."""
        with self._lock:
            self._host(origin).waiting -= 1

    def given_up(self, origin: Origin) -> UnavailableError:
        """The error for whoever asks a host that is given up."""
        with self._lock:
            return self._given_up(origin, self._host(origin))

    def report(self) -> tuple[HostReport, ...]:
        """The conduct of every host that is remembered, the one asked last at the end."""
        now = self._clock()
        with self._lock:
            return tuple(self._reported(origin, host, now) for origin, host in self._hosts.items())

    def _host(self, origin: Origin) -> _Host:
        host = self._hosts.get(origin)
        if host is None:
            host = self._hosts[origin] = _Host(self._limits.pause_seconds)
        self._hosts.move_to_end(origin)
        if len(self._hosts) > self._limits.hosts:
            # One that nobody asks or waits for just now; there are more hosts than threads.
            idle = (o for o, h in self._hosts.items() if h is not host and not h.in_flight and not h.waiting)
            forgotten = next(idle, None)
            if forgotten is not None:
                del self._hosts[forgotten]
        return host

    def _may_probe(self, host: _Host, now: float) -> bool:
        if host.probe is not None:
            return now - host.probed_at >= self._limits.silent_seconds
        return host.given_up_until is None or now >= host.given_up_until

    def _give_up_if_silent(self, host: _Host, now: float) -> None:
        """Give ``host`` up if it has been silent for long enough."""
        if host.given_up_until is not None or host.silent_for(now) < self._limits.silent_seconds:
            return
        waiting = [e for e in host.in_flight if now - e.began >= self._limits.unanswered_seconds]
        if host.unanswered + len(waiting) < self._limits.silent_requests:
            return
        host.given_up_until = now + host.pause
        host.probe, host.probed_at = (host.in_flight[0], now) if host.in_flight else (None, now)
        for exchange in host.in_flight[1:]:
            exchange.let_go = True

    def _given_up(self, origin: Origin, host: _Host) -> UnavailableError:
        silent = host.silent_for(self._clock())
        return UnavailableError(
            ReasonCode.REGISTRY_UNAVAILABLE,
            f"{origin} was asked for {silent:.0f} s without an answer; one request at a time finds out whether it "
            "answers",
        )

    def _reported(self, origin: Origin, host: _Host, now: float) -> HostReport:
        state = HostState.ANSWERING
        if host.given_up_until is not None:
            state = HostState.GIVEN_UP if host.probe is None else HostState.PROBED
        return HostReport(
            host=str(origin),
            state=state,
            in_flight=len(host.in_flight),
            unanswered=host.unanswered,
            waiting=host.waiting,
            again_in=max(0.0, (host.given_up_until or now) - now),
        )
