"""What stands beside a signed file."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from hypothesis import given
from hypothesis import strategies as st

from providers.descriptor import digest_of
from providers.errors import VerificationError
from providers.reasons import ReasonCode
from pycosign.lab import Lab
from pycosign.lab.legacy import LegacyLayer, legacy_signature
from pycosign.lab.sign import Recipe
from tests.unit.formats.mutants import UNREAD, mutants, refusal_of
from verifier.formats.bundle import BUNDLE_V03, parse_bundle
from verifier.formats.dsse import ENVELOPE_MEDIA_TYPE, Envelope
from verifier.formats.entity import MessageSignature
from verifier.formats.layer import CERTIFICATE, REKOR_BUNDLE, SIGNATURE, TIMESTAMP
from verifier.formats.limits import MAX_BUNDLE_SIZE, MAX_SIGNATURE
from verifier.formats.signature_file import (
    BARE_SIGNATURE,
    LEGACY_BUNDLE,
    SignatureFile,
    SignatureForm,
    parse_signature_file,
)

BUNDLE, BARE, ENVELOPE = SignatureForm.BUNDLE, SignatureForm.SIGNATURE, SignatureForm.ENVELOPE
FILE = b"a file\n"
LAB = Lab(name="files")
SIGNED = legacy_signature(LAB.signer, FILE, Recipe(timestamp=True))
KEYED = legacy_signature(LAB.signer, FILE, Recipe(keyless=False, log=None))
ATTESTED = LAB.attest_legacy(digest_of(FILE), predicate_type="https://p.test", predicate={})
KEY = LAB.pem_files()["rekor.pub"]
CHAIN = LAB.pem_files()["fulcio-chain.pem"]


def evidence(layer: LegacyLayer, name: str) -> bytes:
    return dict(layer.annotations)[name].encode()


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


RAW = base64.b64decode(evidence(SIGNED, SIGNATURE))
PEM = evidence(SIGNED, CERTIFICATE)
STAMP = evidence(SIGNED, TIMESTAMP)
LEGACY: dict[str, Any] = {
    "base64Signature": b64(RAW),
    "cert": b64(PEM),
    "rekorBundle": json.loads(evidence(SIGNED, REKOR_BUNDLE)),
}


def legacy(**changes: Any) -> bytes:
    return json.dumps({**LEGACY, **changes}).encode()


def read(form: SignatureForm, content: bytes, certificate: bytes = b"", timestamp: bytes = b"") -> Any:
    return parse_signature_file(SignatureFile(form, content, certificate, timestamp))


class TestBundles:
    def test_a_bundle(self) -> None:
        for bundle in (LAB.sign_blob(FILE), LAB.sign_image(digest_of(FILE), keyless=False)):
            assert read(BUNDLE, bundle) == parse_bundle(bundle)

    def test_a_bundle_that_also_looks_old(self) -> None:
        """It says what it is."""
        document = {**json.loads(LAB.sign_blob(FILE)), **LEGACY}
        assert read(BUNDLE, json.dumps(document).encode()).media_type == BUNDLE_V03

    def test_the_older_bundle(self) -> None:
        entity = read(BUNDLE, legacy())
        assert entity.content == MessageSignature("", b"", RAW)
        assert (entity.media_type, entity.digest, entity.stored) == (
            LEGACY_BUNDLE,
            digest_of(legacy()),
            legacy(),
        )
        assert b64(entity.leaf_certificate) in PEM.replace(b"\n", b"").decode()
        assert [entry.kind for entry in entity.log_entries] == ["hashedrekord"]

    def test_its_certificate_in_either_wrapping(self) -> None:
        assert (
            read(BUNDLE, legacy(cert=PEM.decode())).leaf_certificate
            == read(BUNDLE, legacy()).leaf_certificate
        )

    @pytest.mark.parametrize("cert", [b64(KEY), KEY.decode()])
    def test_a_key_in_it_is_not_read(self, cert: str) -> None:
        """GHSA-fx35-mq7g-6g98: there it took the place of the key that the caller trusted."""
        entity = read(BUNDLE, legacy(cert=cert))
        assert (entity.leaf_certificate, entity.key_hint) == (b"", "")

    @pytest.mark.parametrize("nothing", [None, ""])
    def test_what_go_writes_for_nothing(self, nothing: Any) -> None:
        entity = read(BUNDLE, legacy(cert=nothing, rekorBundle=None))
        assert (entity.leaf_certificate, entity.log_entries) == (b"", ())
        assert read(BUNDLE, json.dumps({"base64Signature": b64(RAW)}).encode()).content == entity.content

    def test_attest_blob_puts_an_envelope_in_it(self) -> None:
        entity = read(BUNDLE, legacy(base64Signature=b64(ATTESTED.data)))
        assert isinstance(entity.content, Envelope)
        assert (entity.media_type, entity.content.stored) == (LEGACY_BUNDLE, ATTESTED.data)

    @pytest.mark.parametrize("first", [b"{", b"{}", b"{\x00", b"\x30", b"QUJD"])
    def test_a_signature_that_begins_like_something_else(self, first: bytes) -> None:
        """One RSA or Ed25519 signature in 256 begins with a brace."""
        signature = first + bytes(64)
        assert read(BUNDLE, legacy(base64Signature=b64(signature))).content == MessageSignature(
            "", b"", signature
        )

    def test_it_is_decoded_once(self) -> None:
        """A signature in base64 twice is another signature."""
        twice = b64(RAW).encode()
        assert read(BUNDLE, legacy(base64Signature=b64(twice))).content == MessageSignature("", b"", twice)

    def test_the_certificate_that_the_caller_names_counts(self) -> None:
        entity = read(BUNDLE, legacy(cert=b64(KEY)), certificate=PEM, timestamp=STAMP)
        assert entity.leaf_certificate == read(BUNDLE, legacy()).leaf_certificate
        assert len(entity.timestamps) == 1


class TestBare:
    @pytest.mark.parametrize("content", [b64(RAW).encode(), b64(RAW).encode() + b"\n", RAW])
    def test_a_signature(self, content: bytes) -> None:
        entity = read(BARE, content)
        assert (entity.media_type, entity.content) == (BARE_SIGNATURE, MessageSignature("", b"", RAW))
        assert (entity.leaf_certificate, entity.log_entries, entity.timestamps) == (b"", (), ())

    @pytest.mark.parametrize(
        "key", [rsa.generate_private_key(65537, 2048), ed25519.Ed25519PrivateKey.generate()]
    )
    def test_signatures_of_other_keys(self, key: Any) -> None:
        layer = legacy_signature(LAB.signer, FILE, Recipe(keyless=False, log=None, key=key))
        signature = base64.b64decode(evidence(layer, SIGNATURE))
        assert read(BARE, signature).content == read(BARE, b64(signature).encode()).content

    @pytest.mark.parametrize(
        "certificate",
        [PEM, base64.b64encode(PEM), PEM.replace(b"\n", b"\r\n"), PEM + CHAIN],
    )
    @pytest.mark.parametrize("form", [BARE, ENVELOPE])
    def test_with_a_certificate_and_a_timestamp(self, form: SignatureForm, certificate: bytes) -> None:
        entity = read(form, RAW if form is BARE else ATTESTED.data, certificate, STAMP)
        assert entity.leaf_certificate == read(BUNDLE, legacy()).leaf_certificate
        assert len(entity.timestamps) == 1

    def test_an_envelope(self) -> None:
        entity = read(ENVELOPE, ATTESTED.data + b"\n")
        assert isinstance(entity.content, Envelope)
        assert (entity.media_type, entity.stored) == (ENVELOPE_MEDIA_TYPE, ATTESTED.data + b"\n")

    def test_what_names_it(self) -> None:
        """The digest of the file; with others beside it, of all of them: they are its evidence."""
        alone = SignatureFile(BARE, RAW)
        assert alone.digest == digest_of(RAW) == read(BARE, RAW).digest
        others = [
            SignatureFile(BARE, RAW, certificate=PEM),
            SignatureFile(BARE, RAW, timestamp=PEM),
            SignatureFile(BARE, RAW, certificate=PEM, timestamp=STAMP),
        ]
        assert len({alone.digest, *(other.digest for other in others)}) == 4
        assert read(BARE, RAW, PEM, STAMP).digest == others[2].digest


REFUSED: dict[str, tuple[SignatureForm, bytes, bytes, bytes]] = {
    "an empty bundle": (BUNDLE, b"", b"", b""),
    "a bundle that is a list": (BUNDLE, b"[]", b"", b""),
    "a bare signature as a bundle": (BUNDLE, b64(RAW).encode(), b"", b""),
    "an envelope as a bundle": (BUNDLE, ATTESTED.data, b"", b""),
    "a large bundle": (BUNDLE, LAB.sign_blob(FILE) + b" " * MAX_BUNDLE_SIZE, b"", b""),
    "an old bundle without a signature": (BUNDLE, legacy(base64Signature=None), b"", b""),
    "an old bundle with an empty signature": (BUNDLE, legacy(base64Signature=""), b"", b""),
    "an old bundle with a line end": (BUNDLE, legacy(base64Signature=b64(RAW) + "\n"), b"", b""),
    "an old bundle with a large signature": (
        BUNDLE,
        legacy(base64Signature=b64(bytes(MAX_SIGNATURE + 1))),
        b"",
        b"",
    ),
    "an old bundle with a broken envelope": (
        BUNDLE,
        legacy(base64Signature=b64(ATTESTED.data[:-1])),
        b"",
        b"",
    ),
    "an old bundle with a certificate that is none": (BUNDLE, legacy(cert="x"), b"", b""),
    "an old bundle with a certificate that is a number": (BUNDLE, legacy(cert=1), b"", b""),
    "an old bundle with a log entry that is text": (BUNDLE, legacy(rekorBundle="x"), b"", b""),
    "an old bundle with an empty log entry": (BUNDLE, legacy(rekorBundle={}), b"", b""),
    "an old bundle with two signatures": (BUNDLE, legacy()[:-1] + b',"Base64Signature":"QQ=="}', b"", b""),
    "no signature": (BARE, b"", b"", b""),
    "a line end only": (ENVELOPE, b"\n", b"", b""),
    "a large signature": (BARE, bytes(MAX_SIGNATURE + 1), b"", b""),
    "a key where a certificate was named": (BARE, RAW, KEY, b""),
    "a certificate that is none": (BARE, RAW, b"x", b""),
    "a timestamp that is none": (BARE, RAW, b"", b"x"),
    "a signature as an envelope": (ENVELOPE, RAW, b"", b""),
}


@pytest.mark.parametrize("what", REFUSED)
def test_malformed(what: str) -> None:
    with pytest.raises(VerificationError) as caught:
        read(*REFUSED[what])
    assert caught.value.reason is ReasonCode.MALFORMED


@given(data=st.data())
@pytest.mark.parametrize("form", SignatureForm)
def test_any_change_gives_a_signature_or_our_error(form: SignatureForm, data: Any) -> None:
    attested = legacy(base64Signature=b64(ATTESTED.data))
    contents = {
        BUNDLE: (legacy(), attested, legacy(cert=None), LAB.sign_blob(FILE)),
        BARE: (RAW, b64(RAW).encode(), b64(RAW).encode() + b"\n"),
        ENVELOPE: (ATTESTED.data,),
    }
    content = data.draw(mutants(*contents[form]))
    certificate = data.draw(mutants(PEM, base64.b64encode(PEM)) | st.just(b""))
    timestamp = data.draw(mutants(STAMP) | st.just(b""))
    assert refusal_of(lambda: read(form, content)) in UNREAD
    assert refusal_of(lambda: read(form, content, certificate, timestamp)) in UNREAD
