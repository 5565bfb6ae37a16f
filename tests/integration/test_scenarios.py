"""Forty images against the truth table of the documentation: real engines, the lab's signatures, a registry.

Each scenario says what lies in the registry, what the policies ask for, and what the answer is. Beside the answer
itself, the answers of requirements and policies are put together by the published table.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import reduce
from typing import Any

import pytest

from providers.attestation_spec import AttestationSpec, to_attestation
from providers.authority import Authority
from providers.document import Document
from providers.identity import CertificateIdentity, StringMatch
from providers.platforms import Coverage, Platform, Platforms
from providers.policy import Mode, Policy
from providers.reasons import ReasonCode as Reason
from providers.requirement import AttestationRequirement, DenyList, Requirement, SigningTime
from providers.scope import Scope
from providers.static import StaticPolicyProvider, StaticTrustedMaterialProvider
from providers.subject import Subject
from providers.trust import TrustedKey, TrustedMaterial
from providers.verifier_config import VerifierConfig
from pycosign.lab import (
    Descriptor,
    Lab,
    LegacyLayer,
    MemoryRegistry,
    attach_bundle,
    attach_legacy,
    attach_oci11,
    push_image,
    push_index,
)
from pycosign.lab.keys import new_key, spki_pem
from tests.memory_store import MemoryStore
from tests.tools import ROOT
from tests.unit.engines.keyed import key_of
from verifier.budget import Budget
from verifier.core import Verifier
from verifier.discovery import Discovery, StorageForm
from verifier.engines.keys import KeyEngine
from verifier.engines.sigstore import Compiled, RootProver, SigstoreEngine
from verifier.results import ValidationResult
from verifier.verdict import Outcome

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
DAY = timedelta(days=1)
ISSUER = "https://oidc.lab.test"
LAB, STRANGER = Lab(clock=lambda: NOW), Lab(name="stranger", clock=lambda: NOW)
FACTORY, OTHER, ROTATED = key_of("rsa-2048"), new_key(), new_key()
KEYS = (
    TrustedKey("factory", spki_pem(FACTORY.public_key())),
    TrustedKey("stolen", spki_pem(FACTORY.public_key()), "sha512"),  # the same, with another hash
    TrustedKey("other", spki_pem(OTHER.public_key())),
    TrustedKey("rotated", spki_pem(ROTATED.public_key()), valid_until=NOW - DAY),
    TrustedKey("still", spki_pem(ROTATED.public_key())),
)
PRIVATE = {"factory": FACTORY, "other": OTHER, "rotated": ROTATED}
TRUST = TrustedMaterial.of("lab", LAB.trusted_root(), NOW, KEYS)
_COMPILED = Compiled()
ENGINES = (SigstoreEngine(_COMPILED), KeyEngine(lambda: RootProver(_COMPILED)))
SPDX, SLSA = "https://spdx.dev/Document", "https://slsa.dev/provenance/v1"
PACKAGES = {"spdxVersion": "SPDX-2.3", "packages": [{"name": "musl"}]}
A, R, C = Outcome.ALLOWED, Outcome.REFUSED, Outcome.COULD_NOT_CHECK


def _whom(who: str) -> dict[str, Any]:
    """How the lab signs as ``who``: a key of this name, or an identity."""
    if who in PRIVATE:
        return {"keyless": False, "key": PRIVATE[who]}
    return {"identity": f"https://{who}.test/release", "issuer": ISSUER}


class Scene:
    """What lies in the registry. ``image`` is asked about, unless an index is made."""

    def __init__(self) -> None:
        self.registry = MemoryRegistry()
        self.store = MemoryStore(self.registry)
        self.image = self.push("image")
        self.subject = self.image
        self.layers: dict[tuple[str, str], list[LegacyLayer]] = {}

    def push(self, name: str) -> Descriptor:
        """An image that nobody signed."""
        return push_image(self.registry, "app", content=name.encode())

    def bundle(
        self,
        *signers: str,
        of: Descriptor | None = None,
        under: Descriptor | None = None,
        lab: Lab = LAB,
        **more: Any,
    ) -> str:
        """A bundle by each; ``under`` is where it is put. The digest of the last manifest."""
        signed, digest = of or self.image, ""
        for who in signers:
            content = lab.sign_image(signed.digest, **(_whom(who) | more))
            digest = attach_bundle(self.registry, "app", under or signed, content).digest
        return digest

    def content(self, digest: str) -> str:
        """The digest of what the manifest with ``digest`` holds."""
        manifest = self.registry.get_manifest("app", digest)
        assert manifest is not None
        return str(json.loads(manifest.data)["layers"][0]["digest"])

    def attest(self, who: str, predicate_type: str, predicate: object, *, legacy: bool = False) -> str:
        """An attestation in a bundle, or under the ``.att`` tag."""
        said: dict[str, Any] = {"predicate_type": predicate_type, "predicate": predicate, **_whom(who)}
        if legacy:
            self._layer(self.image, LAB.attest_legacy(self.image.digest, **said))
        else:
            attach_bundle(self.registry, "app", self.image, LAB.attest(self.image.digest, **said))
        return self.image.digest

    def sig(self, *signers: str, oci11: bool = False, **more: Any) -> str:
        """A layer by each, under the ``.sig`` tag or as a referrer. The digest of the manifest."""
        layers = [
            LAB.sign_image_legacy(self.image.digest, reference="reg.test/app", **(_whom(who) | more))
            for who in signers
        ]
        if oci11:
            return attach_oci11(self.registry, "app", self.image, layers).digest
        for layer in layers:
            self._layer(self.image, layer)
        return f"sha256-{self.image.digest[7:]}.sig"

    def _layer(self, image: Descriptor, layer: LegacyLayer) -> None:
        listed = self.layers.setdefault((image.digest, layer.suffix), [])
        listed.append(layer)
        attach_legacy(self.registry, "app", image, listed)

    def index(self, **platforms: Descriptor) -> Descriptor:
        """An image for several platforms, by architecture. It is asked about from now on."""
        self.subject = push_index(
            self.registry, "app", {f"linux/{name}": image for name, image in platforms.items()}
        )
        return self.subject

    def lose(self, name: str, reason: Reason = Reason.REGISTRY_THROTTLED) -> str:
        """What is called so cannot be read."""
        self.store.broken[name] = reason
        return name

    def break_off(self, after: int) -> int:
        """The listing ends with an error."""
        self.store.listing_fails_after = after
        return after


def authority(name: str, *who: str, **more: Any) -> Authority:
    """Somebody who signs as any of ``who``: identities, or keys."""
    if {*who} & {key.name for key in KEYS}:
        return Authority(name, (), who, **({"verifier_config": VerifierConfig.for_keys()} | more))
    identities = tuple(
        CertificateIdentity(StringMatch(value=f"https://{each}.test/release"), StringMatch(value=ISSUER))
        for each in who
    )
    return Authority(name, identities, **more)


CI, SECURITY, FLOOR = authority("ci", "ci"), authority("security", "security"), authority("floor", "factory")


def need(*authorities: Authority, of: int = 1, attested: AttestationRequirement | None = None) -> Requirement:
    """``of`` of them."""
    return Requirement(authorities, of, attested)


def attestation(**fields: Any) -> AttestationRequirement:
    """As it is written in YAML."""
    document = Document.parse(b"a: b", "test.yaml")
    return to_attestation(AttestationSpec.model_validate(fields), document, ())


def policy(*requirements: Requirement, **more: Any) -> Policy:
    """For everything."""
    return Policy(**({"name": "p"} | more), scopes=(Scope.parse("reg.test"),), requirements=requirements)


@dataclass(frozen=True)
class Scenario:
    """What lies there, what is asked, what is answered."""

    there: Callable[[Scene], object]
    asked: tuple[Policy, ...]
    outcome: Outcome
    reason: Reason
    says: str = ""
    admitted: bool | None = None  # where it is not what the outcome says
    forms: frozenset[StorageForm] = field(default_factory=lambda: frozenset(StorageForm))


ONE = (policy(need(CI)),)
TWO = (policy(need(CI, SECURITY, FLOOR, of=2)),)
ALL = (policy(need(CI, SECURITY, FLOOR, of=3)),)
EVERY = (policy(need(CI), platforms=Platforms(Coverage.EVERY)),)
ON_ARM = (policy(need(CI), platforms=Platforms(Coverage.LISTED, (Platform("linux", "arm64"),))),)
SBOM = attestation(sbom={})
BUILT = attestation(slsa={"builders": [{"value": "https://builder.test"}]})
NOTHING = Reason.NO_SIGNATURE


def _every(scene: Scene, **signers: str) -> None:
    """An index, with each part signed by one; by nobody where the name is empty."""
    parts = {name: scene.push(name) for name in signers}
    for name, who in signers.items():
        if who:
            scene.bundle(who, of=parts[name])
    scene.index(**parts)


def _signed_parts_and_index(scene: Scene) -> None:
    _every(scene, amd64="ci", arm64="")
    scene.bundle("ci", of=scene.subject)


def _denied_part(scene: Scene) -> None:
    scene.index(amd64=scene.image)
    scene.bundle("ci", of=scene.subject)


IMAGE = Scene().image.digest
BUNDLE = frozenset({StorageForm.BUNDLE})

SCENARIOS = {
    # One signature
    "a bundle": Scenario(lambda s: s.bundle("ci"), ONE, A, Reason.OK, "ci.test"),
    "a layer": Scenario(lambda s: s.sig("ci"), ONE, A, Reason.OK),
    "a referrer of cosign's experiment": Scenario(lambda s: s.sig("ci", oci11=True), ONE, A, Reason.OK),
    "a form that nobody looks for": Scenario(lambda s: s.sig("ci"), ONE, R, NOTHING, forms=BUNDLE),
    "a key": Scenario(lambda s: s.bundle("factory"), (policy(need(FLOOR)),), A, Reason.OK, "key factory"),
    "a key without a log": Scenario(
        lambda s: s.sig("factory", log=None), (policy(need(FLOOR)),), R, Reason.NO_LOG_ENTRY
    ),
    "no signature": Scenario(lambda _: None, ONE, R, NOTHING, "cosign sign"),
    "an attestation in its place": Scenario(lambda s: s.attest("ci", SPDX, PACKAGES), ONE, R, NOTHING),
    # Foreign, broken, missing, throttled
    "of another image": Scenario(
        lambda s: s.bundle("ci", of=s.push("other"), under=s.image), ONE, R, Reason.SUBJECT_DIGEST_MISMATCH
    ),
    "by somebody else": Scenario(
        lambda s: s.bundle("mallory"), ONE, R, Reason.IDENTITY_MISMATCH, "https://mallory.test/release"
    ),
    "under another root": Scenario(
        lambda s: s.bundle("ci", lab=STRANGER), ONE, R, Reason.CHAIN_UNTRUSTED
    ),
    "by a key nobody named": Scenario(
        lambda s: s.bundle("other"), (policy(need(FLOOR)),), R, Reason.SIGNATURE_INVALID
    ),
    "changed after it was signed": Scenario(
        lambda s: s.bundle("ci", tamper=lambda data: data.replace(b"sigstore", b"sigstone")),
        ONE, R, Reason.SIGNATURE_INVALID,
    ),
    "good ones among bad ones": Scenario(
        lambda s: (s.bundle("mallory", "ci", "mallory"), s.sig("mallory")), ONE, A, Reason.OK
    ),
    "one that is throttled": Scenario(
        lambda s: s.lose(s.bundle("ci")), ONE, C, Reason.REGISTRY_THROTTLED, "could not check"
    ),
    "a bad one, and one that is throttled": Scenario(
        lambda s: (s.bundle("mallory"), s.lose(s.bundle("ci"))), ONE, C, Reason.REGISTRY_THROTTLED
    ),
    "a good one, and a tag that is throttled": Scenario(
        lambda s: (s.bundle("ci"), s.lose(s.sig("ci"))), ONE, A, Reason.OK
    ),
    "a tag that cannot be read": Scenario(
        lambda s: s.lose(s.sig("ci"), Reason.REGISTRY_UNAUTHORIZED), ONE, C, Reason.REGISTRY_UNAUTHORIZED
    ),
    "a listing that breaks off": Scenario(
        lambda s: (s.bundle("mallory"), s.break_off(1)),
        ONE, C, Reason.REGISTRY_UNAVAILABLE,
    ),
    # Several authorities
    "two of three, in several forms": Scenario(
        lambda s: (s.sig("ci"), s.bundle("factory")), TWO, A, Reason.OK
    ),
    "one of two": Scenario(
        lambda s: (s.bundle("ci", "ci"), s.sig("ci")), TWO, R, Reason.THRESHOLD_NOT_MET,
        "signatures by 2 of 3 (ci, security, floor) are asked for; there are those of ci",
    ),
    "one signer for two authorities": Scenario(
        lambda s: s.bundle("ci", "ci"),
        (policy(need(authority("a", "ci", "x"), authority("b", "ci", "y"), of=2)),),
        R, Reason.THRESHOLD_NOT_MET, "one signer counts once",
    ),
    "one of two, and one that is throttled": Scenario(
        lambda s: (s.bundle("ci"), s.lose(s.bundle("security"))), TWO, C, Reason.REGISTRY_THROTTLED
    ),
    "one of three, and one that is throttled": Scenario(
        lambda s: (s.bundle("ci"), s.lose(s.bundle("security"))), ALL, C, Reason.REGISTRY_THROTTLED
    ),  # the manifest could not be read, and may hold any number
    "one of three, and one that could not be fetched": Scenario(
        lambda s: (s.bundle("ci"), s.lose(s.content(s.bundle("security")))), ALL, R, Reason.THRESHOLD_NOT_MET
    ),
    "all of three": Scenario(
        lambda s: (s.sig("ci", "security"), s.bundle("factory")), ALL, A, Reason.OK
    ),
    # Attestations
    "a bill of materials": Scenario(
        lambda s: s.attest("ci", SPDX, PACKAGES), (policy(need(CI, attested=SBOM)),), A, Reason.OK
    ),
    "a bill of materials under a tag": Scenario(
        lambda s: s.attest("ci", SPDX, PACKAGES, legacy=True), (policy(need(CI, attested=SBOM)),), A, Reason.OK
    ),
    "an empty bill of materials": Scenario(
        lambda s: s.attest("ci", SPDX, PACKAGES | {"packages": []}), (policy(need(CI, attested=SBOM)),),
        R, Reason.CONDITION_NOT_MET, "names no package",
    ),
    "a signature in place of an attestation": Scenario(
        lambda s: s.bundle("ci"), (policy(need(CI, attested=SBOM)),), R, Reason.NO_ATTESTATION
    ),
    "provenance of another builder": Scenario(
        lambda s: s.attest("ci", SLSA, {"runDetails": {"builder": {"id": "https://laptop.test"}}}),
        (policy(need(CI, attested=BUILT)),), R, Reason.CONDITION_NOT_MET, "https://laptop.test",
    ),
    "one attestation twice, of two": Scenario(
        lambda s: (s.attest("ci", SPDX, PACKAGES), s.attest("ci", SPDX, PACKAGES)),
        (policy(need(CI, attested=attestation(predicateTypes=["spdxjson"], count=2))),),
        R, Reason.THRESHOLD_NOT_MET, "no more than 1 different",
    ),
    # Platforms
    "every platform": Scenario(lambda s: _every(s, amd64="ci", arm64="ci"), EVERY, A, Reason.OK),
    "the index, and not every platform": Scenario(
        _signed_parts_and_index, EVERY, R, NOTHING, "linux/arm64: no signature was found"
    ),
    "the platform that is listed": Scenario(lambda s: _every(s, amd64="", arm64="ci"), ON_ARM, A, Reason.OK),
    "a platform that is not there": Scenario(
        lambda s: _every(s, amd64="ci"), ON_ARM, R, Reason.CONDITION_NOT_MET, "no manifest for linux/arm64"
    ),
    # Deny lists, ages
    "a denied platform": Scenario(
        _denied_part, (policy(need(CI), denied=DenyList(digests=(IMAGE,))),), R, Reason.DENY_LISTED, IMAGE
    ),
    "a denied key under its other name": Scenario(
        lambda s: s.bundle("factory"), (policy(need(FLOOR), denied=DenyList(keys=("stolen",))),),
        R, Reason.DENY_LISTED,
    ),
    "a denied key that is not trusted any more under this name": Scenario(
        lambda s: s.bundle("rotated"),
        (policy(need(authority("a", "still")), denied=DenyList(keys=("rotated",))),), R, Reason.DENY_LISTED,
    ),
    "an old signature that was logged again": Scenario(
        lambda s: s.bundle("other", timestamp=True, timestamped_at=NOW - 2 * DAY),
        (policy(need(authority("a", "other")), signing_time=SigningTime(max_age=DAY)),), R, Reason.TOO_OLD,
    ),
    # Modes
    "a policy that warns beside one that allows": Scenario(
        lambda s: s.bundle("ci"), (*ONE, policy(need(SECURITY), name="w", mode=Mode.WARN)),
        R, Reason.IDENTITY_MISMATCH, admitted=True,
    ),
    "a policy that audits, alone": Scenario(
        lambda s: s.lose(s.bundle("ci")), (replace(ONE[0], mode=Mode.AUDIT),),
        C, Reason.REGISTRY_THROTTLED, admitted=True,
    ),
}  # fmt: skip


def _answer(scenario: Scenario, *, reverse: bool = False) -> ValidationResult:
    scene = Scene()
    scenario.there(scene)
    scene.store.reverse = reverse
    verifier = Verifier(
        store=scene.store,
        engines=ENGINES,
        trust=StaticTrustedMaterialProvider(TRUST),
        policies=StaticPolicyProvider(scenario.asked),
        clock=lambda: NOW,
        discovery=Discovery(scenario.forms),
    )
    return verifier.validate(Subject.parse(f"reg.test/app@{scene.subject.digest}"), Budget(60))


def _table() -> dict[tuple[Outcome, Outcome], tuple[Outcome, Outcome]]:
    """The published one: any of two answers, and all of them."""
    named = {str(outcome).replace("_", " "): outcome for outcome in Outcome}
    row = re.compile(r"\| " + r" \| ".join([f"({'|'.join(named)})"] * 4) + r" \|")
    found = [
        tuple(named[word] for word in row.fullmatch(line).groups())  # type: ignore[union-attr]  # filtered below
        for line in (ROOT / "docs" / "verdicts.md").read_text("utf-8").splitlines()
        if row.fullmatch(line)
    ]
    return {(first, second): (either, both) for first, second, either, both in found}


TABLE = _table()


def _all_of(outcomes: Iterable[Outcome]) -> Outcome:
    return reduce(lambda first, second: TABLE[first, second][1], outcomes)


@pytest.mark.parametrize("reverse", [False, True], ids=["", "listed the other way round"])
@pytest.mark.parametrize("name", SCENARIOS)
def test_the_answer_is_that_of_the_truth_table(name: str, reverse: bool) -> None:
    scenario = SCENARIOS[name]
    result = _answer(scenario, reverse=reverse)
    assert (result.outcome, result.reason) == (scenario.outcome, scenario.reason), result.message
    assert scenario.says in result.message
    admitted = scenario.outcome is A if scenario.admitted is None else scenario.admitted
    assert result.admitted is admitted
    assert _all_of(policy.outcome for policy in result.policies) is result.outcome
    for verdict in result.policies:
        assert _all_of(requirement.outcome for requirement in verdict.requirements) is verdict.outcome


def test_there_are_forty_of_every_kind() -> None:
    assert len(TABLE) == 9
    assert len(SCENARIOS) >= 40
    assert {scenario.outcome for scenario in SCENARIOS.values()} == {A, R, C}


@pytest.mark.parametrize(
    "name", [name for name, one in SCENARIOS.items() if one.asked in (ONE, (policy(need(FLOOR)),))]
)
def test_where_any_signature_suffices_it_is_the_table_s_any(name: str) -> None:
    """Put together from each signature's own answer, and could not check for each place that was not read."""
    result = _answer(SCENARIOS[name])
    each = [signature.outcome for one in result.results for signature in one.detail]
    each += [C] * (name in {"a listing that breaks off", "a tag that cannot be read"})
    each += [C] * (name == "a good one, and a tag that is throttled")
    assert reduce(lambda first, second: TABLE[first, second][0], each, R) is result.outcome
