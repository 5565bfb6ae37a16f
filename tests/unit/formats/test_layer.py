"""Layers under cosign's tags, and layers that hold bundles."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.descriptor import Descriptor, digest_of
from providers.errors import VerificationError
from providers.reasons import ReasonCode
from pycosign.lab import Lab, LegacyLayer
from tests.unit.formats.mutants import UNREAD, mutants, refusal_of
from verifier.formats.bundle import BUNDLE_V03, parse_bundle
from verifier.formats.dsse import ENVELOPE_MEDIA_TYPE, Envelope
from verifier.formats.layer import (
    CERTIFICATE,
    LEGACY_MEDIA_TYPES,
    REKOR_BUNDLE,
    SIGNATURE,
    SIGNATURE_MEDIA_TYPES,
    TIMESTAMP,
    parse_layer,
    signature_digest,
)
from verifier.formats.limits import MAX_SIGNATURE
from verifier.formats.simple_signing import MAX_PAYLOAD, SIMPLE_SIGNING, SimpleSigning

DIGEST = digest_of(b"image")
LAB = Lab(name="layers")
KEYLESS = LAB.sign_image_legacy(DIGEST, reference="x.test/a", timestamp=True)
KEYED = LAB.sign_image_legacy(DIGEST, reference="x.test/a", keyless=False, log=None)
ATTESTED = LAB.attest_legacy(DIGEST, predicate_type="https://p.test", predicate={}, timestamp=True)
LAYERS = {"keyless": KEYLESS, "keyed": KEYED, "attested": ATTESTED}
CHAIN = "dev.sigstore.cosign/chain"


_NAMES = {name.rpartition("/")[2]: name for name in (SIGNATURE, CERTIFICATE, REKOR_BUNDLE, TIMESTAMP, CHAIN)}


def described(layer: LegacyLayer, **changes: str | None) -> Descriptor:
    """The descriptor of ``layer``; annotations by the last part of their name, None to take one away."""
    annotations: dict[str, str | None] = dict(layer.annotations)
    annotations.update({_NAMES[name]: value for name, value in changes.items()})
    kept = {name: value for name, value in annotations.items() if value is not None}
    return Descriptor.parse(
        media_type=layer.media_type, digest=digest_of(layer.data), size=len(layer.data), annotations=kept
    )


def test_a_signature_with_every_annotation() -> None:
    annotations = dict(KEYLESS.annotations)
    entity = parse_layer(described(KEYLESS), KEYLESS.data)
    assert entity.media_type == SIMPLE_SIGNING
    assert entity.content == SimpleSigning(KEYLESS.data, base64.b64decode(annotations[SIGNATURE]))
    assert (
        annotations[CERTIFICATE].replace("\n", "").find(base64.b64encode(entity.leaf_certificate).decode())
        > 0
    )
    (entry,) = entity.log_entries
    assert (entry.kind, entry.proof, bool(entry.promise)) == ("hashedrekord", None, True)
    stamp = json.loads(annotations[TIMESTAMP])["SignedRFC3161Timestamp"]
    assert entity.timestamps == (base64.b64decode(stamp),)
    assert (entity.stored, dict(entity.annotations)) == (KEYLESS.data, annotations)


def test_a_signature_by_a_key_alone() -> None:
    entity = parse_layer(described(KEYED), KEYED.data)
    assert isinstance(entity.content, SimpleSigning)
    assert (entity.leaf_certificate, entity.key_hint, entity.log_entries, entity.timestamps) == (
        b"",
        "",
        (),
        (),
    )


def test_an_attestation() -> None:
    entity = parse_layer(described(ATTESTED), ATTESTED.data)
    assert isinstance(entity.content, Envelope)
    assert (entity.media_type, len(entity.log_entries), len(entity.timestamps)) == (ENVELOPE_MEDIA_TYPE, 1, 1)
    assert (entity.log_entries[0].kind, bool(entity.leaf_certificate)) == ("dsse", True)
    assert dict(ATTESTED.annotations)[SIGNATURE] == ""  # as cosign writes it


def test_a_bundle() -> None:
    bundle = LAB.sign_image(DIGEST)
    layer = Descriptor(BUNDLE_V03, digest_of(bundle), len(bundle), "", ((SIGNATURE, "not looked at"),))
    assert parse_layer(layer, bundle) == parse_bundle(bundle)
    assert signature_digest(layer) == parse_layer(layer, bundle).digest == digest_of(bundle)


@pytest.mark.parametrize("chain", ["", LAB.pem_files()["fulcio-chain.pem"].decode(), "not PEM", None])
def test_the_chain_is_not_read(chain: str | None) -> None:
    """The trusted root has what is above a certificate; what a stranger says of that is not asked."""
    entity = parse_layer(described(KEYLESS, chain=chain), KEYLESS.data)
    assert entity.leaf_certificate == parse_layer(described(KEYLESS), KEYLESS.data).leaf_certificate


@pytest.mark.parametrize("name", ["certificate", "bundle", "rfc3161timestamp"])
def test_empty_annotations_are_absent(name: str) -> None:
    empty, absent = (parse_layer(described(KEYLESS, **{name: value}), KEYLESS.data) for value in ("", None))
    assert (empty.leaf_certificate, empty.log_entries, empty.timestamps) == (
        absent.leaf_certificate,
        absent.log_entries,
        absent.timestamps,
    )
    assert empty.content == absent.content
    assert not all((empty.leaf_certificate, empty.log_entries, empty.timestamps))


def test_a_key_in_place_of_the_certificate_says_nothing() -> None:
    entity = parse_layer(described(KEYLESS, certificate=LAB.pem_files()["rekor.pub"].decode()), KEYLESS.data)
    assert entity.leaf_certificate == b""


def test_what_names_a_signature() -> None:
    """Two signers of one payload have one layer; their annotations tell them apart."""
    twice = [signature_digest(described(KEYLESS, signature=text)) for text in ("QQ==", "QUI=")]
    assert len({*twice, signature_digest(described(KEYLESS)), digest_of(KEYLESS.data)}) == 4
    assert signature_digest(described(KEYLESS)) == parse_layer(described(KEYLESS), KEYLESS.data).digest


LARGE = base64.b64encode(bytes(MAX_SIGNATURE + 1)).decode()
MALFORMED: dict[str, tuple[Descriptor, bytes]] = {
    "no signature": (described(KEYLESS, signature=None), KEYLESS.data),
    "an empty signature": (described(KEYLESS, signature=""), KEYLESS.data),
    "a signature in lines": (described(KEYLESS, signature="QUJD\nQUJD"), KEYLESS.data),
    "a large signature": (described(KEYLESS, signature=LARGE), KEYLESS.data),
    "a large payload": (described(KEYLESS), b" " * (MAX_PAYLOAD + 1)),
    "a certificate that is none": (described(KEYLESS, certificate="x"), KEYLESS.data),
    "a log entry that is none": (described(KEYLESS, bundle="x"), KEYLESS.data),
    "a log entry that is null": (described(KEYLESS, bundle="null"), KEYLESS.data),
    "a timestamp that is none": (described(KEYLESS, rfc3161timestamp="{}"), KEYLESS.data),
    "a lone surrogate": (described(KEYLESS, certificate="\ud800"), KEYLESS.data),
    "a lone surrogate in the signature": (described(KEYLESS, signature="\ud800"), KEYLESS.data),
    "an envelope that is none": (described(ATTESTED), b"{}x"),
    "a bundle that is none": (Descriptor(BUNDLE_V03, DIGEST, 1), b"{"),
}


@pytest.mark.parametrize("what", MALFORMED)
def test_malformed(what: str) -> None:
    with pytest.raises(VerificationError) as caught:
        parse_layer(*MALFORMED[what])
    assert caught.value.reason is ReasonCode.MALFORMED


@pytest.mark.parametrize("media_type", ["application/octet-stream", "text/spdx+json", SIMPLE_SIGNING.upper()])
def test_other_layers(media_type: str) -> None:
    assert media_type not in SIGNATURE_MEDIA_TYPES
    with pytest.raises(VerificationError) as caught:
        parse_layer(Descriptor(media_type, DIGEST, 1), b"{}")
    assert caught.value.reason is ReasonCode.UNSUPPORTED


def test_the_largest_payload() -> None:
    assert parse_layer(described(KEYLESS), b" " * MAX_PAYLOAD).stored == b" " * MAX_PAYLOAD


@pytest.mark.parametrize("kind", LAYERS)
@given(data=st.data())
def test_any_change_gives_a_signature_or_our_error(kind: str, data: Any) -> None:
    layer = LAYERS[kind]
    documents = [layer.data, *(value.encode() for _, value in layer.annotations)]
    which = data.draw(st.integers(0, len(documents) - 1))
    if documents[which]:
        documents[which] = data.draw(mutants(documents[which]))
    texts = [document.decode(errors="surrogateescape") for document in documents[1:]]
    annotations = tuple(zip((name for name, _ in layer.annotations), texts, strict=True))
    for media_type in LEGACY_MEDIA_TYPES:
        changed = Descriptor(media_type, DIGEST, len(documents[0]), "", annotations)
        assert refusal_of(lambda: parse_layer(changed, documents[0])) in UNREAD  # noqa: B023
