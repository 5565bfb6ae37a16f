"""Everything that the real cosign was seen to write is read, as what it is."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from providers.descriptor import digest_of
from providers.errors import VerificationError
from providers.reasons import ReasonCode
from tests.tools import shared_vectors
from verifier.formats.bundle import BUNDLE_MEDIA_TYPES
from verifier.formats.dsse import IN_TOTO, Envelope
from verifier.formats.entity import MessageSignature, SignedEntity
from verifier.formats.layer import SIGNATURE_MEDIA_TYPES, parse_layer
from verifier.formats.manifest import MANIFEST_MEDIA_TYPES, media_type_of, parse_manifest
from verifier.formats.signature_file import SignatureFile, SignatureForm, parse_signature_file
from verifier.formats.simple_signing import SimpleSigning, parse_simple_payload
from verifier.formats.statement import parse_statement

VECTORS = shared_vectors()


def found(*patterns: str) -> list[str]:
    paths = {path for pattern in patterns for path in VECTORS.glob(pattern)}
    return sorted(str(path.relative_to(VECTORS)) for path in paths)


_OF_SMALL_TREE = ("keyless/size1-tree/f.*.json", "keyless/size1-tree/py.*.json")
BUNDLES = found("blob/**/*bundle*.json", "keyless/bundles/*.json", *_OF_SMALL_TREE)
UNREADABLE = "blob/not-json.bundle.json"
SIGNATURES = found("**/*.sig")


def read(name: str, form: SignatureForm) -> SignedEntity:
    return parse_signature_file(SignatureFile(form, (VECTORS / name).read_bytes()))


@pytest.mark.parametrize("name", [name for name in BUNDLES if name != UNREADABLE])
def test_bundles(name: str) -> None:
    entity = read(name, SignatureForm.BUNDLE)
    is_keyless = (name.startswith("keyless") and "/key" not in name) or "keyless.legacy" in name
    assert bool(entity.leaf_certificate) is is_keyless
    assert (entity.media_type in BUNDLE_MEDIA_TYPES) is (".legacy." not in name)
    if isinstance(entity.content, Envelope):
        assert entity.content.payload_type == IN_TOTO
        assert parse_statement(entity.content.payload).subjects
    else:
        assert isinstance(entity.content, MessageSignature)
    assert bool(entity.log_entries) is (name.startswith("keyless") or "/tlog/" in name)
    assert len(entity.log_entries) == (2 if name.endswith("duptlog.json") else len(entity.log_entries[:1]))


def test_what_is_no_bundle() -> None:
    with pytest.raises(VerificationError) as caught:
        read(UNREADABLE, SignatureForm.BUNDLE)
    assert caught.value.reason is ReasonCode.MALFORMED


@pytest.mark.parametrize("name", SIGNATURES)
def test_bare_signatures(name: str) -> None:
    content = read(name, SignatureForm.SIGNATURE).content
    assert isinstance(content, MessageSignature)
    assert len(content.signature) < 600  # decoded: the text of an RSA-2048 one has 344 characters


def test_a_bare_envelope() -> None:
    content = read("blob/f.att.dsse.json", SignatureForm.ENVELOPE).content
    assert isinstance(content, Envelope)
    assert parse_statement(content.payload).predicate_type == "https://cosign.sigstore.dev/attestation/v1"


def stored(fixture: Path) -> Iterator[SignedEntity]:
    """Every signature in the manifests of a fixture."""
    for path in sorted(fixture.glob("manifests/*.json")):
        data = path.read_bytes()
        if media_type_of(data, "") not in MANIFEST_MEDIA_TYPES:
            continue
        for layer in parse_manifest(data).layers:
            if layer.media_type in SIGNATURE_MEDIA_TYPES:
                content = (fixture / "blobs" / layer.digest.replace(":", "-")).read_bytes()
                assert digest_of(content) == layer.digest
                yield parse_layer(layer, content)


FIXTURES = sorted(path.parent.name for path in VECTORS.glob("oci/*/fixture.json"))
# What attach-sbom stores is no signature.
NUMBER = {
    "attach-sbom": 0,
    "attest-bundle-key": 2,
    "legacy-plus-foreign-bundle": 2,
    "two-signers-bundle-key": 2,
}


@pytest.mark.parametrize("name", FIXTURES)
def test_registries(name: str) -> None:
    entities = list(stored(VECTORS / "oci" / name))
    assert len({entity.digest for entity in entities}) == len(entities) >= NUMBER.get(name, 1)
    if name == "attach-sbom":
        assert not entities
    for entity in entities:
        if isinstance(entity.content, SimpleSigning):
            assert parse_simple_payload(entity.content.payload).manifest_digest.startswith("sha256:")
        elif isinstance(entity.content, Envelope):
            assert parse_statement(entity.content.payload).subjects


def test_a_legacy_keyless_signature_has_all_its_evidence() -> None:
    (entity,) = stored(VECTORS / "oci" / "sign-legacy-keyless")
    (entry,) = entity.log_entries
    assert entity.leaf_certificate
    assert (entry.proof, bool(entry.promise), len(entity.timestamps)) == (None, True, 1)


def test_every_case_names_something_that_was_read() -> None:
    read_here = {*BUNDLES, *SIGNATURES, "blob/f.att.dsse.json", *(f"oci/{name}" for name in FIXTURES)}
    cases = json.loads((VECTORS / "cases.json").read_text())
    assert {case["fixture"] for case in cases} <= read_here
