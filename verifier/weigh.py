"""One policy over what was found: pure functions, no I/O.

A policy holds when every requirement does, for every manifest that it wants to be signed: the subject itself, or
the manifests of its platforms. A requirement counts authorities (``tally``), three-valued.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from providers.platforms import Coverage
from providers.policy import Policy
from providers.reasons import ReasonCode
from providers.requirement import Requirement

from .explain import sentence
from .facts import SignatureFacts
from .findings import Artifact, Examined, Findings, Unproven
from .judge import judge
from .printable import printable
from .results import CosignVerificationResult, PolicyVerdict, RequirementVerdict, VerificationResult
from .tally import both, count, enough
from .verdict import Outcome, all_of, any_of, furthest, outcome_of


@dataclass(frozen=True, slots=True)
class Weighed:
    """What a policy makes of the subject: its verdict, what is wrong in words, and every artifact judged under
    it.
    """

    verdict: PolicyVerdict
    finding: str
    results: tuple[VerificationResult, ...]


def weigh(policy: Policy, findings: Findings) -> Weighed:
    """The verdict of one policy."""
    judged = [
        (examined, [_judge(artifact, policy, findings.time) for artifact in _sorted(examined)])
        for examined in _wanted(policy, findings)
    ]
    requirements = [
        _requirement(policy, requirement, examined, findings)
        for examined, _ in judged
        for requirement in policy.requirements
    ]
    requirements += [*_absent(policy, findings), *_denied(policy, findings)]
    if not judged and findings.obstacle is not None:
        requirements.append(_hindered(policy, findings.obstacle.reason))
    outcome = all_of(requirement.outcome for requirement in requirements)
    reason, asked = furthest((r.reason, r.asked) for r in requirements if r.outcome is outcome) or (
        nothing_for(policy.requirements),
        "",
    )
    verdict = PolicyVerdict(
        policy.name, policy.mode, outcome, reason, policy.source, policy.revision, tuple(requirements)
    )
    results = tuple(result for _, of_examined in judged for result in of_examined)
    return Weighed(verdict, _finding(requirements, outcome, reason, asked), results)


def nothing_for(requirements: Iterable[Requirement]) -> ReasonCode:
    """What is missing when there is nothing at all."""
    signatures = any(requirement.attestation is None for requirement in requirements)
    return ReasonCode.NO_SIGNATURE if signatures else ReasonCode.NO_ATTESTATION


def _sorted(examined: Examined) -> list[Artifact]:
    return sorted(examined.artifacts, key=lambda artifact: artifact.descriptor.digest)


def _wanted(policy: Policy, findings: Findings) -> tuple[Examined, ...]:
    """The manifests that have to be signed."""
    if policy.platforms.coverage is Coverage.INDEX or findings.parts is None:
        return (findings.image,) if findings.image else ()
    if policy.platforms.coverage is Coverage.EVERY:
        return findings.parts
    return tuple(part for part in findings.parts if part.platform in policy.platforms.listed)


def _absent(policy: Policy, findings: Findings) -> Iterator[RequirementVerdict]:
    """Listed platforms that the index does not have: nothing is signed for them."""
    if policy.platforms.coverage is Coverage.LISTED and findings.parts is not None:
        there = {part.platform for part in findings.parts}
        for platform in policy.platforms.listed:
            if platform not in there:
                yield RequirementVerdict(
                    f"the index has no manifest for {platform}",
                    Outcome.REFUSED,
                    ReasonCode.CONDITION_NOT_MET,
                    platform=platform,
                )


def _denied(policy: Policy, findings: Findings) -> Iterator[RequirementVerdict]:
    """Manifests that are refused whatever signs them."""
    for examined in findings.examined:
        if examined.descriptor.digest in policy.denied.digests:
            yield RequirementVerdict(
                f"the operator has denied {examined.descriptor.digest}",
                Outcome.REFUSED,
                ReasonCode.DENY_LISTED,
                platform=examined.platform,
            )


def _hindered(policy: Policy, reason: ReasonCode) -> RequirementVerdict:
    return RequirementVerdict(f"whatever {policy.name} asks for", outcome_of(reason), reason)


def _requirement(
    policy: Policy, requirement: Requirement, examined: Examined, findings: Findings
) -> RequirementVerdict:
    """Whether one manifest meets one requirement."""
    signatures = [signature for artifact in examined.artifacts for signature in artifact.signatures]
    known = [signature for signature in signatures if isinstance(signature, SignatureFacts)]
    unproven = [signature for signature in signatures if isinstance(signature, Unproven)]
    signers: dict[str, frozenset[str]] = {}
    reasons = [(signature.reason, signature.digest) for signature in unproven]
    statements: set[bytes] = set()
    for demand in policy.demands(requirement):
        for facts in known:
            result = judge(facts, demand, findings.time)
            if result.outcome is Outcome.ALLOWED:
                name = demand.authority.name
                signers[name] = signers.get(name, frozenset()) | {facts.signer}
                statements.add(facts.statement)
            else:
                reasons.append((result.reason, result.digest))
    unknown = sum(signature.reason.could_not_check for signature in unproven)
    obstacles = [obstacle for obstacle in (examined.obstacle, findings.obstacle) if obstacle is not None]
    unlisted = bool(obstacles)
    names = [authority.name for authority in requirement.authorities]
    counted = count(names, signers, requirement.threshold, unknown=unknown, unlisted=unlisted)
    outcome = counted.outcome
    if requirement.attestation is not None:
        needed = requirement.attestation.count
        outcome = both(outcome, enough(len(statements), needed, unknown=unknown, unlisted=unlisted))
    if not any(outcome_of(reason) is outcome for reason, _ in reasons):
        reasons = [(obstacle.reason, "") for obstacle in obstacles]  # no signature says it
    reason = _reason(outcome, reasons, requirement, some=bool(counted.authorities))
    return RequirementVerdict(str(requirement), outcome, reason, counted.authorities, examined.platform)


def _reason(
    outcome: Outcome, reasons: list[tuple[ReasonCode, str]], requirement: Requirement, *, some: bool
) -> ReasonCode:
    """Of a requirement that some authority has met, what is missing are others."""
    if outcome is Outcome.ALLOWED:
        return ReasonCode.OK
    if outcome is Outcome.REFUSED and some:
        return ReasonCode.THRESHOLD_NOT_MET
    found = furthest(pair for pair in reasons if outcome_of(pair[0]) is outcome)
    return found[0] if found else nothing_for((requirement,))


def _finding(requirements: list[RequirementVerdict], outcome: Outcome, reason: ReasonCode, asked: str) -> str:
    """What is wrong with the whole, where no single signature says it."""
    if outcome is Outcome.ALLOWED or reason not in _OF_REQUIREMENTS:
        return ""
    decisive = next(
        (r for r in requirements if (r.outcome, r.reason, r.asked) == (outcome, reason, asked)), None
    )
    if decisive is None or reason is not ReasonCode.THRESHOLD_NOT_MET:
        return asked
    have = ", ".join(decisive.authorities) or "none"
    where = f" for {decisive.platform}" if decisive.platform else ""
    return f"{asked} are asked for{where}; there are those of {have}"


# What is said of a requirement as a whole, and not of one signature.
_OF_REQUIREMENTS = frozenset({
    ReasonCode.THRESHOLD_NOT_MET, ReasonCode.DENY_LISTED, ReasonCode.CONDITION_NOT_MET,
})  # fmt: skip


def _judge(artifact: Artifact, policy: Policy, time: datetime) -> VerificationResult:
    """One artifact under one policy: any of its signatures may count for something."""
    detail = tuple(_best(signature, policy, time) for signature in artifact.signatures)
    outcome = any_of(signature.outcome for signature in detail)
    decisive = min(
        (signature for signature in detail if signature.outcome is outcome),
        key=lambda signature: (-signature.reason, signature.digest),
        default=None,
    )
    reason = decisive.reason if decisive else nothing_for(policy.requirements)
    finding = _evidence(decisive) if decisive else ""
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


def _best(signature: SignatureFacts | Unproven, policy: Policy, time: datetime) -> CosignVerificationResult:
    """One signature under the demand that it comes closest to."""
    if isinstance(signature, Unproven):
        return CosignVerificationResult(
            media_type=signature.media_type,
            digest=signature.digest,
            outcome=outcome_of(signature.reason),
            reason=signature.reason,
            checks=signature.checks,
        )
    judged = [
        judge(signature, demand, time)
        for requirement in policy.requirements
        for demand in policy.demands(requirement)
    ]
    return min(judged, key=lambda result: (result.outcome, -result.reason))


def _evidence(signature: CosignVerificationResult) -> str:
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
