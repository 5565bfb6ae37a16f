"""What cosign 3.1.1 signs in every form, into a registry with the Referrers API and one without, is found and
allowed; what is not a good signature of this image never is, and what fails in one place hides nothing in another.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing

import pytest

from providers.reasons import ReasonCode
from pycosign.lab import Answer, MemoryRegistry, Request, serve_registry
from tests.integration.desk import ANY_ATTESTATION, FORMS, Desk, docker_registry
from verifier.budget import Budget
from verifier.discovery import Discovery, StorageForm
from verifier.results import ValidationResult
from verifier.verdict import Outcome

EVERYTHING = Discovery(frozenset(StorageForm))
A, R, C = Outcome.ALLOWED, Outcome.REFUSED, Outcome.COULD_NOT_CHECK


@pytest.fixture(scope="module", params=["referrers API", "docker-registry"])
def desk(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    folder = tmp_path_factory.mktemp("desk")
    served = (
        docker_registry(tmp_path_factory.mktemp("registry"))
        if request.param == "docker-registry"
        else serve_registry(MemoryRegistry())
    )
    with served as address:
        yield Desk.prepare(address, folder)


def _verdict(result: ValidationResult) -> tuple[Outcome, ReasonCode]:
    return result.outcome, result.reason


@pytest.mark.parametrize("form", FORMS)
def test_a_signature_is_found_in_the_form_it_was_stored_in(desk: Desk, form: str) -> None:
    image = desk.image()
    assert _verdict(desk.validate(image, discovery=EVERYTHING)) == (R, ReasonCode.NO_SIGNATURE)
    desk.sign(image, form)
    result = desk.validate(image, discovery=EVERYTHING)
    assert (result.outcome, result.admitted) == (A, True)
    assert [detail.verified_key for each in result.results for detail in each.detail] == ["ours"]
    other = desk.validate(image, discovery=EVERYTHING, key="other")
    assert _verdict(other) == (R, ReasonCode.SIGNATURE_INVALID)
    wanted = desk.validate(image, discovery=EVERYTHING, attestation=ANY_ATTESTATION)
    assert _verdict(wanted) == (R, ReasonCode.NO_ATTESTATION)
    by_default = desk.validate(image)
    assert _verdict(by_default) == ((R, ReasonCode.NO_SIGNATURE) if form == "oci11" else (A, ReasonCode.OK))


@pytest.mark.parametrize("form", ["bundle", "legacy"])
def test_an_attestation_is_found_and_is_no_signature(desk: Desk, form: str) -> None:
    image = desk.image()
    desk.attest(image, form)
    assert desk.validate(image, attestation=ANY_ATTESTATION).outcome is A
    other = desk.validate(image, attestation=ANY_ATTESTATION, key="other")
    assert _verdict(other) == (R, ReasonCode.SIGNATURE_INVALID)
    assert _verdict(desk.validate(image)) == (R, ReasonCode.NO_SIGNATURE)


@pytest.mark.parametrize("form", ["bundle", "legacy"])
def test_signatures_in_a_repository_of_their_own(desk: Desk, form: str) -> None:
    """The experimental form is left out: cosign 3.1.1 writes that beside the image, wherever it is told to."""
    image = desk.image()
    where = f"{desk.registry}/signatures/{form}"
    desk.sign(image, form, environment={"COSIGN_REPOSITORY": where})
    desk.attest(image, form, environment={"COSIGN_REPOSITORY": where})
    for discovery in (Discovery(), Discovery(repository=f"{desk.registry}/nothing/here")):
        assert _verdict(desk.validate(image, discovery=discovery)) == (R, ReasonCode.NO_SIGNATURE)
    there = Discovery(repository=where)
    assert desk.validate(image, discovery=there).outcome is A
    assert desk.validate(image, discovery=there, attestation=ANY_ATTESTATION).outcome is A


@pytest.mark.parametrize("ours", ["bundle", "legacy"])
def test_a_strangers_signature_in_one_form_hides_none_in_the_other(desk: Desk, ours: str) -> None:
    image = desk.image()
    desk.sign(image, {"bundle": "legacy", "legacy": "bundle"}[ours], key="other")
    assert _verdict(desk.validate(image)) == (R, ReasonCode.SIGNATURE_INVALID)
    desk.sign(image, ours)
    for key in ("ours", "other"):
        result = desk.validate(image, key=key)
        assert result.outcome is A
        assert len(result.results) == 2


@pytest.mark.parametrize("form", FORMS)
def test_several_signers(desk: Desk, form: str) -> None:
    """In the older forms cosign adds a layer to those that are there, or another referrer."""
    image = desk.image()
    desk.sign(image, form, key="other")
    desk.sign(image, form, "-a", "env=prod")
    desk.sign(image, form)
    for key, signatures in (("ours", 2), ("other", 1)):
        result = desk.validate(image, discovery=EVERYTHING, key=key)
        verified = [d for each in result.results for d in each.detail if d.outcome is A]
        assert (result.outcome, len(verified)) == (A, signatures)


def test_docker_media_types(desk: Desk) -> None:
    image = desk.image()
    desk.sign(image, "legacy", environment={"COSIGN_DOCKER_MEDIA_TYPES": "1"})
    assert desk.validate(image).outcome is A


@pytest.mark.parametrize("suffix", ["sig", "att"])
def test_what_was_copied_from_another_image_is_refused(desk: Desk, suffix: str) -> None:
    signed, other = desk.image("demo/copied"), desk.image("demo/copied")
    wanted = ANY_ATTESTATION if suffix == "att" else None
    (desk.attest if suffix == "att" else desk.sign)(signed, "legacy")
    source, target = (
        f"{image.partition('@')[0]}:{image.partition('@')[2].replace(':', '-')}.{suffix}"
        for image in (signed, other)
    )
    desk.run("crane", "copy", source, target)
    assert desk.validate(signed, attestation=wanted).outcome is A
    assert _verdict(desk.validate(other, attestation=wanted)) == (R, ReasonCode.SUBJECT_DIGEST_MISMATCH)


def test_every_platform_of_an_image_that_was_signed_as_a_whole(desk: Desk) -> None:
    first, second = desk.image("demo/many"), desk.image("demo/many")
    name = f"{desk.registry}/demo/many"
    desk.run("crane", "index", "append", "-m", first, "-m", second, "-t", f"{name}:all")
    whole = f"{name}@{desk.run('crane', 'digest', f'{name}:all').strip()}"
    desk.sign(whole, "legacy", "--recursive")
    for image in (whole, f"{name}:all", first, second):
        assert desk.validate(image).outcome is A


# Faults between us and the registry.


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Desk, MemoryRegistry]]:
    """A registry whose content other servers can serve, with faults."""
    registry = MemoryRegistry()
    with serve_registry(registry) as address:
        yield Desk.prepare(address, tmp_path_factory.mktemp("stored")), registry


class Faults:
    """Sees every request, and spoils those whose path holds ``spoilt``."""

    def __init__(self, spoilt: str, fault: str) -> None:
        self.spoilt, self.fault = spoilt, fault
        self.over = threading.Event()

    def __call__(self, request: Request) -> Answer | None:
        if self.spoilt not in request.path:
            return None
        if self.fault == "hangs":
            self.over.wait(30)
        if self.fault in ("hangs", "breaks off"):
            raise ConnectionError
        kind = {"Content-Type": "application/vnd.oci.image.index.v1+json"}
        answers = {
            "500": Answer(500),
            "403": Answer(403),
            "malformed": Answer(200, b'{"schemaVersion": 2, "manifests": ', kind),
            "too large": Answer(200, b" " * (4 << 20) + b'{"schemaVersion": 2, "manifests": []}', kind),
        }
        return answers[self.fault]

    def close(self) -> None:
        self.over.set()


FAULTS = {
    "500": ReasonCode.REGISTRY_UNAVAILABLE,
    "403": ReasonCode.REGISTRY_UNAUTHORIZED,
    "malformed": ReasonCode.REGISTRY_INVALID_RESPONSE,
    "too large": ReasonCode.LIMIT_EXCEEDED,
    "breaks off": ReasonCode.REGISTRY_UNAVAILABLE,
    "hangs": ReasonCode.DEADLINE_EXCEEDED,
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize(("spoilt", "good"), [("/referrers/", "legacy"), (".sig", "bundle")])
def test_a_fault_in_one_place_hides_no_good_signature_in_another(
    stored: tuple[Desk, MemoryRegistry], spoilt: str, good: str, fault: str
) -> None:
    desk, registry = stored
    image, unsigned = desk.image(), desk.image()
    desk.sign(image, good)
    with (
        closing(Faults(spoilt, fault)) as faults,
        serve_registry(registry, hook=faults) as address,
    ):
        verdicts = [
            desk.validate(reference.replace(desk.registry, address), budget=Budget(3))
            for reference in (image, unsigned)
        ]
    assert [_verdict(verdict) for verdict in verdicts] == [(A, ReasonCode.OK), (C, FAULTS[fault])]


@pytest.mark.parametrize(
    ("referrers_api", "sign", "asked"),
    [
        # The image, the tag, the referrers.
        (True, [], ["manifests/v1", "manifests/sig", "referrers"]),
        (False, [], ["manifests/v1", "manifests/sig", "referrers", "manifests/list"]),
        # The layer of the tag's manifest.
        (True, ["legacy"], ["manifests/v1", "manifests/sig", "blobs", "referrers"]),
        # A manifest and a bundle.
        (True, ["bundle"], ["manifests/v1", "manifests/sig", "referrers", "manifests", "blobs"]),
        # Two signers of one payload.
        (True, ["legacy", "legacy"], ["manifests/v1", "manifests/sig", "blobs", "referrers"]),
    ],
)
def test_requests_are_counted(
    tmp_path_factory: pytest.TempPathFactory, referrers_api: bool, sign: list[str], asked: list[str]
) -> None:
    requests: list[str] = []
    registry = MemoryRegistry(referrers_api=referrers_api)
    with serve_registry(registry) as address:
        desk = Desk.prepare(address, tmp_path_factory.mktemp("counted"))
        image = desk.image("demo/app")
        for form, key in zip(sign, ("ours", "other"), strict=False):
            desk.sign(image, form, key=key)

    def record(request: Request) -> None:
        path = request.path.removeprefix("/v2/demo/app/")
        what, _, name = path.partition("/")
        name = name.removeprefix("sha256-").removeprefix("sha256:")
        shown = {"v1": "/v1"}.get(name, "/sig" if name.endswith(".sig") else "")
        requests.append("manifests/list" if "/sha256-" in path and not shown else what + shown)

    with serve_registry(registry, hook=record) as address:
        desk.validate(f"{address}/demo/app:v1")
    assert sorted(requests) == sorted(asked)  # which of two comes first is chance
