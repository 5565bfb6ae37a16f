"""What operators write about policies: the shapes of the YAML, and their values.

Field names are those of the published JSON Schema. Conversion to the values in ``policy`` is here too, so that a
complaint about a value carries the line it stands on.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field
from pydantic.json_schema import SkipJsonSchema

from .attestation_spec import AttestationSpec, to_attestation
from .authority import Authority
from .authority_spec import AuthoritySpec, CertificateIdentitySpec, to_authority, to_identity
from .descriptor import parse_digest
from .document import Document
from .errors import ConfigurationError, InvalidReferenceError
from .platforms import Coverage, Platform, Platforms
from .policy import Mode, Policy
from .requirement import (
    MAX_AUTHORITIES,
    AttestationRequirement,
    DenyList,
    Requirement,
    SigningTime,
)
from .scope import Scope
from .spec import Age, Location, Spec, Time, stated, to_age
from .subject import Operation

# None only where the field is absent.
_Attestation = Annotated[
    AttestationSpec | SkipJsonSchema[None],
    BeforeValidator(stated),
    Field(description="Ask for an attestation. Absent: for a signature."),
]


class NamedAuthoritySpec(AuthoritySpec):
    """One of several authorities of a policy."""

    name: Annotated[str, Field(min_length=1, max_length=253)]


class RequirementSpec(Spec):
    """That a number of authorities have signed, or attested. Several signatures of one signer are those of one."""

    authorities: Annotated[
        list[str],
        Field(
            default_factory=list, min_length=1, description="Names of authorities of the policy. Absent: all."
        ),
    ]
    threshold: Annotated[
        int | Literal["all"], Field(description="How many different ones of them, or 'all'.")
    ] = 1
    attestation: _Attestation = None


class DenySpec(Spec):
    """What never passes: artifacts by digest, and signers, whose signatures count for nobody."""

    digests: Annotated[
        list[str],
        Field(default_factory=list, description="sha256:…, of an image or of what an index lists."),
    ]
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
    authorities: Annotated[
        list[NamedAuthoritySpec],
        Field(
            default_factory=list,
            min_length=1,
            max_length=MAX_AUTHORITIES,
            description="Those that requirements count, where there are several.",
        ),
    ]
    requirements: Annotated[
        list[RequirementSpec],
        Field(
            default_factory=list,
            min_length=1,
            max_length=32,
            description="All of them must hold. Absent: one of the authorities.",
        ),
    ]
    platforms: Annotated[
        Literal["index", "every"] | list[str],
        Field(description="Of an image for several platforms: what must be signed. A list: linux/amd64, …"),
    ] = "index"
    signed_after: Annotated[Time, Field(description="RFC 3339. No proven time may be earlier.")] = None
    max_age: Annotated[
        Age, Field(description="How long ago it may have been signed: 72h, 30d. Absent: any time.")
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
    denied = _denied(spec.deny, document, (*location, "deny"))
    with document.at((*location, "maxAge")):
        signing_time = SigningTime(spec.signed_after, to_age(spec.max_age) if spec.max_age else None)
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


def keys_of(spec: PolicySpec, location: Location) -> Iterator[tuple[str, str, Location]]:
    """Every key that ``spec`` names: who names it, what it is called, and where that stands."""
    for name, authority, place in authorities_of(spec, location):
        for index, key in enumerate(authority.keys):
            yield f"{name!r} asks for", key, (*place, "keys", index)
    for index, key in enumerate(spec.deny.keys):
        yield f"{spec.name!r} denies", key, (*location, "deny", "keys", index)


def _requirements(spec: PolicySpec, document: Document, location: Location) -> Iterator[Requirement]:
    _check_one_form(spec, document, location)
    authorities = {
        name: to_authority(name, authority, document, place)
        for name, authority, place in authorities_of(spec, location)
    }
    if len(authorities) < len(spec.authorities):
        raise document.error(
            (*location, "authorities"), "two authorities have one name", "Give each its own."
        )
    if not spec.requirements:
        yield Requirement(
            tuple(authorities.values()), attestation=_attestation(spec.attestation, document, location)
        )
    for index, requirement in enumerate(spec.requirements):
        place = (*location, "requirements", index)
        attestation = _attestation(requirement.attestation, document, place)
        with document.at(place):
            yield _to_requirement(requirement, authorities, attestation)
    _check_all_are_asked(spec, document, location)


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


def _check_all_are_asked(spec: PolicySpec, document: Document, location: Location) -> None:
    """An authority that no requirement names would never be asked, and its owner think that it is."""
    named = {name for requirement in spec.requirements for name in requirement.authorities}
    if not spec.requirements or any(not requirement.authorities for requirement in spec.requirements):
        return
    for index, authority in enumerate(spec.authorities):
        if authority.name not in named:
            raise document.error(
                (*location, "authorities", index),
                f"no requirement asks for authority {authority.name!r}",
                "Name it in one of the requirements, or remove it.",
            )


def _to_requirement(
    spec: RequirementSpec, authorities: dict[str, Authority], attestation: AttestationRequirement | None
) -> Requirement:
    unknown = [name for name in spec.authorities if name not in authorities]
    if unknown:
        raise ConfigurationError(
            f"no authority of the policy is called {unknown[0]!r}",
            remedy=f"There are {', '.join(authorities)}.",
        )
    chosen = tuple(authorities[name] for name in spec.authorities) or tuple(authorities.values())
    threshold = len(chosen) if spec.threshold == "all" else spec.threshold
    return Requirement(chosen, threshold, attestation)


def _attestation(
    spec: AttestationSpec | None, document: Document, location: Location
) -> AttestationRequirement | None:
    return None if spec is None else to_attestation(spec, document, (*location, "attestation"))


def _denied(spec: DenySpec, document: Document, location: Location) -> DenyList:
    digests, identities = set(), []
    for index, digest in enumerate(spec.digests):
        try:
            digests.add(parse_digest(digest))
        except InvalidReferenceError as error:
            place = (*location, "digests", index)
            remedy = "Write sha256: and 64 hexadecimal digits, as 'crane digest' prints them."
            raise document.error(place, str(error), remedy) from error
    for index, identity in enumerate(spec.certificate_identities):
        with document.at((*location, "certificateIdentities", index)):
            identities.append(to_identity(identity))
    return DenyList(tuple(sorted(digests)), tuple(identities), tuple(sorted(set(spec.keys))))


def _platforms(given: str | list[str]) -> Platforms:
    if isinstance(given, str):
        return Platforms(Coverage(given))
    return Platforms(Coverage.LISTED, tuple(Platform.parse(text) for text in given))
