"""Requirements over what was found: several authorities and signers, attestations, and what is said is missing."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.authority import Authority
from providers.descriptor import Descriptor
from providers.errors import UnavailableError
from providers.identity import CertificateIdentity, StringMatch
from providers.platforms import Coverage, Platforms
from providers.policy import Policy
from providers.predicates import PREDICATE_TYPES
from providers.reasons import ReasonCode
from providers.requirement import AttestationRequirement, DenyList, Requirement
from providers.scope import Scope
from providers.subject import Subject
from providers.verifier_config import VerifierConfig
from tests.unit.verifier.world import CERTIFICATE, FACTS, NOW, A, C, R
from verifier.conclude import conclude
from verifier.facts import KeyName, SignatureFacts, Window
from verifier.findings import Artifact, Examined, Findings, Unproven
from verifier.formats.manifest import OCI_INDEX
from verifier.results import RequirementVerdict
from verifier.verdict import Outcome
from verifier.weigh import weigh

ALWAYS = Window(None, None)
ISSUER = "https://issuer.test"
SPDX, PROVENANCE = PREDICATE_TYPES["spdxjson"], PREDICATE_TYPES["slsaprovenance1"]
IMAGE = Descriptor("application/x", "sha256:" + "0" * 64, 1)
THROTTLED = UnavailableError(ReasonCode.REGISTRY_THROTTLED, "told to wait")
_numbers = itertools.count(1)


def _digest() -> str:
    return f"sha256:{next(_numbers):064x}"


def by(who: str, **changes: Any) -> SignatureFacts:
    """A signature with a certificate for ``who``, or with ``key …``."""
    if who.startswith("key "):
        name = who.removeprefix("key ")
        facts = replace(
            FACTS, certificate=None, key_id=f"id of {name}", key_names=(KeyName(name, ALWAYS),), scts=()
        )
    else:
        facts = replace(FACTS, certificate=replace(CERTIFICATE, subject_alternative_name=who))
    return replace(facts, digest=_digest(), **changes)


def attested(who: str, statement: str, predicate_type: str = SPDX, **changes: Any) -> SignatureFacts:
    """An attestation."""
    return by(who, predicate_type=predicate_type, statement=statement.encode(), **changes)


def lost(reason: ReasonCode = ReasonCode.REGISTRY_THROTTLED, *, whole: bool = False) -> Unproven:
    """A signature that could not be checked, or that does not hold."""
    return Unproven("type", _digest(), reason, "told to fail", whole=whole)


def authority(name: str, *who: str, **changes: Any) -> Authority:
    """Somebody who may sign as any one of ``who``: identities, or keys."""
    keys = tuple(one.removeprefix("key ") for one in who if one.startswith("key "))
    identities = tuple(
        CertificateIdentity(StringMatch(value=one), StringMatch(value=ISSUER)) for one in who if not keys
    )
    config = VerifierConfig.for_keys() if keys else VerifierConfig()
    return Authority(name, identities, keys, **({"verifier_config": config} | changes))


def policy(*requirements: Requirement, **changes: Any) -> Policy:
    return Policy("p", (Scope.parse("*"),), requirements, **changes)


def found(
    signatures: Iterable[SignatureFacts | Unproven], obstacle: UnavailableError | None = None
) -> Findings:
    """Every signature in an artifact of its own."""
    artifacts = [Artifact(Descriptor("type", _digest(), 1), signatures=[one]) for one in signatures]
    image = Examined(IMAGE, artifacts=artifacts, obstacle=obstacle)
    return Findings(Subject.parse("reg.test/app"), NOW, image=image)


def verdict(
    requirement: Requirement,
    *signatures: SignatureFacts | Unproven,
    obstacle: UnavailableError | None = None,
    **changes: Any,
) -> RequirementVerdict:
    """What becomes of the one requirement."""
    weighed = weigh(policy(requirement, **changes), found(signatures, obstacle))
    (said,) = weighed.verdict.requirements
    assert (weighed.verdict.outcome, weighed.verdict.reason) == (said.outcome, said.reason)
    return said


def finding(requirement: Requirement, *signatures: SignatureFacts | Unproven, **changes: Any) -> str:
    """What a person is told."""
    findings = found(signatures)
    findings.policies = (policy(requirement, **changes),)
    return conclude(findings).message


# Against the definition

PEOPLE = ("ci", "bob", "key one", "key two")
NAMES = ("first", "second", "third")


@dataclass(frozen=True)
class Asked:
    """Who may sign for whom, how many must, and, for attestations, how many there must be."""

    authorities: Mapping[str, tuple[str, ...]]
    threshold: int
    count: int

    def requirement(self) -> Requirement:
        listed = tuple(authority(name, *who) for name, who in self.authorities.items())
        return Requirement(listed, self.threshold, AttestationRequirement(count=self.count))

    def allows(self, signed: Iterable[tuple[str, str]]) -> bool:
        """Some ``threshold`` authorities can be given a signer each, and there are enough statements by any."""
        pairs = [
            (name, who, text)
            for who, text in signed
            for name, listed in self.authorities.items()
            if who in listed or who.startswith("anybody")
        ]
        enough = len({text for _, _, text in pairs}) >= self.count
        return enough and any(
            len({name for name, _ in chosen}) == len({who for _, who in chosen}) == self.threshold
            for chosen in itertools.combinations({(name, who) for name, who, _ in pairs}, self.threshold)
        )

    def outcome(self, signed: list[tuple[str, str]], unknown: int) -> Outcome:
        """Could not check where what is unknown could make it hold."""
        anybody = [(f"anybody {number}", f"text {number}") for number in range(unknown)]
        return A if self.allows(signed) else C if self.allows([*signed, *anybody]) else R


@st.composite
def asked(draw: st.DrawFn) -> Asked:
    names = draw(st.lists(st.sampled_from(NAMES), min_size=1, unique=True))
    whom = {}
    for name in names:
        people = st.sampled_from(draw(st.sampled_from([PEOPLE[:2], PEOPLE[2:]])))
        whom[name] = tuple(draw(st.lists(people, min_size=1, max_size=2, unique=True)))
    possible = max(
        (number for number in range(1, len(names) + 1) if _can_hold(whom, number)), default=1
    )  # what could never hold is refused at start-up
    return Asked(whom, draw(st.integers(1, possible)), draw(st.integers(1, 3)))


def _can_hold(whom: Mapping[str, tuple[str, ...]], threshold: int) -> bool:
    return Asked(whom, threshold, 1).allows((who, "x") for listed in whom.values() for who in listed)


signatures = st.lists(st.tuples(st.sampled_from([*PEOPLE, "stranger"]), st.sampled_from("abc")), max_size=5)


@given(asked(), signatures, st.integers(0, 3), st.booleans(), st.randoms())
def test_the_verdict_is_the_definition(
    asking: Asked, signed: list[tuple[str, str]], missed: int, broken_off: bool, shuffled: Any
) -> None:
    listed: list[SignatureFacts | Unproven] = [attested(who, text) for who, text in signed]
    listed += [lost() for _ in range(missed)] + [lost(ReasonCode.MALFORMED)]
    shuffled.shuffle(listed)
    said = verdict(asking.requirement(), *listed, obstacle=THROTTLED if broken_off else None)
    assert said.outcome is asking.outcome(signed, 99 if broken_off else missed)
    assert (said.reason is ReasonCode.OK) is (said.outcome is A)


# One signer, several authorities

CI, SECURITY, RELEASE = (authority(name, name) for name in ("ci", "security", "release"))


def test_two_of_three() -> None:
    asked = Requirement((CI, SECURITY, RELEASE), 2)
    assert verdict(asked, by("ci"), by("release")).authorities == ("ci", "release")
    assert verdict(asked, by("ci"), by("release")).outcome is A
    said = verdict(asked, by("ci"), by("stranger"))
    assert (said.outcome, said.reason, said.authorities) == (R, ReasonCode.THRESHOLD_NOT_MET, ("ci",))
    assert (
        "signatures by 2 of 3 (ci, security, release) are asked for; there are those of ci. The policy wants"
        in finding(asked, by("ci"))
    )


def test_several_signatures_of_one_signer_are_one() -> None:
    asked = Requirement((authority("a", "ci", "bob"), authority("b", "ci", "bob")), 2)
    said = verdict(asked, by("ci"), by("ci"), by("ci"))
    assert (said.outcome, said.authorities) == (R, ("a",))
    assert "whose signer stands for b as well: one signer counts once" in finding(asked, by("ci"), by("ci"))
    assert verdict(asked, by("ci"), by("bob")).outcome is A


def test_one_key_under_two_names_is_one_signer() -> None:
    asked = Requirement((authority("a", "key one"), authority("b", "key two")), 2)
    both = replace(by("key one"), key_names=(KeyName("one", ALWAYS), KeyName("two", ALWAYS)))
    assert verdict(asked, both, replace(both, digest=_digest())).outcome is R
    assert verdict(asked, both, by("key two")).outcome is A


def test_one_identity_of_two_issuers_is_two_signers() -> None:
    """Who vouches is part of who it is."""
    other = CertificateIdentity(StringMatch(value="ci"), StringMatch(value="https://other.test"))
    asked = Requirement((CI, Authority("other", (other,))), 2)
    elsewhere = by(
        "ci", certificate=replace(CERTIFICATE, subject_alternative_name="ci", issuer="https://other.test")
    )
    assert verdict(asked, by("ci"), elsewhere).outcome is A
    assert verdict(asked, by("ci"), by("ci")).outcome is R


def test_keys_and_certificates_count_together_each_by_its_own_rules() -> None:
    asked = Requirement((CI, authority("factory", "key one")), 2)
    assert verdict(asked, by("ci"), by("key one")).outcome is A
    assert verdict(asked, by("ci"), by("key one", log_entries=())).outcome is R
    lax = authority("factory", "key one", verifier_config=VerifierConfig.for_keys(unsafe_ignore_tlog=True))
    asked = Requirement((CI, lax), 2)
    assert verdict(asked, by("ci"), by("key one", log_entries=())).outcome is A
    assert verdict(asked, by("ci", log_entries=()), by("key one", log_entries=())).outcome is R


def test_annotations_are_those_of_each_authority() -> None:
    asked = Requirement((replace(CI, annotations=(("env", "prod"),)), SECURITY), 2)
    assert verdict(asked, by("ci"), by("security")).outcome is R
    assert verdict(asked, by("ci", annotations=(("env", "prod"),)), by("security")).outcome is A


def test_all_requirements_have_to_hold_and_any_authority_of_each() -> None:
    both = policy(Requirement((CI, SECURITY)), Requirement((RELEASE,)))
    assert weigh(both, found([by("security")])).verdict.outcome is R
    assert weigh(both, found([by("security"), by("release")])).verdict.outcome is A
    assert weigh(both, found([by("ci"), by("security")])).verdict.outcome is R
    assert weigh(both, found([by("security"), lost()])).verdict.outcome is C


# What is unknown


def test_what_could_not_be_checked_is_one_signature_or_any_number() -> None:
    """Of an artifact that could not be read nobody knows how many signatures are in it."""
    asked = Requirement((CI, SECURITY, RELEASE), 3)
    assert verdict(asked, by("ci"), lost()).outcome is R
    assert verdict(asked, by("ci"), lost(), lost()).outcome is C
    assert verdict(asked, by("ci"), lost(whole=True)).outcome is C
    assert verdict(asked, by("ci"), lost(ReasonCode.MALFORMED, whole=True)).outcome is R
    assert verdict(asked, by("ci"), obstacle=THROTTLED).outcome is C
    assert verdict(asked, by("ci"), lost(), lost()).reason is ReasonCode.REGISTRY_THROTTLED


# Attestations


@pytest.mark.parametrize(
    ("statements", "count", "outcome"),
    [("a", 1, A), ("a", 2, R), ("aa", 2, R), ("ab", 2, A), ("aab", 3, R), ("abc", 3, A)],
)
def test_different_attestations_are_counted(statements: str, count: int, outcome: Outcome) -> None:
    asked = Requirement((CI,), attestation=AttestationRequirement((SPDX,), count=count))
    others = [attested("stranger", "x"), attested("ci", "y", PROVENANCE), by("ci")]
    said = verdict(asked, *(attested("ci", text) for text in statements), *others)
    assert said.outcome is outcome


def test_different_attestations_may_be_of_different_authorities() -> None:
    asked = Requirement((CI, SECURITY), 1, AttestationRequirement(count=2))
    assert verdict(asked, attested("ci", "a"), attested("security", "b")).outcome is A
    assert verdict(asked, attested("ci", "a"), attested("security", "a")).outcome is R
    both = Requirement((CI, SECURITY), 2, AttestationRequirement(count=2))
    assert verdict(both, attested("ci", "a"), attested("ci", "b")).outcome is R
    assert verdict(both, attested("ci", "a"), attested("security", "a")).outcome is R
    assert verdict(both, attested("ci", "a"), attested("security", "b")).outcome is A


def test_what_is_missing_of_attestations_is_said() -> None:
    asked = Requirement((CI, SECURITY), 1, AttestationRequirement((SPDX,), count=2))
    message = finding(asked, attested("ci", "a"))
    assert f"2 different attestations of type {SPDX} by 1 of 2 (ci, security) are asked for" in message
    assert "there are those of ci, no more than 1 different" in message
    assert "no attestation was found" in finding(asked)
    assert "no signature was found" in finding(Requirement((CI,)))


class Says:
    """A condition that counts how often it is asked."""

    name = "says"

    def __init__(self, problem: str | Exception = "") -> None:
        self.problem_is = problem
        self.asked: list[Mapping[str, Any]] = []

    def problem(self, predicate: Mapping[str, Any], predicate_type: str, time: datetime) -> str:
        self.asked.append(predicate)
        if isinstance(self.problem_is, Exception):
            raise self.problem_is
        return self.problem_is


STATEMENT = '{"predicate": {"a": 1}}'


@pytest.mark.parametrize(
    ("problem", "statement", "outcome", "says"),
    [
        ("", STATEMENT, A, ""),
        ("a is 1", STATEMENT, R, "says: a is 1"),
        (RuntimeError("x"), STATEMENT, R, "says: cannot be evaluated (RuntimeError)"),
        ("", '{"predicate": []}', R, "predicate"),
        ("", "{}", R, "predicate"),
        ("", "not json", R, "JSON"),
        ("", '{"predicate": {"a": 1, "a": 2}}', R, "twice"),
    ],
)
def test_conditions_must_hold(problem: str | Exception, statement: str, outcome: Outcome, says: str) -> None:
    asked = Requirement((CI,), attestation=AttestationRequirement(conditions=(Says(problem),)))
    said = verdict(asked, attested("ci", statement))
    assert said.outcome is outcome
    if outcome is R:
        assert said.reason is ReasonCode.CONDITION_NOT_MET
        assert says in finding(asked, attested("ci", statement))


def test_every_condition_must_hold() -> None:
    asked = Requirement((CI,), attestation=AttestationRequirement(conditions=(Says(), Says("no"))))
    assert verdict(asked, attested("ci", STATEMENT)).outcome is R


def test_a_stranger_s_predicate_is_not_read_and_a_repeated_one_once() -> None:
    """Reading may take long, and whoever may push can repeat what somebody signed."""
    condition = Says()
    asked = Requirement((CI, SECURITY), attestation=AttestationRequirement((SPDX,), (condition,)))
    strange = [attested("stranger", STATEMENT), attested("ci", STATEMENT, PROVENANCE)]
    assert verdict(asked, *strange).outcome is R
    assert condition.asked == []
    assert verdict(asked, *(attested(who, STATEMENT) for who in ("ci", "ci", "security"))).outcome is A
    assert condition.asked == [{"a": 1}]


# Deny lists


def test_a_denied_artifact_is_refused_whatever_signs_it() -> None:
    denied = DenyList(digests=(IMAGE.digest,))
    weighed = weigh(policy(Requirement((CI,)), denied=denied), found([by("ci")]))
    assert (weighed.verdict.outcome, weighed.verdict.reason) == (R, ReasonCode.DENY_LISTED)
    assert [each.outcome for each in weighed.verdict.requirements] == [A, R]
    # Also where nobody knows whether it is signed.
    unknown = found([lost()], THROTTLED)
    assert weigh(policy(Requirement((CI,)), denied=denied), unknown).verdict.outcome is R


def test_a_denied_signer_counts_for_nobody_and_hides_nobody() -> None:
    denied = DenyList(identities=(CertificateIdentity(StringMatch(value="ci"), StringMatch(value=ISSUER)),))
    asked = Requirement((authority("a", "ci", "bob"),))
    said = verdict(asked, by("ci"), denied=denied)
    assert (said.outcome, said.reason) == (R, ReasonCode.DENY_LISTED)
    assert "the operator has denied this signer" in finding(asked, by("ci"), denied=denied)
    assert verdict(asked, by("ci"), by("bob"), denied=denied).outcome is A


# What could not be found out at all


@pytest.mark.parametrize("denied", [DenyList(), DenyList(digests=(IMAGE.digest,))])
def test_an_image_that_nobody_knows_could_not_be_checked(denied: DenyList) -> None:
    findings = Findings(Subject.parse("reg.test/app"), NOW, obstacle=THROTTLED)
    weighed = weigh(policy(Requirement((CI,)), denied=denied), findings)
    assert (weighed.verdict.outcome, weighed.finding) == (C, "told to wait")


@pytest.mark.parametrize("obstacle", [None, THROTTLED])
def test_an_index_that_nobody_read_is_not_signed(obstacle: UnavailableError | None) -> None:
    """Not even by a signature of the index: what is asked about are its platforms."""
    every = policy(Requirement((CI,)), platforms=Platforms(Coverage.EVERY))
    findings = found([by("ci")])
    findings.obstacle = obstacle
    assert weigh(every, findings).verdict.outcome is A  # no index
    assert findings.image is not None
    findings.image.descriptor = replace(IMAGE, media_type=OCI_INDEX)
    assert weigh(every, findings).verdict.outcome is (R if obstacle is None else C)
