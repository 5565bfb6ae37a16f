"""Any number of signatures under any policies, against the rule itself: any one suffices, every policy has to be
content, order plays no part, and what was not found out is never a refusal.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from providers.descriptor import Descriptor
from providers.errors import UnavailableError
from providers.policy import Mode, Policy
from providers.predicates import COSIGN_SIGN, PREDICATE_TYPES
from providers.reasons import ReasonCode
from providers.requirement import AttestationRequirement
from providers.subject import Subject
from providers.verifier_config import VerifierConfig
from tests.single import authority_of, demand_of
from tests.unit.verifier.world import FACTS, NOW, RELEASE, STRANGER, A, C, R, policy
from verifier.conclude import conclude
from verifier.facts import KeyName, SignatureFacts, Window
from verifier.findings import Artifact, Examined, Findings, Unproven
from verifier.verdict import Outcome, any_of, progress

ALWAYS, ENDED = Window(None, None), Window(None, NOW.replace(year=2020))
SPDX, CUSTOM = PREDICATE_TYPES["spdxjson"], PREDICATE_TYPES["custom"]

BY_KEY = replace(FACTS, certificate=None, key_id="ab" * 32, scts=())
names = st.lists(
    st.builds(KeyName, st.sampled_from(["a", "b", "c"]), st.sampled_from([ALWAYS, ENDED])),
    min_size=1,
    max_size=3,
    unique=True,
)


@st.composite
def facts(draw: st.DrawFn) -> SignatureFacts:
    """A signature that satisfies most of the policies below, or differs from such a one in little."""
    odd = draw(st.sets(st.sampled_from(["signer", "type", "annotations", "time", "log"]), max_size=2))
    found = draw(st.sampled_from([FACTS, replace(BY_KEY, key_names=(KeyName("a", ALWAYS),))]))
    if "signer" in odd:
        found = draw(
            st.one_of(st.just(STRANGER), names.map(lambda listed: replace(BY_KEY, key_names=tuple(listed))))
        )
    kinds = [SPDX, CUSTOM] if "type" in odd else ["", COSIGN_SIGN]
    annotations = draw(st.sampled_from([(), (("env", "test"), ("team", "x"))]))
    return replace(
        found,
        digest=draw(digests),
        predicate_type=draw(st.sampled_from(kinds)),
        annotations=annotations if "annotations" in odd else (("env", "prod"),),
        timestamps=() if "time" in odd else FACTS.timestamps,
        log_entries=() if "log" in odd else FACTS.log_entries,
        log_windows=((ALWAYS,),),
        windows=tuple(key.window for key in found.key_names) or (Window(NOW, NOW),),
    )


digests = st.integers(0, 1 << 64).map(lambda number: f"sha256:{number:064x}")
failures = st.sampled_from([reason for reason in ReasonCode if reason is not ReasonCode.OK]).flatmap(
    lambda reason: digests.map(lambda digest: Unproven("type", digest, reason, "told to fail"))
)
artifacts = st.builds(
    lambda digest, signatures: Artifact(Descriptor("type", digest, 1), signatures=signatures),
    digests,
    st.lists(st.one_of(facts(), failures), max_size=4, unique_by=lambda signature: signature.digest),
)


@st.composite
def policies(draw: st.DrawFn) -> Policy:
    """What the signatures above nearly satisfy."""
    keys = draw(st.sampled_from([(), ("a",), ("a", "b"), ("d",)]))
    without_log = draw(st.booleans())
    config = VerifierConfig(require_tlog_entries=not without_log)
    return policy(
        draw(st.text(st.sampled_from("xyz"), min_size=1)),
        certificate_identities=() if keys else (RELEASE,),
        keys=keys,
        mode=draw(st.sampled_from(Mode)),
        verifier_config=VerifierConfig.for_keys(unsafe_ignore_tlog=without_log) if keys else config,
        annotations=draw(st.sampled_from([(), (("env", "prod"),), (("env", "test"),)])),
        attestation=draw(st.sampled_from([None, AttestationRequirement(), AttestationRequirement((SPDX,))])),
    )


obstacles = st.sampled_from([None, UnavailableError(ReasonCode.REGISTRY_THROTTLED, "told to wait")])
listings = st.lists(artifacts, max_size=4, unique_by=lambda artifact: artifact.descriptor.digest)
asked = st.lists(policies(), max_size=3)


def counts(found: SignatureFacts, asking: Policy) -> bool:
    """The requirement itself, for the kinds of policies made above."""
    timed = bool(found.timestamps)
    authority, attestation = authority_of(asking), demand_of(asking).attestation
    if authority.keys:
        by = [key for key in found.key_names if key.name in authority.keys]
        trusted = bool(by) and (timed or any(key.window == ALWAYS for key in by))
    else:
        certificate = found.certificate
        trusted = certificate is not None and certificate == FACTS.certificate and timed and bool(found.scts)
    if attestation is None:
        kind = found.predicate_type in ("", COSIGN_SIGN)
    elif attestation.predicate_types:
        kind = found.predicate_type == SPDX
    else:
        kind = found.predicate_type in (SPDX, CUSTOM)
    logged = bool(found.log_entries) or not authority.verifier_config.require_tlog_entries
    return trusted and kind and logged and set(authority.annotations) <= set(found.annotations)


def definition(listed: Iterable[Artifact], asking: Policy, obstacle: UnavailableError | None) -> Outcome:
    """What one policy makes of all that was found."""
    signatures = [signature for artifact in listed for signature in artifact.signatures]
    if any(isinstance(one, SignatureFacts) and counts(one, asking) for one in signatures):
        return A
    unknown = any(isinstance(one, Unproven) and one.reason.could_not_check for one in signatures)
    return C if unknown or obstacle is not None else R


def found(listed: list[Artifact], asking: list[Policy], obstacle: UnavailableError | None) -> Findings:
    image = Examined(
        Descriptor("application/x", "sha256:" + "0" * 64, 1), artifacts=listed, obstacle=obstacle
    )
    return Findings(
        Subject.parse("reg.test/app"), NOW, policies=tuple(asking), image=image, obstacle=obstacle
    )


@given(listings, asked, obstacles)
def test_the_verdict_is_the_rule(
    listed: list[Artifact], asking: list[Policy], obstacle: UnavailableError | None
) -> None:
    result = conclude(found(listed, asking, obstacle))
    each = [definition(listed, one, obstacle) for one in asking]
    assert [verdict.outcome for verdict in result.policies] == each
    if each:
        assert result.outcome is (R if R in each else C if C in each else A)
    else:
        assert result.outcome is (R if obstacle is None else C)
    enforced = [outcome for one, outcome in zip(asking, each, strict=True) if one.mode is Mode.ENFORCE]
    assert result.admitted is (bool(each) and all(outcome is A for outcome in enforced))
    assert (result.reason is ReasonCode.OK) is (result.outcome is A)


@given(listings, asked, obstacles, st.randoms())
def test_the_order_of_what_is_listed_plays_no_part(
    listed: list[Artifact],
    asking: list[Policy],
    obstacle: UnavailableError | None,
    shuffled: random.Random,
) -> None:
    first = conclude(found(listed, asking, obstacle))
    again = list(listed)
    shuffled.shuffle(again)
    assert conclude(found(again, asking, obstacle)) == first
    inside = [
        replace(artifact, signatures=shuffled.sample(artifact.signatures, len(artifact.signatures)))
        for artifact in again
    ]
    second = conclude(found(inside, shuffled.sample(asking, len(asking)), obstacle))
    assert (second.outcome, second.reason, second.admitted) == (first.outcome, first.reason, first.admitted)
    assert {result.description for result in second.results} == {
        result.description for result in first.results
    }


@given(listings, artifacts, asked, obstacles)
def test_one_more_candidate_hides_nothing(
    listed: list[Artifact], more: Artifact, asking: list[Policy], obstacle: UnavailableError | None
) -> None:
    """A policy that was content stays so; one that was not becomes so by the new candidate only."""
    before = conclude(found(listed, asking, obstacle)).policies
    after = conclude(found([*listed, more], asking, obstacle)).policies
    alone = conclude(found([more], asking, None)).policies
    for one, two, three in zip(before, after, alone, strict=True):
        assert two.outcome is any_of([one.outcome, three.outcome])


@given(listings, policies(), obstacles)
def test_the_reason_is_that_of_the_signature_that_got_furthest(
    listed: list[Artifact], asking: Policy, obstacle: UnavailableError | None
) -> None:
    result = conclude(found(listed, [asking], obstacle))
    reasons = [
        detail.reason
        for verification in result.results
        for detail in verification.detail
        if detail.outcome is result.outcome
    ]
    if obstacle is not None and result.outcome is C and not reasons:
        reasons.append(obstacle.reason)
    if reasons:
        assert result.reason is max(reasons, key=progress)
    else:
        nothing = ReasonCode.NO_ATTESTATION if asking.wants_attestations else ReasonCode.NO_SIGNATURE
        assert result.reason is nothing
