"""Mirrors: asked first for what has a digest, believed in nothing else unless the operator says so."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field

import pytest

from providers.descriptor import Descriptor, digest_of
from providers.errors import UnavailableError
from providers.reasons import ReasonCode
from providers.reference import Reference
from tests.faulty_registry import (
    BLOB,
    CONTENT,
    INDEX,
    MANIFEST,
    Call,
    FaultyRegistry,
    drip_body,
    endless_body,
    index,
    manifest,
    response,
    says,
)
from verifier.budget import Budget
from verifier.oci import Credential, Mirror, RegistryLimits, RegistryOptions, RegistryStore, StaticCredentials

LONG = 20.0
DIGEST = digest_of(manifest())
OTHER = manifest(annotations={"another": "image"})
LISTED = digest_of(b"a signature")


def serves(path: str = "/v2/demo/app/", *, image: bytes = manifest()) -> Callable[[Call], None]:
    """A registry with one image, one signature of it in each place, and one blob."""

    def behave(call: Call) -> None:
        rest = call.path.removeprefix(path)
        if rest in ("manifests/v1", "manifests/x.sig", f"manifests/{digest_of(image)}"):
            call.send(response(200, image, Content_Type=MANIFEST))
        elif rest == f"blobs/{BLOB.digest}":
            call.send(response(200, CONTENT))
        elif rest.startswith("referrers/"):
            call.send(response(200, index(LISTED), Content_Type=INDEX))
        else:
            call.send(response(404))

    return behave


@dataclass
class World:
    """A registry with an image, and mirrors of it."""

    home: FaultyRegistry
    stack: ExitStack
    mirrors: list[FaultyRegistry] = field(default_factory=list)

    def mirror(self, behave: Callable[[Call], None]) -> FaultyRegistry:
        self.mirrors.append(self.stack.enter_context(FaultyRegistry(behave)))
        return self.mirrors[-1]

    def store(self, *, prefix: str = "", resolve_tags: bool = False, **more: object) -> RegistryStore:
        written = [f"{mirror.address}{prefix}" for mirror in self.mirrors]
        mirrors = tuple(Mirror.parse(text, resolve_tags=resolve_tags) for text in written)
        options = RegistryOptions(
            plain_http=frozenset(r.address for r in (self.home, *self.mirrors)),
            unsafe_plain_http_credentials=frozenset(r.address for r in (self.home, *self.mirrors)),
            mirrors=((self.home.address, mirrors),),
        )
        return self.stack.enter_context(RegistryStore(options, **more))  # type: ignore[arg-type]

    def resolve(self, store: RegistryStore, name: str = ":v1", seconds: float = LONG) -> str:
        reference = Reference.parse(f"{self.home.address}/demo/app{name}")
        return store.resolve(reference, Budget(seconds)).digest

    def fetch(self, store: RegistryStore, descriptor: Descriptor = BLOB, seconds: float = LONG) -> bytes:
        return store.fetch(f"{self.home.address}/demo/app", descriptor, Budget(seconds))

    def tagged(self, store: RegistryStore) -> str | None:
        found = store.tagged(f"{self.home.address}/demo/app", "x.sig", Budget(LONG))
        return None if found is None else found[0].digest

    def referrers(self, store: RegistryStore) -> list[str]:
        image = Descriptor(MANIFEST, DIGEST, len(manifest()))
        found = store.referrers(f"{self.home.address}/demo/app", image, (), Budget(LONG))
        return [descriptor.digest for descriptor in found]


@pytest.fixture
def world() -> Iterator[World]:
    with ExitStack() as stack:
        yield World(stack.enter_context(FaultyRegistry(serves())), stack)


def test_what_has_a_digest_is_read_from_the_mirror(world: World) -> None:
    mirror = world.mirror(serves())
    store = world.store()
    assert world.resolve(store, f"@{DIGEST}") == DIGEST
    assert world.fetch(store) == CONTENT
    assert (len(mirror.calls), world.home.calls) == (2, [])


def test_what_a_tag_means_and_what_is_signed_the_registry_says_itself(world: World) -> None:
    """A mirror could show an old image under the tag, and hide its signatures."""
    mirror = world.mirror(serves(image=OTHER))
    store = world.store()
    assert world.resolve(store) == DIGEST
    assert world.tagged(store) == DIGEST
    assert world.referrers(store) == [LISTED]
    assert mirror.calls == []


def test_a_mirror_that_is_trusted_with_tags_is_asked_for_them(world: World) -> None:
    mirror = world.mirror(serves(image=OTHER))
    store = world.store(resolve_tags=True)
    assert world.resolve(store) == digest_of(OTHER)
    assert world.tagged(store) == digest_of(OTHER)
    assert world.referrers(store) == [LISTED]
    assert world.home.calls == []
    assert len(mirror.calls) == 3


def test_a_mirror_below_a_path(world: World) -> None:
    mirror = world.mirror(serves("/v2/hub/proxy/demo/app/"))
    assert world.fetch(world.store(prefix="/hub/proxy")) == CONTENT
    assert mirror.paths() == [f"/v2/hub/proxy/demo/app/blobs/{BLOB.digest}"]
    assert world.home.calls == []


def other_content(call: Call) -> None:
    """As large as what is asked for."""
    if "/blobs/" in call.path:
        call.send(response(200, b"d" * BLOB.size))
    else:
        call.send(response(200, OTHER, Content_Type=MANIFEST))


USELESS: dict[str, Callable[[Call], None]] = {
    "has nothing": says(response(404)),
    "has other content": other_content,
    "is endless": endless_body,
    "is broken": says(response(500)),
    "is private": says(response(401)),
    "is busy": says(response(429, Retry_After="3600")),
    "breaks off": Call.reset,
    "is no registry": says(response(200, b"<html>", Content_Type="text/html")),
}


@pytest.mark.parametrize("how", USELESS)
@pytest.mark.parametrize("resolve_tags", [False, True])
def test_requirement_8_a_mirror_can_do_no_worse_than_not_to_help(
    world: World, how: str, resolve_tags: bool
) -> None:
    """Whatever it answers, the next mirror is asked, and then the registry itself."""
    world.mirror(USELESS[how])
    world.mirror(USELESS[how])
    store = world.store(resolve_tags=resolve_tags)
    assert world.resolve(store, f"@{DIGEST}") == DIGEST
    assert world.fetch(store) == CONTENT
    if how != "has other content" or not resolve_tags:  # what a tag means is then for it to say
        assert world.resolve(store) == DIGEST
        assert world.tagged(store) == DIGEST
    assert world.referrers(store) == [LISTED]
    assert all(mirror.connections for mirror in world.mirrors)


@pytest.mark.parametrize("behave", [Call.hang, drip_body])
def test_a_silent_mirror_leaves_time_for_the_registry(world: World, behave: Callable[[Call], None]) -> None:
    world.mirror(behave)
    store = world.store()
    assert world.fetch(store, seconds=1.0) == CONTENT


def test_a_silent_mirror_is_soon_passed_over(world: World) -> None:
    mirror = world.mirror(Call.hang)
    limits = RegistryLimits(silent_requests=1, silent_seconds=0.2, unanswered_seconds=0.1, pause_seconds=LONG)
    store = world.store(limits=limits)
    blobs = [Descriptor("application/x", digest_of(CONTENT), BLOB.size) for _ in range(3)]
    assert world.fetch(store, blobs[0], seconds=1.0) == CONTENT
    store._cache._kept.clear()
    assert world.fetch(store, blobs[0]) == CONTENT
    assert len(mirror.calls) == 1


def test_a_mirror_that_lists_nothing_does_not_speak_for_the_registry(world: World) -> None:
    """Many have no listing at all."""
    world.mirror(says(response(200, index(), Content_Type=INDEX)))
    assert world.referrers(world.store(resolve_tags=True)) == [LISTED]


def test_when_nobody_has_it_the_registry_s_answer_counts(world: World) -> None:
    world.mirror(serves())
    gone = Descriptor("application/x", digest_of(b"gone"), 4)
    with pytest.raises(UnavailableError) as refused:
        world.fetch(world.store(), gone)
    assert refused.value.reason is ReasonCode.REGISTRY_INVALID_RESPONSE
    assert world.home.address in refused.value.message
    with pytest.raises(UnavailableError) as missing:
        world.resolve(world.store(resolve_tags=True), ":gone")
    assert missing.value.reason is ReasonCode.IMAGE_NOT_FOUND


def test_a_mirror_gets_its_own_credentials_and_not_those_of_the_registry(world: World) -> None:
    basic = says(response(401, WWW_Authenticate="Basic realm=x"))
    mirror = world.mirror(basic)
    ours = StaticCredentials({world.home.address: Credential(username="home", password="secret")})
    world.fetch(world.store(credentials=ours))
    assert [call.fields.get("authorization", "") for call in mirror.calls] == [""]
    theirs = StaticCredentials({mirror.address: Credential(username="mirror", password="secret")})
    world.fetch(world.store(credentials=theirs))
    assert [call.fields.get("authorization", "")[:5] for call in mirror.calls] == ["", "", "Basic"]
