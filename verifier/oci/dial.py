"""Opening a TCP connection by a deadline: the look-up of the name included."""

from __future__ import annotations

import queue
import socket
import threading
import time
from collections.abc import Callable, Sequence
from typing import TypeAlias

from providers.errors import UnavailableError
from providers.reasons import ReasonCode

from .addresses import Reach, reach_of

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

    def __init__(self, max_lookups: int, lookup: LookUp = system_lookup) -> None:
        self._lookup = lookup
        self._slots = threading.BoundedSemaphore(max_lookups)

    def dial(self, host: str, port: int, deadline: float, furthest: Reach) -> socket.socket:
        """A connected socket whose time-out is the time left.

        Addresses further inside than ``furthest`` are not tried.

        Raises:
            UnavailableError: ``registry-unavailable``, ``registry-invalid-response`` when the name leads further
                inside than allowed, or ``deadline-exceeded``.
        """
        addresses = self._addresses(host, port, deadline)
        allowed = [a for a in addresses if _reach(a) <= furthest][:_MAX_ADDRESSES]
        if not allowed:
            raise too_far_inside(host)
        failure: OSError | None = None
        for tried, (family, address) in enumerate(allowed):
            left = _left(deadline, host)
            sock = socket.socket(family, socket.SOCK_STREAM)
            try:
                # One address that swallows packets may not spend the time of the others.
                sock.settimeout(left / (len(allowed) - tried))
                sock.connect(address)
                sock.settimeout(_left(deadline, host))
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            except OSError as error:
                sock.close()
                failure = error
            except BaseException:
                sock.close()
                raise
            else:
                return sock
        _left(deadline, host)
        why = (failure and failure.strerror) or "no answer"
        raise UnavailableError(
            ReasonCode.REGISTRY_UNAVAILABLE, f"no connection to {host}:{port}: {why}"
        ) from failure

    def _addresses(self, host: str, port: int, deadline: float) -> Sequence[Address]:
        if reach_of(host) is not None:
            family = socket.AF_INET6 if ":" in host else socket.AF_INET
            return [(family, (host, port))]
        if not self._slots.acquire(timeout=_left(deadline, host)):
            raise _too_late(f"the name {host} could not be looked up in time: the resolver does not answer")
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
        try:
            answer = answers.get(timeout=_left(deadline, host))
        except queue.Empty:
            raise _too_late(f"the name {host} could not be looked up in time") from None
        if isinstance(answer, OSError):
            raise UnavailableError(
                ReasonCode.REGISTRY_UNAVAILABLE,
                f"the name {host} cannot be looked up: {answer.strerror or answer}",
            ) from answer
        return answer


def too_far_inside(host: str) -> UnavailableError:
    """The error for a name that leads further inside than what asked for it may go."""
    return UnavailableError(
        ReasonCode.REGISTRY_INVALID_RESPONSE,
        f"{host} leads to an internal address; this verifier connects to those where configured only",
    )


def _reach(address: Address) -> Reach:
    reach = reach_of(str(address[1][0]))
    return Reach.RESTRICTED if reach is None else reach


def _left(deadline: float, host: str) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise _too_late(f"no connection to {host} before the deadline of the request")
    return left


def _too_late(message: str) -> UnavailableError:
    return UnavailableError(ReasonCode.DEADLINE_EXCEEDED, message)
