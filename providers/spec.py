"""What operators write about providers and policies: the shapes of the YAML, and their values.

Field names are those of the published JSON Schema. Conversion to the values in ``policy`` is here too, so
that a complaint about a value carries the line it stands on.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from .document import Document
from .errors import ConfigurationError
from .policy import CertificateIdentity, Mode, Policy, StringMatch, VerifierConfig
from .scope import Scope
from .subject import Operation

Location = tuple[str | int, ...]


class Spec(BaseModel):
    """A part of a document: camelCase names, no unknown fields, no guessing of types."""

    model_config = ConfigDict(
        extra="forbid", strict=True, frozen=True, alias_generator=to_camel, validate_by_alias=True
    )


class StaticTrustSpec(Spec):
    """One trusted root from a file, read once when the program starts."""

    type: Literal["static"]
    trusted_root: Annotated[
        str, Field(min_length=1, description="Path of a trusted_root.json, relative to this file.")
    ]


class VerifierConfigSpec(Spec):
    """How much evidence a signature needs. Thresholds count distinct logs and authorities."""

    require_observer_timestamps: bool = True
    observer_timestamp_threshold: int = 1
    require_tlog_entries: bool = True
    tlog_entries_threshold: int = 1
    require_scts: Annotated[bool, Field(alias="requireSCTs")] = True
    ctlog_entries_threshold: int = 1
    require_signed_timestamps: bool = False
    signed_timestamp_threshold: int = 1
    require_integrated_timestamps: bool = False
    integrated_timestamp_threshold: int = 1


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


class PolicySpec(Spec):
    """One policy: for which repositories it speaks, and who must have signed."""

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
    certificate_identities: Annotated[
        list[CertificateIdentitySpec],
        Field(default_factory=list, description="Any one of them must have signed."),
    ]
    unsafe_ignore_identities: Annotated[
        bool, Field(description="Let any signer under the trusted root pass.")
    ] = False
    verifier_config: VerifierConfigSpec = VerifierConfigSpec()


class StaticPolicySpec(Spec):
    """Policies that stand in this file."""

    type: Literal["static"]
    policies: Annotated[list[PolicySpec], Field(min_length=1)]


def to_policy(spec: PolicySpec, document: Document, location: Location) -> Policy:
    """The policy that ``spec`` at ``location`` of ``document`` describes.

    Raises:
        ConfigurationError: with file and line.
    """
    scopes, identities = [], []
    for index, text in enumerate(spec.scopes):
        with document.at((*location, "scopes", index)):
            scopes.append(Scope.parse(text))
    for index, identity in enumerate(spec.certificate_identities):
        with document.at((*location, "certificateIdentities", index)):
            identities.append(_to_identity(identity))
    with document.at((*location, "verifierConfig")):
        config = VerifierConfig(**spec.verifier_config.model_dump())
    with document.at(location):
        return Policy(
            name=spec.name,
            scopes=tuple(scopes),
            certificate_identities=tuple(identities),
            mode=Mode(spec.mode),
            namespaces=tuple(spec.namespaces),
            operations=tuple(Operation(operation) for operation in spec.operations),
            unsafe_ignore_identities=spec.unsafe_ignore_identities,
            verifier_config=config,
            source=f"{document.file}:{document.line_of(location)}",
        )


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
