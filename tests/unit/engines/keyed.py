"""What the tests of keys share: keys of every kind, what is trusted, and every form of signature."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from typing import Any, Literal

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from providers.descriptor import Descriptor, digest_of
from providers.policy import Policy
from providers.reasons import ReasonCode
from providers.requirement import AttestationRequirement
from providers.scope import Scope
from providers.trust import TrustedKey, TrustedMaterial
from providers.verifier_config import VerifierConfig
from pycosign.lab import Lab, LegacyLayer
from pycosign.lab.keys import Scheme, SigningKey, spki_pem
from tests.single import demand_of
from tests.unit.engines.world import ARTIFACT, question
from verifier.engine import EvidenceError
from verifier.engines.evidence import OF_KEYS
from verifier.engines.keys import KeyEngine
from verifier.facts import SignatureFacts
from verifier.formats.bundle import parse_bundle
from verifier.formats.entity import SignedEntity
from verifier.formats.layer import parse_layer
from verifier.formats.signature_file import SignatureFile, SignatureForm, parse_signature_file
from verifier.judge import judge

Form = Literal[
    "bundle of an image",
    "bundle of a file",
    ".sig layer",
    ".att layer",
    ".sig file",
    ".att file",
    "older bundle",
]
FORMS: tuple[Form, ...] = (
    "bundle of an image",
    "bundle of a file",
    ".sig layer",
    ".att layer",
    ".sig file",
    ".att file",
    "older bundle",
)
NOW = datetime.now(UTC).replace(microsecond=0)
PREDICATE = "https://example.test/predicate/v1"
NAME = "release"


_CURVES: dict[str, ec.EllipticCurve] = {
    "p256": ec.SECP256R1(),
    "p384": ec.SECP384R1(),
    "p521": ec.SECP521R1(),
}


@cache
def key_of(kind: str) -> SigningKey:
    """One key of each kind for all tests: RSA keys take their time to be made."""
    if kind.startswith("rsa"):
        return rsa.generate_private_key(65537, int(kind.removeprefix("rsa-").removesuffix("-pss")))
    if kind.startswith("ed25519"):
        return ed25519.Ed25519PrivateKey.generate()
    return ec.generate_private_key(_CURVES[kind])


def scheme_of(kind: str) -> Scheme:
    """How a key of this kind signs."""
    return "pss" if kind.endswith("-pss") else "ed25519ph" if kind == "ed25519ph" else "usual"


def trusted_key(key: SigningKey, name: str = NAME, **more: Any) -> TrustedKey:
    """The public half, as an operator trusts it."""
    return TrustedKey(name, spki_pem(key.public_key()), **more)


def trusted(*keys: TrustedKey, root: bytes = b"") -> TrustedMaterial:
    """Keys, and a root to hold the rest against."""
    return TrustedMaterial.of("test", root, datetime.now(UTC), keys)


def key_policy(*, attestation: bool = False, annotations: Any = (), **config: Any) -> Policy:
    """The default policy for a key: a log entry, and no more."""
    wanted = AttestationRequirement((PREDICATE,)) if attestation else None
    settings = VerifierConfig(**{"require_observer_timestamps": False, "require_scts": False, **config})
    return Policy.single(
        "test",
        (Scope.parse("*"),),
        keys=(NAME,),
        verifier_config=settings,
        attestation=wanted,
        annotations=annotations,
    )


def layer_entity(layer: LegacyLayer, **changed: str) -> SignedEntity:
    """A layer as it is read from a registry, with annotations changed."""
    annotations = {**dict(layer.annotations), **changed}
    described = Descriptor.parse(
        media_type=layer.media_type,
        digest=digest_of(layer.data),
        size=len(layer.data),
        annotations=annotations,
    )
    return parse_layer(described, layer.data)


def signed(lab: Lab, form: Form, artifact: bytes, **options: Any) -> SignedEntity:
    """``artifact``, signed by ``lab`` and stored in ``form``."""
    digest = digest_of(artifact)
    statement: dict[str, Any] = {"predicate_type": PREDICATE, "predicate": {}}
    if form == "bundle of an image":
        return parse_bundle(lab.sign_image(digest, **options))
    if form == "bundle of a file":
        return parse_bundle(lab.sign_blob(artifact, **options))
    if form == ".sig layer":
        return layer_entity(lab.sign_image_legacy(digest, reference="registry.test/app", **options))
    if form == ".att layer":
        return layer_entity(lab.attest_legacy(digest, **statement, **options))
    if form == ".att file":
        made = lab.attest_blob_legacy(digest, **statement, **options)
        return parse_signature_file(
            SignatureFile(SignatureForm.ENVELOPE, made.signature, made.certificate, made.timestamp)
        )
    made = lab.sign_blob_legacy(artifact, **options)
    if form == ".sig file":
        return parse_signature_file(
            SignatureFile(SignatureForm.SIGNATURE, made.signature, made.certificate, made.timestamp)
        )
    return parse_signature_file(SignatureFile(SignatureForm.BUNDLE, made.bundle, timestamp=made.timestamp))


def by_key(lab: Lab, form: Form = "bundle of an image", **options: Any) -> SignedEntity:
    """``ARTIFACT``, signed with a key: the P-256 one, unless ``options`` name another."""
    return signed(lab, form, ARTIFACT, **{"key": key_of("p256"), "keyless": False, **options})


def refused(keys: KeyEngine, entity: SignedEntity, material: TrustedMaterial) -> ReasonCode:
    """Why it is, every check accounted for."""
    with pytest.raises(EvidenceError) as caught:
        keys.verify(question(entity, material))
    assert {check.id for check in caught.value.checks} == set(OF_KEYS)
    return caught.value.reason


def verdict(facts: SignatureFacts, **config: Any) -> str:
    """The reason under the default policy for a key, or one with another configuration."""
    asked = key_policy(attestation=facts.predicate_type == PREDICATE, **config)
    return str(judge(facts, demand_of(asked), NOW).reason)
