"""What the certificates above a signing certificate may say: a root that breaks RFC 5280 is refused at start-up.

The path builder stops at the certificate that issued the signing one, so nothing above it is looked at again.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Sequence
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID
from sigstore._internal.tuf import DEFAULT_TUF_URL, STAGING_TUF_URL
from sigstore._utils import read_embedded

from providers.errors import ConfigurationError
from pycosign.lab import Lab
from tests.unit.engines.world import DIGEST, material, question, suffices
from verifier.engine import EvidenceError
from verifier.engines.sigstore import SigstoreEngine

Change = tuple[x509.ExtensionType | x509.ObjectIdentifier, bool]

CODE, ANY = ExtendedKeyUsageOID.CODE_SIGNING, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE
TIME, SERVER = ExtendedKeyUsageOID.TIME_STAMPING, ExtendedKeyUsageOID.SERVER_AUTH


def rebuilt(
    certificate: x509.Certificate, key: Any, *changes: Change, issuer: Any = None
) -> x509.Certificate:
    """``certificate`` with extensions changed (or dropped, where only an identifier is given), signed anew."""
    kept = {e.oid: (e.value, e.critical) for e in certificate.extensions}
    # They name keys; one that is not there cannot be wrong.
    kept.pop(ExtensionOID.AUTHORITY_KEY_IDENTIFIER, None)
    for value, critical in changes:
        if isinstance(value, x509.ObjectIdentifier):
            del kept[value]
        else:
            kept[value.oid] = (value, critical)
    builder = (
        x509.CertificateBuilder()
        .serial_number(certificate.serial_number)
        .subject_name(certificate.subject)
        .issuer_name(issuer or certificate.issuer)
        .public_key(certificate.public_key())
        .not_valid_before(certificate.not_valid_before_utc)
        .not_valid_after(certificate.not_valid_after_utc)
    )
    for extension, critical in kept.values():
        builder = builder.add_extension(extension, critical=critical)
    return builder.sign(key, hashes.SHA384())


def odd_lab(root: Sequence[Change] = (), intermediate: Sequence[Change] = ()) -> Lab:
    lab = Lab()
    lab.ca.root = rebuilt(lab.ca.root, lab.ca.root_key, *root)
    lab.ca.intermediate = rebuilt(lab.ca.intermediate, lab.ca.root_key, *intermediate)
    return lab


def constraints(*, ca: bool, path_length: int | None) -> Change:
    return x509.BasicConstraints(ca=ca, path_length=path_length), True


def purposes(*listed: x509.ObjectIdentifier, critical: bool = False) -> Change:
    return x509.ExtendedKeyUsage(listed), critical


def key_usage(*, signs_certificates: bool) -> Change:
    usage = x509.KeyUsage(
        not signs_certificates, False, False, False, False, signs_certificates, True, False, False
    )
    return usage, True


def names(*permitted: x509.GeneralName, critical: bool = True) -> Change:
    return x509.NameConstraints(permitted, None), critical


EMAIL = x509.RFC822Name("good.test")
UNKNOWN: Change = (x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\x05\x00"), True)
# What each says, and what the refusal calls it.
BROKEN: dict[str, tuple[Change, str]] = {
    "not an authority": (constraints(ca=False, path_length=None), "basicConstraints"),
    "no basic constraints": ((ExtensionOID.BASIC_CONSTRAINTS, True), "basicConstraints"),
    "not for certificates": (key_usage(signs_certificates=False), "keyCertSign"),
    "for servers": (purposes(SERVER), "extendedKeyUsage"),
    "for timestamps": (purposes(TIME, critical=True), "extendedKeyUsage"),
    "a critical extension that nobody knows": (UNKNOWN, "1.2.3.4"),
    "critical policies": ((x509.PolicyConstraints(0, None), True), "PolicyConstraints"),
}


def refusal(engine: SigstoreEngine, lab: Lab) -> ConfigurationError:
    with pytest.raises(ConfigurationError) as caught:
        engine.accept(material(lab.trusted_root()))
    return caught.value


@pytest.mark.parametrize("which", ["root", "intermediate"])
@pytest.mark.parametrize("what", BROKEN)
def test_a_broken_authority(engine: SigstoreEngine, which: str, what: str) -> None:
    change, called = BROKEN[what]
    lab = odd_lab(**{which: [change]})
    error = refusal(engine, lab)
    assert "https://fulcio.lab.not-a-real-sigstore.test" in error.problem
    assert getattr(lab.ca, which).subject.rfc4514_string() in error.problem
    assert called in error.problem
    assert error.remedy


@pytest.mark.parametrize("critical", [True, False])
def test_name_constraints_above_the_issuer_are_not_supported(engine: SigstoreEngine, critical: bool) -> None:
    error = refusal(engine, odd_lab(root=[names(EMAIL, critical=critical)]))
    assert "nameConstraints" in error.problem
    assert "not supported" in error.problem
    assert error.remedy


class TestPathLength:
    @pytest.mark.parametrize(("allowed", "good"), [(None, True), (2, True), (1, True), (0, False)])
    def test_one_authority_below(self, engine: SigstoreEngine, allowed: int | None, good: bool) -> None:
        lab = odd_lab(root=[constraints(ca=True, path_length=allowed)])
        if good:
            assert suffices(engine.verify(question(lab.sign_image(DIGEST), lab.trusted_root())))
        else:
            assert "pathLenConstraint" in refusal(engine, lab).problem

    @pytest.mark.parametrize(("allowed", "good"), [(None, True), (2, True), (1, False), (0, False)])
    def test_two_authorities_below(self, engine: SigstoreEngine, allowed: int | None, good: bool) -> None:
        root = self._below_another(Lab(), constraints(ca=True, path_length=allowed))
        if good:
            engine.accept(material(root))
            return
        with pytest.raises(ConfigurationError, match="pathLenConstraint"):
            engine.accept(material(root))

    def _below_another(self, lab: Lab, *changes: Change) -> bytes:
        """The trusted root of ``lab``, whose own root is issued by one more."""
        key = ec.generate_private_key(ec.SECP384R1())
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "above")])
        mould = lab.ca.root
        top = (
            x509.CertificateBuilder(subject_name=name, issuer_name=name, public_key=key.public_key())
            .serial_number(1)
            .not_valid_before(mould.not_valid_before_utc)
            .not_valid_after(mould.not_valid_after_utc)
            .add_extension(
                mould.extensions.get_extension_for_class(x509.BasicConstraints).value, critical=True
            )
            .sign(key, hashes.SHA384())
        )
        below = rebuilt(mould, key, issuer=name)
        chain = (lab.ca.intermediate, below, rebuilt(top, key, *changes))
        document = json.loads(lab.trusted_root())
        document["certificateAuthorities"][0]["certChain"]["certificates"] = [
            {"rawBytes": b64encode(c.public_bytes(Encoding.DER)).decode()} for c in chain
        ]
        return json.dumps(document).encode()


GOOD: dict[str, tuple[list[Change], list[Change]]] = {
    "as the lab makes it": ([], []),
    "any purpose": ([purposes(ANY)], [purposes(ANY, critical=True)]),
    "several purposes": ([purposes(SERVER, CODE)], [purposes(TIME, CODE)]),
    "no purpose": ([], [(ExtensionOID.EXTENDED_KEY_USAGE, False)]),
    "a root without key usage": ([(ExtensionOID.KEY_USAGE, True)], []),
    "an extension that nobody knows and nobody has to": (
        [(UNKNOWN[0], False)],
        [(UNKNOWN[0], False)],
    ),
}


@pytest.mark.parametrize("what", GOOD)
def test_a_good_authority(engine: SigstoreEngine, what: str) -> None:
    lab = odd_lab(*GOOD[what])
    assert suffices(engine.verify(question(lab.sign_image(DIGEST), lab.trusted_root())))


class TestNameConstraintsOfTheIssuer:
    """These the path builder applies at each signature; kinds of names it cannot compare, it refuses."""

    @pytest.mark.parametrize(
        ("constraint", "identity", "good"),
        [
            (EMAIL, "me@good.test", True),
            (EMAIL, "me@evil.test", False),
            (EMAIL, "https://evil.test/x", True),  # RFC 5280 4.2.1.10: only for names of the same kind
            (x509.UniformResourceIdentifier("good.test"), "https://evil.test/x", False),
            (x509.UniformResourceIdentifier("good.test"), "https://good.test/x", False),
            (x509.DirectoryName(x509.Name([])), "me@good.test", False),
        ],
    )
    def test_permitted(self, engine: SigstoreEngine, constraint: Any, identity: str, good: bool) -> None:
        self._expect(engine, names(constraint), identity, good=good)

    @pytest.mark.parametrize("constraint", [EMAIL, x509.DirectoryName(x509.Name([]))])
    def test_they_are_critical(self, engine: SigstoreEngine, constraint: x509.GeneralName) -> None:
        # The path builder passes over constraints that it does not know, unless they are critical.
        error = refusal(engine, odd_lab(intermediate=[names(constraint, critical=False)]))
        assert "not critical" in error.problem

    @pytest.mark.parametrize(("identity", "good"), [("me@good.test", True), ("me@evil.test", False)])
    def test_excluded(self, engine: SigstoreEngine, identity: str, good: bool) -> None:
        excluded = x509.NameConstraints(None, [x509.RFC822Name("evil.test")]), True
        self._expect(engine, excluded, identity, good=good)

    def _expect(self, engine: SigstoreEngine, change: Change, identity: str, *, good: bool) -> None:
        lab = odd_lab(intermediate=[change])
        asked = question(lab.sign_image(DIGEST, identity=identity), lab.trusted_root())
        if good:
            assert suffices(engine.verify(asked))
            return
        with pytest.raises(EvidenceError) as caught:
            engine.verify(asked)
        assert str(caught.value.reason) == "chain-untrusted"


@pytest.mark.parametrize(("purpose", "good"), [(TIME, True), (ANY, True), (CODE, False), (SERVER, False)])
def test_the_root_of_a_timestamp_authority(
    engine: SigstoreEngine, purpose: x509.ObjectIdentifier, good: bool
) -> None:
    lab = Lab()
    key = ec.generate_private_key(ec.SECP384R1())
    name = lab.tsa.root.subject
    root = (
        x509.CertificateBuilder(subject_name=name, issuer_name=name, public_key=key.public_key())
        .serial_number(1)
        .not_valid_before(lab.tsa.root.not_valid_before_utc)
        .not_valid_after(lab.tsa.root.not_valid_after_utc)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
        .sign(key, hashes.SHA384())
    )
    lab.tsa.root, lab.tsa.leaf = root, rebuilt(lab.tsa.leaf, key)
    if good:
        facts = engine.verify(question(lab.sign_image(DIGEST, log="rekor2"), lab.trusted_root()))
        assert len(facts.timestamps) == 1
    else:
        assert "https://tsa.lab" in refusal(engine, lab).problem


@pytest.mark.parametrize("url", [DEFAULT_TUF_URL, STAGING_TUF_URL])
def test_sigstore_s_own_roots_load(engine: SigstoreEngine, url: str) -> None:
    engine.accept(material(read_embedded("trusted_root.json", url)))
