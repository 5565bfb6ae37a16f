"""One request to one origin: streamed, bounded, by the deadline. Nothing but our own errors leaves."""

from __future__ import annotations

import http.client
import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import urllib3.exceptions
from urllib3.response import HTTPResponse

from providers.errors import UnavailableError
from providers.reasons import ReasonCode

from ..budget import Budget
from ..printable import printable
from .addresses import Reach
from .connection import Connection, StaleConnectionError
from .deadline import Reaper
from .dial import Dialler, LookUp
from .hosts import Exchange, Hosts
from .limits import RegistryLimits
from .origin import Origin, Target
from .pool import Pool
from .proxies import Proxies

# The size of one read: what the kernel holds for a connection by default.
_CHUNK = 64 << 10


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: field names in lower case, and at most as much of the body as was asked for."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    complete: bool  # False: there was more than the limit
    reach: Reach | None  # of the address that answered; unknown behind a proxy


@dataclass(frozen=True, slots=True)
class Sent:
    """What is sent to one target: fields, and with a ``form`` a POST of it, else a GET."""

    target: Target
    headers: Mapping[str, str]
    form: bytes | None = None


class Transport:
    """Sends requests over kept connections. Safe to use from many threads."""

    def __init__(
        self,
        limits: RegistryLimits,
        *,
        tls: Callable[[Origin], ssl.SSLContext],
        proxies: Proxies,
        lookup: LookUp,
    ) -> None:
        self._limits = limits
        self._tls = tls
        self._proxies = proxies
        self._reaper = Reaper()
        self._dialler = Dialler(limits.lookups, lookup, self._reaper)
        self._pool = Pool(limits, self._connect)
        self.hosts = Hosts(limits)

    def send(self, sent: Sent, *, limit: int, furthest: Reach, budget: Budget) -> Answer:
        """The answer to ``sent``, its body read up to ``limit`` bytes (``error_bytes`` unless its status is 200).

        A kept connection that the other side has closed meanwhile is replaced.

        Raises:
            UnavailableError: whatever went wrong, the deadline and the budget included.
        """
        while True:
            budget.spend_request()
            with suppress(StaleConnectionError):  # only kept ones are stale, and there are few: the loop ends
                return self._exchange(sent, limit, furthest, budget)

    def close(self) -> None:
        """Close every connection, those in use included, and end the thread that watches them."""
        self._pool.close()
        self._dialler.close()
        self._reaper.close()

    def _exchange(self, sent: Sent, limit: int, furthest: Reach, budget: Budget) -> Answer:
        origin = sent.target.origin
        connection = self._pool.take(origin, budget)
        keep = False
        try:
            with self.hosts.begin(origin, budget) as exchange, _in_our_words(origin, exchange):
                connection.begin(exchange, budget, furthest)
                method = "GET" if sent.form is None else "POST"
                response = connection.send_request(method, sent.target.path, sent.headers, sent.form)
                answer = self._read(response, connection, limit, exchange, budget)
                keep = answer.complete and connection.sock is not None  # None: "Connection: close"
                return answer
        finally:
            connection.end()
            self._pool.give_back(connection, keep=keep)

    def _connect(self, origin: Origin) -> Connection:
        return Connection(
            origin,
            dialler=self._dialler,
            reaper=self._reaper,
            tls=self._tls(origin),
            proxy=self._proxies.proxy_for(origin),
            header_bytes=self._limits.header_bytes,
        )

    def _read(
        self, response: HTTPResponse, connection: Connection, limit: int, exchange: Exchange, budget: Budget
    ) -> Answer:
        # Lines of one field are one list (RFC 9110 s5.3); `items` would leave the last line only.
        fields = {name.lower(): value for name, value in response.headers.itermerged()}
        encoding = fields.get("content-encoding", "identity").strip().lower()
        if response.status != http.client.OK:
            limit = self._limits.error_bytes
        elif encoding not in ("", "identity"):
            # We ask for identity. Unpacking what was not asked for is how 100 kB become 100 MB.
            response.close()
            raise UnavailableError(
                ReasonCode.REGISTRY_INVALID_RESPONSE,
                f"{connection.origin} answers with the encoding {printable(encoding, 40)!r}, not asked for",
            )
        try:
            body, complete = _drain(response, limit, exchange, budget)
        finally:
            response.close()
        return Answer(response.status, fields, body, complete, connection.reach)


def _drain(response: HTTPResponse, limit: int, exchange: Exchange, budget: Budget) -> tuple[bytes, bool]:
    """The body, and whether that was all of it; never more than one byte above ``limit`` is read."""
    if response.length_remaining is not None and response.length_remaining > limit:
        return b"", False
    chunks: list[bytes] = []
    left, unreported = limit, 0
    while chunk := response.read1(min(_CHUNK, left + 1)):
        budget.spend_bytes(len(chunk))
        if len(chunk) > left:
            chunks.append(chunk[:left])
            return b"".join(chunks), False
        left -= len(chunk)
        chunks.append(chunk)
        unreported += len(chunk)
        if unreported >= _CHUNK:
            exchange.progressed()
            unreported = 0
    exchange.seconds_left()  # a connection shut down at the deadline ends like a finished one
    return b"".join(chunks), True


@contextmanager
def _in_our_words(origin: Origin, exchange: Exchange) -> Iterator[None]:
    """Around everything that urllib3, ssl and sockets do."""
    try:
        yield
    except UnavailableError:
        raise
    except (OSError, ValueError, http.client.HTTPException, urllib3.exceptions.HTTPError) as error:
        exchange.seconds_left()  # past the deadline, how it ended does not matter
        raise _translated(error, origin) from error


def _translated(error: Exception, origin: Origin) -> UnavailableError:
    """What a failure of the network means; ``error`` is whatever urllib3 or Python raised."""
    cause = error
    while isinstance(cause, urllib3.exceptions.HTTPError) and isinstance(cause.__cause__, Exception):
        cause = cause.__cause__
    if isinstance(cause, ssl.SSLCertVerificationError):
        return UnavailableError(
            ReasonCode.REGISTRY_UNAVAILABLE,
            f"the certificate of {origin} is not trusted ({printable(cause.verify_message, 80)}); if its "
            "authority is your own, name it in the verifier's CA file",
        )
    if isinstance(cause, ssl.SSLError):
        return UnavailableError(
            ReasonCode.REGISTRY_UNAVAILABLE,
            f"no TLS connection to {origin}: {printable(cause.reason or str(cause), 80)}; a registry in plain "
            "HTTP has to be configured as such",
        )
    if isinstance(cause, http.client.IncompleteRead | ConnectionError):
        return UnavailableError(
            ReasonCode.REGISTRY_UNAVAILABLE, f"{origin} closed the connection in the middle of its answer"
        )
    if isinstance(cause, OSError):
        return UnavailableError(
            ReasonCode.REGISTRY_UNAVAILABLE,
            f"the connection to {origin} failed: {printable(cause.strerror or str(cause), 80)}",
        )
    return UnavailableError(
        ReasonCode.REGISTRY_INVALID_RESPONSE,
        f"{origin} does not answer in HTTP that can be read ({type(cause).__name__})",
    )
