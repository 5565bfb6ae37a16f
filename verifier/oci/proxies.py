"""Which requests go through a proxy, from the environment that curl, Go and Python programs share."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address, ip_network

from providers.errors import ConfigurationError

from .origin import Origin, Target


@dataclass(frozen=True, slots=True)
class Proxies:
    """The proxy for HTTPS, and the hosts reached without it. Plain-HTTP registries are always asked directly."""

    https: Origin | None
    no_proxy: str

    @classmethod
    def parse(cls, environment: Mapping[str, str] = os.environ) -> Proxies:
        """Read ``HTTPS_PROXY`` and ``NO_PROXY``; the lower-case names win.

        Raises:
            ConfigurationError: the proxy is malformed, of another scheme than http, or wants a password.
        """
        url = environment.get("https_proxy") or environment.get("HTTPS_PROXY") or ""
        no_proxy = environment.get("no_proxy") or environment.get("NO_PROXY") or ""
        if not url:
            return cls(None, no_proxy)
        try:
            target = Target.parse(url if "://" in url else f"http://{url}")
        except ValueError as error:
            raise ConfigurationError(
                "HTTPS_PROXY is not the URL of a proxy", remedy="write http://host:port, without a user name"
            ) from error
        if target.origin.scheme != "http":
            raise ConfigurationError(
                "HTTPS_PROXY names a proxy that is itself spoken to in TLS", remedy="write http://host:port"
            )
        return cls(target.origin, no_proxy)

    def proxy_for(self, origin: Origin) -> Origin | None:
        """The proxy that leads to ``origin``; ``None`` to go directly."""
        if self.https is None or origin.scheme != "https":
            return None
        entries = (entry.strip().lower() for entry in self.no_proxy.split(","))
        return None if any(_names(entry, origin) for entry in entries if entry) else self.https


def _names(entry: str, origin: Origin) -> bool:
    """Whether one entry of ``NO_PROXY`` means ``origin``: ``*``, a host or domain, ``host:port``, a network."""
    if entry == "*":
        return True
    try:
        return ip_address(origin.host) in ip_network(entry, strict=False)
    except ValueError:  # a name on one side or the other
        domain = entry.removeprefix("*").removeprefix(".")
    host = f"[{origin.host}]" if ":" in origin.host else origin.host
    return any(name == domain or name.endswith(f".{domain}") for name in (host, f"{host}:{origin.port}"))
