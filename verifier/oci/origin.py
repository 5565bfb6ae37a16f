"""Where a request goes: an origin (RFC 6454) and what is asked of it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

_DEFAULT_PORT = {"http": 80, "https": 443}
# Signed storage URLs have 1 to 2 kB; servers commonly refuse request lines above 8 kB.
_MAX_URL = 8192
_HOST = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,251}[a-z0-9])?|[0-9a-f:.]*:[0-9a-f:.]*")
_VISIBLE = re.compile(r"[\x21-\x7e]*")

# The registry behind the name docker.io; the name itself is a web site.
_SERVED_BY = {"docker.io": "registry-1.docker.io"}


@dataclass(frozen=True, slots=True)
class Origin:
    """Scheme, host (lower case, an IPv6 address without brackets) and port."""

    scheme: str
    host: str
    port: int

    @classmethod
    def of_registry(cls, registry: str, *, plain: bool) -> Origin:
        """The origin that serves ``registry``, a valid ``host[:port]``."""
        return Target.parse(f"{'http' if plain else 'https'}://{_SERVED_BY.get(registry, registry)}/").origin

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _DEFAULT_PORT[self.scheme] else f"{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Target:
    """One resource: its origin, and path with query."""

    origin: Origin
    path: str

    @classmethod
    def parse(cls, url: str) -> Target:
        """Parse an absolute ``http`` or ``https`` URL; the fragment is dropped.

        Raises:
            ValueError: it is malformed, too long, of another scheme, or holds a user name.
        """
        if len(url) > _MAX_URL or not _VISIBLE.fullmatch(url) or "\\" in url:
            raise ValueError("not a URL")
        parts = urlsplit(url)
        host = (parts.hostname or "").rstrip(".")
        if parts.scheme not in _DEFAULT_PORT or "@" in parts.netloc or not _HOST.fullmatch(host):
            raise ValueError("not an http or https URL of a plain host")
        port = parts.port  # raises ValueError above 65535
        if port == 0:
            raise ValueError("port 0")
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        if not path.startswith("/"):
            raise ValueError("not an absolute path")
        return cls(Origin(parts.scheme, host, port or _DEFAULT_PORT[parts.scheme]), path)

    def join(self, url: str) -> Target:
        """``url`` as seen from here: a ``Location`` or ``Link``, absolute or relative.

        Raises:
            ValueError: the result is not one `parse` takes.
        """
        if len(url) > _MAX_URL:
            raise ValueError("not a URL")
        return self.parse(urljoin(str(self), url))

    def __str__(self) -> str:
        return f"{self.origin.scheme}://{self.origin}{self.path}"
