"""From what was found to what is answered: pure functions, no I/O.

Every policy must allow (``weigh``). The reason is that of the candidate that got furthest among those with the
outcome of the whole, whatever order they were listed in.
"""

from __future__ import annotations

from collections.abc import Iterable

from providers.descriptor import Descriptor
from providers.errors import UnavailableError
from providers.policy import Mode
from providers.reasons import ReasonCode

from .explain import sentence
from .findings import Findings
from .judged import nothing_for
from .results import ITSELF, PolicyVerdict, TrustUsed, ValidationResult, VerificationResult
from .verdict import Outcome, all_of, outcome_of, progress
from .weigh import Weighed, weigh


def conclude(findings: Findings) -> ValidationResult:
    """The verdict on the subject."""
    reference = findings.subject.reference
    if findings.image is not None:
        reference = reference.with_digest(findings.image.descriptor.digest)
    weighed = [weigh(policy, findings) for policy in findings.policies]
    verdicts = tuple(one.verdict for one in weighed)
    outcome, reason = _overall(verdicts, findings.obstacle)
    return ValidationResult(
        outcome=outcome,
        admitted=_admitted(verdicts),
        reason=reason,
        message=f"{reference}: {_message(outcome, reason, weighed, findings)}",
        reference=str(reference),
        policy_revision=findings.policy_revision,
        subject=findings.image.descriptor if findings.image else None,
        warnings=_warnings(weighed),
        policies=verdicts,
        trust=_distinct(
            used
            for examined in findings.examined
            for artifact in examined.artifacts
            for used in artifact.trust.values()
        ),
        results=tuple(result for one in weighed for result in one.results),
    )


def conclude_artifact(findings: Findings, artifact: Descriptor) -> VerificationResult:
    """The verdict on one artifact: that of the policy that is least content with it."""
    if findings.obstacle is not None:
        return _undecided(findings, artifact, findings.obstacle.reason, findings.obstacle.message)
    if not findings.policies:
        repository = findings.subject.reference.repository
        return _undecided(findings, artifact, ReasonCode.NO_POLICY, f"no policy speaks for {repository}")
    if findings.image is None or not findings.image.artifacts:
        finding = f"{artifact.digest} is no signature artifact that can be read here"
        asked = nothing_for(r for policy in findings.policies for r in policy.requirements)
        return _undecided(findings, artifact, asked, finding)
    results = [_alone(weigh(policy, findings), artifact) for policy in findings.policies]
    overall = all_of(result.outcome for result in results)
    return min(
        (result for result in results if result.outcome is overall),
        key=lambda result: (-progress(result.reason), result.policy),
    )


def _alone(weighed: Weighed, artifact: Descriptor) -> VerificationResult:
    """The verdict of a policy on its one artifact. What satisfies one requirement need not satisfy the policy, and
    where the policy asks about the platforms of an index, what lies beside the index is nothing to it.
    """
    verdict = weighed.verdict
    for result in weighed.results:
        if (result.outcome, result.reason) == (verdict.outcome, verdict.reason):
            return result
    examined = weighed.results[0] if weighed.results else None
    return VerificationResult(
        outcome=verdict.outcome,
        reason=verdict.reason,
        err=f"{verdict.reason}: {weighed.finding}",
        description=sentence(verdict.reason, weighed.finding),
        verifier=examined.verifier if examined else ITSELF,
        artifact=artifact,
        policy=verdict.name,
        policy_revision=verdict.revision,
        detail=examined.detail if examined else (),
        trust=examined.trust if examined else (),
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


def _overall(
    verdicts: tuple[PolicyVerdict, ...], obstacle: UnavailableError | None
) -> tuple[Outcome, ReasonCode]:
    """Every policy must allow, and there must be one."""
    if not verdicts:
        reason = obstacle.reason if obstacle is not None else ReasonCode.NO_POLICY
        return outcome_of(reason), reason
    outcome = all_of(verdict.outcome for verdict in verdicts)
    return outcome, max((verdict.reason for verdict in verdicts if verdict.outcome is outcome), key=progress)


def _admitted(verdicts: tuple[PolicyVerdict, ...]) -> bool:
    """Whether every enforced policy allows. Without any policy nothing is admitted."""
    enforced = [verdict for verdict in verdicts if verdict.mode is Mode.ENFORCE]
    return bool(verdicts) and all(verdict.outcome is Outcome.ALLOWED for verdict in enforced)


def _warnings(weighed: list[Weighed]) -> tuple[str, ...]:
    return tuple(
        f"policy {one.verdict.name}: {_in_words(one.verdict.outcome)}, {sentence(one.verdict.reason, one.finding)}"
        for one in weighed
        if one.verdict.mode is Mode.WARN and one.verdict.outcome is not Outcome.ALLOWED
    )


def _message(outcome: Outcome, reason: ReasonCode, weighed: list[Weighed], findings: Findings) -> str:
    """What is wrong, in the words of a policy that decided, and what to do about it."""
    decisive = [one for one in weighed if (one.verdict.outcome, one.verdict.reason) == (outcome, reason)]
    if outcome is Outcome.ALLOWED:
        signed = [
            result.description for one in decisive for result in one.results if result.outcome is outcome
        ]
        return f"{_in_words(outcome)}: {min(signed, default=sentence(reason, ''))}"
    finding = (
        "no policy speaks for this repository" if findings.obstacle is None else findings.obstacle.message
    )
    return (
        f"{_in_words(outcome)}: {sentence(reason, min((one.finding for one in decisive), default=finding))}"
    )


def _in_words(outcome: Outcome) -> str:
    return str(outcome).replace("_", " ")
