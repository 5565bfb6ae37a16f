"""Keys: every kind in every form of signature, whose key counts, and what is refused when it is loaded."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, padding, rsa, x25519
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from providers.descriptor import digest_of
from providers.errors import ConfigurationError, UnavailableError
from providers.reasons import ReasonCode
from providers.trust import TrustedKey
from pycosign.lab import Lab
from pycosign.lab.ca import pem
from pycosign.lab.keys import key_id, spki_der, spki_pem
from tests.unit.engines.keyed import (
    FORMS,
    NAME,
    PREDICATE,
    Form,
    key_of,
    scheme_of,
    signed,
    trusted,
    trusted_key,
)
from tests.unit.engines.world import ARTIFACT, OneArtifact, question
from verifier.budget import Budget
from verifier.engine import EvidenceError
from verifier.engines.keyring import Keyring, compile_keyring
from verifier.engines.keys import KeyEngine
from verifier.formats.bundle import parse_bundle
from verifier.formats.entity import MessageSignature, SignedEntity

KINDS = [
    *("p256", "p384", "p521", "rsa-2048", "rsa-3072", "rsa-4096"),
    *("rsa-2048-pss", "rsa-4096-pss", "ed25519", "ed25519ph"),
]
# What can be verified by the SHA-256 of the artifact alone.
BY_DIGEST = {kind for kind in KINDS if kind == "p256" or kind.startswith("rsa")}


def made(lab: Lab, kind: str, form: Form = "bundle of a file", artifact: bytes = ARTIFACT) -> SignedEntity:
    return signed(lab, form, artifact, key=key_of(kind), scheme=scheme_of(kind), keyless=False, log=None)


def refused(keys: KeyEngine, *args: Any, **more: Any) -> ReasonCode:
    with pytest.raises(EvidenceError) as caught:
        keys.verify(question(*args, **more))
    return caught.value.reason


class TestKinds:
    @pytest.mark.parametrize("form", FORMS)
    @pytest.mark.parametrize("kind", KINDS)
    def test_a_good_signature(self, keys: KeyEngine, lab: Lab, kind: str, form: Form) -> None:
        store, public = OneArtifact(), key_of(kind).public_key()
        facts = keys.verify(question(made(lab, kind, form), trusted(trusted_key(key_of(kind))), store=store))
        assert facts.key_id == key_id(public).hex()
        assert [name.name for name in facts.key_names] == [NAME]
        assert facts.certificate is None
        assert (facts.timestamps, facts.log_entries, facts.scts) == ((), (), ())
        assert facts.predicate_type == {
            "bundle of an image": "https://sigstore.dev/cosign/sign/v1",
            ".att layer": PREDICATE,
            ".att file": PREDICATE,
        }.get(form, "")
        needed = form in {"bundle of a file", ".sig file", "older bundle"} and kind not in BY_DIGEST
        assert store.fetched == int(needed)

    @pytest.mark.parametrize("form", FORMS)
    @pytest.mark.parametrize("kind", KINDS)
    def test_another_key(self, keys: KeyEngine, lab: Lab, kind: str, form: Form) -> None:
        others = [trusted_key(key_of(other), other) for other in KINDS if other != kind]
        assert refused(keys, made(lab, kind, form), trusted(*others)) is ReasonCode.SIGNATURE_INVALID

    @pytest.mark.parametrize("form", FORMS)
    @pytest.mark.parametrize("kind", KINDS)
    def test_another_artifact(self, keys: KeyEngine, lab: Lab, kind: str, form: Form) -> None:
        entity = made(lab, kind, form, b"another artifact\n")
        assert refused(keys, entity, trusted(trusted_key(key_of(kind)))) in {
            ReasonCode.SIGNATURE_INVALID,
            ReasonCode.SUBJECT_DIGEST_MISMATCH,
        }

    @pytest.mark.parametrize("form", ["bundle of a file", ".sig file"])
    @pytest.mark.parametrize("kind", ["p256", "p384", "ed25519", "ed25519ph"])
    def test_an_empty_artifact(self, keys: KeyEngine, lab: Lab, kind: str, form: Form) -> None:
        options: dict[str, Any] = {"key": key_of(kind), "scheme": scheme_of(kind), "keyless": False}
        log = None if kind == "ed25519" or form == ".sig file" else "rekor2"
        entity = signed(lab, form, b"", log=log, **options)
        material = trusted(trusted_key(key_of(kind)), root=lab.trusted_root())
        facts = keys.verify(question(entity, material, b""))
        assert len(facts.log_entries) == int(log is not None)

    @pytest.mark.parametrize("kind", ["p384", "rsa-2048", "ed25519ph"])
    def test_another_digest_beside_a_good_signature(self, keys: KeyEngine, lab: Lab, kind: str) -> None:
        """It is not what was signed, and may be what another tool goes by."""
        entity = made(lab, kind)
        other = MessageSignature("SHA2_384", b"\0" * 48, entity.content.signature)
        stated = dataclasses.replace(entity, content=other)
        reason = refused(keys, stated, trusted(trusted_key(key_of(kind))))
        assert reason is ReasonCode.SUBJECT_DIGEST_MISMATCH

    def test_an_ed25519_signature_that_states_no_digest(self, keys: KeyEngine, lab: Lab) -> None:
        """``messageDigest`` is ``{}`` in what cosign 3.1.1 writes."""
        bundle = lab.sign_blob(ARTIFACT, key=key_of("ed25519"), keyless=False, log=None)
        start, stated = bundle.index(b'"messageDigest":') + 16, bundle.index(b',"signature"')
        entity = parse_bundle(bundle[:start] + b"{}" + bundle[stated:])
        assert keys.verify(question(entity, trusted(trusted_key(key_of("ed25519"))))).key_id


class TestHashes:
    """The curve decides, unless the operator says otherwise."""

    @pytest.mark.parametrize(
        ("kind", "named"),
        [("p256", "sha512"), ("p384", "sha256"), ("p521", "sha384"), ("rsa-2048", "sha512")],
    )
    def test_another_hash_where_the_key_says_so(self, keys: KeyEngine, kind: str, named: str) -> None:
        signature = _signed_with(key_of(kind), named)
        entity = SignedEntity("test", digest_of(signature), "", b"", MessageSignature("", b"", signature))
        assert refused(keys, entity, trusted(trusted_key(key_of(kind)))) is ReasonCode.SIGNATURE_INVALID
        keys.verify(question(entity, trusted(trusted_key(key_of(kind), hash=named))))
        both = trusted(trusted_key(key_of(kind), "usual"), trusted_key(key_of(kind), "named", hash=named))
        assert [name.name for name in keys.verify(question(entity, both)).key_names] == ["named"]

    def test_ed25519_takes_none(self, keys: KeyEngine) -> None:
        keys.accept(trusted(trusted_key(key_of("ed25519"), hash="sha512")))
        with pytest.raises(ConfigurationError, match="Ed25519 is not used with SHA2_256"):
            keys.accept(trusted(trusted_key(key_of("ed25519"), hash="sha256")))


def _signed_with(key: Any, named: str) -> bytes:
    algorithm = {"sha256": hashes.SHA256(), "sha384": hashes.SHA384(), "sha512": hashes.SHA512()}[named]
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(ARTIFACT, padding.PKCS1v15(), algorithm)
    signature: bytes = key.sign(ARTIFACT, ec.ECDSA(algorithm))
    return signature


class TestAccept:
    @pytest.mark.parametrize(
        ("key", "named"),
        [
            (ec.generate_private_key(ec.SECP256K1()), "secp256k1"),
            (ec.generate_private_key(ec.BrainpoolP256R1()), "brainpoolP256r1"),
            (ec.generate_private_key(ec.SECP224R1()), "secp224r1"),
            (rsa.generate_private_key(65537, 1024), "1024"),  # noqa: S505  to be refused
            (dsa.generate_private_key(2048), "DSA"),
            (ed448.Ed448PrivateKey.generate(), "Ed448"),
            (x25519.X25519PrivateKey.generate(), "X25519"),
        ],
    )
    def test_other_kinds(self, keys: KeyEngine, lab: Lab, key: Any, named: str) -> None:
        public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        material = trusted(trusted_key(key_of("p256")), TrustedKey("odd", public))
        with pytest.raises(ConfigurationError, match=f"'odd' cannot be used: .*{named}.* not accepted"):
            keys.accept(material)
        with pytest.raises(UnavailableError) as caught:
            keys.verify(question(made(lab, "p256"), material))
        assert caught.value.reason is ReasonCode.TRUST_UNAVAILABLE

    def test_an_rsa_key_that_is_too_large(self, keys: KeyEngine) -> None:
        # An odd number of 4097 bits; nobody factors it here.
        public = rsa.RSAPublicNumbers(65537, (1 << 4096) + 1).public_key()
        with pytest.raises(ConfigurationError, match="4097 bits are not accepted"):
            keys.accept(trusted(TrustedKey("large", spki_der(public))))

    @pytest.mark.parametrize("what", ["junk", "private", "certificate", "two", "cut"])
    def test_what_is_no_public_key(self, keys: KeyEngine, lab: Lab, what: str) -> None:
        key = key_of("p256")
        good = spki_pem(key.public_key())
        content = {
            "junk": b"junk",
            "private": key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
            "certificate": pem(lab.ca.chain[:1]),
            "two": good + spki_pem(key_of("p384").public_key()),
            "cut": good[:90],
        }[what]
        with pytest.raises(ConfigurationError, match="'odd'"):
            keys.accept(trusted(TrustedKey("odd", content)))

    @pytest.mark.parametrize("kind", KINDS)
    def test_pem_and_der(self, keys: KeyEngine, lab: Lab, kind: str) -> None:
        public = key_of(kind).public_key()
        for content in (spki_der(public), spki_pem(public), b"\n " + spki_pem(public)):
            material = trusted(TrustedKey(NAME, content))
            keys.accept(material)
            assert keys.verify(question(made(lab, kind), material)).key_id == key_id(public).hex()

    def test_a_root_that_is_none(self, keys: KeyEngine) -> None:
        with pytest.raises(ConfigurationError):
            keys.accept(trusted(trusted_key(key_of("p256")), root=b"{}"))

    def test_once_for_each_revision(self, lab: Lab) -> None:
        compiled: list[Any] = []

        def counting(given: tuple[TrustedKey, ...]) -> Keyring:
            compiled.append(given)
            return compile_keyring(given)

        engine = KeyEngine(lambda: pytest.fail("there is no root"), counting)
        for kind in ("p256", "p384", "p256"):
            material = trusted(trusted_key(key_of(kind)))
            engine.accept(material)
            engine.verify(question(made(lab, kind), material))
        assert len(compiled) == 2


class TestWhoseKey:
    """The keys of the operator alone count, never one that travels with the signature."""

    def test_a_key_in_an_older_bundle(self, keys: KeyEngine, lab: Lab) -> None:
        """GHSA-fx35-mq7g-6g98: cosign before 3.1.3 believes it."""
        entity = made(lab, "p384", "older bundle")
        assert spki_pem(key_of("p384").public_key())[40:60] not in repr(entity.content).encode()
        assert refused(keys, entity, trusted(trusted_key(key_of("p256")))) is ReasonCode.SIGNATURE_INVALID

    @pytest.mark.parametrize("form", [".sig layer", ".sig file", "older bundle"])
    def test_a_certificate_that_nobody_can_vouch_for(self, keys: KeyEngine, lab: Lab, form: Form) -> None:
        entity = signed(lab, form, ARTIFACT, key=key_of("p256"), log=None)
        assert entity.leaf_certificate
        only_keys = trusted(trusted_key(key_of("p256")))
        assert keys.takes(entity, only_keys)
        assert keys.verify(question(entity, only_keys)).certificate is None
        other = trusted(trusted_key(key_of("p384")))
        assert refused(keys, entity, other) is ReasonCode.SIGNATURE_INVALID
        # The key alone counts, also with a root; whose key is not trusted, is the other engine's.
        assert keys.takes(entity, trusted(trusted_key(key_of("p256")), root=lab.trusted_root()))
        assert not keys.takes(entity, trusted(trusted_key(key_of("p384")), root=lab.trusted_root()))

    @pytest.mark.parametrize("form", [".sig layer", "older bundle"])
    def test_a_trusted_key_that_has_a_certificate(self, keys: KeyEngine, lab: Lab, form: Form) -> None:
        """``cosign sign --key K --certificate C``: the log recorded the certificate in place of the key."""
        entity = signed(lab, form, ARTIFACT, key=key_of("p256"))
        both = trusted(trusted_key(key_of("p256")), root=lab.trusted_root())
        facts = keys.verify(question(entity, both))
        assert facts.certificate is None
        assert facts.log_entries
        elsewhere = signed(lab, form, ARTIFACT, key=key_of("p256"))
        mixed = dataclasses.replace(entity, leaf_certificate=elsewhere.leaf_certificate)
        assert refused(keys, mixed, both) is ReasonCode.LOG_ENTRY_MISMATCH

    def test_nothing_is_taken_without_keys(self, keys: KeyEngine, lab: Lab) -> None:
        assert not keys.takes(made(lab, "p256"), trusted(root=lab.trusted_root()))

    def test_a_hint_chooses_only_the_order(self, keys: KeyEngine, lab: Lab) -> None:
        entity = made(lab, "p384", "bundle of an image")
        all_keys = trusted(*(trusted_key(key_of(kind), kind) for kind in KINDS))
        for hint in (entity.key_hint, "", made(lab, "p256").key_hint, "nonsense"):
            facts = keys.verify(question(dataclasses.replace(entity, key_hint=hint), all_keys))
            assert [name.name for name in facts.key_names] == ["p384"]
        forged = dataclasses.replace(made(lab, "p521", "bundle of an image"), key_hint=entity.key_hint)
        only = trusted(trusted_key(key_of("p384")))
        assert refused(keys, forged, only) is ReasonCode.SIGNATURE_INVALID

    def test_one_key_under_two_names(self, keys: KeyEngine, lab: Lab) -> None:
        both = trusted(trusted_key(key_of("p256"), "a"), trusted_key(key_of("p256"), "b"))
        assert [name.name for name in keys.verify(question(made(lab, "p256"), both)).key_names] == ["a", "b"]


class _Unreadable(OneArtifact):
    def fetch(self, *args: Any) -> bytes:
        self.fetched += 1
        raise UnavailableError(ReasonCode.REGISTRY_UNAVAILABLE, "there is no artifact, only its digest")


class TestWithoutTheArtifact:
    """A key that needs the artifact itself hides no other, and leaves open what it could have shown."""

    KEYS = trusted(*(trusted_key(key_of(kind), kind) for kind in ("ed25519", "p384", "p256", "p521")))

    def test_a_key_that_needs_the_digest_only(self, keys: KeyEngine, lab: Lab) -> None:
        store = _Unreadable()
        entity = dataclasses.replace(made(lab, "p256"), key_hint="")
        facts = keys.verify(question(entity, self.KEYS, store=store))
        assert [name.name for name in facts.key_names] == ["p256"]
        assert store.fetched == 1

    def test_no_other(self, keys: KeyEngine, lab: Lab) -> None:
        with pytest.raises(UnavailableError) as caught:
            keys.verify(question(made(lab, "p521", ".sig file"), self.KEYS, store=_Unreadable()))
        assert caught.value.reason is ReasonCode.REGISTRY_UNAVAILABLE


def test_a_request_that_is_over_tries_no_more_keys(keys: KeyEngine, lab: Lab) -> None:
    options = question(made(lab, "p256"), trusted(trusted_key(key_of("p256"))))
    with pytest.raises(UnavailableError) as caught:
        keys.verify(dataclasses.replace(options, budget=Budget(0)))
    assert caught.value.reason is ReasonCode.DEADLINE_EXCEEDED


def test_keys_alone_need_nothing_of_sigstore() -> None:
    """Importing sigstore takes longer than verifying a hundred signatures."""
    program = (
        "import sys\n"
        "from verifier.engines.keys import KeyEngine\n"
        "KeyEngine(lambda: None).self_test()\n"
        "heavy = {'sigstore', 'sigstore_models', 'rekor_types', 'rfc3161_client', 'rfc8785', 'pydantic'}\n"
        "print(*sorted(heavy & {name.partition('.')[0] for name in sys.modules}))\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True, timeout=60
    )
    assert ran.stdout.strip() == ""


def test_what_it_is_called(keys: KeyEngine) -> None:
    assert keys.name.startswith("cryptography ")
    assert keys.type == "keys"
