"""What must hold for an artifact: by how many of which authorities it is signed, or attested."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol

from .authority import Authority
from .errors import ConfigurationError
from .identity import CertificateIdentity
from .matching import matched
from .predicates import COSIGN_SIGN, predicate_type_of

# More attestations of one kind than this are never asked for; the core looks at no more candidates.
MAX_COUNT = 64
# Each is held against each signature.
MAX_AUTHORITIES = 64
# Nothing was signed before computers were. Times before the year 1 cannot be computed with.
_MAX_AGE = timedelta(days=36_500)
# More names than this do not help a reader.
_SHOWN = 3


class Condition(Protocol):
    """Something that a predicate must say. A value: immutable, and asked by many threads at once.

    It fails closed: it holds when it says nothing, and whatever it cannot read, does not know or cannot finish is
    something to say.
    """

    @property
    def name(self) -> str:
        """What a person knows it by."""
        ...

    def problem(self, predicate: Mapping[str, Any], predicate_type: str, time: datetime) -> str:
        """Why it does not hold at ``time``, that of the request, in words for the owner of the artifact; empty
        when it does. Never raises.
        """
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
        if not 1 <= self.count <= MAX_COUNT:
            raise ConfigurationError(
                f"{self.count} attestations are asked for; 1 to {MAX_COUNT} are possible",
                remedy="To ask for none, leave the attestation out.",
            )

    def __str__(self) -> str:
        types = f" of type {_some(self.predicate_types, ' or ')}" if self.predicate_types else ""
        return f"{self.count} different attestations{types}" if self.count > 1 else f"attestations{types}"


@dataclass(frozen=True, slots=True)
class SigningTime:
    """When it must have been signed, at every time that is proven: not before ``earliest``, and no longer ago than
    ``max_age``. Nothing asked for: any time, and none has to be proven.

    A proven time is when somebody saw the signature. What was made with a certificate was seen within its few
    minutes; what was made with a key can be shown to a timestamp authority again years later.
    """

    earliest: datetime | None = None
    max_age: timedelta | None = None

    def __post_init__(self) -> None:
        if self.earliest is not None and self.earliest.tzinfo is None:
            raise ConfigurationError("a time has no time zone", remedy="Write it as 2026-01-31T00:00:00Z.")
        if self.max_age is not None and not timedelta(0) < self.max_age <= _MAX_AGE:
            raise ConfigurationError(
                f"the greatest age of a signature is above zero, and at most {_MAX_AGE.days} days",
                remedy="Leave it out to take signatures of any age.",
            )

    @property
    def asked(self) -> bool:
        """Whether anything is."""
        return self.earliest is not None or self.max_age is not None


@dataclass(frozen=True, slots=True)
class DenyList:
    """Artifacts that are refused whatever signs them (``digests``, of an image or of what an index lists), and
    signers whose signatures never count, though an authority should name them: ``identities``, and ``keys`` by any
    name under which they are trusted.
    """

    digests: tuple[str, ...] = ()
    identities: tuple[CertificateIdentity, ...] = ()
    keys: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Requirement:
    """One thing that must hold: ``threshold`` different ones of ``authorities`` have signed, or with
    ``attestation`` attested. Several signatures of one signer are those of one, whichever authorities take them.

    Raises:
        ConfigurationError: it could never hold.
    """

    authorities: tuple[Authority, ...]
    threshold: int = 1
    attestation: AttestationRequirement | None = None

    def __post_init__(self) -> None:
        names = [authority.name for authority in self.authorities]
        if len(set(names)) != len(names):
            raise ConfigurationError(
                f"an authority stands twice among {_some(names, ', ')}", remedy="Each counts once."
            )
        if len(names) > MAX_AUTHORITIES:
            raise ConfigurationError(f"{len(names)} authorities; at most {MAX_AUTHORITIES} are asked")
        if not 1 <= self.threshold <= len(names):
            raise ConfigurationError(
                f"{self.threshold} of {len(names)} authorities ({_some(names, ', ') or 'none'}) are asked for",
                remedy="A threshold is 1 at least, and no more than there are authorities.",
            )
        possible = matched({authority.name: _signers(authority) for authority in self.authorities})
        if len(possible) < self.threshold:
            raise ConfigurationError(
                f"{self.threshold} of the authorities {_some(names, ', ')} are asked for, and they name"
                f" {len(possible)} different {'signer' if len(possible) == 1 else 'signers'}",
                remedy="One signer never stands for two authorities: give each its own, or lower the threshold.",
            )

    def __str__(self) -> str:
        names = [authority.name for authority in self.authorities]
        who = f"{self.threshold} of {len(names)} ({_some(names, ', ')})" if len(names) > 1 else names[0]
        return f"{self.attestation or 'signatures'} by {who}"


def _signers(authority: Authority) -> set[str]:
    """Who can sign for ``authority``. What is no list of names is somebody of its own: there may be anybody."""
    identities = authority.certificate_identities
    if authority.keys:
        return {f"key {name}" for name in authority.keys}
    if not identities or any(i.subject_alternative_name.regexp or i.issuer.regexp for i in identities):
        return {f"anybody for {authority.name}"}
    return {f"identity {identity}" for identity in identities}


def _some(names: Iterable[str], between: str) -> str:
    """The first few of ``names``."""
    listed = list(names)
    return between.join([*listed[:_SHOWN], *(["…"] if len(listed) > _SHOWN else [])])


@dataclass(frozen=True, slots=True)
class Demand:
    """What one signature has to be, to count for ``authority``."""

    authority: Authority
    attestation: AttestationRequirement | None = None
    signing_time: SigningTime = field(default_factory=SigningTime)
    denied: DenyList = field(default_factory=DenyList)
