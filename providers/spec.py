"""What operators write about providers and policies: the shapes of the YAML, and their values.

Field names are those of the published JSON Schema. Conversion to the values in ``policy`` is here too, so
that a complaint about a value carries the line it stands on.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic.alias_generators import to_camel
from pydantic.json_schema import SkipJsonSchema

from .bounded_file import read_bounded
from .document import Document
from .errors import ConfigurationError
from .policy import AttestationRequirement, CertificateIdentity, Mode, Policy, StringMatch
from .predicates import predicate_type_of
from .scope import Scope
from .subject import Operation
from .trust import MAX_KEY_FILE, MAX_KEYS, TrustedKey
from .verifier_config import VerifierConfig

Location = tuple[str | int, ...]


class Spec(BaseModel):
    """A part of a document: camelCase names, no unknown fields, no guessing of types."""

    model_config = ConfigDict(
        extra="forbid", strict=True, frozen=True, alias_generator=to_camel, validate_by_alias=True
    )


def _stated(given: object) -> object:
    """A field without a value is not the same as no field: it would read as the opposite of what was meant."""
    if given is None:
        raise ValueError("the field has no value; give it one, or leave it out")
    return given


def _read_time(given: object) -> object:
    """RFC 3339, as YAML reads it or as text. pydantic would also take 20260131, as seconds since 1970."""
    time = given
    if isinstance(given, str):
        try:
            time = datetime.fromisoformat(given)
        except ValueError:
            time = None
    if not isinstance(time, datetime) or time.tzinfo is None:
        raise ValueError("not a time with its zone; write it as 2026-01-31T00:00:00Z")
    return time


# None only where the field is absent.
_Time = Annotated[datetime | SkipJsonSchema[None], BeforeValidator(_read_time)]


class TrustedKeySpec(Spec):
    """A public key by name. Exactly one of file and publicKey."""

    name: Annotated[str, Field(min_length=1, max_length=253, description="What policies call it.")]
    file: Annotated[str, Field(description="Path of a public key in PEM, relative to this file.")] = ""
    public_key: Annotated[str, Field(description="A public key in PEM.")] = ""
    hash: Annotated[
        Literal["", "sha256", "sha384", "sha512"],
        Field(description="Empty: what the kind of key says (a curve its own, RSA SHA-256)."),
    ] = ""
    valid_from: Annotated[_Time, Field(description="RFC 3339. Absent: always.")] = None
    valid_until: Annotated[_Time, Field(description="RFC 3339, included. Absent: for ever.")] = None


class StaticTrustSpec(Spec):
    """A trusted root, public keys, or both, from files that are read once when the program starts."""

    type: Literal["static"]
    trusted_root: Annotated[
        str, Field(description="Path of a trusted_root.json, relative to this file. Empty: none.")
    ] = ""
    keys: Annotated[list[TrustedKeySpec], Field(default_factory=list, max_length=MAX_KEYS)]


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
    keys: Annotated[
        list[str],
        Field(default_factory=list, description="Names of trusted keys, any of which must have signed."),
    ]
    annotations: Annotated[
        dict[str, str], Field(default_factory=dict, description="What must be signed beside the digest.")
    ]
    attestation: Annotated[
        AttestationSpec | SkipJsonSchema[None],
        BeforeValidator(_stated),
        Field(description="Ask for an attestation. Absent: for a signature."),
    ] = None
    unsafe_ignore_identities: Annotated[
        bool, Field(description="Let any signer under the trusted root pass.")
    ] = False
    verifier_config: VerifierConfigSpec = VerifierConfigSpec()


class StaticPolicySpec(Spec):
    """Policies that stand in this file."""

    type: Literal["static"]
    policies: Annotated[list[PolicySpec], Field(min_length=1)]


def to_key(spec: TrustedKeySpec, folder: Path) -> TrustedKey:
    """The key that ``spec`` describes, its file relative to ``folder``.

    Raises:
        ConfigurationError: the file cannot be read, or a field is malformed.
    """
    if bool(spec.file) == bool(spec.public_key):
        raise ConfigurationError(f"key {spec.name!r} needs exactly one of file and publicKey")
    content = spec.public_key.encode()
    if spec.file:
        content = read_bounded(folder / spec.file, MAX_KEY_FILE, remedy="Name a public key in PEM.")
    return TrustedKey(spec.name, content, spec.hash, spec.valid_from, spec.valid_until)


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
        config = to_config(spec)
        config.check_for(spec.name, certificates=not spec.keys)
    attestation = None
    if spec.attestation is not None:
        with document.at((*location, "attestation")):
            types = tuple(predicate_type_of(text) for text in spec.attestation.predicate_types)
            attestation = AttestationRequirement(types)
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
            keys=tuple(spec.keys),
            annotations=tuple(sorted(spec.annotations.items())),
            attestation=attestation,
        )


def to_config(spec: PolicySpec) -> VerifierConfig:
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
