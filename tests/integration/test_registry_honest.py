"""RegistryStore against a registry that behaves, with and without the Referrers API."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from providers.descriptor import Descriptor, digest_of
from providers.errors import UnavailableError
from providers.reasons import ReasonCode
from providers.reference import Reference
from pycosign.lab.registry import MemoryRegistry
from pycosign.lab.registry_http import serve_registry
from tests.faulty_registry import INDEX, MANIFEST, Call, FaultyRegistry, index, manifest, response
from verifier.budget import Budget
from verifier.oci import RegistryLimits, RegistryStore

BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"
SBOM = "application/spdx+json"
LAYER = b'{"a": "bundle"}'


class World:
    """A registry with one image at demo/app:v1, and a store that reads from it."""

    def __init__(self, address: str, registry: MemoryRegistry, requests: list[tuple[str, str]]) -> None:
        self.registry = registry
        self.requests = requests
        self.repository = f"{address}/demo/app"
        self.store = RegistryStore(plain_http=frozenset({address}))
        pushed = registry.put_manifest("demo/app", manifest(), MANIFEST, tag="v1")
        self.image = Descriptor.parse(media_type=MANIFEST, digest=pushed.digest, size=pushed.size)

    def refer(self, artifact_type: str, *, mark: str = "", fallback: bool = False) -> str:
        """Push a manifest that refers to the image; returns its digest."""
        blob = self.registry.put_blob("demo/app", LAYER)
        layers = [{"mediaType": artifact_type, "digest": blob, "size": len(LAYER)}]
        subject = {"mediaType": MANIFEST, "digest": self.image.digest, "size": self.image.size}
        data = manifest(
            artifactType=artifact_type, layers=layers, subject=subject, annotations={"mark": mark}
        )
        digest = self.registry.put_manifest("demo/app", data, MANIFEST).digest
        if fallback:
            tag = self.image.digest.replace(":", "-")
            self.registry.put_manifest("demo/app", index(digest, artifactType="x/empty"), INDEX, tag=tag)
        return digest

    def listed(self, *types: str) -> list[str]:
        found = self.store.referrers(self.repository, self.image, types, Budget(5))
        return [descriptor.digest for descriptor in found]


@pytest.fixture(params=[True, False], ids=["referrers-api", "tag-schema"])
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    registry = MemoryRegistry(referrers_api=request.param)
    requests: list[tuple[str, str]] = []
    with serve_registry(registry, hook=lambda r: requests.append((r.method, r.path))) as address:
        here = World(address, registry, requests)
        with here.store:
            yield here


def test_a_tag_resolves_to_the_digest_of_the_bytes(world: World) -> None:
    assert world.store.resolve(Reference.parse(f"{world.repository}:v1"), Budget(5)) == world.image


def test_the_digest_wins_over_the_tag(world: World) -> None:
    reference = Reference.parse(f"{world.repository}:gone@{world.image.digest}")
    assert world.store.resolve(reference, Budget(5)) == world.image
    assert world.requests == [("GET", f"/v2/demo/app/manifests/{world.image.digest}")]


@pytest.mark.parametrize("name", ["demo/app:gone", "demo/gone:v1", "demo/app@sha256:" + "1" * 64])
def test_an_image_that_is_not_there(world: World, name: str) -> None:
    host = world.repository.partition("/")[0]
    with pytest.raises(UnavailableError) as refused:
        world.store.resolve(Reference.parse(f"{host}/{name}"), Budget(5))
    assert refused.value.reason is ReasonCode.IMAGE_NOT_FOUND
    expected = {"demo/gone:v1": "no repository demo/gone", "demo/app:gone": "no tag gone in demo/app"}
    assert expected.get(name, "no manifest sha256:1111") in refused.value.message


def test_a_referrer_is_found_and_fetched_in_the_fewest_requests(world: World) -> None:
    digest = world.refer(BUNDLE, fallback=not world.registry.referrers_api)
    budget = Budget(5)
    image = world.store.resolve(Reference.parse(f"{world.repository}:v1"), budget)
    (referrer,) = world.store.referrers(world.repository, image, (BUNDLE,), budget)
    assert referrer.digest == digest
    # The size in the hand-made tag-schema index is not the truth; ask for what the registry stores.
    stored = world.registry.get_manifest("demo/app", digest)
    assert stored is not None
    exact = Descriptor.parse(media_type=MANIFEST, digest=digest, size=len(stored.data))
    document = json.loads(world.store.fetch(world.repository, exact, budget))
    layer = document["layers"][0]
    blob = Descriptor.parse(media_type=layer["mediaType"], digest=layer["digest"], size=layer["size"])
    assert world.store.fetch(world.repository, blob, budget) == LAYER
    assert len(world.requests) == (4 if world.registry.referrers_api else 5)
    assert {method for method, _ in world.requests} == {"GET"}
    assert ("GET", "/v2/") not in world.requests


def test_types_are_looked_at_where_the_api_gives_them_and_not_in_the_tag_schema(world: World) -> None:
    sbom = world.refer(SBOM, fallback=not world.registry.referrers_api)
    assert world.listed(BUNDLE) == ([] if world.registry.referrers_api else [sbom])
    assert world.listed(BUNDLE, "application/other") == ([] if world.registry.referrers_api else [sbom])
    assert world.listed(SBOM) == [sbom]
    assert world.listed() == [sbom]


def test_no_referrers(world: World) -> None:
    assert world.listed(BUNDLE) == []


def test_many_threads_share_one_store(world: World) -> None:
    world.refer(BUNDLE, fallback=not world.registry.referrers_api)
    reference = Reference.parse(f"{world.repository}:v1")

    def ask(_: int) -> tuple[Descriptor, int]:
        budget = Budget(20)
        image = world.store.resolve(reference, budget)
        return image, len(list(world.store.referrers(world.repository, image, (BUNDLE,), budget)))

    with ThreadPoolExecutor(24) as pool:
        answers = set(pool.map(ask, range(240)))
    assert answers == {(world.image, 1)}


def test_pages_are_followed_and_nothing_comes_twice() -> None:
    registry = MemoryRegistry(page_size=3)
    with serve_registry(registry) as address:
        world = World(address, registry, [])
        with world.store:
            pushed = [world.refer(BUNDLE, mark=str(number)) for number in range(10)]
            assert sorted(world.listed(BUNDLE)) == sorted(pushed)


def test_past_the_cap_what_is_in_hand_comes_first() -> None:
    registry = MemoryRegistry(page_size=3)
    with serve_registry(registry) as address:
        world = World(address, registry, [])
        for number in range(10):
            world.refer(BUNDLE, mark=str(number))
        for limits, expected in ((RegistryLimits(referrers=4), 4), (RegistryLimits(referrers_pages=2), 6)):
            with RegistryStore(plain_http=frozenset({address}), limits=limits) as store:
                found: list[Descriptor] = []
                with pytest.raises(UnavailableError) as refused:
                    found.extend(_each(store.referrers(world.repository, world.image, (), Budget(5)), found))
                assert refused.value.reason is ReasonCode.LIMIT_EXCEEDED
                assert len(found) == expected
        world.store.close()


def _each(descriptors: Iterator[Descriptor], found: list[Descriptor]) -> list[Descriptor]:
    for descriptor in descriptors:
        found.append(descriptor)  # noqa: PERF402  # what came before the error has to stay
    return []


def test_nothing_stays_open_after_close() -> None:
    registry = MemoryRegistry()
    with serve_registry(registry) as address:
        before = set(threading.enumerate())
        world = World(address, registry, [])
        with world.store:
            world.listed(BUNDLE)
            assert {t.name for t in set(threading.enumerate()) - before} >= {"pycosign-deadlines"}
        left = {t.name for t in set(threading.enumerate()) - before if t.name.startswith("pycosign")}
        assert left == set()
        with pytest.raises(UnavailableError):
            world.listed(BUNDLE)
        assert {t for t in threading.enumerate() if t.name.startswith("pycosign")} - before == set()


def test_content_that_is_larger_than_the_cap_is_not_asked_for(world: World) -> None:
    for media_type, size in ((MANIFEST, (4 << 20) + 1), ("application/x", (32 << 20) + 1)):
        descriptor = Descriptor.parse(media_type=media_type, digest=digest_of(b""), size=size)
        with pytest.raises(UnavailableError) as refused:
            world.store.fetch(world.repository, descriptor, Budget(5))
        assert refused.value.reason is ReasonCode.LIMIT_EXCEEDED
    assert world.requests == []


@pytest.mark.parametrize("api", [True, False])
def test_an_entry_that_cannot_be_read_comes_after_all_others(api: bool) -> None:
    """Whoever may push may add one; it must neither hide a signature nor pass for "there is nothing else"."""
    good, entry = "sha256:" + "1" * 64, {"mediaType": MANIFEST, "size": 10}
    listing = json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": INDEX,
            "manifests": [{**entry, "digest": "sha512:" + "0" * 128}, {**entry, "digest": good}],
        }
    ).encode()

    def behave(call: Call) -> None:
        if "/referrers/" in call.path and not api:
            call.send(response(404))
        else:
            call.send(response(200, listing, Content_Type=INDEX))

    found: list[Descriptor] = []
    image = Descriptor(MANIFEST, digest_of(manifest()), len(manifest()))
    with (
        FaultyRegistry(behave) as registry,
        RegistryStore(plain_http={registry.address}) as store,
        pytest.raises(UnavailableError) as caught,
    ):
        _each(store.referrers(f"{registry.address}/demo/app", image, (), Budget(10)), found)
    assert [descriptor.digest for descriptor in found] == [good]
    assert caught.value.reason is ReasonCode.REGISTRY_INVALID_RESPONSE
