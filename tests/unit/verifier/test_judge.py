"""Facts under a policy: distinct counts, kinds, identities, keys, annotations, and when the signer was trusted."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from providers.identity import CertificateIdentity, StringMatch
from providers.policy import Policy
from providers.predicates import PREDICATE_TYPES
from providers.reasons import ReasonCode
from providers.requirement import AttestationRequirement, Demand, DenyList, SigningTime
from providers.verifier_config import VerifierConfig
from tests.single import demand_of
from tests.unit.verifier.world import (
    CERTIFICATE,
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
    KeyName,
    SignatureFacts,
    VerifiedLogEntry,
    VerifiedSct,
    VerifiedTimestamp,
    Window,
)
from verifier.judge import judge
from verifier.results import CosignVerificationResult

ROOT = Path(__file__).parents[3]
ALWAYS = Window(None, None)
HOUR = timedelta(hours=1)
SPDX, CUSTOM = PREDICATE_TYPES["spdxjson"], PREDICATE_TYPES["custom"]
# Made with a key that is trusted always, under two names; nothing proves when, and no log has it.
BY_KEY = replace(
    FACTS,
    certificate=None,
    key_id="ab" * 32,
    key_names=(KeyName("release", ALWAYS), KeyName("same", ALWAYS)),
    windows=(ALWAYS,),
    timestamps=(),
    log_entries=(),
    scts=(),
)
WITHOUT_LOG = VerifierConfig.for_keys(unsafe_ignore_tlog=True)


def _stamps(*authorities: str) -> tuple[VerifiedTimestamp, ...]:
    return tuple(VerifiedTimestamp(TIMESTAMP_AUTHORITY, "uri", NOW, name) for name in authorities)


def _entries(*logs: str) -> tuple[VerifiedLogEntry, ...]:
    return tuple(
        VerifiedLogEntry(log, index, "dsse/0.0.1", "uri") for index, log in enumerate(logs)
    )  # fmt: skip


def _asking_for_the_key(**changes: object) -> Policy:
    fields: dict[str, object] = {
        "certificate_identities": (),
        "keys": ("release",),
        "verifier_config": WITHOUT_LOG,
    }
    return policy("release", **(fields | changes))


def by_key(facts: SignatureFacts, **changes: object) -> CosignVerificationResult:
    """The judgement of a policy that asks for the key called release, without log."""
    return judge(facts, demand_of(_asking_for_the_key(**changes)), NOW)


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
        (
            replace(FACTS, scts=(*FACTS.scts, VerifiedSct("ct-2", NOW))),
            {"ctlog_entries_threshold": 2},
            ReasonCode.OK,
        ),
        (replace(FACTS, log_entries=_entries("a", "b")), {"tlog_entries_threshold": 2}, ReasonCode.OK),
        (
            replace(FACTS, log_entries=_entries("a", "b")),
            {"tlog_entries_threshold": 3},
            ReasonCode.THRESHOLD_NOT_MET,
        ),
        # One authority twice and a log: two observers, one of them an authority, one of them a log.
        (
            replace(FACTS, timestamps=(*FACTS.timestamps, *_stamps("t", "t"))),
            {"observer_timestamp_threshold": 2, "require_signed_timestamps": True,
             "require_integrated_timestamps": True},
            ReasonCode.OK,
        ),
        (
            replace(FACTS, timestamps=(*FACTS.timestamps, *_stamps("t", "t"))),
            {"require_signed_timestamps": True, "signed_timestamp_threshold": 2},
            ReasonCode.THRESHOLD_NOT_MET,
        ),
        (
            replace(FACTS, timestamps=(*FACTS.timestamps, *_stamps("t"))),
            {"require_integrated_timestamps": True, "integrated_timestamp_threshold": 2},
            ReasonCode.THRESHOLD_NOT_MET,
        ),
        (
            replace(FACTS, timestamps=_stamps("t", "u")),
            {"require_signed_timestamps": True, "signed_timestamp_threshold": 2},
            ReasonCode.OK,
        ),
        (replace(FACTS, certificate=None, key_id="k"), {}, ReasonCode.NO_CERTIFICATE),
        (replace(FACTS, certificate=None, key_names=BY_KEY.key_names), {}, ReasonCode.NO_CERTIFICATE),
        (STRANGER, {}, ReasonCode.IDENTITY_MISMATCH),
    ],
)  # fmt: skip
def test_facts_are_judged_by_distinct_counts_and_identity(
    facts: SignatureFacts, config: dict[str, object], reason: ReasonCode
) -> None:
    result = judge(facts, demand_of(policy(verifier_config=VerifierConfig(**config))), NOW)  # type: ignore[arg-type]  # a table
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
    assert (
        judge(FACTS, demand_of(policy(certificate_identities=(identity,))), NOW).reason
        is ReasonCode.IDENTITY_MISMATCH
    )


def test_ignored_identities_are_reported_as_a_skipped_check() -> None:
    lax = policy(certificate_identities=(), unsafe_ignore_identities=True)
    result = judge(STRANGER, demand_of(lax), NOW)
    assert result.outcome is A
    assert result.verified_identity is None
    (check,) = [check for check in result.checks if check.id == "identity"]
    assert check.status is CheckStatus.SKIPPED


def test_annotations_are_told_of_signatures_that_count_only() -> None:
    """Anybody may sign a long text; it is not repeated for every policy."""
    annotated = replace(FACTS, annotations=(("env", "prod"),))
    assert judge(annotated, demand_of(policy()), NOW).annotations == (("env", "prod"),)
    stranger = replace(STRANGER, annotations=(("env", "prod"),))
    assert judge(stranger, demand_of(policy()), NOW).annotations == ()


def test_any_signer_is_any_certificate_and_not_a_key() -> None:
    """Whoever ignores identities trusts the authorities of the root; a key is trusted by name."""
    lax = policy(certificate_identities=(), unsafe_ignore_identities=True)
    assert (
        judge(replace(BY_KEY, timestamps=FACTS.timestamps), demand_of(lax), NOW).reason
        is ReasonCode.NO_CERTIFICATE
    )


# Keys


def test_the_key_of_the_policy_counts_under_its_name() -> None:
    result = by_key(BY_KEY, keys=("other", "same"))
    assert (result.outcome, result.reason, result.verified_key) == (A, ReasonCode.OK, "same")
    assert result.verified_identity is None


@pytest.mark.parametrize(
    "facts",
    [replace(BY_KEY, key_names=()), replace(BY_KEY, key_names=(KeyName("Release", ALWAYS),)), FACTS],
    ids=["no name", "another name", "a certificate"],
)
def test_another_signer_than_the_key_of_the_policy(facts: SignatureFacts) -> None:
    result = by_key(facts)
    assert (result.reason, result.verified_key) == (ReasonCode.SIGNATURE_INVALID, "")


def test_keys_have_no_scts_and_need_a_log_entry_unless_the_policy_says_otherwise() -> None:
    assert by_key(BY_KEY, verifier_config=VerifierConfig.for_keys()).reason is ReasonCode.NO_LOG_ENTRY
    result = by_key(BY_KEY)
    skipped = {check.id for check in result.checks if check.status is CheckStatus.SKIPPED}
    assert {"sct-threshold", "tlog-threshold"} <= skipped


# When the signer was trusted

ENDED, RUNNING = Window(None, NOW - HOUR), Window(NOW - HOUR, NOW)
UNSAFE = replace(WITHOUT_LOG, unsafe_use_current_time=True)


@pytest.mark.parametrize(
    ("windows", "config", "reason"),
    [
        ([ALWAYS], WITHOUT_LOG, ReasonCode.OK),
        ([RUNNING], WITHOUT_LOG, ReasonCode.NO_TIMESTAMP),
        ([ENDED], WITHOUT_LOG, ReasonCode.NO_TIMESTAMP),
        ([ENDED, ALWAYS], WITHOUT_LOG, ReasonCode.OK),
        ([ALWAYS, ENDED], WITHOUT_LOG, ReasonCode.OK),
        ([RUNNING], UNSAFE, ReasonCode.OK),
        ([ENDED, RUNNING], UNSAFE, ReasonCode.OK),
        ([ENDED], UNSAFE, ReasonCode.TIME_OUTSIDE_VALIDITY),
        ([Window(NOW + HOUR, None)], UNSAFE, ReasonCode.TIME_OUTSIDE_VALIDITY),
    ],
)
def test_a_key_without_a_proven_time(
    windows: list[Window], config: VerifierConfig, reason: ReasonCode
) -> None:
    """Trusted always, or at the time of the request where the policy says so; one name of several suffices."""
    names = tuple(KeyName(f"k{number}", window) for number, window in enumerate(windows))
    facts = replace(BY_KEY, key_names=names, windows=tuple(windows))
    result = by_key(facts, keys=("k0", "k1"), verifier_config=config)
    assert result.reason is reason
    assert bool(result.verified_key) is (reason is ReasonCode.OK)


def test_a_name_that_is_not_the_policy_s_lends_no_window() -> None:
    facts = replace(BY_KEY, key_names=(KeyName("release", ENDED), KeyName("other", ALWAYS)))
    assert by_key(replace(facts, windows=(ENDED, ALWAYS))).reason is ReasonCode.NO_TIMESTAMP


@pytest.mark.parametrize(
    ("window", "unsafe", "reason"),
    [
        (Window(NOW - HOUR, NOW), True, ReasonCode.OK),
        (Window(NOW - HOUR, NOW), False, ReasonCode.NO_TIMESTAMP),
        (Window(NOW - HOUR, NOW - timedelta(seconds=1)), True, ReasonCode.TIME_OUTSIDE_VALIDITY),
        (Window(NOW, NOW - HOUR), True, ReasonCode.TIME_OUTSIDE_VALIDITY),  # nothing lies in it
        (None, True, ReasonCode.TIME_OUTSIDE_VALIDITY),
    ],
)
def test_a_certificate_without_a_proven_time(window: Window | None, unsafe: bool, reason: ReasonCode) -> None:
    config = VerifierConfig(
        require_observer_timestamps=not unsafe, require_tlog_entries=False, unsafe_use_current_time=unsafe
    )
    facts = replace(FACTS, timestamps=(), windows=(window,) if window else ())
    assert judge(facts, demand_of(policy(verifier_config=config)), NOW).reason is reason


@pytest.mark.parametrize(
    ("time", "windows", "reason"),
    [
        (NOW, ((ALWAYS,),), ReasonCode.OK),
        (NOW, ((ENDED, RUNNING),), ReasonCode.OK),
        (NOW, ((ENDED,),), ReasonCode.NO_TIMESTAMP),
        (NOW + HOUR, ((RUNNING,),), ReasonCode.NO_TIMESTAMP),
        (NOW, (), ReasonCode.NO_TIMESTAMP),
    ],
)
def test_a_log_that_is_no_longer_trusted_vouches_for_nothing_without_a_time(
    time: datetime, windows: tuple[tuple[Window, ...], ...], reason: ReasonCode
) -> None:
    """Whoever has its retired key makes entries to this day."""
    facts = replace(BY_KEY, log_entries=_entries("log"), log_windows=windows)
    asked = policy(certificate_identities=(), keys=("release",), verifier_config=VerifierConfig.for_keys())
    assert judge(facts, demand_of(asked), time).reason is reason
    timed = replace(facts, timestamps=_stamps("t"))  # the engine held the log's key against this time
    assert judge(timed, demand_of(asked), time).reason is ReasonCode.OK


# What was signed


@pytest.mark.parametrize(
    ("signed", "asked", "reason"),
    [
        ("", None, ReasonCode.OK),
        (FACTS.predicate_type, None, ReasonCode.OK),
        (SPDX, None, ReasonCode.NO_SIGNATURE),
        (SPDX, (), ReasonCode.OK),
        (SPDX, (SPDX,), ReasonCode.OK),
        (SPDX, (CUSTOM, SPDX), ReasonCode.OK),
        (SPDX, (CUSTOM,), ReasonCode.PREDICATE_TYPE_MISMATCH),
        (SPDX + "/", (SPDX,), ReasonCode.PREDICATE_TYPE_MISMATCH),
        ("", (), ReasonCode.NO_ATTESTATION),
        (FACTS.predicate_type, (), ReasonCode.NO_ATTESTATION),
        (FACTS.predicate_type, (SPDX,), ReasonCode.NO_ATTESTATION),
        ("", (SPDX,), ReasonCode.NO_ATTESTATION),
    ],
)
def test_signatures_and_attestations_are_never_taken_for_each_other(
    signed: str, asked: tuple[str, ...] | None, reason: ReasonCode
) -> None:
    attestation = None if asked is None else AttestationRequirement(asked)
    result = judge(replace(FACTS, predicate_type=signed), demand_of(policy(attestation=attestation)), NOW)
    assert result.reason is reason


@pytest.mark.parametrize(
    ("signed", "asked", "reason"),
    [
        ({"env": "prod"}, {"env": "prod"}, ReasonCode.OK),
        ({"env": "prod", "team": "x"}, {"env": "prod"}, ReasonCode.OK),
        ({"env": ""}, {"env": ""}, ReasonCode.OK),
        ({}, {"env": "prod"}, ReasonCode.ANNOTATION_MISMATCH),
        ({}, {"env": ""}, ReasonCode.ANNOTATION_MISMATCH),
        ({"env": "test"}, {"env": "prod"}, ReasonCode.ANNOTATION_MISMATCH),
        ({"Env": "prod"}, {"env": "prod"}, ReasonCode.ANNOTATION_MISMATCH),
        ({"env": "prod"}, {"env": "prod", "team": "x"}, ReasonCode.ANNOTATION_MISMATCH),
    ],
)
def test_every_annotation_asked_for_must_be_signed(
    signed: dict[str, str], asked: dict[str, str], reason: ReasonCode
) -> None:
    for facts, ask in ((FACTS, policy), (BY_KEY, _asking_for_the_key)):
        annotated = replace(facts, annotations=tuple(sorted(signed.items())))
        assert judge(annotated, demand_of(ask(annotations=tuple(asked.items()))), NOW).reason is reason


def test_the_reason_is_what_has_to_be_mended_first() -> None:
    """And every other check is made all the same."""
    result = by_key(
        replace(FACTS, predicate_type=SPDX, log_entries=()),
        verifier_config=VerifierConfig.for_keys(),
        annotations=(("env", "prod"),),
    )
    assert result.reason is ReasonCode.NO_SIGNATURE
    assert {check.reason for check in result.checks if check.status is CheckStatus.FAIL} == {
        ReasonCode.NO_SIGNATURE,
        ReasonCode.NO_LOG_ENTRY,
        ReasonCode.SIGNATURE_INVALID,
        ReasonCode.ANNOTATION_MISMATCH,
    }


def test_what_strangers_write_never_pushes_out_what_was_expected() -> None:
    certificate = FACTS.certificate
    assert certificate is not None
    loud = replace(
        FACTS, certificate=replace(certificate, subject_alternative_name="x" * 5000, issuer="\n" * 9)
    )
    for result, expected in (
        (judge(loud, demand_of(policy()), NOW), str(RELEASE)),
        (by_key(loud), "key release"),
    ):
        (check,) = [check for check in result.checks if check.id == "identity"]
        assert expected in check.evidence
        assert check.evidence.isprintable()


def test_every_check_is_documented() -> None:
    """docs/verdicts.md, the first column of its table of checks."""
    text = (ROOT / "docs/verdicts.md").read_text("utf-8")
    table = text[text.index("## When a signature counts") : text.index("**Time.**")]
    documented = re.findall(
        r"`([a-z-]+)`", "\n".join(row.split("|")[1] for row in table.splitlines() if "|" in row)
    )
    asked = replace(
        demand_of(_asking_for_the_key(annotations=(("a", "b"),))),
        attestation=AttestationRequirement((SPDX,), (_Never(),)),
        signing_time=SigningTime(earliest=NOW),
        denied=DenyList(keys=("x",)),
    )
    made = [check.id for check in judge(BY_KEY, asked, NOW).checks]
    assert documented == made[len(BY_KEY.checks) :]


# Who is denied


def _demand(**changes: object) -> Demand:
    return replace(demand_of(policy()), **changes)  # type: ignore[arg-type]  # a table of fields


@pytest.mark.parametrize(
    ("subject", "issuer", "denied"),
    [
        ({"value": "https://ci.test/release"}, {"value": "https://issuer.test"}, True),
        ({"value": "https://ci.test/release"}, {"regexp": ".*"}, True),
        ({"regexp": r"https://ci\.test/.*"}, {"value": "https://issuer.test"}, True),
        ({"value": "https://ci.test/other"}, {"value": "https://issuer.test"}, False),
        ({"value": "https://ci.test/release"}, {"value": "https://other.test"}, False),
        ({"regexp": "ci.test"}, {"regexp": ".*"}, False),
    ],
)
def test_a_denied_identity_never_counts(
    subject: dict[str, str], issuer: dict[str, str], denied: bool
) -> None:
    identity = CertificateIdentity(StringMatch(**subject), StringMatch(**issuer))
    result = judge(FACTS, _demand(denied=DenyList(identities=(identity,))), NOW)
    assert result.reason is (ReasonCode.DENY_LISTED if denied else ReasonCode.OK)


def test_a_certificate_that_says_nothing_is_among_those_that_say_anything() -> None:
    """A private authority may write no issuer. A pattern that an authority names never means that, one that denies
    does."""
    nameless = replace(FACTS, certificate=replace(CERTIFICATE, issuer=""))
    identity = CertificateIdentity(RELEASE.subject_alternative_name, StringMatch(regexp=".*"))
    lax = demand_of(policy(certificate_identities=(), unsafe_ignore_identities=True))
    assert judge(nameless, lax, NOW).outcome is A
    denied = replace(lax, denied=DenyList(identities=(identity,)))
    assert judge(nameless, denied, NOW).reason is ReasonCode.DENY_LISTED
    named = demand_of(policy(certificate_identities=(identity,)))
    assert judge(nameless, named, NOW).reason is ReasonCode.IDENTITY_MISMATCH


@pytest.mark.parametrize(
    ("names", "known_as", "denied"),
    [
        (("release",), ("release",), True),
        (("same", "release"), ("same", "release"), True),
        (("same",), ("same", "release"), True),  # under the denied name it was not trusted at that time
        (("same",), ("same",), False),
    ],
)
def test_a_denied_key_goes_by_all_its_names(
    names: tuple[str, ...], known_as: tuple[str, ...], denied: bool
) -> None:
    facts = replace(BY_KEY, key_names=tuple(KeyName(name, ALWAYS) for name in names), known_as=known_as)
    asked = demand_of(_asking_for_the_key(keys=("release", "same")))
    result = judge(facts, replace(asked, denied=DenyList(keys=("release",))), NOW)
    assert result.reason is (ReasonCode.DENY_LISTED if denied else ReasonCode.OK)


# How old it is


@pytest.mark.parametrize(
    ("ago", "asked", "reason"),
    [
        ([HOUR], SigningTime(), ReasonCode.OK),
        ([HOUR], SigningTime(max_age=HOUR), ReasonCode.OK),
        ([HOUR + timedelta(seconds=1)], SigningTime(max_age=HOUR), ReasonCode.TOO_OLD),
        ([HOUR], SigningTime(earliest=NOW - HOUR), ReasonCode.OK),
        ([HOUR], SigningTime(earliest=NOW - HOUR + timedelta(seconds=1)), ReasonCode.TOO_OLD),
        ([HOUR], SigningTime(earliest=NOW - 2 * HOUR, max_age=HOUR / 2), ReasonCode.TOO_OLD),
        ([HOUR], SigningTime(earliest=NOW, max_age=2 * HOUR), ReasonCode.TOO_OLD),
        # A new timestamp makes no old signature young, whichever comes first.
        ([timedelta(0), 3 * HOUR], SigningTime(max_age=HOUR), ReasonCode.TOO_OLD),
        ([3 * HOUR, timedelta(0)], SigningTime(max_age=HOUR), ReasonCode.TOO_OLD),
        ([], SigningTime(max_age=HOUR), ReasonCode.NO_TIMESTAMP),
        ([], SigningTime(earliest=NOW), ReasonCode.NO_TIMESTAMP),
        ([], SigningTime(), ReasonCode.OK),
        ([HOUR], SigningTime(max_age=timedelta(days=36_500)), ReasonCode.OK),
    ],
)
def test_the_oldest_proven_time_says_how_old_it_is(
    ago: list[timedelta], asked: SigningTime, reason: ReasonCode
) -> None:
    stamps = tuple(VerifiedTimestamp(TIMESTAMP_AUTHORITY, "uri", NOW - each, "t") for each in ago)
    config = VerifierConfig(require_observer_timestamps=False, unsafe_use_current_time=True)
    demand = replace(demand_of(policy(verifier_config=config)), signing_time=asked)
    facts = replace(FACTS, timestamps=stamps, windows=(ALWAYS,), log_windows=((ALWAYS,),))
    assert judge(facts, demand, NOW).reason is reason


# What it states


class _Never:
    name = "never"

    def problem(self, predicate: object, predicate_type: str, time: datetime) -> str:
        return "no"


def test_a_condition_that_is_not_asked_is_a_skipped_check() -> None:
    asked = AttestationRequirement((SPDX,), (_Never(),))
    facts = replace(FACTS, predicate_type=SPDX, statement=b'{"predicate": {}}')
    for found, reason, status in (
        (facts, ReasonCode.CONDITION_NOT_MET, CheckStatus.FAIL),
        (replace(facts, log_entries=()), ReasonCode.NO_LOG_ENTRY, CheckStatus.SKIPPED),
        (replace(facts, predicate_type=CUSTOM), ReasonCode.PREDICATE_TYPE_MISMATCH, CheckStatus.SKIPPED),
    ):
        result = judge(found, _demand(attestation=asked), NOW)
        assert result.reason is reason
        assert [check.status for check in result.checks if check.id == "condition"] == [status]
