"""The straight line, with an engine that says what it is told and a registry in memory.

What must hold: one candidate's failure hides no other, order plays no part, what could not be looked at is never
"refused", and nothing that goes wrong admits.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import pytest

from providers.descriptor import Descriptor
from providers.errors import UnavailableError
from providers.policy import CertificateIdentity, Mode, Policy, StringMatch, VerifierConfig
from providers.reasons import ReasonCode
from providers.scope import Scope
from providers.static import StaticPolicyProvider, StaticTrustedMaterialProvider
from providers.subject import Subject
from providers.trust import TrustedMaterial
from pycosign.lab import Lab, MemoryRegistry, attach_bundle, push_artifact, push_image
from tests.memory_store import MemoryStore
from verifier.budget import Budget
from verifier.core import MAX_CANDIDATES, Verifier
from verifier.engine import EvidenceError, VerifyOptions
from verifier.facts import (
    TIMESTAMP_AUTHORITY,
    TLOG,
    CertificateSummary,
    Check,
    CheckStatus,
    SignatureFacts,
    VerifiedLogEntry,
    VerifiedSct,
    VerifiedTimestamp,
)
from verifier.formats.bundle import BUNDLE_V03, parse_bundle
from verifier.judge import COSIGN_SIGN_PREDICATE, judge
from verifier.results import ValidationResult
from verifier.verdict import Outcome

A, R, C = Outcome.ALLOWED, Outcome.REFUSED, Outcome.COULD_NOT_CHECK
NOW = datetime(2026, 1, 1, tzinfo=UTC)
RELEASE = CertificateIdentity(
    StringMatch(value="https://ci.test/release"), StringMatch(value="https://issuer.test")
)
CERTIFICATE = CertificateSummary(
    certificate_issuer="CN=lab",
    subject_alternative_name="https://ci.test/release",
    subject_alternative_name_type="URI",
    issuer="https://issuer.test",
    not_before=NOW,
    not_after=NOW,
    claims=(("githubWorkflowRepository", "org/app"),),
)
FACTS = SignatureFacts(
    media_type=BUNDLE_V03,
    digest="sha256:" + "0" * 64,
    certificate=CERTIFICATE,
    key_id="",
    predicate_type=COSIGN_SIGN_PREDICATE,
    annotations=(),
    timestamps=(VerifiedTimestamp(TLOG, "log", NOW, "log-1"),),
    log_entries=(VerifiedLogEntry("log-1", 1, "dsse/0.0.1", "log"),),
    scts=(VerifiedSct("ct-1", NOW),),
    checks=(Check("signature", CheckStatus.PASS, "holds"),),
)
STRANGER = replace(FACTS, certificate=replace(CERTIFICATE, subject_alternative_name="https://ci.test/fork"))


@dataclass
class ScriptedEngine:
    """Answers by the digest of the bundle."""

    answers: dict[str, SignatureFacts | Exception] = field(default_factory=dict)
    seen: list[VerifyOptions] = field(default_factory=list)
    name: str = "scripted"
    type: str = "test"
    artifact_types: tuple[str, ...] = (BUNDLE_V03,)

    def accept(self, material: TrustedMaterial) -> None:
        del material

    def self_test(self) -> None:
        pass

    def verify(self, options: VerifyOptions) -> SignatureFacts:
        self.seen.append(options)
        answer = self.answers[options.content.digest]
        if isinstance(answer, Exception):
            raise answer
        return replace(answer, digest=options.content.digest)


class World:
    """One image, any number of scripted signatures."""

    lab = Lab()

    def __init__(self) -> None:
        self.registry = MemoryRegistry()
        self.store = MemoryStore(self.registry)
        self.engine = ScriptedEngine()
        self.image = push_image(self.registry, "app", tag="v1")
        self.policies: list[Policy] = [policy()]
        self.trust = TrustedMaterial.of("test", b"{}", NOW)

    def signed(self, answer: SignatureFacts | Exception, *, broken: ReasonCode | None = None) -> str:
        """Attach a bundle that verifies to ``answer``; with ``broken`` its manifest cannot be fetched."""
        bundle = self.lab.sign_image(self.image.digest)
        descriptor = attach_bundle(self.registry, "app", self.image, bundle)
        self.engine.answers[parse_bundle(bundle).digest] = answer
        if broken is not None:
            self.store.broken[descriptor.digest] = broken
        return descriptor.digest

    def verifier(self) -> Verifier:
        return Verifier(
            store=self.store,
            engines=(self.engine,),
            trust=StaticTrustedMaterialProvider(self.trust),
            policies=StaticPolicyProvider(tuple(self.policies)),
            clock=lambda: NOW,
        )

    def validate(self, reference: str = "reg.test/app:v1", seconds: float = 60) -> ValidationResult:
        return self.verifier().validate(Subject.parse(reference), Budget(seconds))


def policy(name: str = "release", **changes: object) -> Policy:
    fields: dict[str, object] = {
        "name": name,
        "scopes": (Scope.parse("reg.test"),),
        "certificate_identities": (RELEASE,),
    }
    return Policy(**(fields | changes))  # type: ignore[arg-type]  # a table of fields


def refusal(reason: ReasonCode) -> EvidenceError:
    return EvidenceError(reason, "told to refuse", (Check("x", CheckStatus.FAIL, "told to refuse", reason),))


@pytest.fixture
def world() -> World:
    return World()


def test_a_good_signature_is_allowed_and_explained(world: World) -> None:
    world.signed(FACTS)
    result = world.validate()
    assert (result.outcome, result.reason, result.admitted) == (A, ReasonCode.OK, True)
    assert result.subject is not None
    assert result.subject.digest == world.image.digest
    (verification,) = result.results
    (detail,) = verification.detail
    assert verification.err == ""
    assert detail.verified_identity == RELEASE
    assert {check.id for check in detail.checks} >= {"signature", "kind", "identity", "tlog-threshold"}
    assert [used.source for used in result.trust] == ["test"]
    assert [(p.name, p.outcome) for p in result.policies] == [("release", A)]


def test_without_policy_it_is_refused_before_any_network(world: World) -> None:
    result = world.validate("other.test/app:v1")
    assert (result.outcome, result.reason, result.admitted) == (R, ReasonCode.NO_POLICY, False)
    assert world.store.asked == []


def test_the_tag_is_resolved_once_and_only_the_digest_is_used(world: World) -> None:
    world.signed(FACTS)
    result = world.validate()
    assert [asked for asked in world.store.asked if "v1" in asked] == ["resolve v1"]
    assert f"referrers {world.image.digest}" in world.store.asked
    assert all(options.subject_descriptor.digest == world.image.digest for options in world.engine.seen)
    assert result.reference == f"reg.test/app:v1@{world.image.digest}"


def test_no_signature_is_refused(world: World) -> None:
    result = world.validate()
    assert (result.outcome, result.reason) == (R, ReasonCode.NO_SIGNATURE)
    assert "cosign sign" in result.message


def test_an_image_that_does_not_exist_could_not_be_checked(world: World) -> None:
    result = world.validate("reg.test/app:v2")
    assert (result.outcome, result.reason, result.admitted) == (C, ReasonCode.IMAGE_NOT_FOUND, False)


@pytest.mark.parametrize("reverse", [False, True])
def test_a_bad_signature_hides_no_good_one(world: World, reverse: bool) -> None:
    world.store.reverse = reverse
    world.signed(refusal(ReasonCode.MALFORMED))
    world.signed(FACTS)
    world.signed(STRANGER)
    world.signed(RuntimeError("a bug in the engine"))
    world.signed(FACTS, broken=ReasonCode.REGISTRY_UNAVAILABLE)
    assert world.validate().outcome is A


@pytest.mark.parametrize("reverse", [False, True])
def test_the_reason_is_that_of_the_candidate_that_got_furthest(world: World, reverse: bool) -> None:
    world.store.reverse = reverse
    world.signed(refusal(ReasonCode.CHAIN_UNTRUSTED))
    world.signed(STRANGER)
    world.signed(refusal(ReasonCode.SIGNATURE_INVALID))
    result = world.validate()
    assert (result.outcome, result.reason) == (R, ReasonCode.IDENTITY_MISMATCH)
    assert "https://ci.test/fork" in result.message
    assert len(result.results) == 3


@pytest.mark.parametrize("stop", [0, 1, 2])
def test_a_listing_that_breaks_off_is_never_a_refusal(world: World, stop: int) -> None:
    world.signed(STRANGER)
    world.signed(STRANGER)
    world.store.listing_fails_after = stop
    result = world.validate()
    assert (result.outcome, result.reason) == (C, ReasonCode.REGISTRY_UNAVAILABLE)
    assert not result.admitted


def test_what_was_listed_before_the_break_suffices(world: World) -> None:
    world.signed(FACTS)
    world.signed(STRANGER)
    world.store.listing_fails_after = 1
    assert world.validate().outcome is A


def test_a_candidate_that_cannot_be_fetched_is_never_a_refusal(world: World) -> None:
    world.signed(STRANGER)
    world.signed(FACTS, broken=ReasonCode.REGISTRY_THROTTLED)
    result = world.validate()
    assert (result.outcome, result.reason) == (C, ReasonCode.REGISTRY_THROTTLED)


def test_endless_signatures_are_cut_off_and_never_refused(world: World) -> None:
    for number in range(MAX_CANDIDATES + 1):
        push_artifact(
            world.registry, "app", BUNDLE_V03, b"%d" % number, media_type=BUNDLE_V03,
            subject=world.image,
        )  # fmt: skip
    result = world.validate()
    assert (result.outcome, result.reason) == (C, ReasonCode.LIMIT_EXCEEDED)
    assert len(result.results) == MAX_CANDIDATES


def test_a_spent_budget_could_not_check(world: World) -> None:
    world.signed(FACTS)
    result = world.validate(seconds=0)
    assert (result.outcome, result.reason) == (C, ReasonCode.DEADLINE_EXCEEDED)


def test_other_referrers_are_no_candidates(world: World) -> None:
    push_artifact(world.registry, "app", "application/spdx+json", b"{}", subject=world.image)
    result = world.validate()
    assert (result.outcome, result.reason, result.results) == (R, ReasonCode.NO_SIGNATURE, ())


def test_a_candidate_without_any_bundle_is_malformed(world: World) -> None:
    push_artifact(world.registry, "app", BUNDLE_V03, b"x", media_type="text/plain", subject=world.image)
    result = world.validate()
    assert (result.outcome, result.reason) == (R, ReasonCode.MALFORMED)


def test_a_bug_in_the_engine_denies(world: World) -> None:
    world.signed(RuntimeError("a bug"))
    result = world.validate()
    assert (result.outcome, result.reason, result.admitted) == (C, ReasonCode.INTERNAL_ERROR, False)


class _FailingProvider:
    """Raises what it is given, as trust and as policy provider."""

    revision = "none"

    def __init__(self, error: Exception) -> None:
        self._error = error

    def policies(self, subject: Subject, descriptor: Descriptor | None) -> tuple[Policy, ...]:
        raise self._error

    def trusted_material(
        self, subject: Subject, artifact_descriptor: Descriptor | None, key_hint: str
    ) -> TrustedMaterial:
        raise self._error

    def materials(self) -> tuple[TrustedMaterial, ...]:
        return ()


@pytest.mark.parametrize("error", [RuntimeError("x"), UnavailableError(ReasonCode.POLICY_UNAVAILABLE, "x")])
def test_policies_that_cannot_be_read_deny(world: World, error: Exception) -> None:
    verifier = Verifier(
        store=world.store, engines=(world.engine,), trust=StaticTrustedMaterialProvider(world.trust),
        policies=_FailingProvider(error), clock=lambda: NOW,
    )  # fmt: skip
    result = verifier.validate(Subject.parse("reg.test/app:v1"), Budget(60))
    assert (result.outcome, result.reason, result.admitted) == (C, ReasonCode.POLICY_UNAVAILABLE, False)


@pytest.mark.parametrize("error", [RuntimeError("x"), UnavailableError(ReasonCode.TRUST_UNAVAILABLE, "x")])
def test_trust_that_cannot_be_had_denies(world: World, error: Exception) -> None:
    world.signed(FACTS)
    verifier = Verifier(
        store=world.store, engines=(world.engine,), trust=_FailingProvider(error),
        policies=StaticPolicyProvider((policy(),)), clock=lambda: NOW,
    )  # fmt: skip
    result = verifier.validate(Subject.parse("reg.test/app:v1"), Budget(60))
    assert (result.outcome, result.reason, result.admitted) == (C, ReasonCode.TRUST_UNAVAILABLE, False)


def test_every_matching_policy_must_allow(world: World) -> None:
    world.signed(FACTS)
    fork = CertificateIdentity(
        StringMatch(value="https://ci.test/fork"), StringMatch(value="https://issuer.test")
    )
    world.policies = [policy("a"), policy("b", certificate_identities=(fork,))]
    assert world.validate().outcome is R
    world.signed(STRANGER)
    result = world.validate()
    assert result.outcome is A
    assert [(p.name, p.outcome) for p in result.policies] == [("a", A), ("b", A)]


@pytest.mark.parametrize(
    ("mode", "admitted", "warnings"), [(Mode.ENFORCE, False, 0), (Mode.WARN, True, 1), (Mode.AUDIT, True, 0)]
)
def test_a_mode_changes_admission_and_never_the_outcome(
    world: World, mode: Mode, admitted: bool, warnings: int
) -> None:
    world.policies = [policy(mode=mode)]
    result = world.validate()
    assert (result.outcome, result.reason) == (R, ReasonCode.NO_SIGNATURE)
    assert (result.admitted, len(result.warnings)) == (admitted, warnings)


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
            ReasonCode.NO_LOG_ENTRY,
        ),
        (replace(FACTS, timestamps=()), {}, ReasonCode.NO_TIMESTAMP),
        (
            replace(FACTS, timestamps=2 * FACTS.timestamps),
            {"observer_timestamp_threshold": 2},
            ReasonCode.NO_TIMESTAMP,
        ),
        (FACTS, {"require_signed_timestamps": True}, ReasonCode.NO_TIMESTAMP),
        (
            replace(FACTS, timestamps=(VerifiedTimestamp(TIMESTAMP_AUTHORITY, "tsa", NOW, "tsa-1"),)),
            {"require_integrated_timestamps": True},
            ReasonCode.NO_TIMESTAMP,
        ),
        (replace(FACTS, scts=()), {}, ReasonCode.SCT_UNTRUSTED),
        (replace(FACTS, scts=()), {"require_scts": False}, ReasonCode.OK),
        (replace(FACTS, scts=FACTS.scts * 3), {"ctlog_entries_threshold": 2}, ReasonCode.SCT_UNTRUSTED),
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


def test_ratifys_call_judges_one_artifact(world: World) -> None:
    good, bad = world.signed(FACTS), world.signed(STRANGER)
    verifier = world.verifier()
    image = Descriptor(world.image.media_type, world.image.digest, world.image.size)

    def verify(digest: str, repository: str = "reg.test/app") -> tuple[Outcome, ReasonCode]:
        manifest = world.registry.get_manifest("app", digest)
        assert manifest is not None
        artifact = Descriptor(manifest.media_type, digest, len(manifest.data))
        result = verifier.verify(Subject.parse(repository), image, artifact, Budget(60))
        assert (result.err == "") is (result.outcome is A)
        return result.outcome, result.reason

    assert verify(good) == (A, ReasonCode.OK)
    assert verify(bad) == (R, ReasonCode.IDENTITY_MISMATCH)
    assert verify(good, "other.test/app") == (R, ReasonCode.NO_POLICY)
    assert verify(world.image.digest) == (R, ReasonCode.NO_SIGNATURE)
    world.store.broken[good] = ReasonCode.REGISTRY_UNAVAILABLE
    assert verify(good) == (C, ReasonCode.REGISTRY_UNAVAILABLE)
