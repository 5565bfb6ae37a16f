"""The engine with the real cosign: what it says of recorded and of fresh signatures, and how it is run."""

from __future__ import annotations

import base64
import json
import shlex
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from providers.descriptor import Descriptor, digest_of
from providers.errors import UnavailableError, VerificationError
from providers.identity import CertificateIdentity, StringMatch
from providers.policy import Policy
from providers.predicates import predicate_type_of
from providers.reasons import ReasonCode
from providers.requirement import AttestationRequirement
from providers.scope import Scope
from providers.static import StaticPolicyProvider, StaticTrustedMaterialProvider
from providers.subject import Subject
from providers.trust import TrustedKey, TrustedMaterial
from providers.verifier_config import VerifierConfig
from pycosign.lab import Lab, LegacyLayer, MemoryRegistry, attach_bundle, push_image
from pycosign.lab.keys import SigningKey, spki_pem
from tests.memory_store import MemoryStore
from tests.single import demand_of
from tests.tools import require_tool, shared_vectors
from tests.unit.engines.world import OneArtifact, question
from verifier.app import assemble
from verifier.budget import Budget
from verifier.core import Verifier
from verifier.cross_check import confirmed
from verifier.engine import Engine, EvidenceError, VerifyOptions
from verifier.engines.cosign import CosignEngine
from verifier.engines.keys import KeyEngine
from verifier.engines.keys_recorded import RECORDED
from verifier.engines.keys_selftest import ARTIFACT
from verifier.engines.sigstore import Compiled, RootProver, SigstoreEngine
from verifier.facts import CheckStatus, SignatureFacts
from verifier.formats.bundle import parse_bundle
from verifier.formats.dsse import pae
from verifier.formats.entity import SignedEntity
from verifier.formats.layer import SIGNATURE_MEDIA_TYPES, parse_layer
from verifier.formats.manifest import parse_manifest
from verifier.formats.signature_file import SignatureFile, SignatureForm, parse_signature_file
from verifier.judge import judge
from verifier.store import Together, in_turn
from verifier.verdict import Outcome

COSIGN = require_tool("cosign")
VECTORS = shared_vectors()
MANIFEST = (
    b'{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{},"layers":[]}'
)
IMAGE = Descriptor("application/vnd.oci.image.manifest.v1+json", digest_of(MANIFEST), len(MANIFEST))
FILE = b"an artifact\n"
IN_TOTO = "application/vnd.in-toto+json"


@pytest.fixture(scope="module")
def engine() -> CosignEngine:
    return CosignEngine.found({"PYCOSIGN_COSIGN": COSIGN})


@pytest.fixture(scope="module")
def native() -> tuple[Engine, ...]:
    compiled = Compiled()
    return (SigstoreEngine(compiled), KeyEngine(lambda: RootProver(compiled)))


@pytest.fixture(scope="module")
def lab() -> Lab:
    return Lab(name="cosign", ct_logs=2)


def trusting(root: bytes, *keys: bytes) -> TrustedMaterial:
    named = tuple(TrustedKey("k", key) for key in keys)
    return TrustedMaterial.of("test", root, datetime.now(UTC), named)


def entity(made: bytes | LegacyLayer) -> SignedEntity:
    if isinstance(made, bytes):
        return parse_bundle(made)
    annotations = tuple(sorted(made.annotations))
    return parse_layer(
        Descriptor(made.media_type, digest_of(made.data), len(made.data), "", annotations), made.data
    )


def ask(content: SignedEntity, material: TrustedMaterial, *, image: bool) -> VerifyOptions:
    """About the image, or about the file."""
    if image:
        return replace(question(content, material, MANIFEST), subject_descriptor=IMAGE)
    return question(content, material, FILE)


def answer(engine: Engine, options: VerifyOptions) -> str:
    """``verified``, or the reason why not."""
    try:
        engine.verify(options)
    except (EvidenceError, UnavailableError) as error:
        return str(error.reason)
    return "verified"


# Recorded signatures, and what cosign was recorded to say of them.


UNTAKEN = "the older bundle of a file is not taken (GHSA-fx35-mq7g-6g98)"
CHOSEN_BY_DISCOVERY = frozenset({
    "oci/sign-oci11-experimental-key/default-mode",
    "oci/sign-bundle-referrersapi-key/legacy-tag-only",
})  # fmt: skip
# Where the answer is another than cosign's was, and why.
DIFFERENT = {
    "oci/attest-bundle-key/signature-wanted": "an attestation is no signature",
    "oci/legacy-plus-foreign-bundle/both-formats-searched": "one candidate is looked at at a time",
    "oci/sign-oci11-experimental-key/default-mode": "which candidates there are is not for an engine",
    "oci/sign-bundle-referrersapi-key/legacy-tag-only": "which candidates there are is not for an engine",
    "blob/f.att.bundle.json/as-signature": "an attestation is no signature",
    "blob/alg/p384.bundle.json/digest-algorithm-default": "the flag is given",
    "keyless/bundles/f.v1.json/unanchored-regexp": "patterns match the whole",
    "keyless/bundles/f.v2.json/root-tlog-expired": "windows of Rekor v2 keys hold",
    "blob/f.legacy.bundle.json/ok": UNTAKEN,
    "blob/f.legacy.bundle.json/wrong-key": UNTAKEN,
    "blob/f.legacy.bundle.json/identity-wanted": UNTAKEN,
    "blob/tlog/hello.legacy.bundle.json/ok": UNTAKEN,
    "blob/tlog/hello.legacy.bundle.json/wrong-key": UNTAKEN,
    "blob/tlog/keyless.legacy.bundle.json/ok": UNTAKEN,
}
CASES = json.loads((VECTORS / "cases.json").read_text())


def _options(command: str) -> dict[str, str]:
    words = shlex.split(command)
    given: dict[str, str] = {}
    for word, follower in zip(words, [*words[1:], ""], strict=True):
        if word in {"-a", "--annotations"}:
            given["-a"] = f"{given.get('-a', '')} {follower}".strip()
        elif word.startswith("--"):
            name, _, value = word.partition("=")
            given[name] = value or follower
    return given


def _policy(case: dict[str, Any], given: dict[str, str]) -> Policy:
    """What the command asks for, as a policy."""
    signed_times, no_log = "--use-signed-timestamps" in given, "--insecure-ignore-tlog" in given
    asked: dict[str, Any] = {}
    if "--key" in given:
        asked["keys"] = ("k",)
        asked["verifier_config"] = VerifierConfig.for_keys(
            unsafe_ignore_tlog=no_log, require_signed_timestamps=signed_times
        )
    else:
        name, issuer = (
            StringMatch(value=given[flag]) if flag in given else StringMatch(regexp=given[f"{flag}-regexp"])
            for flag in ("--certificate-identity", "--certificate-oidc-issuer")
        )
        repository = given.get("--certificate-github-workflow-repository")
        claims = (("githubWorkflowRepository", StringMatch(value=repository)),) if repository else ()
        asked["certificate_identities"] = (CertificateIdentity(name, issuer, claims),)
        asked["verifier_config"] = VerifierConfig(
            require_signed_timestamps=signed_times, require_tlog_entries=not no_log
        )
    if "attestation" in case["wants"]:
        asked["attestation"] = AttestationRequirement((predicate_type_of(given.get("--type", "custom")),))
    annotations = tuple(tuple(pair.split("=", 1)) for pair in given.get("-a", "").split())
    return Policy.single("p", (Scope.parse("*"),), annotations=annotations, **asked)  # type: ignore[arg-type]  # pairs


def _contents(
    case: dict[str, Any], given: dict[str, str]
) -> Iterator[tuple[SignedEntity, Descriptor, bytes]]:
    """What there is to verify, of what: each layer of a fixture, or the one file."""
    if not case["case"].startswith("oci/"):
        named = case["artifact"]
        content = _by_digest(named) if named.startswith("sha256:") else (VECTORS / named).read_bytes()
        subject = Descriptor("application/octet-stream", digest_of(content), len(content))
        yield _signature_file(given), subject, content
        return
    fixture = VECTORS / "oci" / case["case"].split("/")[1]
    manifest = (fixture / "manifests" / f"{case['subject'].replace(':', '-')}.json").read_bytes()
    subject = Descriptor(json.loads(manifest)["mediaType"], case["subject"], len(manifest))
    for path in sorted((fixture / "manifests").iterdir()):
        if "layers" not in json.loads(path.read_bytes()):
            continue
        for layer in parse_manifest(path.read_bytes()).layers:
            if layer.media_type in SIGNATURE_MEDIA_TYPES:
                blob = fixture / "blobs" / layer.digest.replace(":", "-")
                yield parse_layer(layer, blob.read_bytes()), subject, manifest


def _by_digest(digest: str) -> bytes:
    files = (
        path for folder in ("blob", "keyless") for path in (VECTORS / folder).rglob("*") if path.is_file()
    )
    return next(path.read_bytes() for path in files if digest_of(path.read_bytes()) == digest)


def _signature_file(given: dict[str, str]) -> SignedEntity:
    if "--bundle" in given:
        content = (VECTORS / given["--bundle"]).read_bytes()
        return parse_signature_file(SignatureFile(SignatureForm.BUNDLE, content))
    content = (VECTORS / given["--signature"]).read_bytes()
    form = SignatureForm.ENVELOPE if content.startswith(b"{") else SignatureForm.SIGNATURE
    return parse_signature_file(SignatureFile(form, content))


def _answers(engine: CosignEngine, case: dict[str, Any]) -> list[str]:
    """What each candidate is answered with; ``ok`` for one that satisfies the command's policy."""
    given = _options(case["command"])
    policy, now = _policy(case, given), datetime.now(UTC)
    root = (VECTORS / given["--trusted-root"]).read_bytes() if "--trusted-root" in given else b""
    if not root and "--key" not in given:
        root = (VECTORS / "keyless/trusted_root.json").read_bytes()  # by environment, in PEM
    keys = ((VECTORS / given["--key"]).read_bytes(),) if "--key" in given else ()
    material, found = trusting(root, *keys), []
    try:
        contents = list(_contents(case, given))
    except VerificationError as error:
        return [str(error.reason)]
    for content, subject, artifact in contents:
        if not engine.takes(content, material):
            found.append("not taken")
            continue
        options = replace(question(content, material, artifact), subject_descriptor=subject)
        try:
            found.append(str(judge(engine.verify(options), demand_of(policy), now).reason))
        except (EvidenceError, UnavailableError) as error:
            found.append(str(error.reason))
    return found


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["case"])
def test_recorded_signatures_are_answered_as_cosign_did(engine: CosignEngine, case: dict[str, Any]) -> None:
    answers = _answers(engine, case)
    accepted, differs = "ok" in answers, case["case"] in DIFFERENT
    assert (accepted == (case["cosign"]["rc"] == 0)) is not differs, answers
    if case["case"] not in CHOSEN_BY_DISCOVERY:
        assert not (accepted and case["expect"] == "reject"), answers


def test_every_difference_is_that_of_a_case() -> None:
    assert {*DIFFERENT} <= {case["case"] for case in CASES}
    assert len(CASES) >= 155


# Fresh signatures, against what the native engines say of them.

KEYS: dict[str, SigningKey] = {
    "p256": ec.generate_private_key(ec.SECP256R1()),
    "p384": ec.generate_private_key(ec.SECP384R1()),
    "p521": ec.generate_private_key(ec.SECP521R1()),
    "rsa": rsa.generate_private_key(65537, 2048),
}
FORMS: dict[str, Callable[..., bytes | LegacyLayer]] = {
    "message": lambda lab, **options: lab.sign_blob(FILE, **options),
    "statement": lambda lab, **options: lab.sign_image(IMAGE.digest, annotations={"a": "b"}, **options),
    "payload layer": lambda lab, **options: lab.sign_image_legacy(
        IMAGE.digest, reference="x", annotations={"a": "b"}, **options
    ),
    "envelope layer": lambda lab, **options: lab.attest_legacy(
        IMAGE.digest, predicate_type="https://x.test/p", predicate={}, **options
    ),
}
EVIDENCE: dict[str, dict[str, Any]] = {
    "log": {},
    "log and time": {"timestamp": True},
    "rekor v2": {"log": "rekor2"},
    "time": {"log": None, "timestamp": True},
    "nothing": {"log": None},
}
# What cosign cannot say of the older forms; the reason is in docs/engines.md.
UNABLE = {
    *((form, key, "certificate") for form in ("payload layer", "envelope layer") for key in ("p384", "p521")),
}
SILENT = {  # evidence that it does not look for
    *(("payload layer", key, evidence) for key in ("p384", "p521") for evidence in ("log", "log and time")),
    *(("envelope layer", key, "time") for key in KEYS),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("signer", ["certificate", "key"])
@pytest.mark.parametrize("evidence", EVIDENCE)
def test_it_agrees_with_the_native_engines(
    form: str,
    key: str,
    signer: str,
    evidence: str,
    lab: Lab,
    engine: CosignEngine,
    native: tuple[Engine, ...],
) -> None:
    if evidence == "rekor v2" and "layer" in form:
        return  # the older forms carry a promise, which Rekor v2 does not give
    certified = signer == "certificate"
    made = entity(FORMS[form](lab, key=KEYS[key], keyless=certified, **EVIDENCE[evidence]))
    material = trusting(lab.trusted_root(), *(() if certified else (spki_pem(KEYS[key].public_key()),)))
    options = ask(made, material, image=form != "message")
    facts = next(first for first in native if first.takes(made, material)).verify(options)
    if (form, key, signer) in UNABLE or (form, key, evidence) in SILENT:
        with pytest.raises(UnavailableError) as raised:
            confirmed(facts, options, (engine,))
        assert raised.value.reason is ReasonCode.ENGINE_UNAVAILABLE
        said = "engine-unavailable" if (form, key, signer) in UNABLE else "verified"
        assert answer(engine, options) == said
        return
    agreed = confirmed(facts, options, (engine,))
    assert agreed.checks[-1].evidence == f"{engine.name} agrees"
    found = engine.verify(options)
    assert _at_most(found, facts)


def _at_most(found: SignatureFacts, facts: SignatureFacts) -> bool:
    """Whether ``found`` claims no more than ``facts`` do, and one of each kind."""
    pairs: tuple[tuple[Iterable[object], Iterable[object]], ...] = (
        (found.log_entries, facts.log_entries),
        ({s for s in found.timestamps if s.type == "Tlog"}, facts.timestamps),
        ({s for s in found.timestamps if s.type != "Tlog"}, facts.timestamps),
        (found.scts, facts.scts),
    )
    return all({*ours} <= {*theirs} and len({*ours}) <= 1 for ours, theirs in pairs)


# One thing changed: never verified.


def _flipped(text: str) -> str:
    raw = bytearray(base64.b64decode(text))
    raw[-1] ^= 1
    return base64.b64encode(raw).decode()


def _walk(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """The paths of every text in a document."""
    if isinstance(value, str):
        yield path
    for key, child in (
        value.items() if isinstance(value, dict) else enumerate(value if isinstance(value, list) else ())
    ):
        yield from _walk(child, (*path, key))


# What nothing signs, or only what is then counted for less. Each is said to be so by a test of the native engines.
UNSIGNED = {"hint", "keyId", "kind", "version", "treeSize", "rootHash"}


@pytest.mark.parametrize("signer", ["certificate", "key"])
@pytest.mark.parametrize("form", ["message", "statement"])
def test_a_change_of_a_bundle_is_never_verified(
    form: str, signer: str, lab: Lab, engine: CosignEngine
) -> None:
    bundle = FORMS[form](lab, key=KEYS["p256"], keyless=signer == "certificate", timestamp=True)
    assert isinstance(bundle, bytes)
    keys = () if signer == "certificate" else (spki_pem(KEYS["p256"].public_key()),)
    material = trusting(lab.trusted_root(), *keys)
    tried = 0
    for path in _walk(json.loads(bundle)):
        if path[-1] in {"mediaType", "payloadType", "algorithm"} or UNSIGNED & {*map(str, path)}:
            continue
        document = json.loads(bundle)
        holder = document
        for step in path[:-1]:
            holder = holder[step]
        holder[path[-1]] = _changed_text(holder[path[-1]])
        if path[-1] == "signedTimestamp":
            continue  # a timestamp that does not hold counts for nothing, and no more
        try:
            content = parse_bundle(json.dumps(document).encode())
        except VerificationError:
            continue
        tried += 1
        assert answer(engine, ask(content, material, image=form != "message")) != "verified", path
    assert tried >= 6


def _changed_text(text: str) -> str:
    if text.isdecimal():
        return str(int(text) + 1)
    with suppress(ValueError):
        return _flipped(text)
    return text.replace("A", "B") if "A" in text else text + "x"


@pytest.mark.parametrize("form", ["payload layer", "envelope layer"])
@pytest.mark.parametrize("signer", ["certificate", "key"])
def test_a_change_of_a_layer_is_never_verified(
    form: str, signer: str, lab: Lab, engine: CosignEngine
) -> None:
    keys = () if signer == "certificate" else (spki_pem(KEYS["p256"].public_key()),)
    material = trusting(lab.trusted_root(), *keys)
    keyless = signer == "certificate"
    tampered = FORMS[form](lab, key=KEYS["p256"], keyless=keyless, tamper=lambda p: p.replace(b'"', b' "', 1))
    assert answer(engine, ask(entity(tampered), material, image=True)) != "verified"
    other = FORMS[form](lab, key=KEYS["p256"], keyless=keyless)
    elsewhere = replace(ask(entity(other), material, image=False), subject_descriptor=_other_image())
    elsewhere = replace(elsewhere, store=OneArtifact(MANIFEST + b" "))
    assert answer(engine, elsewhere) == "subject-digest-mismatch"
    stranger = FORMS[form](Lab(name="stranger"), key=KEYS["rsa"], keyless=keyless)
    assert answer(engine, ask(entity(stranger), material, image=True)) in {
        "chain-untrusted",
        "signature-invalid",
    }


def _other_image() -> Descriptor:
    other = MANIFEST + b" "
    return replace(IMAGE, digest=digest_of(other), size=len(other))


# Known faults of cosign, which must not become ours.


def _evil(signed: bytes, key: ec.EllipticCurvePrivateKey) -> dict[str, str]:
    """The fields of the older bundle, whose key cosign before 3.1.3 believes."""
    pem = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return {"base64Signature": base64.b64encode(signed).decode(), "cert": base64.b64encode(pem).decode()}


@pytest.mark.parametrize("trusted", ["p256", "p384"])
@pytest.mark.parametrize("root", [True, False])
@pytest.mark.parametrize("broken", [True, False])
def test_a_bundle_is_not_taken_for_one_whose_key_counts(
    trusted: str, root: bool, broken: bool, lab: Lab, engine: CosignEngine
) -> None:
    """GHSA-fx35-mq7g-6g98 by way of a bundle that cosign cannot read: there its own fields count."""
    evil = ec.generate_private_key(ec.SECP256R1())
    material = trusting(lab.trusted_root() if root else b"", spki_pem(KEYS[trusted].public_key()))
    message = json.loads(lab.sign_blob(FILE, key=KEYS["rsa"], keyless=False, log=None))
    message |= _evil(evil.sign(FILE, ec.ECDSA(hashes.SHA256())), evil)
    statement = json.loads(lab.sign_image(IMAGE.digest, key=evil, keyless=False, log=None))
    statement |= _evil(json.dumps(statement["dsseEnvelope"]).encode(), evil)
    for document, image in ((message, False), (statement, True)):
        if broken:
            document["verification_material"] = {}
        content = parse_bundle(json.dumps(document).encode())
        assert answer(engine, ask(content, material, image=image)) == "engine-unavailable"


@pytest.mark.parametrize("form", ["message", "statement"])
def test_a_bundle_that_reads_otherwise_by_its_other_names_is_not_verified(
    form: str, lab: Lab, engine: CosignEngine
) -> None:
    """protojson knows every field by two names. What is read here by one, cosign must not read by the other."""
    pem = spki_pem(KEYS["p256"].public_key())
    ours = json.loads(lab.sign_blob(FILE, key=KEYS["rsa"], keyless=False, log=None))
    theirs = json.loads(lab.sign_blob(FILE, key=KEYS["p256"], keyless=False, log=None))
    if form == "statement":
        ours = json.loads(lab.sign_image(IMAGE.digest, key=KEYS["rsa"], keyless=False, log=None))
        theirs = json.loads(lab.sign_image(IMAGE.digest, key=KEYS["p256"], keyless=False, log=None))
    file = Descriptor("application/octet-stream", digest_of(FILE), len(FILE))
    about_file = json.loads(lab.sign_image(file.digest, key=KEYS["p256"], keyless=False, log=None))
    for changed in (
        ours | {"message_signature": theirs.get("messageSignature", {})},
        ours | {"dsse_envelope": theirs.get("dsseEnvelope", about_file["dsseEnvelope"])},
        ours | {"verification_material": theirs["verificationMaterial"]},
        ours | {"media_type": theirs["mediaType"]},
    ):
        content = parse_bundle(json.dumps(changed).encode())
        options = ask(content, trusting(lab.trusted_root(), pem), image=form == "statement")
        assert answer(engine, options) in {"engine-unavailable", "signature-invalid"}


def test_an_envelope_is_not_dated_by_a_timestamp_of_another_signature(lab: Lab, engine: CosignEngine) -> None:
    """cosign holds timestamps of an envelope against the signature in the annotation, where there is one: with an
    old one there, a certificate that has long expired would do for a new envelope.
    """
    long_ago = datetime.now(UTC) - timedelta(hours=3)
    make, key = FORMS["envelope layer"], KEYS["p256"]
    old = make(lab, key=key, log=None, timestamp=True, issued_at=long_ago, timestamped_at=long_ago)
    new = make(lab, key=key, log=None, issued_at=long_ago)
    assert isinstance(old, LegacyLayer)
    assert isinstance(new, LegacyLayer)
    signature = base64.b64encode(entity(old).content.signature).decode()
    beside = {**dict(old.annotations), "dev.cosignproject.cosign/signature": signature}
    forged = replace(new, annotations=tuple(beside.items()))
    options = ask(entity(forged), trusting(lab.trusted_root()), image=True)
    assert answer(engine, options) == "engine-unavailable"


def test_a_predicate_that_cosign_skips_is_no_refusal(engine: CosignEngine) -> None:
    """``cosign attest --type spdx`` writes a predicate that is text, and cosign cannot read its own."""
    cases = [case for case in CASES if case["case"] == "oci/attest-bundle-key/type-spdxjson"]
    assert "engine-unavailable" in _answers(engine, cases[0])


# What it does not verify is said, and refused by nobody.


def _bare(signature: bytes, key: bytes) -> VerifyOptions:
    given = SignatureFile(SignatureForm.SIGNATURE, base64.b64encode(signature))
    return ask(parse_signature_file(given), trusting(b"", key), image=False)


def test_schemes_that_cosign_does_not_try(engine: CosignEngine) -> None:
    key = KEYS["rsa"]
    assert isinstance(key, rsa.RSAPrivateKey)
    pss = padding.PSS(padding.MGF1(hashes.SHA256()), 32)
    pem = spki_pem(key.public_key())
    assert answer(engine, _bare(key.sign(FILE, padding.PKCS1v15(), hashes.SHA256()), pem)) == "verified"
    assert answer(engine, _bare(key.sign(FILE, pss, hashes.SHA256()), pem)) == "engine-unavailable"
    assert answer(engine, _bare(key.sign(b"x", pss, hashes.SHA256()), pem)) == "signature-invalid"


def test_a_scheme_that_cosign_does_not_try_with_a_certificate(lab: Lab, engine: CosignEngine) -> None:
    key = KEYS["rsa"]
    assert isinstance(key, rsa.RSAPrivateKey)
    document = json.loads(lab.sign_blob(FILE, key=key, log=None))
    pss = key.sign(FILE, padding.PSS(padding.MGF1(hashes.SHA256()), 32), hashes.SHA256())
    for signature, reason in ((pss, "engine-unavailable"), (pss[::-1], "signature-invalid")):
        document["messageSignature"]["signature"] = base64.b64encode(signature).decode()
        content = parse_bundle(json.dumps(document).encode())
        assert answer(engine, ask(content, trusting(lab.trusted_root()), image=False)) == reason


def test_ed25519_and_what_cosign_does_not_try_of_it(engine: CosignEngine) -> None:
    edwards = ed25519.Ed25519PrivateKey.generate()
    pem = spki_pem(edwards.public_key())
    assert answer(engine, _bare(edwards.sign(FILE), pem)) == "verified"
    assert answer(engine, _bare(edwards.sign(b"x"), pem)) == "signature-invalid"
    (prehashed,) = (recorded for recorded in RECORDED if recorded.what == "Ed25519ph")
    given = SignatureFile(SignatureForm.SIGNATURE, prehashed.signature.encode())
    material = trusting(b"", base64.b64decode(prehashed.key))
    assert answer(engine, question(parse_signature_file(given), material, ARTIFACT)) == "engine-unavailable"


@pytest.mark.parametrize("form", ["payload layer", "envelope layer"])
@pytest.mark.parametrize(
    "media_type",
    [
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.docker.distribution.manifest.v2+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
    ],
)
def test_a_layer_is_verified_for_every_kind_of_image(
    form: str, media_type: str, lab: Lab, engine: CosignEngine
) -> None:
    options = ask(entity(FORMS[form](lab)), trusting(lab.trusted_root()), image=True)
    subject = replace(IMAGE, media_type=media_type)
    assert answer(engine, replace(options, subject_descriptor=subject)) == "verified"


@pytest.mark.parametrize("media_type", [IMAGE.media_type, "application/octet-stream"])
def test_a_bare_envelope_is_verified_for_an_image_and_for_a_file(
    media_type: str, engine: CosignEngine
) -> None:
    edwards = ed25519.Ed25519PrivateKey.generate()
    statement = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"digest": {"sha256": IMAGE.hex}}],
        "predicateType": "https://x.test/p",
        "predicate": {},
    }
    payload = json.dumps(statement).encode()
    envelope = {
        "payloadType": IN_TOTO,
        "payload": base64.b64encode(payload).decode(),
        "signatures": [{"sig": base64.b64encode(edwards.sign(pae(IN_TOTO, payload))).decode()}],
    }
    content = parse_signature_file(SignatureFile(SignatureForm.ENVELOPE, json.dumps(envelope).encode()))
    material = trusting(b"", spki_pem(edwards.public_key()))
    subject = replace(IMAGE, media_type=media_type)
    options = replace(ask(content, material, image=True), subject_descriptor=subject)
    assert engine.verify(options).predicate_type == "https://x.test/p"
    stranger = trusting(b"", spki_pem(KEYS["p256"].public_key()))
    assert answer(engine, replace(options, trusted_material=stranger)) == "signature-invalid"


# The whole line.


class Closing(MemoryStore):
    @property
    def together(self) -> Together:
        return in_turn

    def close(self) -> None:
        """Nothing to close."""


def _policies(lab_policy: Policy) -> StaticPolicyProvider:
    return StaticPolicyProvider((lab_policy,))


@pytest.fixture
def signed() -> tuple[Lab, Closing, Policy, TrustedMaterial]:
    """An image that is signed with a key, and a policy that is content with that."""
    lab, registry = Lab(name="line"), MemoryRegistry()
    image = push_image(registry, "app", tag="v1")
    bundle = lab.sign_image(image.digest, key=KEYS["p256"], keyless=False, log=None)
    attach_bundle(registry, "app", image, bundle)
    policy = Policy.single(
        "p",
        (Scope.parse("*"),),
        keys=("k",),
        verifier_config=VerifierConfig.for_keys(unsafe_ignore_tlog=True),
    )
    return lab, Closing(registry), policy, trusting(b"", spki_pem(KEYS["p256"].public_key()))


def test_a_cross_check_is_shown(
    signed: tuple[Lab, Closing, Policy, TrustedMaterial], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, store, policy, material = signed
    monkeypatch.setenv("PYCOSIGN_COSIGN", COSIGN)
    trust = StaticTrustedMaterialProvider(material)
    with assemble(trust=trust, policies=_policies(policy), store=store, cross_check=True) as verifier:
        result = verifier.validate(Subject.parse("reg.test/app:v1"), Budget(60))
    assert result.outcome is Outcome.ALLOWED
    (detail,) = result.results[0].detail
    assert [c.status for c in detail.checks if c.id == "cross-check"] == [CheckStatus.PASS]


def test_a_cross_check_that_says_no_refuses(
    signed: tuple[Lab, Closing, Policy, TrustedMaterial], tmp_path: Path
) -> None:
    """cosign is made to look at another key than the one that it is given."""
    _, store, policy, material = signed
    other = tmp_path / "other.pub"
    other.write_bytes(spki_pem(ec.generate_private_key(ec.SECP256R1()).public_key()))
    program = tmp_path / "cosign"
    program.write_text(f'#!/bin/sh\n[ ! -f key.pub ] || /bin/cp {other} key.pub\nexec {COSIGN} "$@"\n')
    program.chmod(0o700)
    verifier = Verifier(
        store=store,
        engines=(KeyEngine(lambda: RootProver(Compiled())),),
        trust=StaticTrustedMaterialProvider(material),
        policies=_policies(policy),
        clock=lambda: datetime.now(UTC),
        cross_check=(CosignEngine.found({"PYCOSIGN_COSIGN": str(program)}),),
    )
    result = verifier.validate(Subject.parse("reg.test/app:v1"), Budget(60))
    assert (result.outcome, result.reason) == (Outcome.REFUSED, ReasonCode.ENGINES_DISAGREE)
    assert "refuses it: signature-invalid" in result.message


def test_cosign_in_place_of_the_native_engines(
    signed: tuple[Lab, Closing, Policy, TrustedMaterial], engine: CosignEngine
) -> None:
    _, store, policy, material = signed
    verifier = Verifier(
        store=store,
        engines=(engine,),
        trust=StaticTrustedMaterialProvider(material),
        policies=_policies(policy),
        clock=lambda: datetime.now(UTC),
    )
    result = verifier.validate(Subject.parse("reg.test/app:v1"), Budget(60))
    assert result.outcome is Outcome.ALLOWED
    assert result.results[0].verifier.type == "cosign"
