"""From what was found to what is answered: pure functions, no I/O.

For each policy: allowed when one artifact satisfies it; refused when none does and nothing is left that could;
could not check otherwise. Over the policies: all must allow. The reason is that of the candidate that got
furthest among those with the outcome of the whole, whatever order they were listed in.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from providers.descriptor import Descriptor
from providers.errors import UnavailableError, VerificationError
from providers.policy import Mode, Policy
from providers.reasons import ReasonCode
from providers.subject import Subject

from .explain import sentence
from .facts import Check, CheckStatus, SignatureFacts
from .judge import judge
from .printable import printable
from .results import (
    ITSELF,
    CosignVerificationResult,
    PolicyVerdict,
    TrustUsed,
    ValidationResult,
    VerificationResult,
    VerifierInfo,
)
from .verdict import Outcome, all_of, any_of, furthest, outcome_of


@dataclass(frozen=True, slots=True)
class Unproven:
    """A signature without facts: it does not hold, or could not be checked."""

    media_type: str
    digest: str
    reason: ReasonCode
    message: str
    checks: tuple[Check, ...] = ()

    @classmethod
    def of(
        cls,
        descriptor: Descriptor,
        error: VerificationError | UnavailableError,
        checks: tuple[Check, ...] = (),
    ) -> Unproven:
        """``error`` about the content of ``descriptor``. There is always a check that says what is wrong."""
        if not checks:
            status = CheckStatus.SKIPPED if error.reason.could_not_check else CheckStatus.FAIL
            checks = (Check("content", status, error.message, error.reason),)
        return cls(descriptor.media_type, descriptor.digest, error.reason, error.message, checks)


@dataclass(slots=True)
class Artifact:
    """One signature artifact: what was found out so far about every signature in it, the engine that was asked
    last, and the trust that answered, by revision.
    """

    descriptor: Descriptor
    verifier: VerifierInfo = ITSELF
    signatures: list[SignatureFacts | Unproven] = field(default_factory=list)
    trust: dict[str, TrustUsed] = field(default_factory=dict)


@dataclass(slots=True)
class Findings:
    """What has been found out about one subject so far. ``obstacle`` is what kept us from finding out more,
    ``time`` the one reading of the clock.
    """

    subject: Subject
    time: datetime
    descriptor: Descriptor | None = None
    policies: tuple[Policy, ...] = ()
    policy_revision: str = ""
    artifacts: list[Artifact] = field(default_factory=list)
    obstacle: UnavailableError | None = None

    def add(self, artifact: Artifact | None) -> None:
        """One more candidate; None was none."""
        if artifact is not None:
            self.artifacts.append(artifact)

    def hinder(self, obstacle: UnavailableError) -> None:
        """One more thing that was not found out. The one that got furthest is told."""
        if self.obstacle is None or obstacle.reason > self.obstacle.reason:
            self.obstacle = obstacle


def conclude(findings: Findings) -> ValidationResult:
    """The verdict on the subject."""
    reference = findings.subject.reference
    if findings.descriptor is not None:
        reference = reference.with_digest(findings.descriptor.digest)
    judged = [(policy, _judge_all(findings, policy)) for policy in findings.policies]
    verdicts = tuple(_policy_verdict(policy, results, findings.obstacle) for policy, results in judged)
    results = tuple(result for _, of_policy in judged for result in of_policy)
    outcome, reason = _overall(verdicts, findings.obstacle)
    return ValidationResult(
        outcome=outcome,
        admitted=_admitted(verdicts),
        reason=reason,
        message=f"{reference}: {_message(outcome, reason, results, findings.obstacle)}",
        reference=str(reference),
        policy_revision=findings.policy_revision,
        subject=findings.descriptor,
        warnings=_warnings(verdicts),
        policies=verdicts,
        trust=_distinct(used for artifact in findings.artifacts for used in artifact.trust.values()),
        results=results,
    )


def conclude_artifact(findings: Findings, artifact: Descriptor) -> VerificationResult:
    """The verdict on one artifact: that of the policy that is least content with it."""
    if findings.obstacle is not None:
        return _undecided(findings, artifact, findings.obstacle.reason, findings.obstacle.message)
    if not findings.policies:
        repository = findings.subject.reference.repository
        return _undecided(findings, artifact, ReasonCode.NO_POLICY, f"no policy speaks for {repository}")
    results = [result for policy in findings.policies for result in _judge_all(findings, policy)]
    if not results:
        finding = f"{artifact.digest} is no signature artifact that can be read here"
        return _undecided(findings, artifact, _nothing_for(findings.policies), finding)
    overall = all_of(result.outcome for result in results)
    return min(
        (result for result in results if result.outcome is overall),
        key=lambda result: (-result.reason, result.policy),
    )


def _undecided(
    findings: Findings, artifact: Descriptor, reason: ReasonCode, finding: str
) -> VerificationResult:
    """The answer where no policy judged the artifact."""
    return VerificationResult(
        outcome=outcome_of(reason),
        reason=reason,
        err=f"{reason}: {finding}",
        description=sentence(reason, finding),
        verifier=ITSELF,
        artifact=artifact,
        policy="",
        policy_revision=findings.policy_revision,
    )


def _distinct(trust: Iterable[TrustUsed]) -> tuple[TrustUsed, ...]:
    found = {used.revision: used for used in trust}
    return tuple(found[revision] for revision in sorted(found))  # whatever order candidates were listed in


def _judge_all(findings: Findings, policy: Policy) -> list[VerificationResult]:
    artifacts = sorted(findings.artifacts, key=lambda artifact: artifact.descriptor.digest)
    return [_judge(artifact, policy, findings.time) for artifact in artifacts]


def _nothing_for(policies: Iterable[Policy]) -> ReasonCode:
    """What is missing when there is nothing at all."""
    signatures = any(policy.attestation is None for policy in policies)
    return ReasonCode.NO_SIGNATURE if signatures else ReasonCode.NO_ATTESTATION


def _judge(artifact: Artifact, policy: Policy, time: datetime) -> VerificationResult:
    """One artifact under one policy: any of its signatures may satisfy it."""
    detail = tuple(
        judge(signature, policy, time) if isinstance(signature, SignatureFacts) else _without_facts(signature)
        for signature in artifact.signatures
    )
    outcome = any_of(signature.outcome for signature in detail)
    decisive = min(
        (signature for signature in detail if signature.outcome is outcome),
        key=lambda signature: (-signature.reason, signature.digest),
        default=None,
    )
    reason = decisive.reason if decisive else _nothing_for((policy,))
    finding = _finding(decisive) if decisive else ""
    return VerificationResult(
        outcome=outcome,
        reason=reason,
        err="" if outcome is Outcome.ALLOWED else f"{reason}: {finding}",
        description=_description(decisive) if outcome is Outcome.ALLOWED else sentence(reason, finding),
        verifier=artifact.verifier,
        artifact=artifact.descriptor,
        policy=policy.name,
        policy_revision=policy.revision,
        detail=detail,
        trust=tuple(artifact.trust.values()),
    )


def _without_facts(signature: Unproven) -> CosignVerificationResult:
    return CosignVerificationResult(
        media_type=signature.media_type,
        digest=signature.digest,
        outcome=outcome_of(signature.reason),
        reason=signature.reason,
        checks=signature.checks,
    )


def _finding(signature: CosignVerificationResult) -> str:
    """The evidence of the check that decided."""
    return next(
        (check.evidence for check in signature.checks if check.reason is signature.reason),
        str(signature.reason),
    )


def _description(signature: CosignVerificationResult | None) -> str:
    if signature is not None and signature.verified_key:
        return printable(f"signed with key {signature.verified_key}")
    if signature is None or signature.certificate is None:
        return "verified"
    who = signature.certificate
    return printable(f"signed by {who.subject_alternative_name} ({who.issuer})")


def _policy_verdict(
    policy: Policy, own: list[VerificationResult], obstacle: UnavailableError | None
) -> PolicyVerdict:
    unknown = [Outcome.COULD_NOT_CHECK] if obstacle is not None else []
    outcome = any_of([result.outcome for result in own] + unknown)
    best = furthest(
        (result.reason, result.artifact.digest if result.artifact else "")
        for result in own
        if result.outcome is outcome
    )
    if best is not None:
        reason = best[0]
    else:
        reason = obstacle.reason if obstacle is not None else _nothing_for((policy,))
    return PolicyVerdict(policy.name, policy.mode, outcome, reason, policy.source, policy.revision)


def _overall(
    verdicts: tuple[PolicyVerdict, ...], obstacle: UnavailableError | None
) -> tuple[Outcome, ReasonCode]:
    """Every policy must allow, and there must be one."""
    if not verdicts:
        reason = obstacle.reason if obstacle is not None else ReasonCode.NO_POLICY
        return outcome_of(reason), reason
    outcome = all_of(verdict.outcome for verdict in verdicts)
    return outcome, max(verdict.reason for verdict in verdicts if verdict.outcome is outcome)


def _admitted(verdicts: tuple[PolicyVerdict, ...]) -> bool:
    """Whether every enforced policy allows. Without any policy nothing is admitted."""
    enforced = [verdict for verdict in verdicts if verdict.mode is Mode.ENFORCE]
    return bool(verdicts) and all(verdict.outcome is Outcome.ALLOWED for verdict in enforced)


def _warnings(verdicts: tuple[PolicyVerdict, ...]) -> tuple[str, ...]:
    return tuple(
        f"policy {verdict.name}: {_in_words(verdict.outcome)}, {sentence(verdict.reason, str(verdict.reason))}"
        for verdict in verdicts
        if verdict.mode is Mode.WARN and verdict.outcome is not Outcome.ALLOWED
    )


def _message(
    outcome: Outcome,
    reason: ReasonCode,
    results: tuple[VerificationResult, ...],
    obstacle: UnavailableError | None,
) -> str:
    """What is wrong, from the candidate that decided, and what to do about it."""
    decisive = [result for result in results if result.outcome is outcome and result.reason is reason]
    if decisive:
        best = min(decisive, key=lambda result: result.artifact.digest if result.artifact else "")
        return f"{_in_words(outcome)}: {best.description}"
    finding = {
        ReasonCode.NO_POLICY: "no policy speaks for this repository",
        ReasonCode.NO_SIGNATURE: "no signature was found",
        ReasonCode.NO_ATTESTATION: "no attestation was found",
    }.get(reason, "")
    if obstacle is not None and obstacle.reason is reason:
        finding = obstacle.message
    return f"{_in_words(outcome)}: {sentence(reason, finding)}"


def _in_words(outcome: Outcome) -> str:
    return str(outcome).replace("_", " ")
