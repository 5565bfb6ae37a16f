"""Policies: for which artifacts they speak and what must hold.

Identities follow the vocabulary of the Sigstore client specification and of cosign's flags. Patterns are RE2
(linear time) and always match the whole text: cosign matches them anywhere in it, which lets
``https://github.com/org/.*`` pass ``https://evil.test/?https://github.com/org/x``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import re2

from .errors import ConfigurationError
from .predicates import COSIGN_SIGN, predicate_type_of
from .scope import Scope
from .subject import Operation, Subject, parse_namespace
from .verifier_config import VerifierConfig

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


class Mode(StrEnum):
    """What the policy's verdict does to admission. It never changes the verdict itself."""

    ENFORCE = "enforce"
    WARN = "warn"
    AUDIT = "audit"


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
        if not text:
            return False
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


@dataclass(frozen=True, slots=True)
class AttestationRequirement:
    """That an attestation is asked for. ``predicate_types`` are full URIs, any of them; none named: any type at
    all, but never cosign's own for signatures.
    """

    predicate_types: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for uri in self.predicate_types:
            if uri == COSIGN_SIGN:
                raise ConfigurationError(
                    f"{uri} is what cosign writes into signatures, and no type of an attestation",
                    remedy="To ask for a signature, do not ask for an attestation.",
                )
            if predicate_type_of(uri) != uri:
                raise ConfigurationError(
                    f"{uri!r} is the short name of a predicate type",
                    remedy=f"Write {predicate_type_of(uri)}.",
                )


@dataclass(frozen=True, slots=True)
class Policy:
    """One policy: whom it speaks for, and what must hold. See ``select`` for how policies are chosen.

    ``scopes`` is never empty. ``namespaces`` and ``operations`` left empty speak for all. Who must have signed is
    either one of ``certificate_identities`` or one of ``keys``, the names of trusted keys. With
    ``unsafe_ignore_identities`` any signer under the trusted root passes; the identity check is then reported
    as skipped. Every one of ``annotations`` must be signed. A signature is asked for, unless ``attestation`` asks
    for one of those: neither ever passes for the other.
    """

    name: str
    scopes: tuple[Scope, ...]
    certificate_identities: tuple[CertificateIdentity, ...] = ()
    mode: Mode = Mode.ENFORCE
    namespaces: tuple[str, ...] = ()
    operations: tuple[Operation, ...] = ()
    unsafe_ignore_identities: bool = False
    verifier_config: VerifierConfig = field(default_factory=VerifierConfig)
    source: str = ""
    revision: str = ""
    keys: tuple[str, ...] = ()
    annotations: tuple[tuple[str, str], ...] = ()
    attestation: AttestationRequirement | None = None

    def __post_init__(self) -> None:
        if not self.name:
            raise ConfigurationError("a policy has no name")
        if not self.scopes:
            raise ConfigurationError(
                f"policy {self.name!r} has no scopes, so it would speak for nothing",
                remedy="Name the repositories it is for, or write '*' for all of them.",
            )
        self._check_signers()
        self.verifier_config.check_for(self.name, certificates=not self.keys)
        names = {name for name, _ in self.annotations}
        if "" in names or len(names) != len(set(self.annotations)):
            raise ConfigurationError(
                f"policy {self.name!r} asks for two values of one annotation, or for one without a name",
                remedy="An annotation has one name and one value.",
            )
        for namespace in self.namespaces:
            parse_namespace(namespace)

    def _check_signers(self) -> None:
        if self.unsafe_ignore_identities and self.certificate_identities:
            raise ConfigurationError(
                f"policy {self.name!r} names identities and ignores them",
                remedy="Remove either certificateIdentities or unsafeIgnoreIdentities.",
            )
        if self.keys and (self.certificate_identities or self.unsafe_ignore_identities):
            raise ConfigurationError(
                f"policy {self.name!r} asks for keys and for certificates",
                remedy="Name either keys or certificateIdentities.",
            )
        if not (self.unsafe_ignore_identities or self.certificate_identities or self.keys):
            raise ConfigurationError(
                f"policy {self.name!r} names no identity and no key",
                remedy="List certificateIdentities or keys. An empty list would let nobody sign, or anybody.",
            )

    def speaks_for(self, subject: Subject) -> bool:
        """Whether this policy is certainly one for ``subject``."""
        return (
            self._covers(subject)
            and (not self.namespaces or subject.namespace in self.namespaces)
            and (not self.operations or subject.operation in self.operations)
        )

    def may_speak_for(self, subject: Subject) -> bool:
        """Whether it would be one for ``subject`` if the caller had said in which namespace, or what for."""
        return (
            self._covers(subject)
            and (not self.namespaces or subject.namespace in ("", *self.namespaces))
            and (not self.operations or subject.operation in (Operation.UNSPECIFIED, *self.operations))
        )

    def _covers(self, subject: Subject) -> bool:
        return any(scope.matches(subject.reference) for scope in self.scopes)


def select(policies: Iterable[Policy], subject: Subject) -> tuple[Policy, ...]:
    """The policies to judge ``subject`` by, for providers to answer with.

    A caller who leaves out namespace or operation is held to every policy that would have spoken had it been
    said, and is let through by none of them alone: otherwise leaving it out would be a way round a policy.
    """
    listed = tuple(policies)
    if not any(policy.speaks_for(subject) for policy in listed):
        return ()
    return tuple(policy for policy in listed if policy.may_speak_for(subject))
