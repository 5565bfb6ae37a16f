"""Whom a certificate must name.

Identities follow the vocabulary of the Sigstore client specification and of cosign's flags. Patterns are RE2
(linear time) and always match the whole text: cosign matches them anywhere in it, which lets
``https://github.com/org/.*`` pass ``https://evil.test/?https://github.com/org/x``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import re2

from .errors import ConfigurationError

# The claims a policy can name: the extensions of a Fulcio certificate (Fulcio ``docs/oid-info.md``), as
# sigstore-go writes them in JSON.
CLAIMS = frozenset(
    {
        "githubWorkflowTrigger",
        "githubWorkflowSHA",
        "githubWorkflowName",
        "githubWorkflowRepository",
        "githubWorkflowRef",
        "buildSignerURI",
        "buildSignerDigest",
        "runnerEnvironment",
        "sourceRepositoryURI",
        "sourceRepositoryDigest",
        "sourceRepositoryRef",
        "sourceRepositoryIdentifier",
        "sourceRepositoryOwnerURI",
        "sourceRepositoryOwnerIdentifier",
        "buildConfigURI",
        "buildConfigDigest",
        "buildTrigger",
        "runInvocationURI",
        "sourceRepositoryVisibilityAtSigning",
    }
)

# A pattern longer than this was not written by a person; RE2 compiles in linear time and space.
_MAX_PATTERN = 2048
# An RE2 programme this large still compiles in about a millisecond (8 MiB is RE2's own default).
_RE2_MEMORY = 1 << 20


def compile_pattern(pattern: str) -> Any:
    """Compile an RE2 pattern.

    Raises:
        ConfigurationError: it is empty, too long, or not RE2.
    """
    if not pattern or len(pattern) > _MAX_PATTERN:
        raise ConfigurationError(f"a pattern has 1 to {_MAX_PATTERN} characters")
    options = re2.Options()
    options.log_errors = False
    options.max_mem = _RE2_MEMORY
    try:
        return re2.compile(pattern, options)
    except re2.error as error:
        problem = error.args[0].decode() if error.args and isinstance(error.args[0], bytes) else str(error)
        raise ConfigurationError(
            f"not an RE2 pattern: {pattern!r}: {problem}",
            remedy="RE2 knows no look-around and no back-references; a dot that is meant is written \\.",
        ) from error
    except UnicodeEncodeError as error:  # an argument of the command line that is not UTF-8
        raise ConfigurationError(f"not an RE2 pattern: {pattern!r} is no text") from error


@dataclass(frozen=True, slots=True)
class StringMatch:
    """Exactly one of ``value`` (compared exactly) and ``regexp`` (RE2, matching the whole text)."""

    value: str = ""
    regexp: str = ""
    _compiled: Any = field(init=False, repr=False, compare=False, default=None)

    def __post_init__(self) -> None:
        if bool(self.value) == bool(self.regexp):
            raise ConfigurationError(
                "give either a value or a pattern, and neither may be empty",
                remedy="An empty string would match nothing or everything; name what you expect.",
            )
        if self.regexp:
            object.__setattr__(self, "_compiled", compile_pattern(self.regexp))

    def matches(self, text: str) -> bool:
        """Whether the whole of ``text`` is what is expected. The empty text never is."""
        return bool(text) and self.covers(text)

    def covers(self, text: str) -> bool:
        """The same, but that a pattern may also mean the empty text: for what is denied."""
        if self.value:
            return text == self.value
        return self._compiled.fullmatch(text) is not None

    def __str__(self) -> str:
        return self.value or f"/{self.regexp}/"


@dataclass(frozen=True, slots=True)
class CertificateIdentity:
    """Whom a Fulcio certificate must name: the subject alternative name *and* the OIDC issuer.

    ``claims`` are further Fulcio extensions by their sigstore-go JSON name (``githubWorkflowRepository``,
    ``sourceRepositoryURI``, …), all of which must match.
    """

    subject_alternative_name: StringMatch
    issuer: StringMatch
    claims: tuple[tuple[str, StringMatch], ...] = ()

    def __post_init__(self) -> None:
        unknown = [name for name, _ in self.claims if name not in CLAIMS]
        if unknown:
            raise ConfigurationError(
                f"a certificate has no claim called {unknown[0]!r}",
                remedy=f"Known are {', '.join(sorted(CLAIMS))}.",
            )

    def __str__(self) -> str:
        return f"{self.subject_alternative_name} by {self.issuer}"
