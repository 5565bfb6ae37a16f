"""The second opinion: it has to say the same, and who cannot say lets nobody through."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest

from providers.errors import UnavailableError
from providers.reasons import ReasonCode
from providers.static import StaticPolicyProvider, StaticTrustedMaterialProvider
from providers.subject import Subject
from providers.trust import TrustedMaterial
from providers.verifier_config import VerifierConfig
from tests.unit.verifier.world import (
    FACTS,
    NOW,
    STRANGER,
    A,
    C,
    R,
    ScriptedEngine,
    World,
    policy,
    refusal,
)
from verifier.budget import Budget
from verifier.core import Verifier
from verifier.engine import VerifyOptions
from verifier.facts import Check, CheckStatus, KeyName, SignatureFacts, VerifiedSct, Window
from verifier.formats.entity import SignedEntity
from verifier.results import ValidationResult

ALWAYS = Window(None, None)


@dataclass
class Second(ScriptedEngine):
    """The second opinion: says the same to every signature."""

    says: SignatureFacts | Exception = FACTS
    taken: bool = True
    asked: list[str] = field(default_factory=list)
    name: str = "second 1.0"

    def takes(self, content: SignedEntity, material: TrustedMaterial) -> bool:
        return self.taken

    def verify(self, options: VerifyOptions) -> SignatureFacts:
        self.asked.append(options.content.digest)
        self.answers = {options.content.digest: self.says}
        return super().verify(options)


def validate(world: World, *seconds: Second) -> ValidationResult:
    verifier = Verifier(
        store=world.store,
        engines=(world.engine,),
        trust=StaticTrustedMaterialProvider(world.trust),
        policies=StaticPolicyProvider(tuple(world.policies)),
        clock=lambda: NOW,
        cross_check=seconds,
    )
    return verifier.validate(Subject.parse("reg.test/app:v1"), Budget(60))


def checks(result: ValidationResult) -> list[Check]:
    return [check for found in result.results for detail in found.detail for check in detail.checks]


@pytest.fixture
def world() -> World:
    return World()


def test_agreement_is_allowed_and_shown(world: World) -> None:
    world.signed(FACTS)
    result = validate(world, Second(), Second(name="third 2.0"))
    assert result.outcome is A
    shown = [(c.status, c.evidence) for c in checks(result) if c.id == "cross-check"]
    assert shown == [(CheckStatus.PASS, "second 1.0 agrees"), (CheckStatus.PASS, "third 2.0 agrees")]


def _key(name: str, key_id: str = "aa") -> SignatureFacts:
    return replace(FACTS, certificate=None, key_id=key_id, key_names=(KeyName(name, ALWAYS),))


def _failing(check: str, **changes: object) -> SignatureFacts:
    failed = Check(check, CheckStatus.FAIL, "not found", ReasonCode.LOG_UNTRUSTED)
    return replace(FACTS, checks=(failed,), **changes)  # type: ignore[arg-type]  # a table of fields


@pytest.mark.parametrize(
    ("says", "told"),
    [
        (refusal(ReasonCode.SIGNATURE_INVALID), "refuses it: signature-invalid: told to refuse"),
        (
            STRANGER,
            "finds another signer: https://ci.test/fork for https://issuer.test, not https://ci.test/rel",
        ),
        (replace(FACTS, certificate=replace(FACTS.certificate, claims=())), "finds another signer"),  # type: ignore[type-var]
        (_key("k"), "finds another signer: key aa"),
        (replace(FACTS, predicate_type=""), "finds that something else was signed"),
        (replace(FACTS, annotations=(("env", "prod"),)), "finds that something else was signed"),
        (_failing("log", log_entries=()), "does not find a log that holds the signature: not found"),
        (_failing("timestamp", timestamps=()), "does not find a proof of when it was made: not found"),
        (_failing("sct", scts=()), "does not find an SCT: not found"),
    ],
)
def test_disagreement_is_refused_with_both_sides_shown(
    world: World, says: SignatureFacts | Exception, told: str
) -> None:
    world.signed(FACTS)
    result = validate(world, Second(says=says))
    assert (result.outcome, result.reason, result.admitted) == (R, ReasonCode.ENGINES_DISAGREE, False)
    first, second = checks(result)
    assert (first.id, first.status) == ("signature", CheckStatus.PASS)
    assert (second.id, second.status, second.reason) == (
        "cross-check",
        CheckStatus.FAIL,
        ReasonCode.ENGINES_DISAGREE,
    )
    assert second.evidence.startswith(f"second 1.0 {told}")
    assert "second 1.0" in result.message


def test_a_later_one_may_disagree_too(world: World) -> None:
    world.signed(FACTS)
    result = validate(world, Second(), Second(says=STRANGER, name="third 2.0"))
    assert result.reason is ReasonCode.ENGINES_DISAGREE
    assert [c.status for c in checks(result) if c.id == "cross-check"] == [CheckStatus.PASS, CheckStatus.FAIL]


@pytest.mark.parametrize(
    ("second", "reason", "told"),
    [
        (Second(taken=False), ReasonCode.ENGINE_UNAVAILABLE, "does not verify signatures of type"),
        (
            Second(says=UnavailableError(ReasonCode.ENGINE_UNAVAILABLE, "it did not start")),
            ReasonCode.ENGINE_UNAVAILABLE,
            "it did not start",
        ),
        (
            Second(says=UnavailableError(ReasonCode.DEADLINE_EXCEEDED, "too late")),
            ReasonCode.DEADLINE_EXCEEDED,
            "too late",
        ),
        (
            Second(says=replace(FACTS, log_entries=())),
            ReasonCode.ENGINE_UNAVAILABLE,
            "does not look for a log that holds the signature",
        ),
        (Second(says=replace(FACTS, scts=())), ReasonCode.ENGINE_UNAVAILABLE, "does not look for an SCT"),
    ],
)
def test_who_cannot_say_lets_nobody_through(
    world: World, second: Second, reason: ReasonCode, told: str
) -> None:
    world.signed(FACTS)
    result = validate(world, second)
    assert (result.outcome, result.reason, result.admitted) == (C, reason, False)
    (said,) = checks(result)
    assert said.evidence.startswith("second 1.0 is to confirm every signature, and could not say: ")
    assert told in said.evidence


def test_a_fault_in_the_second_engine_lets_nobody_through(world: World) -> None:
    world.signed(FACTS)
    result = validate(world, Second(says=RuntimeError("a bug")))
    assert (result.outcome, result.reason) == (C, ReasonCode.INTERNAL_ERROR)


def test_it_is_asked_about_signatures_that_would_decide_and_about_no_other(world: World) -> None:
    """Whoever attaches signatures must not be able to make it work."""
    world.signed(refusal(ReasonCode.SIGNATURE_INVALID))
    world.signed(STRANGER)
    world.signed(replace(FACTS, log_entries=()))
    world.signed(UnavailableError(ReasonCode.TRUST_UNAVAILABLE, "told to fail"))
    second = Second()
    assert validate(world, second).outcome is C
    assert second.asked == []
    world.signed(FACTS)
    assert validate(world, second).outcome is A
    assert len(second.asked) == 1


def test_without_a_policy_it_is_asked_nothing(world: World) -> None:
    world.signed(FACTS)
    world.policies = []
    second = Second()
    assert validate(world, second).outcome is R
    assert second.asked == []


def test_one_disputed_signature_hides_no_other(world: World) -> None:
    world.signed(FACTS)
    world.signed(FACTS)

    class Partial(Second):
        def verify(self, options: VerifyOptions) -> SignatureFacts:
            self.says = refusal(ReasonCode.SIGNATURE_INVALID) if not self.asked else FACTS
            return super().verify(options)

    assert validate(world, Partial()).outcome is A


def test_a_key_goes_by_its_policys_name_for_both(world: World) -> None:
    world.policies = [
        policy(certificate_identities=(), keys=("release",), verifier_config=VerifierConfig.for_keys())
    ]
    world.signed(_key("release"))
    assert validate(world, Second(says=_key("release"))).outcome is A
    for other in (_key("release", key_id="bb"), _key("test")):
        result = validate(world, Second(says=other))
        assert (result.outcome, result.reason) == (R, ReasonCode.ENGINES_DISAGREE)


def test_more_evidence_than_the_first_engine_found_is_no_dispute(world: World) -> None:
    second = Second(says=replace(FACTS, scts=(*FACTS.scts, VerifiedSct("ct-2", NOW))))
    world.signed(FACTS)
    assert validate(world, second).outcome is A


def test_the_second_engine_is_named_among_the_engines(world: World) -> None:
    verifier = Verifier(
        store=world.store,
        engines=(world.engine,),
        trust=StaticTrustedMaterialProvider(world.trust),
        policies=StaticPolicyProvider(tuple(world.policies)),
        clock=lambda: NOW,
        cross_check=(Second(),),
    )
    assert [info.name for info in verifier.engines] == ["scripted", "second 1.0"]
