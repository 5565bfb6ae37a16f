"""Facts under a policy: distinct counts, kinds, identities."""

from __future__ import annotations

from dataclasses import replace

import pytest

from providers.policy import CertificateIdentity, StringMatch, VerifierConfig
from providers.reasons import ReasonCode
from tests.unit.verifier.world import (
    FACTS,
    NOW,
    RELEASE,
    STRANGER,
    A,
    R,
    policy,
)
from verifier.facts import (
    TIMESTAMP_AUTHORITY,
    CheckStatus,
    SignatureFacts,
    VerifiedTimestamp,
)
from verifier.judge import judge


def _named(san: str, issuer: str) -> CertificateIdentity:
    return CertificateIdentity(StringMatch(value=san), StringMatch(value=issuer))


@pytest.mark.parametrize(
    ("facts", "config", "reason"),
    [
        (FACTS, {}, ReasonCode.OK),
        (replace(FACTS, predicate_type=""), {}, ReasonCode.OK),
        (replace(FACTS, predicate_type="https://spdx.dev/Document"), {}, ReasonCode.NO_SIGNATURE),
        (replace(FACTS, log_entries=()), {}, ReasonCode.NO_LOG_ENTRY),
        (replace(FACTS, log_entries=()), {"require_tlog_entries": False}, ReasonCode.OK),
        (
            replace(FACTS, log_entries=2 * FACTS.log_entries),
            {"tlog_entries_threshold": 2},
            ReasonCode.THRESHOLD_NOT_MET,
        ),
        (replace(FACTS, timestamps=()), {}, ReasonCode.NO_TIMESTAMP),
        (
            replace(FACTS, timestamps=2 * FACTS.timestamps),
            {"observer_timestamp_threshold": 2},
            ReasonCode.THRESHOLD_NOT_MET,
        ),
        (FACTS, {"require_signed_timestamps": True}, ReasonCode.NO_TIMESTAMP),
        (
            replace(FACTS, timestamps=(VerifiedTimestamp(TIMESTAMP_AUTHORITY, "tsa", NOW, "tsa-1"),)),
            {"require_integrated_timestamps": True},
            ReasonCode.NO_TIMESTAMP,
        ),
        (replace(FACTS, scts=()), {}, ReasonCode.SCT_UNTRUSTED),
        (replace(FACTS, scts=()), {"require_scts": False}, ReasonCode.OK),
        (replace(FACTS, scts=FACTS.scts * 3), {"ctlog_entries_threshold": 2}, ReasonCode.THRESHOLD_NOT_MET),
        (replace(FACTS, certificate=None, key_id="k"), {}, ReasonCode.NO_CERTIFICATE),
        (STRANGER, {}, ReasonCode.IDENTITY_MISMATCH),
    ],
)  # fmt: skip
def test_facts_are_judged_by_distinct_counts_and_identity(
    facts: SignatureFacts, config: dict[str, object], reason: ReasonCode
) -> None:
    result = judge(facts, policy(verifier_config=VerifierConfig(**config)))  # type: ignore[arg-type]  # a table
    assert result.reason is reason
    assert result.outcome is (A if reason is ReasonCode.OK else R)


@pytest.mark.parametrize(
    "identity",
    [
        _named("https://ci.test/release", "https://other.test"),
        _named("https://ci.test", "https://issuer.test"),
        CertificateIdentity(StringMatch(regexp="ci.test"), StringMatch(value="https://issuer.test")),
        CertificateIdentity(
            RELEASE.subject_alternative_name,
            RELEASE.issuer,
            (("githubWorkflowRepository", StringMatch(value="org/other")),),
        ),
        CertificateIdentity(
            RELEASE.subject_alternative_name, RELEASE.issuer, (("buildTrigger", StringMatch(value="push")),)
        ),
    ],
)
def test_every_part_of_an_identity_must_match(identity: CertificateIdentity) -> None:
    assert judge(FACTS, policy(certificate_identities=(identity,))).reason is ReasonCode.IDENTITY_MISMATCH


def test_ignored_identities_are_reported_as_a_skipped_check() -> None:
    lax = policy(certificate_identities=(), unsafe_ignore_identities=True)
    result = judge(STRANGER, lax)
    assert result.outcome is A
    assert result.verified_identity is None
    (check,) = [check for check in result.checks if check.id == "identity"]
    assert check.status is CheckStatus.SKIPPED


def test_annotations_are_told_of_signatures_that_count_only() -> None:
    """Anybody may sign a long text; it is not repeated for every policy."""
    annotated = replace(FACTS, annotations=(("env", "prod"),))
    assert judge(annotated, policy()).annotations == (("env", "prod"),)
    stranger = replace(STRANGER, annotations=(("env", "prod"),))
    assert judge(stranger, policy()).annotations == ()
