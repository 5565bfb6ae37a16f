"""What operators write about policies: the shapes of the YAML, and their values.

Field names are those of the published JSON Schema. Conversion to the values in ``policy`` is here too, so that a
complaint about a value carries the line it stands on.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field
from pydantic.json_schema import SkipJsonSchema

from .authority import Authority
from .descriptor import parse_digest
from .document import Document
from .errors import ConfigurationError
from .identity import CertificateIdentity, StringMatch
from .platforms import Coverage, Platforms
from .policy import Mode, Policy
from .predicates import predicate_type_of
from .requirement import AttestationRequirement, DenyList, Requirement, SigningTime
from .scope import Scope
from .spec import Location, Spec, Time, stated
from .subject import Operation
from .verifier_config import VerifierConfig

_AGE = re.compile(r"([1-9][0-9]{0,5})([hd])")


class VerifierConfigSpec(Spec):
    """How much evidence a signature needs. Thresholds count distinct logs and authorities.

    What is left out depends on the signers: for identities, log entries, observer timestamps and SCTs are
    required; for keys, log entries. unsafeIgnoreTlog takes the first back, unsafeUseCurrentTime the second.
    """

    require_observer_timestamps: bool | None = None
    observer_timestamp_threshold: int = 1
    require_tlog_entries: bool | None = None
    tlog_entries_threshold: int = 1
    require_scts: Annotated[bool | None, Field(alias="requireSCTs")] = None
    ctlog_entries_threshold: int = 1
    require_signed_timestamps: bool = False
    signed_timestamp_threshold: int = 1
    require_integrated_timestamps: bool = False
    integrated_timestamp_threshold: int = 1
    unsafe_use_current_time: Annotated[
        bool,
        Field(description="Where nothing proves when a signature was made, take the time of the request."),
    ] = False
    unsafe_ignore_tlog: Annotated[
        bool, Field(description="Let signatures pass that no transparency log holds.")
    ] = False


class CertificateIdentitySpec(Spec):
    """Whom a certificate must name. Exactly one of subject and subjectRegExp, and of issuer and issuerRegExp."""

    subject: str = ""
    subject_reg_exp: Annotated[str, Field(description="RE2; matches the whole subject.")] = ""
    issuer: str = ""
    issuer_reg_exp: Annotated[str, Field(description="RE2; matches the whole issuer.")] = ""
    claims: Annotated[
        dict[str, str],
        Field(
            default_factory=dict, description="Further Fulcio claims by their sigstore-go JSON name, exact."
        ),
    ]


class AttestationSpec(Spec):
    """That an attestation is asked for, in place of a signature."""

    predicate_types: Annotated[
        list[str],
        Field(
            default_factory=list,
            description="cosign's short names (slsaprovenance1, spdxjson, …) or URIs; any of them. Empty: any.",
        ),
    ]
    count: Annotated[int, Field(ge=1, le=64, description="How many different ones there must be.")] = 1


# None only where the field is absent.
_Attestation = Annotated[
    AttestationSpec | SkipJsonSchema[None],
    BeforeValidator(stated),
    Field(description="Ask for an attestation. Absent: for a signature."),
]


class AuthoritySpec(Spec):
    """Somebody a policy relies on: certificateIdentities, keys, or (unsafe) anybody under the trusted root."""

    certificate_identities: Annotated[
        list[CertificateIdentitySpec], Field(default_factory=list, description="Any one of them.")
    ]
    keys: Annotated[
        list[str], Field(default_factory=list, description="Names of trusted keys, any one of them.")
    ]
    annotations: Annotated[
        dict[str, str], Field(default_factory=dict, description="What must be signed beside the digest.")
    ]
    unsafe_ignore_identities: Annotated[
        bool, Field(description="Let any signer under the trusted root pass.")
    ] = False
    verifier_config: VerifierConfigSpec = VerifierConfigSpec()


class NamedAuthoritySpec(AuthoritySpec):
    """One of several authorities of a policy."""

    name: Annotated[str, Field(min_length=1, max_length=253)]


class RequirementSpec(Spec):
    """That a number of authorities have signed, or attested. Several signatures of one signer are those of one."""

    authorities: Annotated[
        list[str], Field(default_factory=list, description="Names of authorities of the policy. Empty: all.")
    ]
    threshold: Annotated[
        int | Literal["all"], Field(description="How many different ones of them, or 'all'.")
    ] = 1
    attestation: _Attestation = None


class DenySpec(Spec):
    """What never passes: artifacts by digest, and signers, whose signatures count for nobody."""

    digests: Annotated[list[str], Field(default_factory=list, description="sha256:…")]
    certificate_identities: Annotated[list[CertificateIdentitySpec], Field(default_factory=list)]
    keys: Annotated[list[str], Field(default_factory=list, description="Names of trusted keys.")]


class PolicySpec(AuthoritySpec):
    """One policy: for which artifacts it speaks, and what must hold.

    With one authority, that is described by the policy itself, and attestation says what it asks for. With
    several, they are listed under authorities, and requirements say how many of which must have signed; left out,
    any one.
    """

    name: Annotated[str, Field(min_length=1, max_length=253)]
    mode: Annotated[Literal["enforce", "warn", "audit"], Field()] = "enforce"
    scopes: Annotated[
        list[str],
        Field(
            min_length=1,
            description="'registry/path' and below, 'registry', '*.domain', or '*' for every repository.",
        ),
    ]
    namespaces: Annotated[list[str], Field(default_factory=list, description="Empty: all.")]
    operations: Annotated[
        list[Literal["CREATE", "UPDATE", "DELETE", "CONNECT"]],
        Field(default_factory=list, description="Empty: all."),
    ]
    attestation: _Attestation = None
    authorities: Annotated[list[NamedAuthoritySpec], Field(default_factory=list, max_length=64)]
    requirements: Annotated[list[RequirementSpec], Field(default_factory=list, max_length=32)]
    platforms: Annotated[
        Literal["index", "every"] | list[str],
        Field(description="Of an image for several platforms: what must be signed. A list: linux/amd64, …"),
    ] = "index"
    signed_after: Annotated[Time, Field(description="RFC 3339. Every proven time must be later.")] = None
    max_age: Annotated[
        str, Field(description="How long ago it may have been signed: 72h, 30d. Empty: any time.")
    ] = ""
    deny: Annotated[DenySpec, Field(default_factory=DenySpec)]


class StaticPolicySpec(Spec):
    """Policies that stand in this file."""

    type: Literal["static"]
    policies: Annotated[list[PolicySpec], Field(min_length=1)]


def to_policy(spec: PolicySpec, document: Document, location: Location) -> Policy:
    """The policy that ``spec`` at ``location`` of ``document`` describes.

    Raises:
        ConfigurationError: with file and line.
    """
    scopes = []
    for index, text in enumerate(spec.scopes):
        with document.at((*location, "scopes", index)):
            scopes.append(Scope.parse(text))
    requirements = tuple(_requirements(spec, document, location))
    with document.at((*location, "deny")):
        denied = _denied(spec.deny)
    with document.at((*location, "maxAge")):
        signing_time = SigningTime(spec.signed_after, _age(spec.max_age))
    with document.at((*location, "platforms")):
        platforms = _platforms(spec.platforms)
    with document.at(location):
        return Policy(
            name=spec.name,
            scopes=tuple(scopes),
            requirements=requirements,
            mode=Mode(spec.mode),
            namespaces=tuple(spec.namespaces),
            operations=tuple(Operation(operation) for operation in spec.operations),
            signing_time=signing_time,
            platforms=platforms,
            denied=denied,
            source=f"{document.file}:{document.line_of(location)}",
        )


def authorities_of(spec: PolicySpec, location: Location) -> Iterator[tuple[str, AuthoritySpec, Location]]:
    """Every authority of ``spec``: its name, what it is, and where that stands. There is one at least: the policy
    itself where none is listed.
    """
    if not spec.authorities:
        yield spec.name, spec, location
    for index, authority in enumerate(spec.authorities):
        yield authority.name, authority, (*location, "authorities", index)


def to_config(spec: AuthoritySpec) -> VerifierConfig:
    """How much evidence ``spec`` asks for. What it does not say depends on who signs, and on what it says to be
    unsafe.

    Raises:
        ConfigurationError: options contradict each other.
    """
    given = spec.verifier_config.model_dump()
    certificates = not spec.keys
    defaults = {
        "require_observer_timestamps": certificates and not spec.verifier_config.unsafe_use_current_time,
        "require_scts": certificates,
        "require_tlog_entries": not spec.verifier_config.unsafe_ignore_tlog,
    }
    for name, value in defaults.items():
        if given[name] is None:
            given[name] = value
    return VerifierConfig(**given)


def _requirements(spec: PolicySpec, document: Document, location: Location) -> Iterator[Requirement]:
    _check_one_form(spec, document, location)
    authorities = {
        name: _to_authority(name, authority, document, place)
        for name, authority, place in authorities_of(spec, location)
    }
    if len(authorities) < len(spec.authorities):
        raise document.error(
            (*location, "authorities"), "two authorities have one name", "Give each its own."
        )
    if not spec.requirements:
        with document.at((*location, "attestation")):
            attestation = _to_attestation(spec.attestation)
        yield Requirement(tuple(authorities.values()), attestation=attestation)
    for index, requirement in enumerate(spec.requirements):
        with document.at((*location, "requirements", index)):
            yield _to_requirement(requirement, authorities)


def _check_one_form(spec: PolicySpec, document: Document, location: Location) -> None:
    """A policy says who must have signed in one way, so that nobody has to know which of two would win."""
    alone = ("certificate_identities", "keys", "annotations", "unsafe_ignore_identities", "verifier_config")
    if spec.authorities and not spec.model_fields_set.isdisjoint(alone):
        raise document.error(
            location,
            f"policy {spec.name!r} lists authorities, and is one itself",
            "Move certificateIdentities, keys, annotations and verifierConfig into the authorities.",
        )
    if spec.requirements and spec.attestation is not None:
        raise document.error(
            location,
            f"policy {spec.name!r} has requirements, and asks for an attestation beside them",
            "Move attestation into one of the requirements.",
        )


def _to_authority(name: str, spec: AuthoritySpec, document: Document, location: Location) -> Authority:
    identities = []
    for index, identity in enumerate(spec.certificate_identities):
        with document.at((*location, "certificateIdentities", index)):
            identities.append(_to_identity(identity))
    with document.at((*location, "verifierConfig")):
        config = to_config(spec)
        config.check_for(name, certificates=not spec.keys)
    with document.at(location):
        return Authority(
            name,
            tuple(identities),
            tuple(spec.keys),
            spec.unsafe_ignore_identities,
            config,
            tuple(sorted(spec.annotations.items())),
        )


def _to_requirement(spec: RequirementSpec, authorities: dict[str, Authority]) -> Requirement:
    unknown = [name for name in spec.authorities if name not in authorities]
    if unknown:
        raise ConfigurationError(
            f"no authority of the policy is called {unknown[0]!r}",
            remedy=f"There are {', '.join(authorities)}.",
        )
    chosen = tuple(authorities[name] for name in spec.authorities) or tuple(authorities.values())
    threshold = len(chosen) if spec.threshold == "all" else spec.threshold
    return Requirement(chosen, threshold, _to_attestation(spec.attestation))


def _to_attestation(spec: AttestationSpec | None) -> AttestationRequirement | None:
    if spec is None:
        return None
    types = tuple(predicate_type_of(text) for text in spec.predicate_types)
    return AttestationRequirement(types, count=spec.count)


def _denied(spec: DenySpec) -> DenyList:
    return DenyList(
        frozenset(parse_digest(digest) for digest in spec.digests),
        tuple(_to_identity(identity) for identity in spec.certificate_identities),
        frozenset(spec.keys),
    )


def _age(text: str) -> timedelta | None:
    if not text:
        return None
    found = _AGE.fullmatch(text)
    if not found:
        raise ConfigurationError(f"not an age: {text[:40]!r}", remedy="Write hours or days: 72h, 30d.")
    return timedelta(hours=int(found[1])) if found[2] == "h" else timedelta(days=int(found[1]))


def _platforms(given: str | list[str]) -> Platforms:
    if isinstance(given, str):
        return Platforms(Coverage(given))
    return Platforms(Coverage.LISTED, tuple(given))


def _to_identity(spec: CertificateIdentitySpec) -> CertificateIdentity:
    return CertificateIdentity(
        subject_alternative_name=_to_match("subject", spec.subject, spec.subject_reg_exp),
        issuer=_to_match("issuer", spec.issuer, spec.issuer_reg_exp),
        claims=tuple(sorted((name, StringMatch(value=value)) for name, value in spec.claims.items())),
    )


def _to_match(name: str, value: str, regexp: str) -> StringMatch:
    if bool(value) == bool(regexp):
        raise ConfigurationError(
            f"an identity needs exactly one of {name} and {name}RegExp, and not empty",
            remedy="Both subject and issuer are required: a subject means nothing without who vouches for it.",
        )
    return StringMatch(value=value, regexp=regexp)
