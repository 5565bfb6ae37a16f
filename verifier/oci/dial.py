"""Opening a TCP connection by a deadline: the look-up of the name included."""

from __future__ import annotations

import contextlib
import queue
import socket
import threading
from collections.abc import Callable, Sequence
from typing import TypeAlias

from providers.errors import UnavailableError
from providers.reasons import ReasonCode

from .addresses import Reach, reach_of
from .deadline import LOOK_AGAIN, Reaper
from .hosts import Exchange

# Families and socket addresses, as `socket.getaddrinfo` gives them.
Address: TypeAlias = tuple[socket.AddressFamily, tuple[str | int | bytes, ...]]
LookUp: TypeAlias = Callable[[str, int], Sequence[Address]]

# Registries publish two to eight addresses; trying more would only divide the time left.
_MAX_ADDRESSES = 8


def system_lookup(host: str, port: int) -> list[Address]:
    """Ask the system's resolver, in its order of preference."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [(family, tuple(address)) for family, _, _, _, address in found]


class Dialler:
    """Opens TCP connections. Look-ups run in threads of their own, for they cannot be interrupted; a bounded
    number of them, so that a resolver that does not answer cannot pile threads up.
    """

    def __init__(self, max_lookups: int, lookup: LookUp, reaper: Reaper) -> None:
        self._lookup = lookup
        self._slots = threading.BoundedSemaphore(max_lookups)
        self._reaper = reaper
        self._closed = threading.Event()

    def dial(self, host: str, port: int, exchange: Exchange, furthest: Reach) -> socket.socket:
        """A connected socket whose time-out is the time left.

        Addresses further inside than ``furthest`` are not tried.

        Raises:
            UnavailableError: ``registry-unavailable``, ``registry-invalid-response`` when the name leads further
                inside than allowed, or ``deadline-exceeded``.
        """
        addresses = self._addresses(host, port, exchange)
        allowed = [a for a in addresses if _reach(a) <= furthest][:_MAX_ADDRESSES]
        if not allowed:
            raise too_far_inside(host)
        late = f"no connection to {host} before the deadline of the request"
        failure: OSError | None = None
        for tried, (family, address) in enumerate(allowed):
            left = _left(exchange, late)
            sock = socket.socket(family, socket.SOCK_STREAM)
            try:
                # One address that swallows packets may not spend the time of the others.
                sock.settimeout(left / (len(allowed) - tried))
                self._connect(sock, address, exchange)
                sock.settimeout(_left(exchange, late))
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            except OSError as error:
                sock.close()
                failure = error
            except BaseException:
                sock.close()
                raise
            else:
                return sock
        _left(exchange, late)
        why = (failure and failure.strerror) or "no answer"
        raise UnavailableError(
            ReasonCode.REGISTRY_UNAVAILABLE, f"no connection to {host}:{port}: {why}"
        ) from failure

    def close(self) -> None:
        """Let go of whoever waits for a look-up."""
        self._closed.set()

    def _connect(
        self, sock: socket.socket, address: tuple[str | int | bytes, ...], exchange: Exchange
    ) -> None:
        watch = self._reaper.watch(sock, exchange.deadline)  # may be over before the time-out
        try:
            sock.connect(address)
        finally:
            watch.cancel()

    def _addresses(self, host: str, port: int, exchange: Exchange) -> Sequence[Address]:
        if reach_of(host) is not None:
            family = socket.AF_INET6 if ":" in host else socket.AF_INET
            return [(family, (host, port))]
        while not self._slots.acquire(timeout=self._step(exchange, host)):
            pass
        answers: queue.SimpleQueue[Sequence[Address] | OSError] = queue.SimpleQueue()

        def ask() -> None:
            try:
                answers.put(self._lookup(host, port))
            except UnicodeError as error:  # a label that IDNA refuses
                answers.put(OSError(str(error)))
            except OSError as error:
                answers.put(error)
            finally:
                self._slots.release()

        try:
            threading.Thread(target=ask, name="pycosign-lookup", daemon=True).start()
        except RuntimeError as error:
            self._slots.release()
            raise UnavailableError(ReasonCode.OVERLOADED, "no thread can be started for a look-up") from error
        answer: Sequence[Address] | OSError | None = None
        while answer is None:
            with contextlib.suppress(queue.Empty):
                answer = answers.get(timeout=self._step(exchange, host))
        if isinstance(answer, OSError):
            raise UnavailableError(
                ReasonCode.REGISTRY_UNAVAILABLE,
                f"the name {host} cannot be looked up: {answer.strerror or answer}",
            ) from answer
        return answer

    def _step(self, exchange: Exchange, host: str) -> float:
        """How long to wait for the resolver before the deadline, which may move nearer, is looked at again."""
        if self._closed.is_set():
            raise UnavailableError(ReasonCode.INTERNAL_ERROR, "the registry client is closed")
        return min(_left(exchange, f"the name {host} could not be looked up in time"), LOOK_AGAIN)


def too_far_inside(host: str) -> UnavailableError:
    """The error for a name that leads further inside than what asked for it may go."""
    return UnavailableError(
        ReasonCode.REGISTRY_INVALID_RESPONSE,
        f"{host} leads to an internal address; this verifier connects to those where configured only",
    )


def _reach(address: Address) -> Reach:
    reach = reach_of(str(address[1][0]))
    return Reach.RESTRICTED if reach is None else reach


def _left(exchange: Exchange, late: str) -> float:
    """The seconds left; ``late`` says what was not done in time."""
    try:
        return exchange.seconds_left()
    except UnavailableError as error:
        if error.reason is not ReasonCode.DEADLINE_EXCEEDED:
            raise
        raise UnavailableError(ReasonCode.DEADLINE_EXCEEDED, late) from None
