"""Sign, change one byte or one field, expect denial; for every way to sign.

What is stored may change where nothing is proven by it (a chain, the spelling of JSON, a hint of the key), or lose
evidence. So the property of a change to it is: it is refused, or its facts say the same of the signer and of what
was signed, and prove no more (``no_more_than``). Never other, never more, and never *could not check*.

Where a change is to something that proves something (``test_every_proof_is_bound``), a policy that asks for every
proof there was denies. A change to what was signed, to who is trusted or to what is asked is always denied
(``test_another_question``).
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from functools import cache, partial
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from providers.errors import VerificationError
from providers.identity import CertificateIdentity, StringMatch
from providers.policy import Policy
from providers.requirement import AttestationRequirement
from pycosign.lab import Lab, TrustWindows, Window
from tests.properties.changes import any_change, at, edited, flipped, paths
from tests.properties.proving import PARTS, proving
from tests.properties.ways import (
    ANNOTATIONS,
    ARTIFACT,
    KINDS,
    NONE,
    OTHER,
    SIGNERS,
    STRANGER,
    WHO,
    Files,
    Way,
    every_way,
)
from tests.single import changed, demand_of
from tests.unit.engines.world import question
from verifier.engines.keys import KeyEngine
from verifier.engines.sigstore import Compiled, RootProver, SigstoreEngine
from verifier.facts import TIMESTAMP_AUTHORITY, TLOG, SignatureFacts
from verifier.judge import judge

NOW = datetime(2026, 6, 1, tzinfo=UTC)
LAB = Lab(name="properties", ct_logs=2, clock=lambda: NOW)
ELSEWHERE = Lab(name="elsewhere", clock=lambda: NOW)
ROOT = LAB.trusted_root()
# Roots in which one kind of authority was trusted long before.
LONG_AGO = Window(datetime(2001, 1, 1, tzinfo=UTC), datetime(2002, 1, 1, tzinfo=UTC))
RETIRED = {
    what: LAB.trusted_root(windows=TrustWindows(**{what: LONG_AGO}))
    for what in ("ca", "ctlog", "rekor1", "rekor2", "tsa")
}
COMPILED = Compiled()
ENGINES = (SigstoreEngine(COMPILED), KeyEngine(lambda: RootProver(COMPILED)))
# Every form with every proof; and the same with every kind of key.
WAYS, ALL = every_way("p256"), every_way(*KINDS)


def verified(
    way: Way, files: Files, artifact: bytes = ARTIFACT, *, kind: str = "", root: bytes = ROOT
) -> SignatureFacts:
    """The facts, as the engine that is asked for it in the core establishes them."""
    entity, material = way.read(files), way.trust(root, kind)
    for engine in ENGINES:
        if engine.takes(entity, material):
            return engine.verify(question(entity, material, artifact))
    raise AssertionError("there are an authority and a key to trust, so one of them takes it")


def answer(way: Way, files: Files, policy: Policy, artifact: bytes = ARTIFACT, **trust: Any) -> str:
    """The reason for the verdict of ``policy``."""
    try:
        return str(judge(verified(way, files, artifact, **trust), demand_of(policy), NOW).reason)
    except VerificationError as error:
        return str(error.reason)


@cache
def signed(way: Way) -> tuple[Files, SignatureFacts]:
    """A good signature, and its facts."""
    files = way.sign(LAB)
    return files, verified(way, files)


@cache
def others(way: Way) -> tuple[Files, ...]:
    """What the same signer signed in the same way, another artifact; and what strangers signed of this one."""
    strange: dict[str, Any] = {"key": STRANGER, "scheme": "usual"}
    strangers = (replace(way, signer=signer).sign(ELSEWHERE, **strange) for signer in SIGNERS)
    # A certificate is for a key of its own each time.
    own = way.sign(LAB, OTHER, **(strange if way.signer == "certificate" else {}))
    return (own, *strangers)


def no_more_than(facts: SignatureFacts, original: SignatureFacts) -> bool:
    """Whether they say the same, and prove what the original proved or less."""

    def same(found: SignatureFacts) -> tuple[Any, ...]:
        return (found.certificate, found.key_id, found.key_names, found.predicate_type, found.annotations)

    def logs(found: SignatureFacts) -> set[tuple[Any, ...]]:
        # Without its promise an entry of Rekor v1 keeps the index in its shard only: that one is proven.
        return {
            (entry.log_id, entry.kind, windows)
            for entry, windows in zip(found.log_entries, found.log_windows, strict=True)
        }

    return (
        same(facts) == same(original)
        and set(facts.timestamps) <= set(original.timestamps)
        and logs(facts) <= logs(original)
        and set(facts.scts) <= set(original.scts)
    )


@pytest.mark.parametrize("way", ALL, ids=str)
def test_unchanged(way: Way) -> None:
    files, facts = signed(way)
    assert answer(way, files, way.policy()) == way.expected
    assert answer(way, files, way.policy(facts)) == "ok"
    assert bool(facts.log_entries) is way.proof.logged
    assert (facts.certificate is not None) is (way.signer == "certificate")
    assert facts.annotations == (tuple(sorted(ANNOTATIONS.items())) if way.annotated else ())


@given(data=st.data())
@settings(max_examples=1500)
def test_one_byte(data: st.DataObject) -> None:
    way = data.draw(st.sampled_from(ALL))
    files, facts = signed(way)
    name = data.draw(st.sampled_from(sorted(files)))
    bit = data.draw(st.integers(0, max(len(files[name]) * 8 - 1, 0)))
    changed = {**files, name: flipped(files[name] or b"\0", bit)}
    try:
        found = verified(way, changed)
    except VerificationError:
        return
    assert no_more_than(found, facts)


@given(data=st.data())
@settings(max_examples=2000)
def test_one_field(data: st.DataObject) -> None:
    way = data.draw(st.sampled_from(ALL))
    files, facts = signed(way)
    place = data.draw(st.sampled_from([path for path in paths(dict(files)) if path]))
    other = _there(data.draw(st.sampled_from(others(way))), place)
    change = data.draw(any_change(place, at(files, place), other))
    changed = edited(dict(files), place, change)
    try:
        found = verified(way, changed)
    except VerificationError:
        return
    assert no_more_than(found, facts)


def _instead(theirs: Any, ours: Any) -> Any:
    del ours
    return theirs


def _there(files: Files, place: Any) -> Any:
    try:
        return at(files, place)
    except (KeyError, IndexError, TypeError, ValueError):
        return None


@pytest.mark.parametrize("way", dict.fromkeys((*WAYS, *(way for way in ALL if way.proof is NONE))), ids=str)
def test_every_proof_is_bound(way: Way) -> None:
    files, facts = signed(way)
    policy = way.policy(facts)
    promised = any(stamp.type == TLOG for stamp in facts.timestamps)
    tried = set()
    for place in paths(dict(files)):
        for change in proving(place, at(files, place), promised=promised):
            tried.add(place)
            assert answer(way, edited(dict(files), place, change), policy) != "ok", place
    # At the least the signature; of a log entry a dozen things.
    assert len(tried) >= (12 if way.proof.logged else 1)


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_evidence_of_another_signature(way: Way) -> None:
    """By the same signer, made in the same way: nothing of it fits this one."""
    files, facts = signed(way)
    policy, other = way.policy(facts), others(way)[0]
    tried = 0
    for place in paths(dict(files)):
        theirs = _there(other, place) if place and place[-1] in PARTS else None
        if theirs is None or theirs == at(files, place) or "spec" in place:
            continue
        if place == ("dev.cosignproject.cosign/signature",) and not files[place[0]]:
            continue  # empty beside an envelope, which has its own
        tried += 1
        changed = edited(dict(files), place, partial(_instead, theirs))
        assert answer(way, changed, policy) != "ok", place
    assert tried >= 1


def _needed(facts: SignatureFacts) -> set[str]:
    """The authorities that proved something."""
    needed = {entry.uri.removeprefix("https://").partition(".")[0] for entry in facts.log_entries}
    needed |= {"tsa" for stamp in facts.timestamps if stamp.type == TIMESTAMP_AUTHORITY}
    return needed | ({"ca", "ctlog"} if facts.certificate else set())


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_another_question(way: Way) -> None:
    files, facts = signed(way)
    policy = way.policy(facts)
    elsewhere = CertificateIdentity(StringMatch(value="https://elsewhere.test"), WHO.issuer)
    assert answer(way, files, policy) == "ok"
    assert answer(way, files, policy, OTHER) != "ok"
    if way.signer == "key":
        assert answer(way, files, policy, kind="p384") == "signature-invalid"
        assert answer(way, files, changed(policy, keys=("another",))) == "signature-invalid"
    else:
        assert answer(way, files, policy, root=ELSEWHERE.trusted_root()) == "chain-untrusted"
        assert answer(way, files, changed(policy, certificate_identities=(elsewhere,))) == "identity-mismatch"
    for what, root in RETIRED.items():
        assert (answer(way, files, policy, root=root) == "ok") is (what not in _needed(facts)), what
    asked = changed(policy, annotations=(("env", "test"),))
    assert answer(way, files, asked) == "annotation-mismatch"
    kind = None if way.attests else AttestationRequirement()
    assert answer(way, files, changed(policy, attestation=kind)) in {"no-signature", "no-attestation"}
