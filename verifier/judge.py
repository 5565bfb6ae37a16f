"""Facts under a policy: does this signature count?

Pure functions. An engine established that the signature holds and signs the subject; what is left is the
operator's question: is it a signature (and not an attestation), is there enough proof of time and of logging,
and is the signer one of those named. All thresholds count *distinct* logs and authorities.
"""

from __future__ import annotations

from dataclasses import dataclass

from providers.policy import CertificateIdentity, Policy, VerifierConfig
from providers.reasons import ReasonCode

from .facts import (
    TIMESTAMP_AUTHORITY,
    TLOG,
    CertificateSummary,
    Check,
    CheckStatus,
    SignatureFacts,
)
from .printable import printable
from .results import CosignVerificationResult
from .verdict import Outcome

# What `cosign sign` has written since version 3. A signature without a statement has no predicate type.
COSIGN_SIGN_PREDICATE = "https://sigstore.dev/cosign/sign/v1"

# More identities than this do not help a reader.
_SHOWN = 3


def judge(facts: SignatureFacts, policy: Policy) -> CosignVerificationResult:
    """The verdict on one signature under ``policy``, with every check made.

    All checks are made, so that an owner sees everything that is wrong; the reason is that of the failed one
    with the lowest number: what has to be mended first.
    """
    identity, identity_check = _identity(facts.certificate, policy)
    judged = (_kind(facts), *_evidence(facts, policy.verifier_config), identity_check)
    failed = [check.reason for check in judged if check.status is CheckStatus.FAIL]
    reason = min(failed, default=ReasonCode.OK)
    return CosignVerificationResult(
        media_type=facts.media_type,
        digest=facts.digest,
        outcome=Outcome.REFUSED if failed else Outcome.ALLOWED,
        reason=reason,
        certificate=facts.certificate,
        key_id=facts.key_id,
        verified_timestamps=facts.timestamps,
        verified_log_entries=facts.log_entries,
        verified_identity=identity,
        predicate_type=facts.predicate_type,
        annotations=() if failed else facts.annotations,  # whoever does not count is not quoted at length
        checks=facts.checks + judged,
    )


def _kind(facts: SignatureFacts) -> Check:
    """An attestation never passes for a signature (GHSA-vjxv-45g9-9296 is what happens otherwise)."""
    if facts.predicate_type in ("", COSIGN_SIGN_PREDICATE):
        return Check("kind", CheckStatus.PASS, "a signature of the artifact")
    return Check(
        "kind",
        CheckStatus.FAIL,
        f"an attestation of type {printable(facts.predicate_type, 200)}; the policy asks for a signature",
        ReasonCode.NO_SIGNATURE,
    )


@dataclass(frozen=True, slots=True)
class _Threshold:
    """``found`` of ``noun`` where ``needed`` are; ``reason`` when there is none at all."""

    check: str
    required: bool
    needed: int
    found: int
    noun: str
    reason: ReasonCode

    def judge(self) -> Check:
        if not self.required:
            return Check(
                self.check, CheckStatus.SKIPPED, f"the policy does not ask for it ({self.found} found)"
            )
        evidence = f"{self.found} of {self.needed} distinct {self.noun}"
        if self.found >= self.needed:
            return Check(self.check, CheckStatus.PASS, evidence)
        reason = ReasonCode.THRESHOLD_NOT_MET if self.found else self.reason
        return Check(self.check, CheckStatus.FAIL, evidence, reason)


def _evidence(facts: SignatureFacts, config: VerifierConfig) -> list[Check]:
    """The thresholds of ``config``, each over distinct logs or authorities."""
    logs = len({entry.log_id for entry in facts.log_entries})
    scts = len({sct.log_id for sct in facts.scts})
    signed = {stamp.authority for stamp in facts.timestamps if stamp.type == TIMESTAMP_AUTHORITY}
    integrated = {stamp.authority for stamp in facts.timestamps if stamp.type == TLOG}
    no_log = _reason_of_failed("log", facts, ReasonCode.NO_LOG_ENTRY)
    no_time = ReasonCode.NO_TIMESTAMP
    thresholds = (
        _Threshold(
            "tlog-threshold",
            config.require_tlog_entries,
            config.tlog_entries_threshold,
            logs,
            "transparency logs hold the signature",
            no_log,
        ),
        _Threshold(
            "observer-timestamp-threshold",
            config.require_observer_timestamps,
            config.observer_timestamp_threshold,
            len(signed | integrated),
            "logs and timestamp authorities prove the time",
            no_time,
        ),
        _Threshold(
            "signed-timestamp-threshold",
            config.require_signed_timestamps,
            config.signed_timestamp_threshold,
            len(signed),
            "timestamp authorities prove the time",
            no_time,
        ),
        _Threshold(
            "integrated-timestamp-threshold",
            config.require_integrated_timestamps,
            config.integrated_timestamp_threshold,
            len(integrated),
            "logs promise the time",
            no_time,
        ),
        _Threshold(
            "sct-threshold",
            config.require_scts,
            config.ctlog_entries_threshold,
            scts,
            "certificate transparency logs hold the certificate",
            ReasonCode.SCT_UNTRUSTED,
        ),
    )
    return [threshold.judge() for threshold in thresholds]


def _reason_of_failed(check_id: str, facts: SignatureFacts, otherwise: ReasonCode) -> ReasonCode:
    """Why the engine could not count something, if it says so."""
    failed = [c.reason for c in facts.checks if c.id == check_id and c.status is CheckStatus.FAIL]
    return max(failed, default=otherwise)


def _identity(
    certificate: CertificateSummary | None, policy: Policy
) -> tuple[CertificateIdentity | None, Check]:
    """Whether the certificate names one of the policy's identities, and which."""
    if policy.unsafe_ignore_identities:
        return None, Check(
            "identity", CheckStatus.SKIPPED, "the policy sets unsafeIgnoreIdentities: any signer passes"
        )
    if certificate is None:
        return None, Check(
            "identity",
            CheckStatus.FAIL,
            "signed with a key; the policy asks for a certificate that names an identity",
            ReasonCode.NO_CERTIFICATE,
        )
    found = printable(f"{certificate.subject_alternative_name} by {certificate.issuer}")
    for identity in policy.certificate_identities:
        if _names(certificate, identity):
            return identity, Check("identity", CheckStatus.PASS, found)
    return None, Check(
        "identity",
        CheckStatus.FAIL,
        f"signed by {found}; expected {_expected(policy)}",
        ReasonCode.IDENTITY_MISMATCH,
    )


def _expected(policy: Policy) -> str:
    identities = policy.certificate_identities
    listed = "; or ".join(str(identity) for identity in identities[:_SHOWN])
    more = f"; or {len(identities) - _SHOWN} others" if len(identities) > _SHOWN else ""
    patterns = any(
        match.regexp
        for identity in identities
        for match in (identity.subject_alternative_name, identity.issuer)
    )
    return listed + more + (" (patterns match the whole text)" if patterns else "")


def _names(certificate: CertificateSummary, identity: CertificateIdentity) -> bool:
    return (
        identity.subject_alternative_name.matches(certificate.subject_alternative_name)
        and identity.issuer.matches(certificate.issuer)
        and all(expected.matches(certificate.claim(name)) for name, expected in identity.claims)
    )
