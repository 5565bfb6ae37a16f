"""Scopes: which repositories a policy or a trust source speaks for.

| written             | matches                                                             |
|---------------------|---------------------------------------------------------------------|
| ``*``               | every repository                                                    |
| ``*.example.com``   | every registry below that domain, never ``example.com`` itself      |
| ``ghcr.io``         | every repository of that registry (also with a port: ``reg:5000``)  |
| ``ghcr.io/org``     | that repository and everything below it, on ``/`` boundaries        |

``ghcr.io/org`` therefore never matches ``ghcr.io/org-evil/app``. Registries are written as references write
them, so that every spelling of one server is the same registry. ``docker.io/name`` speaks for both repositories
that people write so: ``docker.io/library/name`` and ``docker.io/name/…``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from .errors import InvalidReferenceError
from .reference import DEFAULT_REGISTRY, Reference, parse_registry, split_repository

_DOMAIN = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)*[a-z0-9](?:[a-z0-9-]*[a-z0-9])?")
_MAX_DOMAIN = 253  # RFC 1035 section 2.3.4, without the final dot


@dataclass(frozen=True, slots=True)
class Scope:
    """One pattern. Exactly one of ``everything``, ``domain`` and ``registry`` is set."""

    text: str
    everything: bool = False
    domain: str = ""
    registry: str = ""
    paths: tuple[str, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Scope:
        """Parse one scope.

        Raises:
            InvalidReferenceError: it is not one of the four forms.
        """
        if text == "*":
            return cls(text, everything=True)
        if text.startswith("*."):
            domain = text[2:].lower()
            if domain == DEFAULT_REGISTRY:  # its hosts are all written docker.io, which is not below itself
                raise InvalidReferenceError(f"{text!r} matches nothing; write {DEFAULT_REGISTRY!r}")
            if len(domain) > _MAX_DOMAIN or not _DOMAIN.fullmatch(domain):
                raise InvalidReferenceError(f"not a domain: {text[:100]!r}")
            return cls(text, domain=domain)
        if "*" in text:
            raise InvalidReferenceError(
                f"'*' stands alone or before a domain ('*.example.com'), not as in {text[:100]!r}; a path "
                "speaks for everything below it without '/*'"
            )
        if "/" not in text:
            if not ("." in text or ":" in text or text.lower() == "localhost"):
                raise InvalidReferenceError(
                    f"{text[:100]!r} is no registry host; write the repository in full "
                    "('docker.io/library/nginx')"
                )
            return cls(text, registry=parse_registry(text))
        registry, path = split_repository(text)
        paths = (path, f"library/{path}") if registry == DEFAULT_REGISTRY and "/" not in path else (path,)
        return cls(text, registry=registry, paths=paths)

    def matches(self, reference: Reference) -> bool:
        """Whether this scope speaks for the repository of ``reference``. Tags and digests play no part; for what
        lies in no registry only ``*`` speaks.
        """
        if self.everything:
            return True
        if not reference.registry:
            return False
        if self.domain:
            host = reference.registry.partition(":")[0]
            return host.endswith("." + self.domain)
        if reference.registry != self.registry:
            return False
        return not self.paths or any(
            reference.path == path or reference.path.startswith(path + "/") for path in self.paths
        )
