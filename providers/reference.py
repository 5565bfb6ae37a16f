"""Image references, normalised as containerd and Docker do (``distribution/reference``).

``nginx`` becomes ``docker.io/library/nginx:latest``. With a tag and a digest the digest wins and the tag is
kept for people to read.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from .descriptor import parse_digest
from .errors import InvalidReferenceError

# distribution/reference: a whole name has at most 255 characters, a tag 128. The digest adds 72.
_MAX_NAME = 255
_MAX_TEXT = _MAX_NAME + 1 + 128 + 72

_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_PATH = re.compile(rf"{_COMPONENT}(?:/{_COMPONENT})*")
_LABEL = r"(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])"
_REGISTRY = re.compile(rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[0-9a-fA-F:]+\])(?::[0-9]{{1,5}})?")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")

DEFAULT_REGISTRY = "docker.io"
DEFAULT_TAG = "latest"


def parse_repository(text: str) -> tuple[str, str]:
    """Split a repository name into (registry, path), normalised; no tag and no digest allowed.

    Raises:
        InvalidReferenceError: it is malformed.
    """
    if not text or len(text) > _MAX_NAME:
        raise InvalidReferenceError(f"a repository name has 1 to {_MAX_NAME} characters")
    first, slash, rest = text.partition("/")
    if slash and (_is_host(first) or first != first.lower()):
        registry, path = first, rest
    else:
        registry, path = DEFAULT_REGISTRY, text
    if registry in ("index.docker.io", DEFAULT_REGISTRY):
        registry = DEFAULT_REGISTRY
        path = path if "/" in path else f"library/{path}"
    # "Foo/bar" is a registry to Docker, but "foo/bar" is not: such a name would change when read again.
    if not _REGISTRY.fullmatch(registry) or not _is_host(registry):
        raise InvalidReferenceError(f"{registry[:100]!r} in {text[:100]!r} is no registry host")
    if not _PATH.fullmatch(path):
        raise InvalidReferenceError(f"not a repository name: {text[:100]!r}")
    return registry.lower(), path


def _is_host(first: str) -> bool:
    """Whether the part before the first slash is a registry and no path (``distribution/reference``)."""
    return "." in first or ":" in first or first.lower() == "localhost"


@dataclass(frozen=True, slots=True)
class Reference:
    """Where an artifact is: registry, path, and a tag or a digest or both."""

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

    @property
    def repository(self) -> str:
        """Registry and path, the name scopes are matched against."""
        return f"{self.registry}/{self.path}"

    def with_digest(self, digest: str) -> Reference:
        """The same name with ``digest``; the tag stays readable and is never asked for again."""
        return Reference(self.registry, self.path, self.tag, parse_digest(digest))

    def __str__(self) -> str:
        tag = f":{self.tag}" if self.tag else ""
        digest = f"@{self.digest}" if self.digest else ""
        return f"{self.repository}{tag}{digest}"
