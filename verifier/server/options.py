"""Settings of the gRPC server. Each default says where it comes from."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from providers.errors import ConfigurationError

_COUNTS = ("max_workers", "max_request_bytes", "max_concurrent", "max_streams", "max_concurrent_per_stream")
_TIMES = ("max_deadline", "max_stream_seconds", "max_connection_age")
_PAUSES = ("notice_seconds", "drain_seconds")
# gRPC takes these times as 32-bit milliseconds; a week is longer than any of them is useful.
_LONGEST = 7 * 24 * 3600.0


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """What the server may spend. Times are in seconds.

    Raises:
        ConfigurationError: a value is impossible, or two contradict each other.
    """

    # An IP literal or `localhost`, and a port; port 0 takes a free one. Loopback: a service says where it listens.
    address: str = "127.0.0.1:50051"
    # Verdicts mostly wait for registries, and cryptography releases the GIL: 16 keep two cores busy.
    # As many threads again work on the items of streams.
    max_workers: int = 16
    # Two descriptors with annotations are below 4 kB; 64 kB hold any honest request.
    max_request_bytes: int = 64 << 10
    # Calls in work and waiting. Eight waiting per thread at 100 ms a verdict wait less than a second.
    max_concurrent: int = 144
    # Open ValidateMany calls; each holds two threads that mostly sleep.
    max_streams: int = 8
    # Requests of one stream in work; a Pod list page has 500 images, and one stream may use every thread.
    max_concurrent_per_stream: int = 16
    # Kubernetes lets a webhook take 30 seconds; this leaves 5 for the way there and back.
    max_deadline: float = 25.0
    # A cluster of 10,000 images at 16 in work and 300 ms each takes 190 s.
    max_stream_seconds: float = 300.0
    # Old connections are closed now and then, so that clients spread over new replicas.
    max_connection_age: float = 1800.0
    # How long a stopping server still takes calls, so that load balancers notice (kube-proxy: about a second).
    notice_seconds: float = 2.0
    # Kubernetes kills 30 seconds after SIGTERM; notice and drain together stay below.
    drain_seconds: float = 25.0
    # The configuration's name, for people.
    name: str = ""
    # Whether clients may ask for the description of the service.
    reflection: bool = True

    def __post_init__(self) -> None:
        self._endpoint()
        for name in _COUNTS:
            if getattr(self, name) < 1:
                raise ConfigurationError(f"{name} is {getattr(self, name)}; it must be 1 or more")
        for name in _TIMES:
            if not 0 < getattr(self, name) < _LONGEST:
                raise ConfigurationError(f"{name} is {getattr(self, name)}; it must be above 0, in seconds")
        for name in _PAUSES:
            if not 0 <= getattr(self, name) < _LONGEST:
                raise ConfigurationError(f"{name} is {getattr(self, name)}; it must be 0 or more, in seconds")
        if self.max_concurrent < self.max_workers:
            raise ConfigurationError(
                f"maxConcurrent is {self.max_concurrent} and maxWorkers {self.max_workers}: some workers "
                "could never work",
                remedy="Raise maxConcurrent or lower maxWorkers.",
            )
        if self.max_stream_seconds < self.max_deadline:
            raise ConfigurationError(
                f"maxStreamSeconds is {self.max_stream_seconds}, less than maxDeadlineSeconds "
                f"{self.max_deadline}: one slow verdict would outlive its stream",
                remedy="Raise maxStreamSeconds or lower maxDeadlineSeconds.",
            )

    @property
    def bind_address(self) -> str:
        """The address as gRPC takes it: one IP literal and a port.

        Names are not looked up: gRPC binds as many of a name's addresses as it can and is content with one.
        """
        host, port = self._endpoint()
        return f"[{host}]:{port}" if host.version == 6 else f"{host}:{port}"

    @property
    def loopback(self) -> bool:
        """Whether only this machine can connect."""
        return self._endpoint()[0].is_loopback

    def _endpoint(self) -> tuple[ipaddress.IPv4Address | ipaddress.IPv6Address, int]:
        host, _, port = self.address.rpartition(":")
        host = "127.0.0.1" if host == "localhost" else host.removeprefix("[").removesuffix("]")
        try:
            address = ipaddress.ip_address(host)
        except ValueError:
            address = None
        if address is None or not (port.isascii() and port.isdecimal() and int(port) < 1 << 16):
            raise ConfigurationError(
                f"not an address to listen on: {self.address!r}",
                remedy="Write an IP address and a port, for example 127.0.0.1:50051, 0.0.0.0:50051 or "
                "[::]:50051.",
            )
        return address, int(port)
