"""Certificates that a trusted authority issued, but not by Fulcio's profile."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID

from pycosign.lab import Lab
from pycosign.lab.identity import Identity
from pycosign.lab.names import DEFAULT_ISSUER
from tests.unit.engines.world import DIGEST, question, suffices
from verifier.engine import EvidenceError
from verifier.engines.sigstore import SigstoreEngine
from verifier.facts import SignatureFacts
from verifier.formats.bundle import BUNDLE_V03
from verifier.formats.dsse import IN_TOTO, pae

ARC = "1.3.6.1.4.1.57264.1."
Extensions = dict[x509.ObjectIdentifier, tuple[Any, bool]]
Change = Callable[[Extensions], Any]


class OddAuthority:
    """The lab's authority, signing certificates whose extensions were changed."""

    def __init__(self, lab: Lab, change: Change) -> None:
        self._lab = lab
        self._change = change

    def issue(
        self, public_key: Any, identity: Any, *, ct_logs: Any, not_before: datetime | None
    ) -> x509.Certificate:
        del ct_logs
        model = self._lab.ca.issue(public_key, identity, not_before=not_before)
        extensions: Extensions = {e.oid: (e.value, e.critical) for e in model.extensions}
        self._change(extensions)
        builder = (
            x509.CertificateBuilder()
            .serial_number(model.serial_number)
            .subject_name(model.subject)
            .issuer_name(model.issuer)
            .public_key(public_key)
            .not_valid_before(model.not_valid_before_utc)
            .not_valid_after(model.not_valid_after_utc)
        )
        for value, critical in extensions.values():
            builder = builder.add_extension(value, critical=critical)
        return builder.sign(self._lab.ca.key, hashes.SHA384())


def names(*listed: x509.GeneralName) -> Change:
    return lambda e: e.update(
        {ExtensionOID.SUBJECT_ALTERNATIVE_NAME: (x509.SubjectAlternativeName(listed), True)}
    )


def unrecognized(oid: str, value: bytes, *, critical: bool = False) -> Change:
    identifier = x509.ObjectIdentifier(oid)
    return lambda e: e.update({identifier: (x509.UnrecognizedExtension(identifier, value), critical)})


def usage(*, digital_signature: bool, ca: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature, not digital_signature and not ca, False, False, False, ca, ca, False, False
    )


def verify(engine: SigstoreEngine, lab: Lab, change: Change) -> SignatureFacts:
    odd: Any = OddAuthority(lab, change)
    return engine.verify(question(lab.sign_image(DIGEST, ca=odd), lab.trusted_root()))


URI = x509.UniformResourceIdentifier("https://example.test/x")
REFUSED: dict[str, Change] = {
    "no key usage": lambda e: e.pop(ExtensionOID.KEY_USAGE),
    "no digitalSignature": lambda e: e.update(
        {ExtensionOID.KEY_USAGE: (usage(digital_signature=False), True)}
    ),
    "no extended key usage": lambda e: e.pop(ExtensionOID.EXTENDED_KEY_USAGE),
    "for servers": lambda e: e.update(
        {ExtensionOID.EXTENDED_KEY_USAGE: (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False)}
    ),
    "no name": lambda e: e.pop(ExtensionOID.SUBJECT_ALTERNATIVE_NAME),
    "two names": names(URI, x509.RFC822Name("a@example.test")),
    "a host name": names(x509.DNSName("example.test")),
    "another kind of name": names(x509.OtherName(x509.ObjectIdentifier("1.2.3"), b"\x0c\x01a")),
    "a name that is no text": names(x509.OtherName(x509.ObjectIdentifier(ARC + "7"), b"\x04\x01a")),
    "an issuer that is no text": unrecognized(ARC + "8", b"https://issuer.example.test"),
    "an old claim that is no text": unrecognized(ARC + "2", b"\xff"),
    "a long claim that lies about its length": unrecognized(ARC + "12", b"\x0c\x05ab"),
    "a critical extension that nobody knows": unrecognized("1.2.3.4", b"x", critical=True),
    "an authority": lambda e: e.update(
        {
            ExtensionOID.BASIC_CONSTRAINTS: (x509.BasicConstraints(ca=True, path_length=None), True),
            ExtensionOID.KEY_USAGE: (usage(digital_signature=True, ca=True), True),
        }
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_fulcio_would_not_issue(engine: SigstoreEngine, lab: Lab, what: str) -> None:
    with pytest.raises(EvidenceError) as caught:
        verify(engine, lab, REFUSED[what])
    assert str(caught.value.reason) in {"certificate-invalid", "chain-untrusted"}


NO_TEXT = ["a\0.evil.test", "a\nb", "a\x1bb", "a\x7fb", "a\x85b", "a\u2028b", "a\u202eb", "a\u2066b", "\t"]


def utf8(text: str) -> bytes:
    """A DER UTF8String."""
    raw = text.encode()
    return bytes([0x0C, len(raw)]) + raw


@pytest.mark.parametrize("text", NO_TEXT)
@pytest.mark.parametrize("place", ["user name", "issuer", "old issuer", "claim", "old claim"])
def test_what_would_not_be_shown_as_it_is(engine: SigstoreEngine, lab: Lab, place: str, text: str) -> None:
    """A name that ends at a NUL for one reader, or writes lines of its own into a log."""

    def change(extensions: Extensions) -> None:
        if place == "old issuer":
            extensions.pop(x509.ObjectIdentifier(ARC + "8"))
        changes[place](extensions)

    changes = {
        "user name": names(x509.OtherName(x509.ObjectIdentifier(ARC + "7"), utf8(text))),
        "issuer": unrecognized(ARC + "8", utf8(text)),
        "old issuer": unrecognized(ARC + "1", text.encode()),
        "claim": unrecognized(ARC + "12", utf8(text)),
        "old claim": unrecognized(ARC + "4", text.encode()),
    }
    with pytest.raises(EvidenceError) as caught:
        verify(engine, lab, change)
    assert str(caught.value.reason) == "certificate-invalid"
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("text", [text for text in NO_TEXT if text.isascii()])
@pytest.mark.parametrize("kind", [x509.UniformResourceIdentifier, x509.RFC822Name])
def test_a_name_that_would_not_be_shown_as_it_is(
    engine: SigstoreEngine, lab: Lab, kind: Callable[[str], x509.GeneralName], text: str
) -> None:
    with pytest.raises(EvidenceError) as caught:
        verify(engine, lab, names(kind(f"https://good.test{text}")))
    assert str(caught.value.reason) == "certificate-invalid"


@pytest.mark.parametrize(
    "text", ["Prüfung \N{WOMAN}\N{ZERO WIDTH JOINER}\N{PERSONAL COMPUTER}", "测试", "a b"]
)
def test_names_of_workflows_are_in_every_language(engine: SigstoreEngine, lab: Lab, text: str) -> None:
    facts = verify(engine, lab, unrecognized(ARC + "4", text.encode()))
    assert facts.certificate is not None
    assert facts.certificate.claim("githubWorkflowName") == text


def test_a_user_name(engine: SigstoreEngine, lab: Lab) -> None:
    facts = verify(engine, lab, names(x509.OtherName(x509.ObjectIdentifier(ARC + "7"), b"\x0c\x05alice")))
    assert facts.certificate is not None
    assert facts.certificate.subject_alternative_name == "alice"
    assert facts.certificate.subject_alternative_name_type == "otherName"


def test_the_newer_issuer_is_preferred(engine: SigstoreEngine, lab: Lab) -> None:
    facts = verify(engine, lab, unrecognized(ARC + "8", b"\x0c\x03new"))
    assert facts.certificate is not None
    assert facts.certificate.issuer == "new"
    facts = verify(engine, lab, lambda e: e.pop(x509.ObjectIdentifier(ARC + "8")))
    assert facts.certificate is not None
    assert facts.certificate.issuer == DEFAULT_ISSUER


def _by_hand(lab: Lab, public_key: Any, sign: Callable[[bytes], bytes]) -> bytes:
    """A bundle with an envelope, a timestamp and no log entry, for keys that the lab's logs do not take."""
    model: Any = OddAuthority(lab, lambda _: None)
    payload = json.dumps(
        {
            "_type": "https://in-toto.io/Statement/v1",
            "subject": [{"digest": {"sha256": DIGEST[7:]}}],
            "predicateType": "https://example.test/p",
        }
    ).encode()
    named = Identity.of("https://example.test/x", "https://issuer.example.test")
    certificate = model.issue(public_key, named, ct_logs=(), not_before=None)
    signature = sign(pae(IN_TOTO, payload))

    def b64(raw: bytes) -> str:
        return base64.b64encode(raw).decode()

    return json.dumps(
        {
            "mediaType": BUNDLE_V03,
            "verificationMaterial": {
                "certificate": {"rawBytes": b64(certificate.public_bytes(Encoding.DER))},
                "timestampVerificationData": {
                    "rfc3161Timestamps": [{"signedTimestamp": b64(lab.tsa.stamp(signature))}]
                },
            },
            "dsseEnvelope": {
                "payload": b64(payload),
                "payloadType": IN_TOTO,
                "signatures": [{"sig": b64(signature)}],
            },
        }
    ).encode()


def test_an_ed25519_key(engine: SigstoreEngine, lab: Lab) -> None:
    key = ed25519.Ed25519PrivateKey.generate()
    facts = engine.verify(question(_by_hand(lab, key.public_key(), key.sign), lab.trusted_root()))
    assert len(facts.timestamps) == 1
    assert not suffices(facts)
    other = ed25519.Ed25519PrivateKey.generate()
    with pytest.raises(EvidenceError) as caught:
        engine.verify(question(_by_hand(lab, key.public_key(), other.sign), lab.trusted_root()))
    assert str(caught.value.reason) == "signature-invalid"


@pytest.mark.parametrize(
    "key",
    [
        rsa.generate_private_key(65537, 1024),  # noqa: S505
        ec.generate_private_key(ec.SECP256K1()),
        dsa.generate_private_key(2048),
    ],
    ids=["RSA-1024", "secp256k1", "DSA"],
)
def test_keys_that_are_not_accepted(engine: SigstoreEngine, lab: Lab, key: Any) -> None:
    bundle = _by_hand(lab, key.public_key(), lambda _: b"no matter")
    with pytest.raises(EvidenceError) as caught:
        engine.verify(question(bundle, lab.trusted_root()))
    assert str(caught.value.reason) in {"unsupported", "chain-untrusted"}
