"""One policy over what was found: pure functions, no I/O.

A policy holds when every requirement does, for every manifest that it wants to be signed: the subject itself, or
the manifests of its platforms. A requirement counts authorities (``tally``), three-valued.

1. judge each signature under each demand, once
2. count for each requirement on each manifest, and say what is missing
3. add what is said of the image as a whole: platforms that are not there, and what is denied
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from providers.errors import UnavailableError
from providers.platforms import Coverage
from providers.policy import Policy
from providers.reasons import ReasonCode
from providers.requirement import Requirement

from .facts import SignatureFacts
from .findings import Findings, Parts, Unproven
from .judged import JudgedManifest, evidence, furthest, judge_all, nothing_for
from .printable import printable
from .results import CosignVerificationResult, PolicyVerdict, RequirementVerdict, VerificationResult
from .tally import count, enough
from .verdict import Outcome, all_of, outcome_of, progress


@dataclass(frozen=True, slots=True)
class Weighed:
    """What a policy makes of the subject: its verdict, what is wrong in words (empty when nothing is), and every
    artifact judged under it.
    """

    verdict: PolicyVerdict
    finding: str
    results: tuple[VerificationResult, ...]


def weigh(policy: Policy, findings: Findings) -> Weighed:
    """The verdict of one policy."""
    manifests = judge_all(policy, findings)  # (1)
    said = [
        _requirement(manifest, number, requirement, findings)  # (2)
        for manifest in manifests
        for number, requirement in enumerate(policy.requirements)
    ]
    said += _whole(policy, findings)  # (3)
    outcome = all_of(one.verdict.outcome for one in said)
    decisive = min(
        (one for one in said if one.verdict.outcome is outcome),
        key=lambda one: (-progress(one.verdict.reason), one.verdict.platform, one.finding),
        default=_nothing(policy.requirements),
    )
    verdict = PolicyVerdict(
        policy.name,
        policy.mode,
        outcome,
        decisive.verdict.reason,
        policy.source,
        policy.revision,
        tuple(one.verdict for one in said),
    )
    results = tuple(artifact.result(policy) for manifest in manifests for artifact in manifest.artifacts)
    return Weighed(verdict, decisive.finding, results)


# 2


@dataclass(frozen=True, slots=True)
class _Said:
    """What becomes of a requirement; ``finding`` says in words what is wrong."""

    verdict: RequirementVerdict
    finding: str = ""


def _requirement(
    manifest: JudgedManifest, number: int, requirement: Requirement, findings: Findings
) -> _Said:
    """Whether one manifest meets one requirement, by its place in the policy."""
    signers: dict[str, set[str]] = {authority.name: set() for authority in requirement.authorities}
    statements, against = set[bytes](), list[CosignVerificationResult]()
    for one in manifest.signatures:
        if isinstance(one.signature, Unproven):
            against.append(one.best)
            continue
        for result in one.verdicts[number]:
            if result.outcome is Outcome.ALLOWED:
                signers[result.authority].add(one.signature.signer)
                statements.add(one.signature.statement)
            else:
                against.append(result)
    obstacles = [obstacle for obstacle in (manifest.examined.obstacle, findings.obstacle) if obstacle]
    unknown = _unknown([one.signature for one in manifest.signatures], obstacles)
    counted = count(signers, requirement.threshold, unknown)
    outcomes = [counted.outcome]
    if requirement.attestation is not None:
        outcomes.append(enough(len(statements), requirement.attestation.count, unknown))
    outcome = all_of(outcomes)
    if outcome is Outcome.ALLOWED:
        reason, finding = ReasonCode.OK, ""
    elif outcome is Outcome.REFUSED and counted.authorities:
        reason, finding = (
            ReasonCode.THRESHOLD_NOT_MET,
            _missing(requirement, counted.authorities, signers, statements),
        )
    else:
        reason, finding = _why(outcome, against, obstacles, requirement)
    platform = printable(manifest.examined.platform, 200)
    verdict = RequirementVerdict(str(requirement), outcome, reason, counted.authorities, platform)
    return _Said(verdict, f"{platform}: {finding}" if platform and finding else finding)


def _unknown(signatures: list[SignatureFacts | Unproven], obstacles: list[UnavailableError]) -> int | None:
    """How many signatures could not be checked; None when nobody knows how many."""
    missed = [one for one in signatures if isinstance(one, Unproven) and one.reason.could_not_check]
    return None if obstacles or any(one.whole for one in missed) else len(missed)


def _missing(
    requirement: Requirement, have: tuple[str, ...], signers: dict[str, set[str]], statements: set[bytes]
) -> str:
    """What is there, of what has to be."""
    text = f"{requirement} are asked for; there are those of {', '.join(have)}"
    others = [name for name, found in signers.items() if found and name not in have]
    if len(have) < requirement.threshold and others:
        text += f", whose signer stands for {', '.join(others)} as well: one signer counts once"
    if requirement.attestation is not None and len(statements) < requirement.attestation.count:
        text += f", no more than {len(statements)} different"
    return text


def _why(
    outcome: Outcome,
    against: list[CosignVerificationResult],
    obstacles: list[UnavailableError],
    requirement: Requirement,
) -> tuple[ReasonCode, str]:
    """The signature that got furthest, or else what kept us from finding any, or that there is none."""
    decisive = furthest(result for result in against if result.outcome is outcome)
    if decisive is not None:
        return decisive.reason, evidence(decisive)
    if outcome is Outcome.COULD_NOT_CHECK:
        obstacle = min(obstacles, key=lambda obstacle: (-obstacle.reason, obstacle.message))
        return obstacle.reason, obstacle.message
    missing = _nothing((requirement,))
    return missing.verdict.reason, missing.finding


# 3


def _whole(policy: Policy, findings: Findings) -> Iterator[_Said]:
    """What is said of the image as a whole."""
    asked = f"whatever {policy.name} asks for"
    if findings.obstacle is not None and not findings.asked_by(policy):
        yield _obstacle(asked, findings.obstacle)
    digests = {examined.descriptor.digest for examined in findings.examined}
    if findings.parts is not None and policy.wants_parts:
        digests |= findings.parts.digests
        if findings.parts.obstacle is not None:
            yield _obstacle("to know what the index lists", findings.parts.obstacle)
        elif policy.platforms.coverage is Coverage.LISTED:
            yield from _absent(policy, findings.parts)
    for digest in sorted(digests.intersection(policy.denied.digests)):
        yield _refused(f"the operator has denied {digest}", ReasonCode.DENY_LISTED)


def _absent(policy: Policy, parts: Parts) -> Iterator[_Said]:
    """Platforms that are asked for and that the index does not have: nothing is signed for them."""
    for platform in policy.platforms.listed:
        if not any(part.runs_on(platform) for part in parts.manifests):
            finding = f"the index has no manifest for {platform}"
            yield _refused(finding, ReasonCode.CONDITION_NOT_MET, str(platform))


def _obstacle(asked: str, obstacle: UnavailableError) -> _Said:
    return _Said(RequirementVerdict(asked, outcome_of(obstacle.reason), obstacle.reason), obstacle.message)


def _refused(finding: str, reason: ReasonCode, platform: str = "") -> _Said:
    return _Said(RequirementVerdict(finding, Outcome.REFUSED, reason, platform=platform), finding)


def _nothing(requirements: Iterable[Requirement]) -> _Said:
    reason = nothing_for(requirements)
    noun = "signature" if reason is ReasonCode.NO_SIGNATURE else "attestation"
    return _Said(RequirementVerdict("", Outcome.REFUSED, reason), f"no {noun} was found")
