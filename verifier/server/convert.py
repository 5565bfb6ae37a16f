"""Results as protobuf messages (``answers.py`` reads them back). Pure functions; gRPC is not imported.

The command line prints ``-o json`` from the same messages, so that every door answers in the same words.
"""

from __future__ import annotations

from datetime import datetime
from enum import Enum

from google.protobuf.timestamp_pb2 import Timestamp

from providers.descriptor import Descriptor
from providers.errors import InvalidReferenceError
from providers.identity import CertificateIdentity, StringMatch
from providers.policy import Mode
from providers.reasons import ReasonCode
from providers.subject import Operation
from verifier.facts import CertificateSummary, Check, CheckStatus
from verifier.results import (
    CosignVerificationResult,
    PolicyVerdict,
    TrustUsed,
    ValidationResult,
    VerificationResult,
    VerifierInfo,
)
from verifier.v1 import verifier_pb2 as pb
from verifier.verdict import Outcome

# The claims of a Fulcio certificate: sigstore-go's JSON name, and the field of CertificateSummary.
CLAIM_FIELDS = {
    "githubWorkflowTrigger": "github_workflow_trigger",
    "githubWorkflowSHA": "github_workflow_sha",
    "githubWorkflowName": "github_workflow_name",
    "githubWorkflowRepository": "github_workflow_repository",
    "githubWorkflowRef": "github_workflow_ref",
    "buildSignerURI": "build_signer_uri",
    "buildSignerDigest": "build_signer_digest",
    "runnerEnvironment": "runner_environment",
    "sourceRepositoryURI": "source_repository_uri",
    "sourceRepositoryDigest": "source_repository_digest",
    "sourceRepositoryRef": "source_repository_ref",
    "sourceRepositoryIdentifier": "source_repository_identifier",
    "sourceRepositoryOwnerURI": "source_repository_owner_uri",
    "sourceRepositoryOwnerIdentifier": "source_repository_owner_identifier",
    "buildConfigURI": "build_config_uri",
    "buildConfigDigest": "build_config_digest",
    "buildTrigger": "build_trigger",
    "runInvocationURI": "run_invocation_uri",
    "sourceRepositoryVisibilityAtSigning": "source_repository_visibility_at_signing",
}


# Enumerations. A member is called the same in both places, the wire adding the name of the enumeration in front
# (tests/unit/server/test_convert.py compares all of them, by name and by number).


def _name(prefix: str, member: Enum) -> str:
    return f"{prefix}_{member.name}"


def outcome_to_proto(outcome: Outcome) -> pb.Outcome.ValueType:
    """The wire's number of an outcome."""
    return pb.Outcome.Value(_name("OUTCOME", outcome))


def reason_to_proto(reason: ReasonCode) -> pb.ReasonCode.ValueType:
    """The wire's number of a reason code."""
    return pb.ReasonCode.Value(_name("REASON_CODE", reason))


def mode_to_proto(mode: Mode) -> pb.Mode.ValueType:
    """The wire's number of a mode."""
    return pb.Mode.Value(_name("MODE", mode))


def status_to_proto(status: CheckStatus) -> pb.CheckStatus.ValueType:
    """The wire's number of the status of a check."""
    return pb.CheckStatus.Value(_name("CHECK_STATUS", status))


def operation_to_proto(operation: Operation) -> pb.Operation.ValueType:
    """The wire's number of an operation."""
    return pb.Operation.Value(_name("OPERATION", operation))


def operation_from_proto(number: int) -> Operation:
    """The operation behind a number.

    Raises:
        InvalidReferenceError: no operation has this number.
    """
    known = pb.Operation.DESCRIPTOR.values_by_number.get(number)
    if known is None:
        raise InvalidReferenceError(f"no operation has the number {number}")
    return Operation[known.name.removeprefix("OPERATION_")]


def _timestamp(time: datetime) -> Timestamp:
    message = Timestamp()
    message.FromDatetime(time)
    return message


# Values to messages.


def descriptor_to_message(descriptor: Descriptor) -> pb.Descriptor:
    """A descriptor for the wire."""
    return pb.Descriptor(
        media_type=descriptor.media_type,
        digest=descriptor.digest,
        size=descriptor.size,
        artifact_type=descriptor.artifact_type,
        annotations=dict(descriptor.annotations),
    )


def trust_to_message(trust: TrustUsed) -> pb.TrustUsed:
    """Which trusted material answered, for the wire."""
    return pb.TrustUsed(source=trust.source, revision=trust.revision, loaded_at=_timestamp(trust.loaded_at))


def info_to_message(info: VerifierInfo) -> pb.VerifierInfo:
    """An engine's name and type, for the wire."""
    return pb.VerifierInfo(name=info.name, type=info.type)


def _match_to_message(match: StringMatch) -> pb.StringMatch:
    return pb.StringMatch(value=match.value) if match.value else pb.StringMatch(regexp=match.regexp)


def _identity_to_message(identity: CertificateIdentity) -> pb.CertificateIdentity:
    return pb.CertificateIdentity(
        subject_alternative_name=_match_to_message(identity.subject_alternative_name),
        issuer=_match_to_message(identity.issuer),
        claims={name: _match_to_message(match) for name, match in identity.claims},
    )


def _certificate_to_message(certificate: CertificateSummary) -> pb.CertificateSummary:
    message = pb.CertificateSummary(
        certificate_issuer=certificate.certificate_issuer,
        subject_alternative_name=certificate.subject_alternative_name,
        subject_alternative_name_type=certificate.subject_alternative_name_type,
        issuer=certificate.issuer,
        not_before=_timestamp(certificate.not_before),
        not_after=_timestamp(certificate.not_after),
    )
    for name, value in certificate.claims:
        # A claim newer than this contract is left out here; policies see it all the same.
        if name in CLAIM_FIELDS:
            setattr(message, CLAIM_FIELDS[name], value)
    return message


def _signature_to_message(result: CosignVerificationResult) -> pb.SignatureSummary | None:
    if result.certificate is not None:
        return pb.SignatureSummary(certificate=_certificate_to_message(result.certificate))
    return pb.SignatureSummary(key_id=result.key_id) if result.key_id else None


def _check_to_message(check: Check) -> pb.Check:
    return pb.Check(
        id=check.id,
        status=status_to_proto(check.status),
        reason=reason_to_proto(check.reason),
        evidence=check.evidence,
    )


def _detail_to_message(detail: CosignVerificationResult) -> pb.CosignVerificationResult:
    identity = detail.verified_identity
    return pb.CosignVerificationResult(
        media_type=detail.media_type,
        signature=_signature_to_message(detail),
        verified_timestamps=[
            pb.VerifiedTimestamp(
                type=proven.type,
                uri=proven.uri,
                timestamp=_timestamp(proven.time),
                authority=proven.authority,
            )
            for proven in detail.verified_timestamps
        ],
        verified_identity=None if identity is None else _identity_to_message(identity),
        digest=detail.digest,
        checks=[_check_to_message(check) for check in detail.checks],
        outcome=outcome_to_proto(detail.outcome),
        reason=reason_to_proto(detail.reason),
        verified_log_entries=[
            pb.VerifiedLogEntry(
                log_id=entry.log_id, log_index=entry.log_index, kind=entry.kind, uri=entry.uri
            )
            for entry in detail.verified_log_entries
        ],
        predicate_type=detail.predicate_type,
        annotations=dict(detail.annotations),
        verified_key=detail.verified_key,
        authority=detail.authority,
    )


def verification_result_to_message(
    result: VerificationResult, *, elapsed: float | None = None
) -> pb.VerificationResult:
    """The verdict on one signature artifact, for the wire; ``elapsed`` in seconds, where it is an answer."""
    message = pb.VerificationResult(
        outcome=outcome_to_proto(result.outcome),
        reason=reason_to_proto(result.reason),
        err=result.err or None,
        description=result.description,
        verifier=info_to_message(result.verifier),
        detail=[_detail_to_message(detail) for detail in result.detail],
        artifact=None if result.artifact is None else descriptor_to_message(result.artifact),
        policy=result.policy,
        policy_revision=result.policy_revision,
        trust=[trust_to_message(trust) for trust in result.trust],
    )
    if elapsed is not None:
        message.elapsed.FromMicroseconds(int(elapsed * 1_000_000))
    return message


def _policy_to_message(verdict: PolicyVerdict) -> pb.PolicyVerdict:
    return pb.PolicyVerdict(
        name=verdict.name,
        mode=mode_to_proto(verdict.mode),
        outcome=outcome_to_proto(verdict.outcome),
        reason=reason_to_proto(verdict.reason),
        source=verdict.source,
        revision=verdict.revision,
        requirements=[
            pb.RequirementVerdict(
                asked=requirement.asked,
                outcome=outcome_to_proto(requirement.outcome),
                reason=reason_to_proto(requirement.reason),
                authorities=requirement.authorities,
                platform=requirement.platform,
            )
            for requirement in verdict.requirements
        ],
    )


def validation_result_to_message(
    result: ValidationResult, *, request_id: str = "", elapsed: float = 0.0
) -> pb.ValidationResult:
    """The verdict on a subject, for the wire; ``elapsed`` in seconds."""
    message = pb.ValidationResult(
        outcome=outcome_to_proto(result.outcome),
        admitted=result.admitted,
        warnings=result.warnings,
        reason=reason_to_proto(result.reason),
        message=result.message,
        reference=result.reference,
        subject=None if result.subject is None else descriptor_to_message(result.subject),
        policies=[_policy_to_message(verdict) for verdict in result.policies],
        trust=[trust_to_message(trust) for trust in result.trust],
        results=[verification_result_to_message(one) for one in result.results],
        request_id=request_id,
        policy_revision=result.policy_revision,
    )
    message.elapsed.FromMicroseconds(int(elapsed * 1_000_000))
    return message


# The parts of a request.


def descriptor_from_message(message: pb.Descriptor) -> Descriptor:
    """A descriptor from the wire, every field checked.

    Raises:
        InvalidReferenceError: a field is malformed.
    """
    return Descriptor.parse(
        media_type=message.media_type,
        digest=message.digest,
        size=message.size,
        artifact_type=message.artifact_type,
        annotations=dict(message.annotations),
    )
