"""Bundles: what is read, what is refused, and that nothing else comes out of the parser."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from operator import methodcaller
from typing import Any

import pytest
from hypothesis import given

from providers.descriptor import digest_of
from providers.errors import VerificationError
from providers.reasons import ReasonCode
from pycosign.lab import Lab
from tests.unit.formats.mutants import UNREAD, mutants, refusal_of
from verifier.formats.bundle import (
    BUNDLE_V01,
    BUNDLE_V02,
    BUNDLE_V03,
    BUNDLE_V03_ALT,
    parse_bundle,
)
from verifier.formats.dsse import Envelope, pae
from verifier.formats.entity import MessageSignature
from verifier.formats.limits import (
    MAX_BUNDLE_SIZE,
    MAX_CERTIFICATE,
    MAX_LOG_ID,
    MAX_SIGNATURE,
    MAX_TIMESTAMP,
    MAX_TYPE_NAME,
)

DIGEST = digest_of(b"x")
LAB = Lab(name="formats")
IMAGE = LAB.sign_image(DIGEST, timestamp=True)
BLOB = LAB.sign_blob(b"x", log="rekor2")
KEYED = LAB.sign_image(DIGEST, keyless=False)

Change = Callable[[dict[str, Any]], Any]


def edited(bundle: bytes, change: Change) -> bytes:
    document = json.loads(bundle)
    change(document)
    return json.dumps(document).encode()


def material(document: dict[str, Any]) -> dict[str, Any]:
    return document["verificationMaterial"]


def entry(document: dict[str, Any]) -> dict[str, Any]:
    return material(document)["tlogEntries"][0]


def to_chain(document: dict[str, Any]) -> None:
    held = material(document)
    held["x509CertificateChain"] = {"certificates": [held.pop("certificate")]}


def test_an_envelope() -> None:
    bundle = parse_bundle(IMAGE)
    assert (bundle.media_type, bundle.digest, bundle.key_hint) == (BUNDLE_V03, digest_of(IMAGE), "")
    assert isinstance(bundle.content, Envelope)
    assert json.loads(bundle.content.payload)["subject"][0]["digest"] == {"sha256": DIGEST[7:]}
    assert bundle.log_entries[0].kind == "dsse"
    assert len(bundle.timestamps) == 1
    assert (
        base64.b64encode(bundle.leaf_certificate).decode()
        == material(json.loads(IMAGE))["certificate"]["rawBytes"]
    )


def test_a_message_signature() -> None:
    content = parse_bundle(BLOB).content
    assert isinstance(content, MessageSignature)
    assert (content.algorithm, content.digest.hex()) == ("SHA2_256", DIGEST[7:])


def test_a_key_signed_one() -> None:
    bundle = parse_bundle(KEYED)
    assert bundle.leaf_certificate == b""
    assert bundle.key_hint == material(json.loads(KEYED))["publicKey"]["hint"]
    assert parse_bundle(edited(KEYED, lambda d: material(d).update(publicKey={}))).key_hint == ""


def test_zeros_that_protojson_leaves_out() -> None:
    def drop(document: dict[str, Any]) -> None:
        for holder, name in (
            (entry(document), "logIndex"),
            (entry(document), "integratedTime"),
            (entry(document)["inclusionProof"], "logIndex"),
            (entry(document)["inclusionProof"], "hashes"),
        ):
            holder.pop(name, None)

    read = parse_bundle(edited(BLOB, drop)).log_entries[0]
    assert read.proof is not None
    assert (read.log_index, read.integrated_time, read.proof.log_index, read.proof.hashes) == (0, 0, 0, ())
    without = parse_bundle(edited(BLOB, lambda d: material(d).pop("tlogEntries")))
    assert without.log_entries == ()


def nulls(document: dict[str, Any]) -> None:
    """What Rekor 2 and home-made writers put where there is nothing."""
    entry(document).update(inclusionPromise=None, integratedTime=None)
    entry(document)["inclusionProof"].update(hashes=None)
    material(document).update(publicKey=None, x509CertificateChain=None)
    document.update(
        dsseEnvelope=None, messageSignature={**document["messageSignature"], "messageDigest": None}
    )


def test_null_is_as_good_as_absent() -> None:
    def drop(document: dict[str, Any]) -> None:
        nulls(document)
        for name in ("inclusionPromise", "integratedTime"):
            del entry(document)[name]
        del entry(document)["inclusionProof"]["hashes"]
        del document["messageSignature"]["messageDigest"]

    read, dropped = parse_bundle(edited(BLOB, nulls)), parse_bundle(edited(BLOB, drop))
    assert (read.content, read.log_entries) == (dropped.content, dropped.log_entries)
    assert (read.leaf_certificate, read.timestamps) == (dropped.leaf_certificate, dropped.timestamps)
    assert read.content == MessageSignature("", b"", parse_bundle(BLOB).content.signature)
    assert parse_bundle(edited(IMAGE, lambda d: material(d).update(tlogEntries=None))).log_entries == ()


def test_empty_messages_that_protojson_writes() -> None:
    def change(document: dict[str, Any]) -> None:
        entry(document)["inclusionPromise"] = {}
        document["messageSignature"]["messageDigest"] = {}
        material(document)["timestampVerificationData"] = {}

    read = parse_bundle(edited(BLOB, change))
    assert (read.log_entries[0].promise, read.timestamps) == (b"", ())
    assert isinstance(read.content, MessageSignature)
    assert (read.content.algorithm, read.content.digest) == ("", b"")


def test_several_entries_and_timestamps() -> None:
    other = json.loads(LAB.sign_blob(b"x", timestamp=True))

    def add(document: dict[str, Any]) -> None:
        material(document)["tlogEntries"].append(entry(other))
        stamps = material(document)["timestampVerificationData"]["rfc3161Timestamps"]
        stamps += material(other)["timestampVerificationData"]["rfc3161Timestamps"]

    read = parse_bundle(edited(BLOB, add))
    assert [entry.version for entry in read.log_entries] == ["0.0.2", "0.0.1"]
    assert len(set(read.timestamps)) == 2


def test_versions() -> None:
    assert (
        parse_bundle(edited(IMAGE, lambda d: d.update(mediaType=BUNDLE_V03_ALT))).media_type == BUNDLE_V03_ALT
    )
    for version in (BUNDLE_V01, BUNDLE_V02):
        old = edited(edited(IMAGE, to_chain), methodcaller("update", mediaType=version))
        assert parse_bundle(old).media_type == version
        no_promise = edited(old, lambda d: entry(d).pop("inclusionPromise"))
        if version == BUNDLE_V01:  # sigstore_bundle.proto: this version needs one
            with pytest.raises(VerificationError):
                parse_bundle(no_promise)
        else:
            assert parse_bundle(no_promise).log_entries[0].promise == b""
        no_proof = edited(old, lambda d: entry(d).pop("inclusionProof"))
        if version == BUNDLE_V01:
            assert parse_bundle(no_proof).log_entries[0].proof is None
        else:
            with pytest.raises(VerificationError):
                parse_bundle(no_proof)


def test_unknown_fields_are_ignored() -> None:
    assert (
        parse_bundle(edited(IMAGE, lambda d: d.update(later={"x": 1}))).content == parse_bundle(IMAGE).content
    )


def chain_of(count: int) -> Change:
    def change(document: dict[str, Any]) -> None:
        to_chain(document)
        document["mediaType"] = BUNDLE_V02
        chain = material(document)["x509CertificateChain"]
        chain["certificates"] = chain["certificates"] * count

    return change


def longer(*path: Any) -> Change:
    def change(document: dict[str, Any]) -> None:
        holder: Any = document
        for name in path:
            holder = holder[name]
        holder.extend(holder[:1] * 33)

    return change


def b64_of(size: int) -> str:
    return base64.b64encode(bytes(size)).decode()


def certificate_of(size: int) -> Change:
    return lambda d: material(d).update(certificate={"rawBytes": b64_of(size)})


def chain_with_leaf_of(size: int) -> Change:
    def change(document: dict[str, Any]) -> None:
        certificate_of(size)(document)
        chain_of(1)(document)

    return change


def timestamp_of(size: int) -> Change:
    listed = {"rfc3161Timestamps": [{"signedTimestamp": b64_of(size)}]}
    return lambda d: material(d).update(timestampVerificationData=listed)


def test_the_largest_certificate_and_timestamp() -> None:
    for change in (certificate_of(MAX_CERTIFICATE), chain_with_leaf_of(MAX_CERTIFICATE)):
        assert len(parse_bundle(edited(IMAGE, change)).leaf_certificate) == MAX_CERTIFICATE
    assert len(parse_bundle(edited(IMAGE, timestamp_of(MAX_TIMESTAMP))).timestamps[0]) == MAX_TIMESTAMP


REFUSED: dict[str, tuple[bytes, Change]] = {
    "a large certificate": (IMAGE, certificate_of(MAX_CERTIFICATE + 1)),
    "a large certificate in a chain": (IMAGE, chain_with_leaf_of(MAX_CERTIFICATE + 1)),
    "a large timestamp": (IMAGE, timestamp_of(MAX_TIMESTAMP + 1)),
    "a checkpoint of few characters and many bytes": (
        IMAGE,
        lambda d: entry(d)["inclusionProof"].update(checkpoint={"envelope": "\N{GRINNING FACE}" * 17000}),
    ),
    "no media type": (IMAGE, lambda d: d.pop("mediaType")),
    "another media type": (IMAGE, lambda d: d.update(mediaType="application/json")),
    "a version of endless digits": (
        IMAGE,
        lambda d: d.update(mediaType="application/vnd.dev.sigstore.bundle.v" + "1" * 21 + "+json"),
    ),
    "a promise that is text": (IMAGE, lambda d: entry(d).update(inclusionPromise="QQ==")),
    "a promise that is a number": (
        IMAGE,
        lambda d: entry(d).update(inclusionPromise={"signedEntryTimestamp": 1}),
    ),
    "a digest that is text": (BLOB, lambda d: d["messageSignature"].update(messageDigest="QQ==")),
    "a digest without its kind": (BLOB, lambda d: d["messageSignature"]["messageDigest"].pop("algorithm")),
    "timestamps that are a list": (IMAGE, lambda d: material(d).update(timestampVerificationData=[])),
    "no material": (IMAGE, lambda d: d.pop("verificationMaterial")),
    "no content": (IMAGE, lambda d: d.pop("dsseEnvelope")),
    "two contents": (IMAGE, lambda d: d.update(messageSignature=json.loads(BLOB)["messageSignature"])),
    "two signers": (IMAGE, lambda d: material(d).update(publicKey={"hint": "x"})),
    "no signer": (IMAGE, lambda d: material(d).pop("certificate")),
    "a long hint": (KEYED, lambda d: material(d)["publicKey"].update(hint="x" * 2000)),
    "a chain in 0.3": (IMAGE, to_chain),
    "a certificate in 0.2": (IMAGE, lambda d: d.update(mediaType=BUNDLE_V02)),
    "an empty chain": (IMAGE, chain_of(0)),
    "a long chain": (IMAGE, chain_of(11)),
    "many entries": (IMAGE, longer("verificationMaterial", "tlogEntries")),
    "many timestamps": (
        IMAGE,
        longer("verificationMaterial", "timestampVerificationData", "rfc3161Timestamps"),
    ),
    "many hashes": (IMAGE, lambda d: entry(d)["inclusionProof"].update(hashes=["A" * 43 + "="] * 65)),
    "a short hash": (IMAGE, lambda d: entry(d)["inclusionProof"].update(hashes=["QQ=="])),
    "an index outside of the tree": (IMAGE, lambda d: entry(d)["inclusionProof"].update(treeSize="0")),
    "a negative index": (IMAGE, lambda d: entry(d).update(logIndex="-1")),
    "a number as text with a sign": (IMAGE, lambda d: entry(d).update(integratedTime="+1")),
    "no checkpoint": (IMAGE, lambda d: entry(d)["inclusionProof"].pop("checkpoint")),
    "a long checkpoint": (
        IMAGE,
        lambda d: entry(d)["inclusionProof"].update(checkpoint={"envelope": "x" * 70000}),
    ),
    "an entry that is text": (IMAGE, lambda d: material(d).update(tlogEntries=["x"])),
    "a timestamp that is text": (
        IMAGE,
        lambda d: material(d).update(timestampVerificationData={"rfc3161Timestamps": ["x"]}),
    ),
    "null in a list": (IMAGE, lambda d: material(d).update(tlogEntries=[None])),
    "null for what must be there": (IMAGE, lambda d: d.update(mediaType=None)),
    "null for the signer": (IMAGE, lambda d: material(d).update(certificate=None)),
    "null for a signature": (IMAGE, lambda d: d["dsseEnvelope"]["signatures"][0].update(sig=None)),
    "a field that is null and not, in another case": (IMAGE, lambda d: d.update(DsseEnvelope=None)),
    "a large signature": (BLOB, lambda d: d["messageSignature"].update(signature=b64_of(MAX_SIGNATURE + 1))),
    "a large signature of an envelope": (
        IMAGE,
        lambda d: d["dsseEnvelope"]["signatures"][0].update(sig=b64_of(MAX_SIGNATURE + 1)),
    ),
    "a large promise": (
        IMAGE,
        lambda d: entry(d).update(inclusionPromise={"signedEntryTimestamp": b64_of(MAX_SIGNATURE + 1)}),
    ),
    "a long log id": (IMAGE, lambda d: entry(d).update(logId={"keyId": b64_of(MAX_LOG_ID + 1)})),
    "a long kind": (IMAGE, lambda d: entry(d)["kindVersion"].update(kind="x" * (MAX_TYPE_NAME + 1))),
    "a long version": (IMAGE, lambda d: entry(d)["kindVersion"].update(version="x" * (MAX_TYPE_NAME + 1))),
    "a long payload type": (IMAGE, lambda d: d["dsseEnvelope"].update(payloadType="x" * (MAX_TYPE_NAME + 1))),
    "an empty signature": (IMAGE, lambda d: d["dsseEnvelope"]["signatures"][0].update(sig="")),
    "a short digest": (BLOB, lambda d: d["messageSignature"]["messageDigest"].update(digest="QQ==")),
    "URL-safe base64": (BLOB, lambda d: d["messageSignature"].update(signature="__8=")),
}
UNSUPPORTED: dict[str, tuple[bytes, Change]] = {
    "two signatures": (IMAGE, longer("dsseEnvelope", "signatures")),
    "no signature": (IMAGE, lambda d: d["dsseEnvelope"].update(signatures=[])),
    "another digest": (BLOB, lambda d: d["messageSignature"]["messageDigest"].update(algorithm="SHA3_256")),
    "a version with many digits": (
        IMAGE,
        lambda d: d.update(mediaType="application/vnd.dev.sigstore.bundle.v0.10.11+json"),
    ),
    "a later version": (IMAGE, lambda d: d.update(mediaType="application/vnd.dev.sigstore.bundle.v0.9+json")),
}


@pytest.mark.parametrize("what", REFUSED)
def test_malformed(what: str) -> None:
    bundle, change = REFUSED[what]
    with pytest.raises(VerificationError) as caught:
        parse_bundle(edited(bundle, change))
    assert caught.value.reason is ReasonCode.MALFORMED


@pytest.mark.parametrize("what", UNSUPPORTED)
def test_unsupported(what: str) -> None:
    bundle, change = UNSUPPORTED[what]
    with pytest.raises(VerificationError) as caught:
        parse_bundle(edited(bundle, change))
    expected = (
        {ReasonCode.UNSUPPORTED}
        if what != "two signatures"
        else {ReasonCode.UNSUPPORTED, ReasonCode.MALFORMED}
    )
    assert caught.value.reason in expected


def test_size() -> None:
    with pytest.raises(VerificationError):
        parse_bundle(b" " * (MAX_BUNDLE_SIZE + 1))


def test_a_repeated_key() -> None:
    twice = IMAGE.replace(b'{"mediaType"', b'{"mediaType":"x","mediaType"', 1)
    assert twice != IMAGE
    with pytest.raises(VerificationError):
        parse_bundle(twice)


@given(
    mutants(IMAGE, BLOB, KEYED, edited(edited(IMAGE, to_chain), methodcaller("update", mediaType=BUNDLE_V01)))
)
def test_any_change_gives_a_bundle_or_our_error(data: bytes) -> None:
    assert refusal_of(lambda: parse_bundle(data)) in UNREAD


def test_pae_counts_bytes() -> None:
    # protocol.md of DSSE gives the first one.
    assert pae("http://example.com/HelloWorld", b"hello world") == (
        b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    )
    assert pae("é", b"") == b"DSSEv1 2 \xc3\xa9 0 "
