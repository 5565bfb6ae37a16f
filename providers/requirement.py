"""What must hold for an artifact: by how many of which authorities it is signed, or attested."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol

from .authority import Authority
from .errors import ConfigurationError
from .identity import CertificateIdentity
from .predicates import COSIGN_SIGN, predicate_type_of

# More attestations of one kind than this are never asked for; the core looks at no more candidates.
_MAX_COUNT = 64
# More names than this do not help a reader.
_SHOWN = 3


class Condition(Protocol):
    """Something that a predicate must say."""

    @property
    def name(self) -> str:
        """What a person knows it by."""
        ...

    def problem(self, predicate: Mapping[str, Any], predicate_type: str, time: datetime) -> str:
        """Why it does not hold, in words for the owner of the artifact; empty when it does. Never raises."""
        ...


@dataclass(frozen=True, slots=True)
class AttestationRequirement:
    """That an attestation is asked for. ``predicate_types`` are full URIs, any of them; none named: any type at
    all, but never cosign's own for signatures. Its predicate must meet every one of ``conditions``, and there must
    be ``count`` different ones.
    """

    predicate_types: tuple[str, ...] = ()
    conditions: tuple[Condition, ...] = ()
    count: int = 1

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
        if not 1 <= self.count <= _MAX_COUNT:
            raise ConfigurationError(
                f"{self.count} attestations are asked for; 1 to {_MAX_COUNT} are possible"
            )


@dataclass(frozen=True, slots=True)
class SigningTime:
    """When it must have been signed, at every time that is proven: not before ``earliest``, and no longer ago than
    ``max_age``. Nothing asked for: any time, and none has to be proven.
    """

    earliest: datetime | None = None
    max_age: timedelta | None = None

    def __post_init__(self) -> None:
        if self.earliest is not None and self.earliest.tzinfo is None:
            raise ConfigurationError("a time has no time zone", remedy="Write it as 2026-01-31T00:00:00Z.")
        if self.max_age is not None and self.max_age <= timedelta(0):
            raise ConfigurationError("the greatest age of a signature is not above zero")

    @property
    def asked(self) -> bool:
        """Whether anything is."""
        return self.earliest is not None or self.max_age is not None


@dataclass(frozen=True, slots=True)
class DenyList:
    """Artifacts that are refused whatever signs them (``digests``, of an image or of a platform's), and signers
    whose signatures never count, though an authority's pattern should take them.
    """

    digests: frozenset[str] = frozenset()
    identities: tuple[CertificateIdentity, ...] = ()
    keys: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Requirement:
    """One thing that must hold: ``threshold`` different ones of ``authorities`` have signed, or with
    ``attestation`` attested. Several signatures of one signer are those of one, whichever authorities take them.
    """

    authorities: tuple[Authority, ...]
    threshold: int = 1
    attestation: AttestationRequirement | None = None

    def __post_init__(self) -> None:
        names = [authority.name for authority in self.authorities]
        if len(set(names)) != len(names):
            raise ConfigurationError(f"an authority stands twice among {', '.join(names)}")
        if not 1 <= self.threshold <= len(names):
            raise ConfigurationError(
                f"{self.threshold} of {len(names)} authorities ({', '.join(names)}) are asked for",
                remedy="A threshold is 1 at least, and no more than there are authorities.",
            )

    def __str__(self) -> str:
        what = "signatures" if self.attestation is None else "attestations"
        names = [authority.name for authority in self.authorities]
        listed = ", ".join(names[:_SHOWN]) + (", …" if len(names) > _SHOWN else "")
        return f"{what} by {self.threshold} of {len(names)} ({listed})"


@dataclass(frozen=True, slots=True)
class Demand:
    """What one signature has to be, to count for ``authority``."""

    authority: Authority
    attestation: AttestationRequirement | None = None
    signing_time: SigningTime = field(default_factory=SigningTime)
    denied: DenyList = field(default_factory=DenyList)
