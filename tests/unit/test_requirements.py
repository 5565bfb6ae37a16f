"""What the advisories of this field demand, each shown with the real engine on the whole line.

1. a signature counts for the artifact whose digest it signs, and for no other
2. a tag is resolved once, and what the bytes hash to is the digest, whatever a registry says
5. any valid signature suffices, in any order; a broken one neither hides nor grants; none denies
7. identities match as a whole, in linear time; subject and issuer both
8. everything read has a bound

Each is seen to fail without its protection: ``tests/protections``.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable

import pytest

from providers.descriptor import digest_of
from providers.errors import ConfigurationError, UnavailableError, VerificationError
from providers.identity import CertificateIdentity, StringMatch
from providers.policy import Policy
from providers.reasons import ReasonCode
from providers.reference import Reference
from providers.scope import Scope
from providers.static import StaticPolicyProvider, StaticTrustedMaterialProvider
from providers.subject import Subject
from providers.trust import TrustedMaterial
from pycosign.lab import (
    Descriptor,
    Lab,
    MemoryRegistry,
    attach_bundle,
    attach_legacy,
    push_artifact,
    push_image,
)
from pycosign.lab.sign import LogName, SigningOptions
from tests.memory_store import MemoryStore
from verifier.budget import Budget
from verifier.core import MAX_CANDIDATES, MAX_SIGNATURES_PER_ARTIFACT, Verifier
from verifier.engines.sigstore import SigstoreEngine
from verifier.formats.bundle import BUNDLE_V03, parse_bundle
from verifier.formats.limits import MAX_LOG_ENTRIES, MAX_TIMESTAMPS
from verifier.formats.manifest import parse_manifest
from verifier.formats.strict_json import MAX_DEPTH, parse_object
from verifier.results import ValidationResult
from verifier.verdict import Outcome

LAB = Lab()
STRANGER = Lab(name="stranger")
WHO, ISSUER = "https://ci.lab.test/release@refs/heads/main", "https://oidc.lab.test"
ENGINE = SigstoreEngine()
SIGNED_BY: SigningOptions = {"identity": WHO, "issuer": ISSUER}


class World:
    """A registry in memory, the real engine, the lab's root, and one policy."""

    def __init__(self) -> None:
        self.registry = MemoryRegistry()
        self.store = MemoryStore(self.registry)

    def image(self, name: str = "app") -> Descriptor:
        return push_image(self.registry, "app", tag=name, content=name.encode())

    def attach(self, image: Descriptor, bundle: bytes) -> None:
        attach_bundle(self.registry, "app", image, bundle, annotations={})

    def validate(
        self, tag: str = "app", *, identity: CertificateIdentity | None = None, budget: Budget | None = None
    ) -> ValidationResult:
        expected = identity or CertificateIdentity(StringMatch(value=WHO), StringMatch(value=ISSUER))
        verifier = Verifier(
            store=self.store,
            engines=(ENGINE,),
            trust=StaticTrustedMaterialProvider(TrustedMaterial.of("lab", LAB.trusted_root(), LAB.clock())),
            policies=StaticPolicyProvider(
                (
                    Policy.single(
                        name="p", scopes=(Scope.parse("reg.test"),), certificate_identities=(expected,)
                    ),
                )
            ),
            clock=LAB.clock,
        )
        return verifier.validate(Subject.parse(f"reg.test/app:{tag}"), budget or Budget(60))


@pytest.fixture
def world() -> World:
    return World()


# 1


@pytest.mark.parametrize("log", ["rekor1", "rekor2"])
def test_requirement_1_a_copied_signature_is_refused(world: World, log: LogName) -> None:
    """A valid signature of another image, in this one's referrers."""
    signed, other = world.image("signed"), world.image("other")
    options: SigningOptions = {**SIGNED_BY, "log": log}
    bundle = LAB.sign_image(signed.digest, **options)
    world.attach(signed, bundle)
    assert world.validate("signed").outcome is Outcome.ALLOWED
    world.attach(other, bundle)
    result = world.validate("other")
    assert (result.outcome, result.reason) == (Outcome.REFUSED, ReasonCode.SUBJECT_DIGEST_MISMATCH)


def test_requirement_1_a_copied_layer_is_refused(world: World) -> None:
    """The same under cosign's tag, which only says in its name which image it is for."""
    signed, other = world.image("signed"), world.image("other")
    layer = LAB.sign_image_legacy(signed.digest, reference="reg.test/app", **SIGNED_BY)
    attach_legacy(world.registry, "app", signed, [layer])
    assert world.validate("signed").outcome is Outcome.ALLOWED
    attach_legacy(world.registry, "app", other, [layer])
    result = world.validate("other")
    assert (result.outcome, result.reason) == (Outcome.REFUSED, ReasonCode.SUBJECT_DIGEST_MISMATCH)


def test_requirement_1_a_signature_of_a_file_is_none_of_an_image(world: World) -> None:
    """Who signed a file that happens to be this manifest did not say that the image may run."""
    image = world.image()
    manifest = world.registry.get_manifest("app", image.digest)
    assert manifest is not None
    world.attach(image, LAB.sign_blob(manifest.data, **SIGNED_BY))
    result = world.validate()
    assert (result.outcome, result.reason) == (Outcome.REFUSED, ReasonCode.UNSUPPORTED)


def test_requirement_1_an_attestation_about_this_image_is_no_signature_of_it(world: World) -> None:
    image = world.image()
    world.attach(
        image,
        LAB.attest(image.digest, predicate_type="https://spdx.dev/Document", predicate={}, **SIGNED_BY),
    )
    result = world.validate()
    assert (result.outcome, result.reason) == (Outcome.REFUSED, ReasonCode.NO_SIGNATURE)


# 2


def test_requirement_2_a_tag_that_moves_is_asked_once(world: World) -> None:
    """The registry answers the first question with a signed image and every later one with another."""
    signed = world.image()
    world.attach(signed, LAB.sign_image(signed.digest, **SIGNED_BY))
    resolve = world.store.resolve

    def moving(reference: Reference, budget: Budget) -> object:
        answer = resolve(reference, budget)
        push_image(world.registry, "app", tag="app", content=b"another")
        return answer

    world.store.resolve = moving  # type: ignore[method-assign,assignment]  # a registry that moves its tag
    result = world.validate()
    assert result.outcome is Outcome.ALLOWED
    assert result.subject is not None
    assert result.subject.digest == signed.digest
    assert result.reference.endswith(f"@{signed.digest}")
    assert [asked for asked in world.store.asked if asked == "resolve app"] == ["resolve app"]


# 5


def _bundles(image: Descriptor) -> dict[str, bytes]:
    good = LAB.sign_image(image.digest, **SIGNED_BY)
    return {
        "good": good,
        "stranger": STRANGER.sign_image(image.digest, **SIGNED_BY),
        "not json": b"{",
        "duplicate keys": good.replace(b'"mediaType"', b'"mediaType":"x","mediaType"', 1),
        "empty": b"{}",
    }


@pytest.mark.parametrize("order", list(itertools.permutations(["good", "stranger", "not json", "empty"])))
def test_requirement_5_one_good_signature_suffices_in_any_order(world: World, order: tuple[str, ...]) -> None:
    image = world.image()
    bundles = _bundles(image)
    for name in order:
        world.attach(image, bundles[name])
    assert world.validate().outcome is Outcome.ALLOWED


@pytest.mark.parametrize("names", [["stranger"], ["not json"], ["duplicate keys"], ["empty"], []])
def test_requirement_5_without_a_good_one_it_is_refused(world: World, names: list[str]) -> None:
    image = world.image()
    for name in names:
        world.attach(image, _bundles(image)[name])
    result = world.validate()
    assert result.outcome is Outcome.REFUSED
    assert not result.admitted


# 7


@pytest.mark.parametrize(
    ("pattern", "allowed"),
    [
        ("https://ci\\.lab\\.test/.*", True),
        ("ci\\.lab\\.test", False),
        ("https://ci\\.lab\\.test/release", False),
        ("release@refs/heads/main", False),
    ],
)
def test_requirement_7_a_pattern_matches_the_whole_identity(
    world: World, pattern: str, allowed: bool
) -> None:
    image = world.image()
    world.attach(image, LAB.sign_image(image.digest, **SIGNED_BY))
    identity = CertificateIdentity(StringMatch(regexp=pattern), StringMatch(value=ISSUER))
    assert (world.validate(identity=identity).outcome is Outcome.ALLOWED) is allowed


def test_requirement_7_the_issuer_is_compared_too(world: World) -> None:
    image = world.image()
    world.attach(image, LAB.sign_image(image.digest, **SIGNED_BY))
    other = CertificateIdentity(StringMatch(value=WHO), StringMatch(value="https://oidc.lab.test.evil"))
    assert world.validate(identity=other).reason is ReasonCode.IDENTITY_MISMATCH


def test_requirement_7_empty_and_backtracking_patterns() -> None:
    for empty in ({"value": ""}, {"regexp": ""}, {}):
        with pytest.raises(ConfigurationError):
            StringMatch(**empty)
    assert not StringMatch(regexp="(a+)+b").matches("a" * 60)  # without RE2 this never ends


# 8


def test_requirement_8_candidates_and_signatures_are_counted(world: World) -> None:
    image = world.image()
    for number in range(MAX_CANDIDATES + 1):
        push_artifact(world.registry, "app", BUNDLE_V03, b"%d" % number, media_type=BUNDLE_V03, subject=image)
    assert world.validate().reason is ReasonCode.LIMIT_EXCEEDED


@pytest.mark.parametrize("good", [True, False])
def test_requirement_8_layers_of_one_artifact_are_counted(world: World, good: bool) -> None:
    """Past the limit nothing is read, and what was read still counts."""
    image = world.image()
    blobs = [b"%d" % number for number in range(10, 11 + MAX_SIGNATURES_PER_ARTIFACT)]
    if good:
        blobs[0] = LAB.sign_image(image.digest, **SIGNED_BY)
    layers = [
        {"mediaType": BUNDLE_V03, "digest": world.registry.put_blob("app", blob), "size": len(blob)}
        for blob in blobs
    ]
    manifest = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "artifactType": BUNDLE_V03,
        "config": {**layers[0], "mediaType": "application/vnd.oci.empty.v1+json"},
        "layers": layers,
        "subject": image.to_json(),
    }
    world.registry.put_manifest("app", json.dumps(manifest).encode(), str(manifest["mediaType"]))
    result = world.validate()
    if good:
        assert result.outcome is Outcome.ALLOWED
    else:
        assert (result.outcome, result.reason) == (Outcome.COULD_NOT_CHECK, ReasonCode.LIMIT_EXCEEDED)
    *read, last = result.results[0].detail
    assert (len(read), last.reason) == (MAX_SIGNATURES_PER_ARTIFACT, ReasonCode.LIMIT_EXCEEDED)
    assert f"fetch {digest_of(blobs[-1])}" not in world.store.asked


def test_one_layer_listed_again_is_one_signature(world: World) -> None:
    image = world.image()
    bundle = LAB.sign_image(image.digest, **SIGNED_BY)
    layer = {
        "mediaType": BUNDLE_V03,
        "digest": world.registry.put_blob("app", bundle),
        "size": len(bundle),
    }
    manifest = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "artifactType": BUNDLE_V03,
        "config": {**layer, "mediaType": "application/vnd.oci.empty.v1+json"},
        "layers": [layer] * 100,
        "subject": image.to_json(),
    }
    world.registry.put_manifest("app", json.dumps(manifest).encode(), str(manifest["mediaType"]))
    result = world.validate()
    assert result.outcome is Outcome.ALLOWED
    assert len(result.results[0].detail) == 1


def _bundle_with(**lists: object) -> bytes:
    document = json.loads(LAB.sign_blob(b"x", log="rekor2"))
    material = document["verificationMaterial"]
    if "entries" in lists:
        material["tlogEntries"] *= MAX_LOG_ENTRIES + 1
    if "timestamps" in lists:
        material["timestampVerificationData"]["rfc3161Timestamps"] *= MAX_TIMESTAMPS + 1
    return json.dumps(document).encode()


@pytest.mark.parametrize(
    "parse",
    [
        lambda: parse_bundle(_bundle_with(entries=1)),
        lambda: parse_bundle(_bundle_with(timestamps=1)),
        lambda: parse_object(b'{"a":' + b"[" * MAX_DEPTH + b"]" * MAX_DEPTH + b"}", max_size=1 << 20),
        lambda: parse_object(b'{"a":"' + b"x" * 1000 + b'"}', max_size=1000),
        lambda: parse_object(b'{"a":' + b"1" * 5000 + b"}", max_size=1 << 20),
        lambda: parse_bundle(b" " * (16 << 20) + b" {}"),
        lambda: parse_manifest(b" " * (4 << 20) + b" {}"),
    ],
    ids=["log entries", "timestamps", "depth", "size", "digits", "bundle", "manifest"],
)
def test_requirement_8_what_is_parsed_is_bounded(parse: Callable[[], object]) -> None:
    with pytest.raises(VerificationError) as caught:
        parse()
    assert caught.value.reason is ReasonCode.MALFORMED


def test_requirement_8_a_request_has_bytes_calls_and_time(world: World) -> None:
    budget = Budget(60, max_bytes=10, max_requests=2)
    with pytest.raises(UnavailableError, match="more from the registry"):
        budget.spend_bytes(11)
    image = world.image()
    world.attach(image, LAB.sign_image(image.digest, **SIGNED_BY))
    result = world.validate(budget=Budget(60, max_requests=2))
    assert (result.outcome, result.reason) == (Outcome.COULD_NOT_CHECK, ReasonCode.LIMIT_EXCEEDED)
    assert world.validate(budget=Budget(0)).reason is ReasonCode.DEADLINE_EXCEEDED


def test_the_digest_is_that_of_the_bytes() -> None:
    assert digest_of(b"") == "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
