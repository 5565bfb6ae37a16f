"""Image references, normalised as containerd and Docker do (``distribution/reference``).

``nginx`` becomes ``docker.io/library/nginx:latest``. With a tag and a digest the digest wins and the tag is
kept for people to read.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

from .descriptor import parse_digest
from .errors import InvalidReferenceError

# distribution/reference: a whole name has at most 255 characters, a tag 128. The digest adds 72.
_MAX_NAME = 255
_MAX_TEXT = _MAX_NAME + 1 + 128 + 72

_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_PATH = re.compile(rf"{_COMPONENT}(?:/{_COMPONENT})*")
_LABEL = r"(?:[a-z0-9]|[a-z0-9][a-z0-9-]*[a-z0-9])"
_HOST = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_REGISTRY = re.compile(r"(?P<host>\[[0-9a-f:.]+\]|[^:\[\]]+)(?::(?P<port>[0-9]{1,5}))?")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")

DEFAULT_REGISTRY = "docker.io"
DEFAULT_TAG = "latest"
# Where docker.io really is; whoever names it so means the same repositories.
_DOCKER_HUB = frozenset({"docker.io", "index.docker.io", "registry-1.docker.io"})
_HTTPS_PORT = 443
_MAX_PORT = 65535


def parse_registry(text: str) -> str:
    """A registry host, written in the one way that all its spellings share: ``host`` or ``host:port``.

    A policy names a registry once. Another spelling of the same server (capitals, ``:443``, ``:05000``, a long
    IPv6 address, an alias of Docker Hub) must not be another registry to it.

    Raises:
        InvalidReferenceError: it is malformed, or an address in a form that readers disagree about.
    """
    found = _REGISTRY.fullmatch(text.lower())
    if not found or len(text) > _MAX_NAME:
        raise InvalidReferenceError(f"not a registry host: {text[:100]!r}")
    host, port = _parse_host(found["host"]), int(found["port"] or _HTTPS_PORT)
    if not 0 < port <= _MAX_PORT:
        raise InvalidReferenceError(f"not a port: {port} in {text[:100]!r}")
    if port == _HTTPS_PORT and _is_registry(host):
        return DEFAULT_REGISTRY if host in _DOCKER_HUB else host
    return f"{host}:{port}"


def _is_registry(first: str) -> bool:
    """Whether the first part of a repository name is a registry: what has no dot and no port is Docker Hub's."""
    return "." in first or ":" in first or first.lower() == "localhost"


def _parse_host(host: str) -> str:
    """A name, or an IP address in canonical form. ``127.1`` and ``0x7f000001`` are neither."""
    try:
        if host.startswith("["):
            address = IPv6Address(host[1:-1])
            # RFC 4291 section 2.5.5.2: the same host as the IPv4 address inside, and so the same registry.
            return str(address.ipv4_mapped) if address.ipv4_mapped else f"[{address.compressed}]"
        if _NUMBER.fullmatch(host.rpartition(".")[2]):
            return str(IPv4Address(host))
    except ValueError as error:
        raise InvalidReferenceError(f"not an IP address: {host[:100]!r}") from error
    if not _HOST.fullmatch(host):
        raise InvalidReferenceError(f"not a registry host: {host[:100]!r}")
    return host


def split_repository(text: str) -> tuple[str, str]:
    """Split a repository name into (registry, path), the registry in canonical form and the path as written.

    Without a registry it is Docker Hub's, as everywhere; ``library/`` is not put in front here.

    Raises:
        InvalidReferenceError: it is malformed.
    """
    if not text or len(text) > _MAX_NAME:
        raise InvalidReferenceError(f"a repository name has 1 to {_MAX_NAME} characters")
    first, slash, rest = text.partition("/")
    named = bool(slash) and _is_registry(first)
    registry, path = (parse_registry(first), rest) if named else (DEFAULT_REGISTRY, text)
    if not _PATH.fullmatch(path):
        hint = "; paths are in lower case" if path != path.lower() else ""
        raise InvalidReferenceError(f"not a repository name: {text[:100]!r}{hint}")
    return registry, path


def parse_repository(text: str) -> tuple[str, str]:
    """Split a repository name into (registry, path), normalised; no tag and no digest allowed.

    Raises:
        InvalidReferenceError: it is malformed.
    """
    registry, path = split_repository(text)
    if registry == DEFAULT_REGISTRY and "/" not in path:
        path = f"library/{path}"
    if len(registry) + 1 + len(path) > _MAX_NAME:
        raise InvalidReferenceError(f"the repository name {text[:100]!r} in full is longer than {_MAX_NAME}")
    return registry, path


@dataclass(frozen=True, slots=True)
class Reference:
    """Where an artifact is: registry, path, and a tag or a digest or both.

    ``registry`` is empty for what lies in none: a file, an OCI layout. Of all scopes, only ``*`` speaks for that.
    """

    registry: str
    path: str
    tag: str
    digest: str

    @classmethod
    def parse(cls, text: str) -> Reference:
        """Parse and normalise ``text``.

        Raises:
            InvalidReferenceError: it is malformed or longer than any valid reference.
        """
        if not text or len(text) > _MAX_TEXT:
            raise InvalidReferenceError(f"a reference has 1 to {_MAX_TEXT} characters")
        name, at, digest = text.partition("@")
        if at:
            parse_digest(digest)
        colon = name.rfind(":")
        tag = ""
        if colon > name.rfind("/"):
            name, tag = name[:colon], name[colon + 1 :]
            if not _TAG.fullmatch(tag):
                raise InvalidReferenceError(f"not a tag: {tag[:100]!r}")
        registry, path = parse_repository(name)
        if not tag and not digest:
            tag = DEFAULT_TAG
        return cls(registry, path, tag, digest)

    @classmethod
    def local(cls, name: str, *, tag: str = "", digest: str = "") -> Reference:
        """What lies in no registry. ``name`` is for people to read, and printed without its control characters.

        Raises:
            InvalidReferenceError: it has no name, or the digest is malformed.
        """
        shown = "".join(character if character.isprintable() else "?" for character in name)
        if not shown:
            raise InvalidReferenceError("an empty name")
        return cls("", shown, tag, parse_digest(digest) if digest else "")

    @property
    def repository(self) -> str:
        """Registry and path, the name scopes are matched against."""
        return f"{self.registry}/{self.path}" if self.registry else self.path

    def with_digest(self, digest: str) -> Reference:
        """The same name with ``digest``; the tag stays readable and is never asked for again."""
        return Reference(self.registry, self.path, self.tag, parse_digest(digest))

    def __str__(self) -> str:
        tag = f":{self.tag}" if self.tag else ""
        digest = f"@{self.digest}" if self.digest else ""
        return f"{self.repository}{tag}{digest}"
