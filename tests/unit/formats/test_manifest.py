"""Manifests and indexes, each read as one thing only."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given

from providers.descriptor import digest_of
from providers.errors import VerificationError
from providers.reasons import ReasonCode
from tests.tools import shared_vectors
from tests.unit.formats.mutants import UNREAD, mutants, refusal_of
from verifier.formats.bundle import BUNDLE_V03
from verifier.formats.manifest import (
    DOCKER_INDEX,
    DOCKER_MANIFEST,
    MAX_MANIFEST_SIZE,
    OCI_INDEX,
    OCI_MANIFEST,
    Index,
    media_type_of,
    parse_index,
    parse_manifest,
)

EMPTY = {"mediaType": "application/vnd.oci.empty.v1+json", "digest": digest_of(b"{}"), "size": 2}
LAYER = {"mediaType": BUNDLE_V03, "digest": digest_of(b"layer"), "size": 5}
IMAGE = {"mediaType": OCI_MANIFEST, "digest": digest_of(b"image"), "size": 7}
MANIFEST: dict[str, Any] = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": EMPTY, "layers": [LAYER]}
INDEX: dict[str, Any] = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [IMAGE]}


def manifest(**changes: Any) -> bytes:
    return json.dumps({**MANIFEST, **changes}).encode()


def index(**changes: Any) -> bytes:
    return json.dumps({**INDEX, **changes}).encode()


def test_a_referrer() -> None:
    parsed = parse_manifest(
        manifest(artifactType=BUNDLE_V03, subject=IMAGE, annotations={"b": "2", "a": "1"}), OCI_MANIFEST
    )
    assert (parsed.media_type, parsed.artifact_type) == (OCI_MANIFEST, BUNDLE_V03)
    assert parsed.subject is not None
    assert parsed.subject.digest == IMAGE["digest"]
    assert parsed.annotations == (("a", "1"), ("b", "2"))
    assert [layer.digest for layer in parsed.layers] == [LAYER["digest"]]


def test_without_an_artifact_type_the_config_s_media_type_is_it() -> None:
    assert parse_manifest(manifest()).artifact_type == EMPTY["mediaType"]
    assert parse_manifest(manifest(artifactType="")).artifact_type == EMPTY["mediaType"]


def test_the_hint_fills_in_and_must_agree() -> None:
    bare = json.dumps({key: value for key, value in MANIFEST.items() if key != "mediaType"}).encode()
    assert parse_manifest(bare, DOCKER_MANIFEST).media_type == DOCKER_MANIFEST
    assert parse_manifest(bare).media_type == OCI_MANIFEST
    for parse, data, hint in (
        (parse_manifest, manifest(), DOCKER_MANIFEST),
        (parse_manifest, manifest(), OCI_INDEX),
        (parse_index, index(), DOCKER_INDEX),
    ):
        with pytest.raises(VerificationError):
            parse(data, hint)


def test_an_index() -> None:
    named = {**IMAGE, "artifactType": "application/x"}
    found = parse_index(index(manifests=[named, IMAGE]), OCI_INDEX).manifests
    assert [descriptor.artifact_type for descriptor in found] == ["application/x", ""]
    assert parse_index(index(manifests=[])) == Index((), 0)
    assert parse_index(index(manifests=None)) == Index((), 0)
    assert parse_index(index(mediaType=DOCKER_INDEX), DOCKER_INDEX).manifests


@pytest.mark.parametrize(
    "data",
    [
        manifest(manifests=[]),
        manifest(config=None),
        manifest(config={**EMPTY, "size": -1}),
        manifest(config={**EMPTY, "size": True}),
        manifest(config={**EMPTY, "digest": "sha256:xyz"}),
        manifest(config={**EMPTY, "digest": "sha512:" + "0" * 128}),
        manifest(config={**EMPTY, "mediaType": ""}),
        manifest(layers={}),
        manifest(layers=["x"]),
        manifest(layers=[LAYER] * 1001),
        manifest(subject="x"),
        manifest(annotations={"a": 1}),
        manifest(annotations={str(n): "" for n in range(1001)}),
        manifest()[:-1] + b',"layers":[]}',
        manifest() + b" " * MAX_MANIFEST_SIZE,
        b"[]",
    ],
)
def test_malformed_manifests(data: bytes) -> None:
    with pytest.raises(VerificationError) as caught:
        parse_manifest(data)
    assert caught.value.reason is ReasonCode.MALFORMED


def test_an_entry_that_cannot_be_read_hides_no_other() -> None:
    bad = [{**IMAGE, "digest": "sha512:" + "0" * 128}, "x", {**IMAGE, "size": -1}, {**IMAGE, "mediaType": ""}]
    found = parse_index(index(manifests=[*bad[:2], IMAGE, *bad[2:]]))
    assert ([descriptor.digest for descriptor in found.manifests], found.unreadable) == ([IMAGE["digest"]], 4)


@pytest.mark.parametrize(
    "annotations", [{"a": "1"}, {"a": 1}, {str(n): "" for n in range(1001)}, "x", [], None]
)
def test_annotations_of_a_listing_decide_nothing_and_spoil_nothing(annotations: object) -> None:
    found = parse_index(index(manifests=[{**IMAGE, "annotations": annotations}]))
    assert found == parse_index(index())
    assert found.manifests[0].annotations == ()


@pytest.mark.parametrize("stated", ["x", 5, "text/plain; charset=utf-8", "", None, [], "a" * 200 + "/b"])
def test_an_artifact_type_that_cannot_be_read_is_as_good_as_none(stated: object) -> None:
    assert parse_index(index(manifests=[{**IMAGE, "artifactType": stated}])) == parse_index(index())


def test_keys_that_differ_in_case_only_are_harmless_where_nothing_is_read() -> None:
    """Whoever may push chooses the annotations, and a registry copies them into the listing."""
    twins = {"a": "1", "A": "2"}
    assert parse_index(index(manifests=[{**IMAGE, "annotations": twins}, IMAGE])).unreadable == 0
    assert parse_manifest(manifest(annotations=twins)).annotations == (("A", "2"), ("a", "1"))
    assert media_type_of(manifest(annotations=twins), OCI_MANIFEST) == OCI_MANIFEST


@pytest.mark.parametrize(
    "data",
    [
        manifest(Layers=[]),
        manifest(MANIFESTS=[]),
        manifest(MediaType=OCI_INDEX),
        manifest(annotations={})[:-2] + b'"a": "1", "a": "2"}}',
    ],
)
def test_keys_that_make_two_documents_of_one_are_not(data: bytes) -> None:
    """Go's readers fold case: to them these are other documents (CVE-2021-41190)."""
    for parse in (parse_manifest, media_type_of):
        with pytest.raises(VerificationError) as caught:
            parse(data, OCI_MANIFEST)
        assert caught.value.reason is ReasonCode.MALFORMED


@pytest.mark.parametrize(
    ("data", "hint"),
    [
        (manifest(layers=[{**LAYER, "mediaType": "weights"}]), OCI_MANIFEST),
        (manifest(layers=[{**LAYER, "digest": "sha512:" + "0" * 128}]), OCI_MANIFEST),
        (manifest(layers=[LAYER] * 1001, config=None, subject=5), OCI_MANIFEST),
        (manifest(annotations={"a": 1}, artifactType="x"), OCI_MANIFEST),
        (b'{"schemaVersion": 2}', DOCKER_MANIFEST),
        (index(manifests=[{**IMAGE, "digest": "sha512:" + "0" * 128}] * 2001), OCI_INDEX),
        (index(mediaType=DOCKER_INDEX), DOCKER_INDEX),
        (b'{"schemaVersion": 2, "manifests": null}', OCI_INDEX),
    ],
)
def test_the_kind_of_a_document_does_not_depend_on_what_it_lists(data: bytes, hint: str) -> None:
    """It is what a signature is about; nothing in it is fetched."""
    assert media_type_of(data, hint) == hint


@pytest.mark.parametrize(
    ("data", "hint", "reason"),
    [
        (manifest(manifests=[]), OCI_MANIFEST, ReasonCode.MALFORMED),
        (index(layers=[]), OCI_INDEX, ReasonCode.MALFORMED),
        (b'{"schemaVersion": 2, "manifests": []}', OCI_MANIFEST, ReasonCode.MALFORMED),
        (b'{"schemaVersion": 2, "layers": []}', OCI_INDEX, ReasonCode.MALFORMED),
        (b'{"schemaVersion": 2, "config": {}}', DOCKER_INDEX, ReasonCode.MALFORMED),
        (manifest(), OCI_INDEX, ReasonCode.MALFORMED),
        (manifest(), DOCKER_MANIFEST, ReasonCode.MALFORMED),
        (manifest(mediaType=5), OCI_MANIFEST, ReasonCode.MALFORMED),
        (manifest() + b" " * MAX_MANIFEST_SIZE, OCI_MANIFEST, ReasonCode.MALFORMED),
        (b"[]", OCI_MANIFEST, ReasonCode.MALFORMED),
        (b"<html>", OCI_MANIFEST, ReasonCode.MALFORMED),
        (manifest(schemaVersion=1), OCI_MANIFEST, ReasonCode.UNSUPPORTED),
        (manifest(schemaVersion=True), OCI_MANIFEST, ReasonCode.UNSUPPORTED),
        (manifest(schemaVersion=None), OCI_MANIFEST, ReasonCode.UNSUPPORTED),
        (manifest(mediaType=BUNDLE_V03), BUNDLE_V03, ReasonCode.UNSUPPORTED),
    ],
)
def test_a_document_of_no_kind_or_of_two(data: bytes, hint: str, reason: ReasonCode) -> None:
    with pytest.raises(VerificationError) as caught:
        media_type_of(data, hint)
    assert caught.value.reason is reason


@pytest.mark.parametrize(
    "data",
    [
        index(layers=[]),
        index(config=EMPTY),
        index(manifests=[IMAGE] * 2001),
        index(manifests="x"),
        json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX}).encode(),
    ],
)
def test_malformed_indexes(data: bytes) -> None:
    with pytest.raises(VerificationError) as caught:
        parse_index(data)
    assert caught.value.reason is ReasonCode.MALFORMED


@pytest.mark.parametrize("data", [manifest(schemaVersion=1), manifest(mediaType="application/x"), index()])
def test_other_documents(data: bytes) -> None:
    with pytest.raises(VerificationError) as caught:
        parse_manifest(data)
    assert caught.value.reason is ReasonCode.UNSUPPORTED


@given(mutants(manifest(subject=IMAGE), manifest(annotations={"a": "b"}), index()))
def test_any_change_gives_a_value_or_our_error(data: bytes) -> None:
    assert refusal_of(lambda: parse_manifest(data)) in UNREAD
    assert refusal_of(lambda: parse_index(data)) in UNREAD
    assert refusal_of(lambda: parse_index(data, annotated=True)) in UNREAD
    assert refusal_of(lambda: media_type_of(data, OCI_MANIFEST)) in UNREAD


def test_every_manifest_that_cosign_wrote() -> None:
    seen = 0
    for path in shared_vectors().glob("oci/*/manifests/sha256-*.json"):
        data = path.read_bytes()
        seen += 1
        if "manifests" in json.loads(data):
            assert parse_index(data).manifests
            assert parse_index(data).unreadable == 0
        else:
            assert parse_manifest(data).layers
    assert seen > 20
