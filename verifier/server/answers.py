"""Answers read back from the wire: the inverse of ``convert.py``, for clients and for comparing doors.

An answer this version does not fully understand proves nothing, so it is never read as a verdict.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC
from functools import wraps
from typing import ParamSpec, TypeVar

from providers.errors import PycosignError, UnavailableError
from providers.identity import CertificateIdentity, StringMatch
from providers.policy import Mode
from providers.reasons import ReasonCode
from verifier.facts import CertificateSummary, Check, CheckStatus, VerifiedLogEntry, VerifiedTimestamp
from verifier.results import (
    CosignVerificationResult,
    PolicyVerdict,
    RequirementVerdict,
    TrustUsed,
    ValidationResult,
    VerificationResult,
    VerifierInfo,
)
from verifier.v1 import verifier_pb2 as pb
from verifier.verdict import Outcome

from .convert import CLAIM_FIELDS, descriptor_from_message

P = ParamSpec("P")
T = TypeVar("T")


def _one_error(read: Callable[P, T]) -> Callable[P, T]:
    """Let ``read`` raise ``UnavailableError`` and nothing else."""

    @wraps(read)
    def reading(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return read(*args, **kwargs)
        except (ValueError, KeyError, PycosignError) as error:
            raise UnavailableError(
                ReasonCode.INTERNAL_ERROR, f"the verifier's answer is not understood: {error}"
            ) from error

    return reading


def _mode(number: pb.Mode.ValueType) -> Mode:
    return Mode[pb.Mode.Name(number).removeprefix("MODE_")]


def _status(number: pb.CheckStatus.ValueType) -> CheckStatus:
    return CheckStatus[pb.CheckStatus.Name(number).removeprefix("CHECK_STATUS_")]


def _match(message: pb.StringMatch) -> StringMatch:
    return StringMatch(value=message.value, regexp=message.regexp)


def _identity(message: pb.CertificateIdentity) -> CertificateIdentity:
    return CertificateIdentity(
        subject_alternative_name=_match(message.subject_alternative_name),
        issuer=_match(message.issuer),
        claims=tuple((name, _match(message.claims[name])) for name in sorted(message.claims)),
    )


def _certificate(message: pb.CertificateSummary) -> CertificateSummary:
    claims = ((name, getattr(message, field)) for name, field in CLAIM_FIELDS.items())
    return CertificateSummary(
        certificate_issuer=message.certificate_issuer,
        subject_alternative_name=message.subject_alternative_name,
        subject_alternative_name_type=message.subject_alternative_name_type,
        issuer=message.issuer,
        not_before=message.not_before.ToDatetime(UTC),
        not_after=message.not_after.ToDatetime(UTC),
        claims=tuple(sorted((name, value) for name, value in claims if value)),
    )


def _detail(message: pb.CosignVerificationResult) -> CosignVerificationResult:
    signer = message.signature
    return CosignVerificationResult(
        media_type=message.media_type,
        digest=message.digest,
        outcome=Outcome(message.outcome),
        reason=ReasonCode(message.reason),
        certificate=_certificate(signer.certificate) if signer.HasField("certificate") else None,
        key_id=signer.key_id,
        verified_timestamps=tuple(
            VerifiedTimestamp(proven.type, proven.uri, proven.timestamp.ToDatetime(UTC), proven.authority)
            for proven in message.verified_timestamps
        ),
        verified_log_entries=tuple(
            VerifiedLogEntry(entry.log_id, entry.log_index, entry.kind, entry.uri)
            for entry in message.verified_log_entries
        ),
        verified_identity=(
            _identity(message.verified_identity) if message.HasField("verified_identity") else None
        ),
        predicate_type=message.predicate_type,
        annotations=tuple(sorted(message.annotations.items())),
        checks=tuple(
            Check(check.id, _status(check.status), check.evidence, ReasonCode(check.reason))
            for check in message.checks
        ),
        verified_key=message.verified_key,
        authority=message.authority,
    )


def _requirement(message: pb.RequirementVerdict) -> RequirementVerdict:
    return RequirementVerdict(
        asked=message.asked,
        outcome=Outcome(message.outcome),
        reason=ReasonCode(message.reason),
        authorities=tuple(message.authorities),
        platform=message.platform,
    )


def _trust(message: pb.TrustUsed) -> TrustUsed:
    return TrustUsed(message.source, message.revision, message.loaded_at.ToDatetime(UTC))


@_one_error
def verification_result_from_message(message: pb.VerificationResult) -> VerificationResult:
    """The verdict on one signature artifact.

    Raises:
        UnavailableError: it holds something this version does not know, or no outcome.
    """
    return VerificationResult(
        outcome=Outcome(message.outcome),
        reason=ReasonCode(message.reason),
        err=message.err,
        description=message.description,
        verifier=VerifierInfo(message.verifier.name, message.verifier.type),
        artifact=descriptor_from_message(message.artifact) if message.HasField("artifact") else None,
        policy=message.policy,
        detail=tuple(_detail(detail) for detail in message.detail),
        policy_revision=message.policy_revision,
        trust=tuple(_trust(used) for used in message.trust),
    )


@_one_error
def validation_result_from_message(message: pb.ValidationResult) -> ValidationResult:
    """The verdict on a subject.

    Raises:
        UnavailableError: it holds something this version does not know, or no outcome.
    """
    return ValidationResult(
        outcome=Outcome(message.outcome),
        admitted=message.admitted,
        reason=ReasonCode(message.reason),
        message=message.message,
        reference=message.reference,
        subject=descriptor_from_message(message.subject) if message.HasField("subject") else None,
        warnings=tuple(message.warnings),
        policies=tuple(
            PolicyVerdict(
                name=verdict.name,
                mode=_mode(verdict.mode),
                outcome=Outcome(verdict.outcome),
                reason=ReasonCode(verdict.reason),
                source=verdict.source,
                revision=verdict.revision,
                requirements=tuple(_requirement(requirement) for requirement in verdict.requirements),
            )
            for verdict in message.policies
        ),
        trust=tuple(_trust(used) for used in message.trust),
        results=tuple(verification_result_from_message(result) for result in message.results),
        policy_revision=message.policy_revision,
    )
