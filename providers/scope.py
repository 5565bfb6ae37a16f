"""Scopes: which repositories a policy or a trust source speaks for.

| written             | matches                                                             |
|---------------------|---------------------------------------------------------------------|
| ``*``               | every repository                                                    |
| ``*.example.com``   | every registry below that domain, never ``example.com`` itself      |
| ``ghcr.io``         | every repository of that registry (also with a port: ``reg:5000``)  |
| ``ghcr.io/org``     | that repository and everything below it, on ``/`` boundaries        |

``ghcr.io/org`` therefore never matches ``ghcr.io/org-evil/app``. Names are normalised as references are.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from .errors import InvalidReferenceError
from .reference import Reference, parse_repository

_DOMAIN = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)*[a-z0-9](?:[a-z0-9-]*[a-z0-9])?")
_HOST = re.compile(r"(?:[a-z0-9.-]+|\[[0-9a-f:]+\])(?::[0-9]{1,5})?")


@dataclass(frozen=True, slots=True)
class Scope:
    """One pattern. Exactly one of ``everything``, ``domain`` and ``registry`` is set."""

    text: str
    everything: bool = False
    domain: str = ""
    registry: str = ""
    path: str = ""

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
            if len(domain) > 253 or not _DOMAIN.fullmatch(domain):
                raise InvalidReferenceError(f"not a domain: {text[:100]!r}")
            return cls(text, domain=domain)
        if "*" in text:
            raise InvalidReferenceError(
                f"'*' stands alone or before a domain ('*.example.com'), not as in {text[:100]!r}"
            )
        if "/" not in text:
            if not _HOST.fullmatch(text.lower()) or not ("." in text or ":" in text or text == "localhost"):
                raise InvalidReferenceError(
                    f"{text[:100]!r} is no registry host; write the repository in full ('docker.io/library/nginx')"
                )
            return cls(text, registry=text.lower())
        registry, path = parse_repository(text)
        return cls(text, registry=registry, path=path)

    def matches(self, reference: Reference) -> bool:
        """Whether this scope speaks for the repository of ``reference``. Tags and digests play no part."""
        if self.everything:
            return True
        if self.domain:
            return reference.registry.rpartition(":")[0].endswith("." + self.domain) or (
                reference.registry.endswith("." + self.domain)
            )
        if reference.registry != self.registry:
            return False
        return not self.path or reference.path == self.path or reference.path.startswith(self.path + "/")
