"""One connection to an origin, bound to the deadline of the request that uses it."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from functools import partial
from http.client import RemoteDisconnected

from urllib3.connection import HTTPConnection
from urllib3.response import HTTPResponse

from ..budget import Budget
from .addresses import Reach, reach_of
from .deadline import Reaper, Watch
from .dial import Dialler, too_far_inside
from .fields import CountedResponse
from .hosts import Exchange
from .origin import Origin


class StaleConnectionError(Exception):
    """A kept connection turned out to be closed by the other side; a fresh one may do."""


class Connection(HTTPConnection):
    """Speaks to one origin, directly or through a proxy's tunnel, in plain text or TLS.

    TLS is one call of `ssl` here, with a context that verifies chain and name: one class serves both schemes,
    and the socket is under its deadline before the handshake starts.

    Each use is `begin`, then `send_request`, then `end`, in one thread.
    """

    auto_open = 0  # only `begin` connects: http.client would do so without a deadline

    def __init__(
        self,
        origin: Origin,
        *,
        dialler: Dialler,
        reaper: Reaper,
        tls: ssl.SSLContext,
        proxy: Origin | None,
        header_bytes: int,
    ) -> None:
        peer = proxy or origin
        super().__init__(peer.host, peer.port)
        self.origin = origin
        self.idle_since = 0.0
        self.reach: Reach | None = None  # of the address at the other end; unknown behind a proxy
        self._dialler = dialler
        self._reaper = reaper
        self._tls = tls if origin.scheme == "https" else None
        self._through = proxy
        self._header_bytes = header_bytes
        self._watch: Watch | None = None
        self._served = 0

    def begin(self, exchange: Exchange, budget: Budget, furthest: Reach) -> None:
        """Connect unless connected; from here to `end` nothing outlasts ``exchange``, and every line that is read
        is spent from ``budget``.

        Raises:
            UnavailableError: see `Dialler.dial`.
            OSError: the connection or its TLS handshake failed.
        """
        self.timeout = exchange.seconds_left()
        self.response_class = partial(  # type: ignore[assignment]  # http.client calls it, and nothing else
            CountedResponse, budget=budget, limit=self._header_bytes, host=str(self.origin)
        )
        if self.sock is None:
            self._open(exchange, furthest)
        elif self.reach is not None and self.reach > furthest:
            raise too_far_inside(self.origin.host)  # kept from a request that was allowed to go there
        else:
            self._watch = self._reaper.watch(self.sock, exchange.deadline)

    def _open(self, exchange: Exchange, furthest: Reach) -> None:
        """Dial, ask the proxy for a tunnel if there is one, then do the TLS handshake."""
        self._served = 0
        peer = self._through or self.origin
        if self._through is not None:
            furthest = Reach.RESTRICTED  # a proxy is the operator's choice, wherever it is
            self.set_tunnel(self.origin.host, self.origin.port)
        self.sock = sock = self._dialler.dial(peer.host, peer.port, exchange, furthest)
        self._watch = self._reaper.watch(sock, exchange.deadline)
        if self._through is not None:
            self._tunnel()  # http.client's own: what its `connect` would call here
        else:
            self.reach = reach_of(str(sock.getpeername()[0]))
        if self._tls is not None:
            self.sock = self._tls.wrap_socket(sock, server_hostname=self.origin.host)

    def send_request(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes | None
    ) -> HTTPResponse:
        """Send one request; the answer's body is not read yet.

        Raises:
            StaleConnectionError: the connection was kept from an earlier request and is closed by now.
            UnavailableError: the header of the answer is too large.
            OSError, http.client.HTTPException, urllib3.exceptions.HTTPError: it failed.
        """
        self._served += 1
        try:
            fields = {"Host": str(self.origin), **headers}
            self.request(method, path, body=body, headers=fields, preload_content=False, decode_content=False)
            return self.getresponse()
        except (ConnectionError, RemoteDisconnected, ssl.SSLEOFError, ssl.SSLZeroReturnError) as error:
            if self._served > 1:
                raise StaleConnectionError from error
            raise

    def end(self) -> None:
        """Release the deadline's hold."""
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None
