"""Signatures in every form they are stored in, on the whole line of the core.

What must hold: every form is searched in every way, and nothing that lies, fails or never ends in one place hides
a good signature in another; what could not be read is never "refused"; an attestation is no signature.
"""

from __future__ import annotations

import base64
import itertools
import json
from collections.abc import Iterator
from dataclasses import replace

import pytest

from providers.descriptor import Descriptor, digest_of
from providers.errors import UnavailableError
from providers.policy import Policy
from providers.reasons import ReasonCode
from providers.requirement import AttestationRequirement
from providers.static import StaticPolicyProvider, StaticTrustedMaterialProvider
from providers.subject import Subject
from pycosign.lab import LegacyLayer, attach_legacy, attach_oci11, push_artifact, push_index
from pycosign.lab.legacy import DSSE_LAYER, SIMPLE_SIGNING
from tests.memory_store import MemoryStore
from tests.unit.verifier.world import FACTS, NOW, STRANGER, A, C, R, World, policy, refusal
from verifier.budget import Budget
from verifier.core import MAX_CANDIDATES, MAX_SIGNATURES_PER_ARTIFACT, Verifier
from verifier.discovery import OCI11_SIGNATURE, Discovery, Referrers, StorageForm, Tag, Wanted, form_of
from verifier.engine import VerifyOptions
from verifier.facts import SignatureFacts
from verifier.formats.bundle import BUNDLE_MEDIA_TYPES, BUNDLE_V03
from verifier.formats.layer import signature_digest
from verifier.formats.manifest import Manifest, parse_manifest
from verifier.results import ValidationResult

SBOM = replace(FACTS, predicate_type="https://spdx.dev/Document")
ATTESTED = policy("attested", attestation=AttestationRequirement(("https://spdx.dev/Document",)))
BOTH = frozenset(Wanted)
SIGNATURE = "dev.cosignproject.cosign/signature"

Answer = SignatureFacts | Exception


class Stored(World):
    """A world in which signatures lie in every form."""

    def __init__(self) -> None:
        super().__init__()
        self.discovery = Discovery()
        self.serial = itertools.count()

    @property
    def sig(self) -> str:
        return f"sha256-{self.image.digest[7:]}.sig"

    @property
    def att(self) -> str:
        return f"sha256-{self.image.digest[7:]}.att"

    def layer(self, answer: Answer, payload: bytes | None = None, kind: str = SIMPLE_SIGNING) -> LegacyLayer:
        """A layer that verifies to ``answer``."""
        content = payload if payload is not None else _envelope(next(self.serial))
        annotations = {SIGNATURE: base64.b64encode(b"%d" % next(self.serial)).decode()}
        stored = Descriptor.parse(
            media_type=kind, digest=digest_of(content), size=len(content), annotations=annotations
        )
        self.engine.answers[signature_digest(stored)] = answer
        return LegacyLayer(kind, content, tuple(annotations.items()))

    def attach(self, form: str, *answers: Answer, repository: str = "app") -> str:
        """Store a signature artifact; its digest."""
        if form == "bundle":
            (answer,) = answers
            return self.signed(answer)
        attach = attach_oci11 if form == "oci11" else attach_legacy
        kind = DSSE_LAYER if form == "att" else SIMPLE_SIGNING
        layers = [self.layer(answer, kind=kind) for answer in answers]
        return attach(self.registry, repository, self.image, layers).digest

    def verifier(self) -> Verifier:
        return Verifier(
            store=self.store,
            engines=(self.engine,),
            trust=StaticTrustedMaterialProvider(self.trust),
            policies=StaticPolicyProvider(tuple(self.policies)),
            clock=lambda: NOW,
            discovery=self.discovery,
        )


def _envelope(serial: int) -> bytes:
    signature = {"sig": base64.b64encode(b"%d" % serial).decode()}
    return json.dumps(
        {"payload": "e30=", "payloadType": "application/vnd.in-toto+json", "signatures": [signature]}
    ).encode()


@pytest.fixture
def world() -> Stored:
    return Stored()


def _verdict(result: ValidationResult) -> tuple[object, object]:
    return result.outcome, result.reason


# Where is looked.


def _subject() -> Descriptor:
    return Descriptor("application/vnd.oci.image.manifest.v1+json", "sha256:" + "a" * 64, 2)


def test_both_forms_are_always_searched_and_tags_come_first() -> None:
    subject = _subject()
    assert Discovery().places("reg.test/app", subject, frozenset({Wanted.SIGNATURE})) == (
        Tag("reg.test/app", f"sha256-{subject.hex}.sig"),
        Referrers("reg.test/app", subject, BUNDLE_MEDIA_TYPES),
    )


def test_a_tag_is_asked_for_what_is_wanted_only() -> None:
    for wanted, suffixes in (({Wanted.ATTESTATION}, ["att"]), (BOTH, ["att", "sig"])):
        places = Discovery().places("reg.test/app", _subject(), frozenset(wanted))
        assert [place.name[-3:] for place in places if isinstance(place, Tag)] == suffixes
    assert Discovery().places("reg.test/app", _subject(), frozenset()) == ()


@pytest.mark.parametrize(
    ("forms", "tags", "types"),
    [
        ({StorageForm.TAG}, 1, ()),
        ({StorageForm.BUNDLE}, 0, BUNDLE_MEDIA_TYPES),
        ({StorageForm.OCI11}, 0, (OCI11_SIGNATURE,)),
        (set(StorageForm), 1, (*BUNDLE_MEDIA_TYPES, OCI11_SIGNATURE)),
    ],
)
def test_only_the_forms_that_are_enabled_are_asked_for(
    forms: set[StorageForm], tags: int, types: tuple[str, ...]
) -> None:
    places = Discovery(frozenset(forms), "reg.test/signatures").places(
        "reg.test/app", _subject(), frozenset({Wanted.SIGNATURE})
    )
    assert sum(isinstance(place, Tag) for place in places) == tags
    assert [place.artifact_types for place in places if isinstance(place, Referrers)] == [types] * bool(types)
    assert {place.repository for place in places} == {"reg.test/signatures"}


def _manifest(*layers: tuple[str, str, dict[str, str]], artifact_type: str = "") -> Manifest:
    listed = [
        {"mediaType": kind, "digest": digest_of(content.encode()), "size": 1, "annotations": annotations}
        for kind, content, annotations in layers
    ]
    config = {"mediaType": artifact_type or "application/vnd.oci.image.config.v1+json", "size": 2}
    return parse_manifest(
        json.dumps(
            {"schemaVersion": 2, "config": config | {"digest": digest_of(b"{}")}, "layers": listed}
        ).encode()
    )


@pytest.mark.parametrize(
    ("artifact_type", "kind", "form"),
    [
        (BUNDLE_V03, BUNDLE_V03, StorageForm.BUNDLE),
        (OCI11_SIGNATURE, SIMPLE_SIGNING, StorageForm.OCI11),
        ("", SIMPLE_SIGNING, StorageForm.TAG),
        ("", DSSE_LAYER, StorageForm.TAG),
        ("", "application/vnd.oci.image.layer.v1.tar+gzip", None),
        ("application/spdx+json", "text/spdx+json", None),
    ],
)
def test_a_manifest_tells_its_form(artifact_type: str, kind: str, form: StorageForm | None) -> None:
    manifest = _manifest((kind, "x", {}), artifact_type=artifact_type)
    assert form_of(manifest) is form
    everything = Discovery(frozenset(StorageForm))
    assert [layer.media_type for layer in everything.layers(manifest) or ()] == ([kind] if form else [])
    without = Discovery(frozenset(StorageForm) - {form}) if form else everything
    assert without.layers(manifest) is None


def test_a_signature_that_is_listed_again_is_one() -> None:
    """Annotations are part of a legacy signature, and no part of a bundle."""
    layers = Discovery().layers(
        _manifest(
            (SIMPLE_SIGNING, "x", {SIGNATURE: "MQ=="}),
            (SIMPLE_SIGNING, "x", {SIGNATURE: "Mg=="}),
            (SIMPLE_SIGNING, "x", {SIGNATURE: "MQ=="}),
            ("text/plain", "x", {}),
        )
    )
    assert [dict(layer.annotations)[SIGNATURE] for layer in layers or ()] == ["MQ==", "Mg=="]
    bundles = _manifest(*((BUNDLE_V03, "x", {"a": str(n)}) for n in range(9)), artifact_type=BUNDLE_V03)
    assert len(Discovery().layers(bundles) or ()) == 1


# What hides nothing.

BAD: dict[str, Answer] = {
    "stranger": STRANGER,
    "broken": refusal(ReasonCode.SIGNATURE_INVALID),
    "fault": RuntimeError("a bug in the engine"),
    "unknown": UnavailableError(ReasonCode.TRUST_UNAVAILABLE, "told to fail"),
}


@pytest.mark.parametrize("good", ["bundle", "sig"])
@pytest.mark.parametrize("bad", list(BAD))
def test_nothing_in_one_form_hides_a_good_signature_in_the_other(world: Stored, good: str, bad: str) -> None:
    world.attach({"bundle": "sig", "sig": "bundle"}[good], BAD[bad])
    assert world.validate().outcome is not A
    world.attach(good, FACTS)
    result = world.validate()
    assert result.outcome is A
    assert len(result.results) == 2


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("order", list(itertools.permutations(["stranger", "broken", "good"])))
def test_the_order_plays_no_part(world: Stored, order: tuple[str, ...], reverse: bool) -> None:
    world.store.reverse = reverse
    answers: dict[str, Answer] = {
        "stranger": STRANGER,
        "broken": refusal(ReasonCode.MALFORMED),
        "good": FACTS,
    }
    without = [answers[name] for name in order if name != "good"]
    for answer in without:
        world.attach("bundle", answer)
    world.attach("sig", *without)
    refused = world.validate()
    assert _verdict(refused) == (R, ReasonCode.IDENTITY_MISMATCH)
    world.attach("sig", *(answers[name] for name in order))
    assert world.validate().outcome is A


UNREADABLE = [
    ReasonCode.REGISTRY_UNAVAILABLE,
    ReasonCode.REGISTRY_UNAUTHORIZED,
    ReasonCode.REGISTRY_INVALID_RESPONSE,
    ReasonCode.CONTENT_MISMATCH,
    ReasonCode.LIMIT_EXCEEDED,
    ReasonCode.DEADLINE_EXCEEDED,
]


def _break(world: Stored, form: str, reason: ReasonCode) -> None:
    if form == "bundle":
        world.store.listing_fails_after, world.store.listing_fails_with = 0, reason
    else:
        world.store.broken[world.sig] = reason


@pytest.mark.parametrize("reason", UNREADABLE)
@pytest.mark.parametrize(("broken", "other"), [("bundle", "sig"), ("sig", "bundle")])
def test_a_place_that_cannot_be_read_hides_no_good_signature_elsewhere(
    world: Stored, broken: str, other: str, reason: ReasonCode
) -> None:
    _break(world, broken, reason)
    world.attach(other, FACTS)
    assert world.validate().outcome is A


@pytest.mark.parametrize("reason", UNREADABLE)
@pytest.mark.parametrize(("broken", "other"), [("bundle", "sig"), ("sig", "bundle")])
def test_when_nothing_else_suffices_what_cannot_be_read_is_never_refused(
    world: Stored, broken: str, other: str, reason: ReasonCode
) -> None:
    _break(world, broken, reason)
    assert _verdict(world.validate()) == (C, reason)
    world.attach(other, STRANGER)
    result = world.validate()
    assert (result.outcome, result.reason, result.admitted) == (C, reason, False)


class _Greedy(MemoryStore):
    """One place of it uses up whatever it is given: ``spends`` time, requests or bytes, at ``place``."""

    def __init__(self, world: Stored, place: str, spends: str) -> None:
        super().__init__(world.registry)
        self._place, self._spends = place, spends

    def referrers(
        self, repository: str, subject: Descriptor, artifact_types: tuple[str, ...], budget: Budget
    ) -> Iterator[Descriptor]:
        if self._place == "bundle":
            self._spend(budget)
        yield from super().referrers(repository, subject, artifact_types, budget)

    def tagged(self, repository: str, tag: str, budget: Budget) -> tuple[Descriptor, bytes] | None:
        if self._place == "sig":
            self._spend(budget)
        return super().tagged(repository, tag, budget)

    def _spend(self, budget: Budget) -> None:
        while True:
            if self._spends == "time":
                budget.end()
            if self._spends == "bytes":
                budget.spend_bytes(1 << 20)
            budget.spend_request()


@pytest.mark.parametrize("spends", ["time", "requests", "bytes"])
@pytest.mark.parametrize(("place", "other"), [("bundle", "sig"), ("sig", "bundle")])
def test_a_place_that_never_ends_leaves_enough_for_the_other(
    world: Stored, place: str, other: str, spends: str
) -> None:
    world.store = _Greedy(world, place, spends)
    reason = ReasonCode.DEADLINE_EXCEEDED if spends == "time" else ReasonCode.LIMIT_EXCEEDED
    assert _verdict(world.validate()) == (C, reason)
    world.attach(other, FACTS)
    assert world.validate().outcome is A


def test_a_share_ends_with_the_whole_and_spends_of_it() -> None:
    whole = Budget(60, max_bytes=100, max_requests=3)
    share = whole.share(2)
    assert share.seconds_left() <= 30
    share.spend_bytes(50)
    with pytest.raises(UnavailableError) as spent:
        share.spend_bytes(1)
    assert spent.value.reason is ReasonCode.LIMIT_EXCEEDED
    with pytest.raises(UnavailableError):
        whole.spend_bytes(51)
    share.spend_request()
    share.spend_request()
    rest = whole.share(1)
    rest.spend_request()
    for budget in (rest, whole):
        with pytest.raises(UnavailableError):
            budget.spend_request()
    whole.end()
    with pytest.raises(UnavailableError) as over:
        rest.seconds_left()
    assert over.value.reason is ReasonCode.DEADLINE_EXCEEDED
    with pytest.raises(UnavailableError):
        whole.share(1)


def test_more_bundles_than_are_read_hide_no_good_layer(world: Stored) -> None:
    for number in range(MAX_CANDIDATES + 1):
        push_artifact(
            world.registry, "app", BUNDLE_V03, b"%d" % number, media_type=BUNDLE_V03, subject=world.image
        )
    assert _verdict(world.validate()) == (C, ReasonCode.LIMIT_EXCEEDED)
    world.attach("sig", FACTS)
    result = world.validate()
    assert result.outcome is A
    assert len(result.results) == MAX_CANDIDATES + 1


@pytest.mark.parametrize("place", [0, MAX_SIGNATURES_PER_ARTIFACT - 1])
def test_past_the_limit_of_layers_those_that_were_read_still_count(world: Stored, place: int) -> None:
    answers: list[Answer] = [STRANGER] * (MAX_SIGNATURES_PER_ARTIFACT + 1)
    world.attach("sig", *answers)
    assert _verdict(world.validate()) == (C, ReasonCode.LIMIT_EXCEEDED)
    answers[place] = FACTS
    world.attach("sig", *answers)
    assert world.validate().outcome is A


# Layers.


def test_several_signers_of_one_payload_are_all_verified_and_it_is_fetched_once(world: Stored) -> None:
    payload = b"{}"
    layers = [world.layer(answer, payload) for answer in (STRANGER, refusal(ReasonCode.MALFORMED), FACTS)]
    attach_legacy(world.registry, "app", world.image, layers)
    result = world.validate()
    assert result.outcome is A
    (artifact,) = result.results
    assert sorted(str(detail.reason) for detail in artifact.detail) == [
        "identity-mismatch",
        "malformed",
        "ok",
    ]
    assert len({detail.digest for detail in artifact.detail}) == 3
    assert world.store.asked.count(f"fetch {digest_of(payload)}") == 1


@pytest.mark.parametrize("kind", [SIMPLE_SIGNING, DSSE_LAYER])
@pytest.mark.parametrize("last", [False, True])
def test_a_layer_that_cannot_be_used_hides_no_other(world: Stored, last: bool, kind: str) -> None:
    world.policies = [policy() if kind == SIMPLE_SIGNING else ATTESTED]
    answer = FACTS if kind == SIMPLE_SIGNING else SBOM
    gone, good = world.layer(answer, kind=kind), world.layer(answer, kind=kind)
    unsigned = replace(world.layer(answer, b"{", kind), annotations=((SIGNATURE, "no base64"),))
    world.store.broken[digest_of(gone.data)] = ReasonCode.REGISTRY_UNAVAILABLE
    attach_legacy(world.registry, "app", world.image, [gone, unsigned])
    assert _verdict(world.validate()) == (C, ReasonCode.REGISTRY_UNAVAILABLE)
    layers = [gone, unsigned, good] if last else [good, gone, unsigned]
    attach_legacy(world.registry, "app", world.image, layers)
    result = world.validate()
    assert result.outcome is A
    assert sorted(str(detail.reason) for detail in result.results[0].detail) == [
        "malformed",
        "ok",
        "registry-unavailable",
    ]


# What is under a tag, and is not what it should be.


def test_an_index_under_the_tag_is_no_signature_and_hides_none(world: Stored) -> None:
    push_index(world.registry, "app", {"linux/amd64": world.image}, tag=world.sig)
    assert _verdict(world.validate()) == (R, ReasonCode.UNSUPPORTED)
    world.attach("bundle", FACTS)
    assert world.validate().outcome is A


def test_another_artifact_under_the_tag_is_no_signature(world: Stored) -> None:
    push_artifact(world.registry, "app", "application/spdx+json", b"{}", tag=world.sig)
    result = world.validate()
    assert (_verdict(result), result.results) == ((R, ReasonCode.NO_SIGNATURE), ())


def test_nothing_that_is_no_manifest_under_the_tag_hides_a_bundle(world: Stored) -> None:
    world.registry.put_manifest("app", b"[]", "application/vnd.oci.image.manifest.v1+json", tag=world.sig)
    assert _verdict(world.validate()) == (R, ReasonCode.MALFORMED)
    world.attach("bundle", FACTS)
    assert world.validate().outcome is A


# What is asked for.


@pytest.mark.parametrize(
    ("policies", "asked"),
    [
        ([policy()], {"sig"}),
        ([ATTESTED], {"att"}),
        ([policy(), ATTESTED], {"sig", "att"}),
    ],
)
def test_the_tags_of_what_no_policy_wants_are_not_asked_for(
    world: Stored, policies: list[Policy], asked: set[str]
) -> None:
    world.policies = policies
    world.validate()
    assert {question[-3:] for question in world.store.asked if question.startswith("tagged ")} == asked


@pytest.mark.parametrize("form", ["bundle", "att", "sig"])
def test_an_attestation_never_passes_for_a_signature(world: Stored, form: str) -> None:
    """Wherever it lies: also under the tag of signatures, or read because another policy wants one."""
    if form == "sig":
        layers = [world.layer(SBOM, kind=DSSE_LAYER)]
        manifest = attach_legacy(world.registry, "app", world.image, layers)
        stored = world.registry.get_manifest("app", manifest.digest)
        assert stored is not None
        world.registry.put_manifest("app", stored.data, stored.media_type, tag=world.sig)
    else:
        world.attach(form, SBOM)
    assert _verdict(world.validate()) == (R, ReasonCode.NO_SIGNATURE)
    world.policies = [policy(), ATTESTED]
    result = world.validate()
    assert result.outcome is R
    assert [(p.name, p.outcome) for p in result.policies] == [("release", R), ("attested", A)]


@pytest.mark.parametrize("form", ["bundle", "sig", "att"])
def test_a_signature_never_passes_for_an_attestation(world: Stored, form: str) -> None:
    world.policies = [ATTESTED]
    world.attach(form, FACTS)
    assert _verdict(world.validate()) == (R, ReasonCode.NO_ATTESTATION)


@pytest.mark.parametrize("form", ["bundle", "att"])
def test_attestations_are_found_in_both_forms(world: Stored, form: str) -> None:
    world.policies = [ATTESTED]
    world.attach(form, SBOM)
    assert world.validate().outcome is A


# Which forms, and where.


def test_the_experimental_form_counts_only_when_it_is_enabled(world: Stored) -> None:
    world.attach("oci11", FACTS)
    result = world.validate()
    assert (_verdict(result), result.results) == ((R, ReasonCode.NO_SIGNATURE), ())
    world.discovery = Discovery(frozenset(StorageForm))
    assert world.validate().outcome is A


@pytest.mark.parametrize("form", ["bundle", "sig", "oci11"])
def test_forms_that_are_left_out_are_not_looked_at(world: Stored, form: str) -> None:
    world.attach(form, FACTS)
    own = {"bundle": StorageForm.BUNDLE, "sig": StorageForm.TAG, "oci11": StorageForm.OCI11}[form]
    world.discovery = Discovery(frozenset(StorageForm) - {own})
    assert _verdict(world.validate()) == (R, ReasonCode.NO_SIGNATURE)
    world.discovery = Discovery(frozenset({own}))
    assert world.validate().outcome is A


def test_without_referrers_the_registry_is_not_asked_for_them(world: Stored) -> None:
    world.discovery = Discovery(frozenset({StorageForm.TAG}))
    world.attach("bundle", STRANGER)
    world.attach("sig", FACTS)
    assert world.validate().outcome is A
    assert not any(question.startswith("referrers") for question in world.store.asked)


def test_an_artifact_of_a_form_that_is_left_out_is_none_for_ratifys_call(world: Stored) -> None:
    manifest = world.registry.get_manifest("app", world.attach("oci11", FACTS))
    assert manifest is not None
    artifact = Descriptor(manifest.media_type, manifest.digest, len(manifest.data))
    image = Descriptor(world.image.media_type, world.image.digest, world.image.size)
    for discovery, outcome in ((Discovery(), R), (Discovery(frozenset(StorageForm)), A)):
        world.discovery = discovery
        result = world.verifier().verify(Subject.parse("reg.test/app"), image, artifact, Budget(60))
        assert result.outcome is outcome


@pytest.mark.parametrize("form", ["sig", "oci11"])
def test_signatures_in_another_repository_are_read_there_and_the_subject_here(
    world: Stored, form: str
) -> None:
    world.attach(form, STRANGER)  # beside the image, where it must not be looked for
    world.attach(form, FACTS, repository="signatures")
    world.discovery = Discovery(frozenset(StorageForm), "reg.test/signatures")
    verify = world.engine.verify

    def reading(options: VerifyOptions) -> SignatureFacts:
        image = world.registry.get_manifest("app", world.image.digest)
        assert image is not None
        assert options.read_subject() == image.data
        return verify(options)

    world.engine.verify = reading  # type: ignore[method-assign]  # an engine that asks for the subject
    result = world.validate()
    assert result.outcome is A
    assert [r.reason for r in result.results] == [ReasonCode.OK]
    here = [
        question
        for question, repository in zip(world.store.asked, world.store.repositories, strict=True)
        if repository == "reg.test/app"
    ]
    assert here == ["resolve v1", f"fetch {world.image.digest}"]


def test_bundles_in_another_repository_are_listed_there(world: Stored) -> None:
    world.attach("bundle", FACTS)
    world.discovery = Discovery(repository="reg.test/signatures")
    assert _verdict(world.validate()) == (R, ReasonCode.NO_SIGNATURE)
    asked = dict(zip(world.store.asked, world.store.repositories, strict=True))
    assert asked[f"referrers {world.image.digest}"] == "reg.test/signatures"
