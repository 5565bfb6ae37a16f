"""RegistryStore against a registry that behaves, with and without the Referrers API."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
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


def test_what_is_under_a_tag_comes_with_its_bytes_in_one_request(world: World) -> None:
    found = world.store.tagged(world.repository, "v1", Budget(5))
    assert found == (world.image, manifest())
    assert world.requests == [("GET", "/v2/demo/app/manifests/v1")]


@pytest.mark.parametrize("repository", ["demo/app", "demo/gone"])
def test_a_tag_that_is_not_there_is_no_failure(world: World, repository: str) -> None:
    host = world.repository.partition("/")[0]
    assert world.store.tagged(f"{host}/{repository}", "gone", Budget(5)) is None


@pytest.mark.parametrize("name", ["demo/app:gone", "demo/gone:v1", "demo/app@sha256:" + "1" * 64])
def test_an_image_that_is_not_there(world: World, name: str) -> None:
    host = world.repository.partition("/")[0]
    with pytest.raises(UnavailableError) as refused:
        world.store.resolve(Reference.parse(f"{host}/{name}"), Budget(5))
    assert refused.value.reason is ReasonCode.IMAGE_NOT_FOUND
    expected = {"demo/gone:v1": "no repository demo/gone", "demo/app:gone": "no tag gone in demo/app"}
    assert refused.value.message.endswith(expected.get(name, f"no manifest sha256:{'1' * 64} in demo/app"))


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


def test_a_registry_that_takes_the_tag_for_the_digest() -> None:
    """GitLab's answers the fallback tag of a subject with the subject: that lists nothing."""

    def behave(call: Call) -> None:
        if "/referrers/" in call.path:
            call.send(response(404))
        else:
            call.send(response(200, manifest(), Content_Type=MANIFEST))

    image = Descriptor(MANIFEST, digest_of(manifest()), len(manifest()))
    with FaultyRegistry(behave) as registry, RegistryStore(plain_http={registry.address}) as store:
        assert list(store.referrers(f"{registry.address}/demo/app", image, (), Budget(10))) == []


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


GOOD = "sha256:" + "1" * 64
ENTRY = {"mediaType": MANIFEST, "digest": GOOD, "size": 10}
IMAGE = Descriptor(MANIFEST, digest_of(manifest()), len(manifest()))


def listing(*entries: object) -> bytes:
    return json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries}).encode()


def read(behave: Callable[[Call], None], *types: str) -> tuple[list[str], UnavailableError | None, list[str]]:
    """The referrers a registry lists, the error after them, and what it was asked."""
    found: list[Descriptor] = []
    with FaultyRegistry(behave) as registry, RegistryStore(plain_http={registry.address}) as store:
        try:
            _each(store.referrers(f"{registry.address}/demo/app", IMAGE, types, Budget(10)), found)
        except UnavailableError as error:
            return [d.digest for d in found], error, registry.paths()
        return [d.digest for d in found], None, registry.paths()


@pytest.mark.parametrize("api", [True, False])
def test_an_entry_that_cannot_be_read_comes_after_all_others(api: bool) -> None:
    """Whoever may push may add one; it must neither hide a signature nor pass for "there is nothing else"."""
    listed = listing({**ENTRY, "digest": "sha512:" + "0" * 128}, ENTRY)

    def behave(call: Call) -> None:
        if "/referrers/" in call.path and not api:
            call.send(response(404))
        else:
            call.send(response(200, listed, Content_Type=INDEX))

    found, error, _ = read(behave)
    assert found == [GOOD]
    assert error is not None
    assert error.reason is ReasonCode.REGISTRY_INVALID_RESPONSE


@pytest.mark.parametrize(
    "odd",
    [
        {"artifactType": "x"},
        {"artifactType": 5},
        {"artifactType": "text/plain; charset=utf-8"},
        {"annotations": {"a": 1}},
        {"annotations": {"a": "1", "A": "2"}},
        {"annotations": {str(number): "" for number in range(1001)}},
    ],
)
def test_no_entry_spoils_a_listing(odd: dict[str, object]) -> None:
    """A registry copies them from whatever anyone pushed. What has no type that can be read has to be fetched."""
    other = {**ENTRY, "digest": "sha256:" + "2" * 64, **odd}
    listed = listing(other, {**ENTRY, "artifactType": BUNDLE})
    found, error, _ = read(lambda call: call.send(response(200, listed, Content_Type=INDEX)), BUNDLE)
    assert (found, error) == (["sha256:" + "2" * 64, GOOD], None)


def test_types_are_told_apart_here_and_not_by_the_registry() -> None:
    """It takes one type, and need not heed it; engines read several."""
    listed = listing(
        {**ENTRY, "artifactType": SBOM}, {**ENTRY, "digest": digest_of(b"x"), "artifactType": BUNDLE}
    )
    found, error, paths = read(lambda call: call.send(response(200, listed, Content_Type=INDEX)), SBOM)
    assert (found, error) == ([GOOD], None)
    assert paths == [f"/v2/demo/app/referrers/{IMAGE.digest}"]


@pytest.mark.parametrize(
    "link",
    [
        "</v2/x?last=1>; rel='next'",
        "</v2/x?last=" + "a" * 8200 + '>; rel="next"',
        "/v2/x; rel=next",
        "</v2/x>",
    ],
)
def test_a_page_whose_link_is_not_understood_is_not_taken_for_the_last(link: str) -> None:
    page = response(200, listing(ENTRY), Content_Type=INDEX, Link=link)
    found, error, paths = read(lambda call: call.send(page))
    assert found == [GOOD]
    assert error is not None
    assert error.reason is ReasonCode.REGISTRY_INVALID_RESPONSE
    assert "link to its next page" in error.message
    assert len(paths) == 1


def test_no_link_line_hides_another() -> None:
    """Fields may come in several lines (RFC 9110 s5.3)."""
    first, last = listing(ENTRY), listing({**ENTRY, "digest": "sha256:" + "2" * 64})
    lines = ['</v2/demo/app/more>; rel="next"', '</v2/demo/app>; rel="first"']

    def behave(call: Call) -> None:
        page, links = (last, []) if call.path.endswith("/more") else (first, lines)
        head = ["HTTP/1.1 200 OK", f"Content-Type: {INDEX}", f"Content-Length: {len(page)}"]
        call.send("\r\n".join([*head, *(f"Link: {link}" for link in links), "", ""]).encode() + page)

    assert read(behave)[:2] == ([GOOD, "sha256:" + "2" * 64], None)


def test_a_registry_without_the_api_and_without_the_tag_has_no_referrers() -> None:
    found, error, paths = read(lambda call: call.send(response(404)))
    assert (found, error) == ([], None)
    assert [path.split("/")[4] for path in paths] == ["referrers", "manifests"]


@pytest.mark.parametrize("status", [400, 406])
def test_what_others_answer_for_want_of_the_api_says_less_than_404(status: int) -> None:
    """Registries that have the API answer 400 too. The tag's list counts; no tag does not mean no referrers."""

    def behave(call: Call) -> None:
        if "/referrers/" in call.path:
            call.send(response(status))
        elif listed:
            call.send(response(200, listed, Content_Type=INDEX))
        else:
            call.send(response(404))

    listed = listing(ENTRY)
    assert read(behave)[:2] == ([GOOD], None)
    listed = b""
    found, error, _ = read(behave)
    assert found == []
    assert error is not None
    assert error.reason is ReasonCode.REGISTRY_INVALID_RESPONSE
    assert f"answers {status}" in error.message


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (401, ReasonCode.REGISTRY_UNAUTHORIZED),
        (403, ReasonCode.REGISTRY_UNAUTHORIZED),
        (405, ReasonCode.REGISTRY_INVALID_RESPONSE),
        (410, ReasonCode.REGISTRY_INVALID_RESPONSE),
        (429, ReasonCode.REGISTRY_THROTTLED),
        (500, ReasonCode.REGISTRY_UNAVAILABLE),
        (501, ReasonCode.REGISTRY_UNAVAILABLE),
        (502, ReasonCode.REGISTRY_UNAVAILABLE),
        (503, ReasonCode.REGISTRY_UNAVAILABLE),
        (504, ReasonCode.REGISTRY_UNAVAILABLE),
    ],
)
def test_a_registry_that_fails_is_not_one_without_the_api(status: int, reason: ReasonCode) -> None:
    """Were it, whoever makes the question for referrers fail would turn "could not check" into "unsigned"."""
    found, error, paths = read(
        lambda call: call.send(response(status if "/referrers/" in call.path else 404))
    )
    assert found == []
    assert error is not None
    assert error.reason is reason
    assert len(paths) == 1


@pytest.mark.parametrize(
    "layer",
    [
        {"mediaType": "weights", "digest": GOOD, "size": 1},
        {"mediaType": SBOM, "digest": "sha512:" + "0" * 128, "size": 1},
        {},
    ],
)
def test_an_artifact_is_resolved_whatever_its_layers_are(layer: dict[str, object]) -> None:
    """A signature is about its digest; none of its layers is fetched."""
    unusual = manifest(layers=[layer])
    answer = response(200, unusual, Content_Type=MANIFEST)
    with (
        FaultyRegistry(lambda call: call.send(answer)) as registry,
        RegistryStore(plain_http={registry.address}) as store,
    ):
        found = store.resolve(Reference.parse(f"{registry.address}/demo/model:v1"), Budget(5))
    assert found == Descriptor(MANIFEST, digest_of(unusual), len(unusual))


def test_an_image_of_docker_schema_1_is_named_as_such() -> None:
    answer = response(200, manifest(schemaVersion=1), Content_Type=MANIFEST)
    with (
        FaultyRegistry(lambda call: call.send(answer)) as registry,
        RegistryStore(plain_http={registry.address}) as store,
        pytest.raises(UnavailableError) as refused,
    ):
        store.resolve(Reference.parse(f"{registry.address}/demo/app:v1"), Budget(5))
    assert refused.value.reason is ReasonCode.REGISTRY_INVALID_RESPONSE
    assert "not of schema version 2" in refused.value.message


def test_what_was_read_is_not_asked_for_again(world: World) -> None:
    """By its digest, and in that repository only."""
    digest = world.registry.put_blob("demo/app", LAYER)
    blob = Descriptor.parse(media_type="application/x", digest=digest, size=len(LAYER))
    for _ in range(3):
        assert world.store.fetch(world.repository, blob, Budget(5)) == LAYER
    pinned = Reference.parse(f"{world.repository}@{world.image.digest}")
    for _ in range(3):
        assert world.store.resolve(pinned, Budget(5)) == world.image
    assert len(world.requests) == 2
    for elsewhere in (f"{world.repository}/other", world.repository.replace("app", "gone")):
        with pytest.raises(UnavailableError):
            world.store.fetch(elsewhere, blob, Budget(5))
    with pytest.raises(UnavailableError) as wrong:
        world.store.fetch(world.repository, Descriptor("application/x", digest, len(LAYER) - 1), Budget(5))
    assert wrong.value.reason is ReasonCode.CONTENT_MISMATCH


def test_what_is_kept_is_spent_like_what_is_read(world: World) -> None:
    """Or a verdict would depend on who asked before."""
    digest = world.registry.put_blob("demo/app", LAYER)
    blob = Descriptor.parse(media_type="application/x", digest=digest, size=len(LAYER))
    world.store.fetch(world.repository, blob, Budget(5))
    for budget, reason in (
        (Budget(5, max_bytes=len(LAYER) - 1), ReasonCode.LIMIT_EXCEEDED),
        (Budget(0), ReasonCode.DEADLINE_EXCEEDED),
    ):
        with pytest.raises(UnavailableError) as refused:
            world.store.fetch(world.repository, blob, budget)
        assert refused.value.reason is reason
