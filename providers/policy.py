"""Policies: for which artifacts they speak and what must hold."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from .authority import Authority
from .errors import ConfigurationError
from .identity import CertificateIdentity
from .platforms import Coverage, Platforms
from .requirement import AttestationRequirement, Demand, DenyList, Requirement, SigningTime
from .scope import Scope
from .subject import Operation, Subject, parse_namespace
from .verifier_config import VerifierConfig


class Mode(StrEnum):
    """What the policy's verdict does to admission. It never changes the verdict itself."""

    ENFORCE = "enforce"
    WARN = "warn"
    AUDIT = "audit"


@dataclass(frozen=True, slots=True)
class Policy:
    """One policy: whom it speaks for, and what must hold. See ``select`` for how policies are chosen.

    ``scopes`` is never empty. ``namespaces`` and ``operations`` left empty speak for all. Every one of
    ``requirements`` must hold, and there is one at least; each asks for signatures or for attestations, and
    neither ever passes for the other.
    """

    name: str
    scopes: tuple[Scope, ...]
    requirements: tuple[Requirement, ...]
    mode: Mode = Mode.ENFORCE
    namespaces: tuple[str, ...] = ()
    operations: tuple[Operation, ...] = ()
    signing_time: SigningTime = field(default_factory=SigningTime)
    platforms: Platforms = field(default_factory=Platforms)
    denied: DenyList = field(default_factory=DenyList)
    source: str = ""
    revision: str = ""

    @classmethod
    def single(
        cls,
        name: str,
        scopes: tuple[Scope, ...],
        certificate_identities: tuple[CertificateIdentity, ...] = (),
        *,
        keys: tuple[str, ...] = (),
        unsafe_ignore_identities: bool = False,
        verifier_config: VerifierConfig | None = None,
        annotations: tuple[tuple[str, str], ...] = (),
        attestation: AttestationRequirement | None = None,
        mode: Mode = Mode.ENFORCE,
        namespaces: tuple[str, ...] = (),
        operations: tuple[Operation, ...] = (),
        source: str = "",
    ) -> Policy:
        """A policy with one authority, called as the policy is, and one requirement.

        Raises:
            ConfigurationError: as ``Authority`` and ``Policy``.
        """
        config = verifier_config or VerifierConfig()
        authority = Authority(
            name, certificate_identities, keys, unsafe_ignore_identities, config, annotations
        )
        requirement = Requirement((authority,), attestation=attestation)
        return cls(name, scopes, (requirement,), mode, namespaces, operations, source=source)

    def __post_init__(self) -> None:
        if not self.name:
            raise ConfigurationError("a policy has no name")
        if not self.scopes:
            raise ConfigurationError(
                f"policy {self.name!r} has no scopes, so it would speak for nothing",
                remedy="Name the repositories it is for, or write '*' for all of them.",
            )
        if not self.requirements:
            raise ConfigurationError(
                f"policy {self.name!r} asks for nothing, so it would let everything pass",
                remedy="Say who must have signed, or what must be attested.",
            )
        for namespace in self.namespaces:
            parse_namespace(namespace)

    @property
    def authorities(self) -> Iterator[Authority]:
        """Everybody it relies on, once for each requirement."""
        return (authority for requirement in self.requirements for authority in requirement.authorities)

    @property
    def asks_parts(self) -> bool:
        """Whether it asks for signatures of the manifests that an image index lists, and not of the index."""
        return self.platforms.coverage is not Coverage.INDEX

    @property
    def wants_parts(self) -> bool:
        """Whether it has to know what an image index lists."""
        return self.asks_parts or bool(self.denied.digests)

    def demands(self, requirement: Requirement) -> tuple[Demand, ...]:
        """What a signature has to be, to count for each of the authorities of ``requirement``."""
        return tuple(
            Demand(authority, requirement.attestation, self.signing_time, self.denied)
            for authority in requirement.authorities
        )

    @property
    def wants_signatures(self) -> bool:
        """Whether one of the requirements asks for signatures."""
        return any(requirement.attestation is None for requirement in self.requirements)

    @property
    def wants_attestations(self) -> bool:
        """Whether one of the requirements asks for attestations."""
        return any(requirement.attestation is not None for requirement in self.requirements)

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
