"""What the core answers. ``proto/verifier/v1/verifier.proto`` has the same fields, by nearly the same names:
``server/convert.py`` says where they differ, and a test compares all of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from providers.descriptor import Descriptor
from providers.identity import CertificateIdentity
from providers.policy import Mode
from providers.reasons import ReasonCode
from providers.trust import TrustedMaterial

from .facts import CertificateSummary, Check, VerifiedLogEntry, VerifiedTimestamp
from .verdict import Outcome


@dataclass(frozen=True, slots=True)
class CosignVerificationResult:
    """What was found out about one signature.

    ``certificate`` or ``key_id`` is set when the signature itself holds; ``verified_identity`` is the policy's
    identity that matched, ``verified_key`` the name of its key, ``authority``
    the one that the signature counts for,
    ``annotations`` the signed ones of a signature that counts. ``checks`` explains the
    outcome either way.
    """

    media_type: str
    digest: str
    outcome: Outcome
    reason: ReasonCode
    certificate: CertificateSummary | None = None
    key_id: str = ""
    verified_timestamps: tuple[VerifiedTimestamp, ...] = ()
    verified_log_entries: tuple[VerifiedLogEntry, ...] = ()
    verified_identity: CertificateIdentity | None = None
    predicate_type: str = ""
    annotations: tuple[tuple[str, str], ...] = ()
    checks: tuple[Check, ...] = ()
    verified_key: str = ""
    authority: str = ""


@dataclass(frozen=True, slots=True)
class VerifierInfo:
    """What produced a result: an engine, or the core itself where no engine was asked."""

    name: str
    type: str


ITSELF = VerifierInfo("pycosign", "core")


@dataclass(frozen=True, slots=True)
class TrustUsed:
    """The trusted material that answered."""

    source: str
    revision: str
    loaded_at: datetime

    @classmethod
    def of(cls, material: TrustedMaterial) -> TrustUsed:
        """Without the material itself."""
        return cls(material.source, material.revision, material.loaded_at)


@dataclass(frozen=True, slots=True)
class VerificationResult:
    """The verdict on one signature artifact under one policy (ratify-go ``VerificationResult``).

    ``err`` is empty exactly when the outcome is allowed; else it starts with the reason code. ``detail`` has one
    entry for each signature the artifact holds, ``trust`` what they were checked against. ``policy_revision`` is
    that of the policy, or of all policies where none spoke.
    """

    outcome: Outcome
    reason: ReasonCode
    err: str
    description: str
    verifier: VerifierInfo
    artifact: Descriptor | None
    policy: str
    detail: tuple[CosignVerificationResult, ...] = ()
    policy_revision: str = ""
    trust: tuple[TrustUsed, ...] = ()


@dataclass(frozen=True, slots=True)
class RequirementVerdict:
    """What became of one requirement of a policy: ``asked`` in words, the ``authorities`` that have signed, the
    ``platform`` where not the subject itself had to be signed.
    """

    asked: str
    outcome: Outcome
    reason: ReasonCode
    authorities: tuple[str, ...] = ()
    platform: str = ""


@dataclass(frozen=True, slots=True)
class PolicyVerdict:
    """What one policy makes of the subject."""

    name: str
    mode: Mode
    outcome: Outcome
    reason: ReasonCode
    source: str
    revision: str
    requirements: tuple[RequirementVerdict, ...] = ()


@dataclass(frozen=True, slots=True)
class ValidationResult:
    """The verdict on a subject (ratify-go ``ValidationResult``).

    ``outcome`` is what the evidence says; ``admitted`` is what the policies' modes make of it, with a warning
    for every verdict that a ``warn`` policy did not enforce. ``subject`` is None when it was not resolved,
    ``policy_revision`` is that of all policies in force.
    """

    outcome: Outcome
    admitted: bool
    reason: ReasonCode
    message: str
    reference: str
    subject: Descriptor | None = None
    warnings: tuple[str, ...] = ()
    policies: tuple[PolicyVerdict, ...] = ()
    trust: tuple[TrustUsed, ...] = ()
    results: tuple[VerificationResult, ...] = ()
    policy_revision: str = ""
