"""What operators write about who may sign: the shapes of the YAML, and their values. Field names are those of the
published JSON Schema.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from .authority import Authority
from .document import Document
from .errors import ConfigurationError
from .identity import CertificateIdentity, StringMatch
from .spec import Location, Spec
from .verifier_config import VerifierConfig


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


def to_authority(name: str, spec: AuthoritySpec, document: Document, location: Location) -> Authority:
    """The authority called ``name`` that ``spec`` at ``location`` of ``document`` describes.

    Raises:
        ConfigurationError: with file and line.
    """
    identities = []
    for index, identity in enumerate(spec.certificate_identities):
        with document.at((*location, "certificateIdentities", index)):
            identities.append(to_identity(identity))
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


def to_identity(spec: CertificateIdentitySpec) -> CertificateIdentity:
    """The identity that ``spec`` describes.

    Raises:
        ConfigurationError: without file and line.
    """
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
