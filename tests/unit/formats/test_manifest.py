"""Manifests and indexes, each read as one thing only."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.descriptor import digest_of
from providers.errors import VerificationError
from providers.reasons import ReasonCode
from tests.tools import shared_vectors
from verifier.formats.bundle import BUNDLE_V03
from verifier.formats.manifest import (
    DOCKER_INDEX,
    DOCKER_MANIFEST,
    MAX_MANIFEST_SIZE,
    OCI_INDEX,
    OCI_MANIFEST,
    Index,
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
    named = {**IMAGE, "artifactType": "application/x", "annotations": {"k": "v"}}
    found = parse_index(index(manifests=[named, IMAGE]), OCI_INDEX).manifests
    assert [descriptor.artifact_type for descriptor in found] == ["application/x", ""]
    assert found[0].annotations == (("k", "v"),)
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


@given(data=st.data())
def test_any_change_gives_a_value_or_our_error(data: st.DataObject) -> None:
    parse, good = data.draw(
        st.sampled_from([(parse_manifest, manifest(subject=IMAGE)), (parse_index, index())])
    )
    mutant = bytearray(good)
    for _ in range(data.draw(st.integers(0, 4))):
        start = data.draw(st.integers(0, len(mutant)))
        mutant[start : start + data.draw(st.integers(0, 30))] = data.draw(st.binary(max_size=20))
    try:
        parse(bytes(mutant))
    except VerificationError as error:
        assert error.reason in {ReasonCode.MALFORMED, ReasonCode.UNSUPPORTED}  # noqa: PT017


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
