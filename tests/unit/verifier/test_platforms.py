"""Images for several platforms: what has to be signed, read from indexes that try to hide something."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

import providers.descriptor
from providers.errors import ConfigurationError
from providers.platforms import Coverage, Platform, Platforms
from providers.reasons import ReasonCode
from providers.requirement import DenyList
from providers.static import StaticPolicyProvider, StaticTrustedMaterialProvider
from providers.subject import Subject
from pycosign.lab import Descriptor, attach_bundle, push_image, push_index
from pycosign.lab.registry import OCI_INDEX
from tests.unit.verifier.world import FACTS, NOW, STRANGER, A, C, R, World, policy
from verifier.budget import Budget
from verifier.core import Verifier
from verifier.facts import SignatureFacts
from verifier.formats.bundle import parse_bundle
from verifier.parts import MAX_INDEXES, MAX_PLATFORMS
from verifier.results import ValidationResult
from verifier.verdict import Outcome

AMD, ARM = Platform("linux", "amd64"), Platform("linux", "arm64")
EVERY = Platforms(Coverage.EVERY)


def listed(*texts: str) -> Platforms:
    return Platforms(Coverage.LISTED, tuple(map(Platform.parse, texts)))


@pytest.mark.parametrize(
    ("asked", "stated", "covered"),
    [
        ("linux/amd64", "linux/amd64", True),
        ("linux/amd64", "Linux/AMD64", True),
        ("linux/amd64", "linux/x86_64", True),
        ("linux/amd64", "linux/x86-64", True),
        ("linux/x86_64", "linux/amd64", True),
        ("linux/amd64", "linux/amd64/v3", True),
        ("linux/amd64/v1", "linux/amd64", True),
        ("linux/amd64/v1", "linux/amd64/v3", False),
        ("linux/amd64", "linux/386", False),
        ("linux/386", "linux/i386", True),
        ("linux/amd64", "windows/amd64", False),
        ("darwin/arm64", "macos/aarch64", True),
        ("linux/arm64", "linux/arm64/v8", True),
        ("linux/arm64", "linux/arm64/8", True),
        ("linux/arm64", "linux/aarch64", True),
        ("linux/arm64/v8", "linux/arm64", True),
        ("linux/arm64", "linux/arm", False),
        ("linux/arm", "linux/arm/v6", True),
        ("linux/arm/v7", "linux/arm", True),
        ("linux/arm/v7", "linux/armhf", True),
        ("linux/arm/v7", "linux/arm/v6", False),
        ("linux/arm/v6", "linux/armel", True),
        ("linux/arm/v6", "linux/arm", False),
        ("linux/ppc64le/power9", "linux/ppc64le", True),  # nobody knows which it is
        ("linux/ppc64le/power9", "linux/ppc64le/power8", False),
    ],
)
def test_platforms_are_compared_as_runtimes_compare_them(asked: str, stated: str, covered: bool) -> None:
    found = Platform.of(*stated.split("/"))
    assert found is not None
    assert Platform.parse(asked).covers(found) is covered


@pytest.mark.parametrize(
    "text",
    [
        "", "linux", "linux/", "/amd64", "linux/amd64/", "linux/amd64/v1/x", "linux amd64", "linux/am d64", "*/*",
        "unknown/unknown", "linux/amd64\n", "linux/" + "x" * 40,
    ],
)  # fmt: skip
def test_what_is_no_platform_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="not a platform"):
        Platform.parse(text)


@pytest.mark.parametrize(
    ("coverage", "platforms"),
    [
        (Coverage.LISTED, ()),
        (Coverage.INDEX, (AMD,)),
        (Coverage.EVERY, (AMD,)),
        (Coverage.LISTED, (AMD, AMD)),
    ],
)
def test_lists_that_contradict_what_they_say(coverage: Coverage, platforms: tuple[Platform, ...]) -> None:
    with pytest.raises(ConfigurationError):
        Platforms(coverage, platforms)


class Indexed(World):
    """An image for several platforms, as ``app:many``."""

    def __init__(self) -> None:
        super().__init__()
        self.parts: dict[str, Descriptor] = {}

    def part(self, name: str, answer: SignatureFacts | Exception | None = FACTS) -> Descriptor:
        """An image by itself, signed so that it verifies to ``answer``."""
        image = push_image(self.registry, "app", content=name.encode())
        if answer is not None:
            self.sign(image, answer)
        return image

    def sign(self, image: Descriptor, answer: SignatureFacts | Exception = FACTS) -> None:
        bundle = self.lab.sign_image(image.digest)
        attach_bundle(self.registry, "app", image, bundle)
        self.engine.answers[parse_bundle(bundle).digest] = answer

    def index(self, entries: list[tuple[Descriptor, Any]], *, tag: str | None = "many") -> Descriptor:
        """Lists ``entries``: descriptors, each with the platform as it stands in the JSON, or None."""
        manifests = [
            entry.to_json() | ({} if platform is None else {"platform": platform})
            for entry, platform in entries
        ]
        content = json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": manifests}).encode()
        return self.registry.put_manifest("app", content, OCI_INDEX, tag=tag)

    def many(self, parts: Mapping[str, Descriptor]) -> Descriptor:
        return push_index(self.registry, "app", parts, tag="many")

    def asked(self, platforms: Platforms = EVERY, **changes: Any) -> ValidationResult:
        self.policies = [replace(policy(**changes), platforms=platforms)]
        return self.validate("reg.test/app:many")


def _platform(system: str, architecture: str, **more: str) -> dict[str, str]:
    return {"os": system, "architecture": architecture, **more}


LINUX = _platform("linux", "amd64")


@pytest.fixture
def world() -> Indexed:
    return Indexed()


@pytest.mark.parametrize(
    ("index", "amd", "arm", "platforms", "outcome"),
    [
        (FACTS, None, None, Platforms(), A),
        (None, FACTS, FACTS, Platforms(), R),
        (None, FACTS, FACTS, EVERY, A),
        (FACTS, FACTS, None, EVERY, R),
        (FACTS, FACTS, STRANGER, EVERY, R),
        (FACTS, None, None, EVERY, R),
        (None, FACTS, None, listed("linux/amd64"), A),
        (None, FACTS, STRANGER, listed("linux/amd64"), A),
        (FACTS, None, FACTS, listed("linux/amd64"), R),
        (None, FACTS, None, listed("linux/amd64", "linux/arm64"), R),
        (None, FACTS, FACTS, listed("linux/amd64", "linux/arm64"), A),
    ],
)
def test_what_has_to_be_signed(
    world: Indexed,
    index: SignatureFacts | None,
    amd: SignatureFacts | None,
    arm: SignatureFacts | None,
    platforms: Platforms,
    outcome: Outcome,
) -> None:
    whole = world.many({"linux/amd64": world.part("amd", amd), "linux/arm64": world.part("arm", arm)})
    if index is not None:
        world.sign(whole, index)
    assert world.asked(platforms).outcome is outcome


def test_what_is_missing_is_said_with_its_platform(world: Indexed) -> None:
    world.many({"linux/amd64": world.part("amd"), "linux/arm64": world.part("arm", None)})
    result = world.asked()
    assert (result.outcome, result.reason) == (R, ReasonCode.NO_SIGNATURE)
    assert "linux/arm64: no signature was found" in result.message
    (verdict,) = result.policies
    assert [(r.platform, r.outcome, r.authorities) for r in verdict.requirements] == [
        ("linux/amd64", A, ("release",)),
        ("linux/arm64", R, ()),
    ]


def test_a_platform_that_is_listed_and_not_there(world: Indexed) -> None:
    world.many({"linux/amd64": world.part("amd")})
    result = world.asked(listed("linux/amd64", "linux/arm64"))
    assert (result.outcome, result.reason) == (R, ReasonCode.CONDITION_NOT_MET)
    assert "the index has no manifest for linux/arm64" in result.message


@pytest.mark.parametrize("platforms", [Platforms(), EVERY, listed("linux/s390x")])
def test_an_image_that_is_no_index_is_judged_itself(world: Indexed, platforms: Platforms) -> None:
    world.policies = [replace(policy(), platforms=platforms)]
    assert world.validate().outcome is R
    world.signed(FACTS)
    assert world.validate().outcome is A


def test_an_index_of_nothing_is_not_signed(world: Indexed) -> None:
    world.sign(world.index([]))
    assert (world.asked().outcome, world.asked().reason) == (R, ReasonCode.NO_SIGNATURE)
    assert world.asked(listed("linux/amd64")).outcome is R


# Hiding


def test_what_describes_others_needs_no_signature(world: Indexed) -> None:
    good, about = world.part("amd"), world.part("attestation", None)
    world.index([(good, LINUX), (about, _platform("unknown", "unknown"))])
    assert world.asked().outcome is A


@pytest.mark.parametrize(
    "platform",
    [
        None, {}, "unknown/unknown", LINUX, _platform("linux", "unknown"), _platform("unknown", "amd64"),
        _platform("unknown", "unknown", variant="x"), _platform("unknown\n", "unknown"), {"os": "unknown"},
        _platform("", ""), {"os": 1, "architecture": "amd64"},
    ],
)  # fmt: skip
def test_nothing_else_goes_without(world: Indexed, platform: Any) -> None:
    """Whatever it calls itself: BuildKit's annotations are no reason to leave a manifest out."""
    hidden = world.part("hidden", None)
    entry = Descriptor(hidden.media_type, hidden.digest, hidden.size)
    world.index([(world.part("amd"), LINUX), (entry, platform)])
    assert world.asked().outcome is R


@pytest.mark.parametrize(
    "platform",
    [
        LINUX, None, {}, {"os": "linux"}, _platform("linux", "x86_64"), _platform("Linux", "AMD64"),
        _platform("linux", "amd64", variant="v2"), _platform("linux", "amd64", variant="v1"),
        _platform("linux", "amd64", variant="\x00"), _platform("li nux", "amd64"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("first", [True, False])
def test_a_second_manifest_for_a_listed_platform_is_judged_too(
    world: Indexed, platform: Any, first: bool
) -> None:
    """A runtime may take either."""
    entries = [(world.part("amd"), LINUX), (world.part("hidden", None), platform)]
    world.index(entries[::-1] if first else entries)
    assert world.asked(listed("linux/amd64")).outcome is R
    assert world.asked(listed("linux/amd64/v2")).outcome is R


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("other", [_platform("linux", "s390x"), _platform("unknown", "unknown"), None])
def test_a_manifest_that_is_listed_twice_is_for_both_platforms(
    world: Indexed, other: Any, first: bool
) -> None:
    hidden = world.part("hidden", None)
    twice = [(hidden, LINUX), (hidden, other)]
    world.index([*(twice[::-1] if first else twice), (world.part("amd"), LINUX)])
    assert world.asked(listed("linux/amd64")).outcome is R
    assert world.asked().outcome is R


@pytest.mark.parametrize("above", [None, _platform("linux", "arm64"), _platform("unknown", "unknown")])
def test_an_index_within_the_index_hides_nothing(world: Indexed, above: Any) -> None:
    inner = world.index([(world.part("hidden", None), LINUX)], tag=None)
    world.sign(inner)  # to sign an inner index is not to sign what it lists
    world.index([(world.part("amd"), LINUX), (inner, above)])
    assert world.asked().outcome is R
    assert world.asked(listed("linux/amd64")).outcome is R


@pytest.mark.parametrize(("signed", "outcome"), [(FACTS, A), (None, R)])
def test_what_an_inner_index_lists_without_a_platform_has_that_of_the_index(
    world: Indexed, signed: SignatureFacts | None, outcome: Outcome
) -> None:
    inner = world.index([(world.part("inner", signed), None)], tag=None)
    world.index([(inner, LINUX)])
    assert world.asked(listed("linux/amd64")).outcome is outcome
    assert world.asked(listed("linux/arm64")).outcome is R


# What could not be read


def test_a_part_that_could_not_be_looked_at_could_not_be_checked(world: Indexed) -> None:
    arm = world.part("arm", None)
    world.many({"linux/amd64": world.part("amd"), "linux/arm64": arm})
    world.store.broken[f"sha256-{arm.digest[7:]}.sig"] = ReasonCode.REGISTRY_THROTTLED
    assert (world.asked().outcome, world.asked().reason) == (C, ReasonCode.REGISTRY_THROTTLED)
    assert world.asked(listed("linux/amd64")).outcome is A
    other = world.part("s390x", STRANGER)
    world.many({"linux/arm64": arm, "linux/s390x": other})
    assert world.asked().outcome is R  # whatever the other one is


@pytest.mark.parametrize("platforms", [EVERY, listed("linux/amd64")])
def test_an_index_that_could_not_be_read_could_not_be_checked(world: Indexed, platforms: Platforms) -> None:
    """A signature of the index itself is no answer to what was asked."""
    whole = world.many({"linux/amd64": world.part("amd")})
    world.sign(whole)
    world.store.broken[whole.digest] = ReasonCode.REGISTRY_UNAVAILABLE
    result = world.asked(platforms)
    assert (result.outcome, result.reason) == (C, ReasonCode.REGISTRY_UNAVAILABLE)


def test_entries_that_cannot_be_read_could_be_anything(world: Indexed) -> None:
    content = world.registry.get_manifest("app", world.many({"linux/amd64": world.part("amd")}).digest)
    assert content is not None
    document = json.loads(content.data)
    document["manifests"].append({"mediaType": "x/y", "digest": "sha512:" + "0" * 128, "size": 1})
    world.registry.put_manifest("app", json.dumps(document).encode(), OCI_INDEX, tag="many")
    for platforms in (EVERY, listed("linux/amd64")):
        assert (world.asked(platforms).outcome, world.asked(platforms).reason) == (
            C,
            ReasonCode.REGISTRY_INVALID_RESPONSE,
        )
    # Nor is a platform missing that may be among them.
    assert world.asked(listed("linux/amd64", "linux/arm64")).outcome is C


@pytest.mark.parametrize("many", [MAX_PLATFORMS, MAX_PLATFORMS + 1])
def test_parts_are_counted(world: Indexed, many: int) -> None:
    good = world.part("amd")
    others = [
        (replace(good, digest="sha256:" + f"{number:064x}"), LINUX) for number in range(1, many)
    ]  # nobody pushed them: not there, so not signed
    world.index([(good, LINUX), *others])
    result = world.asked()
    assert (result.outcome, result.reason) == (R, ReasonCode.NO_SIGNATURE)
    limited = ReasonCode.LIMIT_EXCEEDED in {each.reason for each in result.policies[0].requirements}
    assert limited is (many > MAX_PLATFORMS)


@pytest.mark.parametrize("deep", [True, False])
@pytest.mark.parametrize("more", [0, 1])
def test_indexes_are_counted(world: Indexed, deep: bool, more: int) -> None:
    within = MAX_INDEXES - 1 + more
    if deep:
        inner = world.index([(world.part("amd"), LINUX)])
        for _ in range(within):
            inner = world.index([(inner, None)])
    else:
        rows = [world.index([(world.part(f"row {number}"), LINUX)], tag=None) for number in range(within)]
        world.index([(row, None) for row in rows])
    result = world.asked()
    assert result.outcome is (C if more else A)
    assert result.reason is (ReasonCode.LIMIT_EXCEEDED if more else ReasonCode.OK)


# What is asked of the registry


def test_nothing_is_asked_that_no_policy_needs(world: Indexed) -> None:
    amd, arm = world.part("amd"), world.part("arm")
    whole = world.many({"linux/amd64": amd, "linux/arm64": arm})
    world.sign(whole)

    def asked(platforms: Platforms, **changes: Any) -> set[str]:
        world.store.asked.clear()
        world.policies = [replace(policy(), platforms=platforms, **changes)]
        world.validate("reg.test/app:many")
        return {
            name
            for name, image in (("index", whole), ("amd", amd), ("arm", arm))
            if f"referrers {image.digest}" in world.store.asked
        } | ({"content"} if f"fetch {whole.digest}" in world.store.asked else set())

    assert asked(Platforms()) == {"index"}
    assert asked(EVERY) == {"content", "amd", "arm"}
    assert asked(listed("linux/arm64")) == {"content", "arm"}
    denied = DenyList(digests=("sha256:" + "0" * 64,))
    assert asked(Platforms(), denied=denied) == {"index", "content"}
    assert not any(".att" in question for question in world.store.asked)


def test_each_policy_asks_about_its_own_manifests(world: Indexed) -> None:
    """What one wants of the platforms, no other has to have."""
    whole = world.many({"linux/amd64": world.part("amd", None)})
    world.sign(whole)
    world.policies = [policy("index"), replace(policy("every"), platforms=EVERY)]
    result = world.validate("reg.test/app:many")
    assert [(each.name, each.outcome) for each in result.policies] == [("index", A), ("every", R)]


# Deny lists


def _denying(world: Indexed, digest: str, tag: str = "many") -> ValidationResult:
    world.policies = [replace(policy(), denied=DenyList(digests=(digest,)))]
    return world.validate(f"reg.test/app:{tag}")


def test_a_denied_digest_is_refused_wherever_it_is_listed(world: Indexed) -> None:
    amd, about = world.part("amd"), world.part("attestation", None)
    inner = world.index([(world.part("deep"), LINUX)], tag=None)
    whole = world.index([(amd, LINUX), (about, _platform("unknown", "unknown")), (inner, None)])
    world.sign(whole)
    deep = world.part("deep")
    for digest in (whole.digest, amd.digest, about.digest, inner.digest, deep.digest):
        result = _denying(world, digest)
        assert (result.outcome, result.reason) == (R, ReasonCode.DENY_LISTED)
        assert digest in result.message
    assert _denying(world, world.image.digest).outcome is A
    world.signed(FACTS)
    assert _denying(world, world.image.digest, "v1").outcome is R


def test_what_could_not_be_read_may_be_denied(world: Indexed) -> None:
    whole = world.many({"linux/amd64": world.part("amd")})
    world.sign(whole)
    world.store.broken[whole.digest] = ReasonCode.REGISTRY_UNAVAILABLE
    assert _denying(world, "sha256:" + "0" * 64).outcome is C
    assert _denying(world, whole.digest).outcome is R


# Ratify's call


def _one(world: Indexed, subject: Descriptor, *, media_type: str = "") -> tuple[Outcome, ReasonCode]:
    """The verdict on the one artifact beside ``subject``."""
    (entry,) = world.registry.referrers("app", subject.digest)
    artifact = Descriptor(str(entry["mediaType"]), str(entry["digest"]), int(str(entry["size"])))
    stated = replace(subject, media_type=media_type or subject.media_type)
    result = world.verifier().verify(
        Subject.parse(f"reg.test/app@{subject.digest}"), _ours(stated), _ours(artifact), Budget(60)
    )
    return result.outcome, result.reason


def _ours(descriptor: Descriptor) -> providers.descriptor.Descriptor:
    return providers.descriptor.Descriptor(descriptor.media_type, descriptor.digest, descriptor.size)


@pytest.mark.parametrize("media_type", ["", "application/vnd.oci.image.manifest.v1+json", "text/plain"])
def test_one_artifact_beside_an_index_says_nothing_about_its_platforms(
    world: Indexed, media_type: str
) -> None:
    """Whatever the caller takes the subject for."""
    whole = world.many({"linux/amd64": world.part("amd")})
    world.sign(whole)
    world.policies = [policy()]
    assert _one(world, whole, media_type=media_type) == (A, ReasonCode.OK)
    world.policies = [replace(policy(), platforms=EVERY)]
    assert _one(world, whole, media_type=media_type) == (R, ReasonCode.NO_SIGNATURE)
    amd = world.part("amd", None)
    world.policies = [replace(policy(), denied=DenyList(digests=(amd.digest,)))]
    assert _one(world, whole, media_type=media_type) == (R, ReasonCode.DENY_LISTED)


def test_one_artifact_beside_an_image_that_is_no_index(world: Indexed) -> None:
    world.signed(FACTS)
    world.policies = [replace(policy(), platforms=EVERY)]
    assert _one(world, world.image) == (A, ReasonCode.OK)


def test_a_second_opinion_is_asked_about_each_platform(world: Indexed) -> None:
    """One signer for all of them is the usual case, and no reason to stop asking."""
    parts = [world.part(f"part {number}") for number in range(6)]
    world.index([(part, _platform("linux", f"arch{number}")) for number, part in enumerate(parts)])
    verifier = Verifier(
        store=world.store,
        engines=(world.engine,),
        cross_check=(world.engine,),
        trust=StaticTrustedMaterialProvider(world.trust),
        policies=StaticPolicyProvider((replace(policy(), platforms=EVERY),)),
        clock=lambda: NOW,
    )
    result = verifier.validate(Subject.parse("reg.test/app:many"), Budget(60))
    assert (result.outcome, len(world.engine.seen)) == (A, 12)
