"""The straight line, with an engine that says what it is told and a registry in memory.

What must hold: one candidate's failure hides no other, order plays no part, what could not be looked at is never
"refused", and nothing that goes wrong admits.
"""

from __future__ import annotations

import pytest

from providers.descriptor import Descriptor
from providers.errors import UnavailableError
from providers.identity import CertificateIdentity, StringMatch
from providers.policy import Mode, Policy
from providers.reasons import ReasonCode
from providers.static import StaticPolicyProvider, StaticTrustedMaterialProvider
from providers.subject import Subject
from providers.trust import TrustedMaterial
from pycosign.lab import push_artifact
from tests.unit.verifier.world import (
    FACTS,
    NOW,
    RELEASE,
    STRANGER,
    A,
    C,
    R,
    World,
    policy,
    refusal,
)
from verifier.budget import Budget
from verifier.core import MAX_CANDIDATES, Verifier
from verifier.formats.bundle import BUNDLE_V03
from verifier.verdict import Outcome


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


class _SecondThoughts:
    """Answers while nothing is resolved, and not afterwards."""

    revision = "r"

    def __init__(self, first: Policy, error: Exception) -> None:
        self._first, self._error = first, error

    def policies(self, subject: Subject, descriptor: Descriptor | None) -> tuple[Policy, ...]:
        if descriptor is not None:
            raise self._error
        return (self._first,)


@pytest.mark.parametrize("mode", list(Mode))
@pytest.mark.parametrize("error", [RuntimeError("x"), UnavailableError(ReasonCode.POLICY_UNAVAILABLE, "x")])
def test_policies_that_are_no_longer_known_admit_nothing(world: World, mode: Mode, error: Exception) -> None:
    world.signed(FACTS)
    verifier = Verifier(
        store=world.store, engines=(world.engine,), trust=StaticTrustedMaterialProvider(world.trust),
        policies=_SecondThoughts(policy(mode=mode), error), clock=lambda: NOW,
    )  # fmt: skip
    result = verifier.validate(Subject.parse("reg.test/app:v1"), Budget(60))
    assert (result.outcome, result.reason, result.admitted) == (C, ReasonCode.POLICY_UNAVAILABLE, False)


class _Policies:
    """Answers with a list of policies, whatever it holds."""

    revision = "r"

    def __init__(self, *policies: Policy) -> None:
        self._policies = policies

    def policies(self, subject: Subject, descriptor: Descriptor | None) -> tuple[Policy, ...]:
        return self._policies


@pytest.mark.parametrize("reverse", [False, True])
def test_policies_of_one_name_are_judged_apart(world: World, reverse: bool) -> None:
    """A provider may bring the same name from two sources; what satisfies one says nothing of the other."""
    world.signed(STRANGER)
    fork = CertificateIdentity(
        StringMatch(value="https://ci.test/fork"), StringMatch(value="https://issuer.test")
    )
    both = [policy(), policy(certificate_identities=(fork,))]
    verifier = Verifier(
        store=world.store, engines=(world.engine,), trust=StaticTrustedMaterialProvider(world.trust),
        policies=_Policies(*(reversed(both) if reverse else both)), clock=lambda: NOW,
    )  # fmt: skip
    result = verifier.validate(Subject.parse("reg.test/app:v1"), Budget(60))
    assert (result.outcome, result.admitted) == (R, False)


def test_a_fault_about_one_candidate_hides_no_other(world: World) -> None:
    world.signed(FACTS)
    bad = world.signed(STRANGER)
    fetch = world.store.fetch

    def faulty(repository: str, descriptor: Descriptor, budget: Budget) -> bytes:
        if descriptor.digest == bad:
            raise RuntimeError("a bug in the store")
        return fetch(repository, descriptor, budget)

    world.store.fetch = faulty  # type: ignore[method-assign]  # a store with a bug
    for world.store.reverse in (False, True):
        assert world.validate().outcome is A


def test_every_answer_names_what_made_it(world: World) -> None:
    """Also where no engine was asked; and the revisions that it rests on."""
    broken = world.signed(FACTS, broken=ReasonCode.REGISTRY_UNAVAILABLE)
    world.signed(FACTS)
    result = world.validate()
    assert all(each.verifier.name and each.verifier.type for each in result.results)
    assert result.policy_revision == world.verifier().policy_revision
    assert {each.policy_revision for each in result.results} == {result.policy_revision}
    assert [
        len(each.trust) for each in result.results if each.artifact and each.artifact.digest != broken
    ] == [1]
    assert all(each.err.startswith(str(each.reason)) for each in result.results if each.err)
    refused = world.validate("other.test/app:v1")
    assert refused.policy_revision == result.policy_revision


def test_each_decision_leaves_one_line(world: World, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", logger="verifier.core")
    artifact = world.signed(FACTS)
    world.validate()
    manifest = world.registry.get_manifest("app", artifact)
    assert manifest is not None
    image = Descriptor(world.image.media_type, world.image.digest, world.image.size)
    candidate = Descriptor(manifest.media_type, artifact, len(manifest.data))
    world.verifier().verify(Subject.parse("reg.test/app"), image, candidate, Budget(60))
    assert len(caplog.records) == 2
    assert all("allowed: ok (policies: release)" in record.message for record in caplog.records)


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
