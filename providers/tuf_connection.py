"""One connection to the origin of a mirror: direct or through a proxy's tunnel, in plain text or TLS."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from urllib import request
from urllib.parse import urlsplit

from tuf.api.exceptions import DownloadError

from .errors import ConfigurationError
from .tuf_deadline import Deadline

# Mirrors publish two to eight addresses; trying more would only divide the time left.
_MAX_ADDRESSES = 8
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Origin:
    """Scheme, host and port (RFC 6454)."""

    scheme: str
    host: str
    port: int

    @classmethod
    def of(cls, url: str) -> Origin:
        """That of ``url``.

        Raises:
            ValueError: it has none, or carries a user's name, which has no business there.
        """
        parts = urlsplit(url)
        if parts.scheme not in _PORTS or not parts.hostname or parts.username is not None:
            raise ValueError("it is not http(s)://host/path")  # not quoted: it may hold a password
        port = parts.port
        return cls(parts.scheme, parts.hostname, _PORTS[parts.scheme] if port is None else port)

    @property
    def authority(self) -> str:
        """Host and port."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def __str__(self) -> str:
        """As a Host field has it."""
        return self.authority.removesuffix(f":{_PORTS[self.scheme]}")


class Connector:
    """Opens connections within a deadline."""

    def __init__(self, ca_file: Path | None, proxies: Mapping[str, str] | None) -> None:
        """``ca_file`` holds certificate authorities trusted besides the system's, PEM. ``proxies`` are by scheme,
        as ``urllib.request.getproxies`` has them; from the environment when not given.

        Raises:
            ConfigurationError: the CA file cannot be used.
        """
        self._tls = _tls(ca_file)
        self._proxies = request.getproxies_environment() if proxies is None else dict(proxies)

    def proxy_for(self, origin: Origin) -> Origin | None:
        """The proxy that leads to ``origin``; None to go directly, as always in plain HTTP.

        Raises:
            ConfigurationError: it is malformed, spoken to in TLS, or wants a password.
        """
        bypassed = request.proxy_bypass_environment  # type: ignore[attr-defined]  # typeshed leaves it out
        if origin.scheme != "https" or bypassed(origin.authority, self._proxies):
            return None
        url = self._proxies.get("https") or self._proxies.get("all")
        if not url:
            return None
        try:
            proxy = Origin.of(url if "://" in url else f"http://{url}")
        except ValueError as error:
            raise ConfigurationError(
                "HTTPS_PROXY is not the URL of a proxy",
                remedy="Write http://host:port, without a user name.",
            ) from error
        if proxy.scheme != "http":
            raise ConfigurationError(
                "HTTPS_PROXY names a proxy that is itself spoken to in TLS", remedy="Write http://host:port."
            )
        return proxy

    @contextmanager
    def open(self, origin: Origin, deadline: Deadline) -> Iterator[HTTPConnection]:
        """A connection to ``origin``, closed at the end and shut down at the deadline.

        Raises:
            OSError: it cannot be had.
            DownloadError: the proxy refuses, or the deadline is over.
        """
        proxy = self.proxy_for(origin)
        with closing(_dial(proxy or origin, deadline)) as sock, deadline.over(sock):
            if proxy is not None:
                _tunnel(sock, origin)
            if origin.scheme == "https":
                sock = self._tls.wrap_socket(sock, server_hostname=origin.host)  # noqa: PLW2901  (takes it over)
            with closing(sock), closing(HTTPConnection(origin.host, origin.port)) as connection:
                connection.sock = sock
                yield connection


def _dial(peer: Origin, deadline: Deadline) -> socket.socket:
    """The first address of ``peer`` that answers."""
    addresses = socket.getaddrinfo(peer.host, peer.port, type=socket.SOCK_STREAM)[:_MAX_ADDRESSES]
    failure = OSError(f"{peer.host} has no address")
    for tried, (family, kind, protocol, _, address) in enumerate(addresses):
        sock = socket.socket(family, kind, protocol)
        try:
            # One address that swallows packets may not spend the time of the others.
            sock.settimeout(deadline.left() / (len(addresses) - tried))
            with deadline.over(sock):
                sock.connect(address)
            sock.settimeout(deadline.left())
        except OSError as error:
            sock.close()
            failure = error
        except BaseException:
            sock.close()
            raise
        else:
            return sock
    raise failure


def _tunnel(sock: socket.socket, origin: Origin) -> None:
    """Ask the proxy at the other end for a way to ``origin`` (RFC 9110 section 9.3.6)."""
    peer = origin.authority
    sock.sendall(f"CONNECT {peer} HTTP/1.1\r\nHost: {peer}\r\n\r\n".encode("ascii"))
    # In TLS the client speaks first: the answer's reader cannot swallow what comes after it.
    with closing(HTTPResponse(sock, method="CONNECT")) as response:
        response.begin()
        if response.status != HTTPStatus.OK:
            raise DownloadError(f"the proxy answers with status {response.status}")


def _tls(ca_file: Path | None) -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if ca_file is not None:
        try:
            context.load_verify_locations(cafile=ca_file)
        except ssl.SSLError as error:
            raise ConfigurationError("the CA file holds no certificates in PEM", file=str(ca_file)) from error
        except OSError as error:
            raise ConfigurationError(
                f"the CA file cannot be read: {error.strerror}", file=str(ca_file)
            ) from error
    return context
