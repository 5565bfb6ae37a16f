"""Signatures under one policy: pure functions, no I/O.

Each signature is judged once under each demand, by each authority of each requirement. What it states is held
against the conditions of a requirement once, however often it is repeated.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from providers.policy import Policy
from providers.reasons import ReasonCode
from providers.requirement import Requirement

from .explain import sentence
from .facts import Check, SignatureFacts
from .findings import Artifact, Examined, Findings, Unproven
from .judge import judge
from .printable import printable
from .results import CosignVerificationResult, VerificationResult
from .verdict import Outcome, any_of, outcome_of, progress


@dataclass(frozen=True, slots=True)
class JudgedSignature:
    """A signature, and what each authority of each requirement makes of it: nothing, where it has no facts."""

    signature: SignatureFacts | Unproven
    verdicts: tuple[tuple[CosignVerificationResult, ...], ...]

    @property
    def best(self) -> CosignVerificationResult:
        """Under the demand that it comes closest to."""
        if isinstance(self.signature, Unproven):
            return CosignVerificationResult(
                media_type=self.signature.media_type,
                digest=self.signature.digest,
                outcome=outcome_of(self.signature.reason),
                reason=self.signature.reason,
                checks=self.signature.checks,
            )
        each = (verdict for verdicts in self.verdicts for verdict in verdicts)
        return min(each, key=lambda verdict: (verdict.outcome, -progress(verdict.reason)))


@dataclass(frozen=True, slots=True)
class JudgedArtifact:
    """An artifact and its signatures."""

    artifact: Artifact
    signatures: tuple[JudgedSignature, ...]

    def result(self, policy: Policy) -> VerificationResult:
        """Under ``policy``, by which it was judged: any of its signatures may count for something."""
        detail = tuple(one.best for one in self.signatures)
        outcome = any_of(signature.outcome for signature in detail)
        decisive = furthest(signature for signature in detail if signature.outcome is outcome)
        reason = decisive.reason if decisive else nothing_for(policy.requirements)
        finding = evidence(decisive) if decisive else ""
        return VerificationResult(
            outcome=outcome,
            reason=reason,
            err="" if outcome is Outcome.ALLOWED else f"{reason}: {finding}",
            description=_description(decisive) if outcome is Outcome.ALLOWED else sentence(reason, finding),
            verifier=self.artifact.verifier,
            artifact=self.artifact.descriptor,
            policy=policy.name,
            policy_revision=policy.revision,
            detail=detail,
            trust=tuple(self.artifact.trust.values()),
        )


@dataclass(frozen=True, slots=True)
class JudgedManifest:
    """A manifest that has to be signed, and all artifacts that were found beside it, by their digests."""

    examined: Examined
    artifacts: tuple[JudgedArtifact, ...]

    @property
    def signatures(self) -> tuple[JudgedSignature, ...]:
        """All of them."""
        return tuple(one for artifact in self.artifacts for one in artifact.signatures)


def judge_all(policy: Policy, findings: Findings) -> tuple[JudgedManifest, ...]:
    """Every manifest that ``policy`` asks about, with every signature found of it."""
    asked = [
        (policy.demands(requirement), dict[bytes, tuple[Check, ...]]()) for requirement in policy.requirements
    ]

    def judged(signature: SignatureFacts | Unproven) -> JudgedSignature:
        if isinstance(signature, Unproven):
            return JudgedSignature(signature, ())
        verdicts = (
            tuple(judge(signature, demand, findings.time, answered) for demand in demands)
            for demands, answered in asked
        )
        return JudgedSignature(signature, tuple(verdicts))

    def of(examined: Examined) -> JudgedManifest:
        artifacts = sorted(examined.artifacts, key=lambda artifact: artifact.descriptor.digest)
        listed = (JudgedArtifact(one, tuple(map(judged, one.signatures))) for one in artifacts)
        return JudgedManifest(examined, tuple(listed))

    return tuple(map(of, findings.asked_by(policy)))


def nothing_for(requirements: Iterable[Requirement]) -> ReasonCode:
    """What is missing when there is nothing at all."""
    signatures = any(requirement.attestation is None for requirement in requirements)
    return ReasonCode.NO_SIGNATURE if signatures else ReasonCode.NO_ATTESTATION


def furthest(results: Iterable[CosignVerificationResult]) -> CosignVerificationResult | None:
    """The one that got furthest, ties by the lowest digest: whatever order they were listed in."""
    return min(
        results, key=lambda result: (-progress(result.reason), result.digest, evidence(result)), default=None
    )


def evidence(signature: CosignVerificationResult) -> str:
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
