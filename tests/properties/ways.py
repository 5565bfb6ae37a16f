"""Every way to sign: who, in which form it is stored, and what proves when.

A signature is kept as the files it is stored in, so that a test can change what is in them: a bundle, a layer with
its annotations, what stands beside a file.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Literal

from cryptography.hazmat.primitives.asymmetric import ec

from providers.descriptor import Descriptor, digest_of
from providers.identity import CertificateIdentity, StringMatch
from providers.policy import Policy
from providers.requirement import AttestationRequirement
from providers.scope import Scope
from providers.trust import TrustedMaterial
from providers.verifier_config import VerifierConfig
from pycosign.lab import Lab
from pycosign.lab.names import DEFAULT_IDENTITY, DEFAULT_ISSUER
from tests.unit.engines.keyed import NAME, key_of, scheme_of, trusted, trusted_key
from verifier.facts import TIMESTAMP_AUTHORITY, TLOG, SignatureFacts
from verifier.formats.entity import SignedEntity
from verifier.formats.layer import parse_layer
from verifier.formats.signature_file import SignatureFile, SignatureForm, parse_signature_file

Files = Mapping[str, bytes]
Signer = Literal["certificate", "key"]
Form = Literal[
    "bundle with an envelope",
    "bundle with a message",
    ".sig layer",
    ".att layer",
    ".sig file",
    ".att file",
    "older bundle",
    "older bundle with an envelope",
]
SIGNERS: tuple[Signer, ...] = ("certificate", "key")
KINDS = ("p256", "p384", "p521", "rsa-2048", "rsa-2048-pss", "ed25519ph", "ed25519")
ARTIFACT, OTHER = b"an artifact\n", b"another artifact\n"
PREDICATE = "https://example.test/predicate/v1"
ANNOTATIONS = {"env": "prod", "team": "x"}
WHO = CertificateIdentity(StringMatch(value=DEFAULT_IDENTITY), StringMatch(value=DEFAULT_ISSUER))
# A key that is trusted as well, and signs nothing; and one that nobody trusts.
BYSTANDER, STRANGER = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
# What stands for the layer among its annotations.
_LAYER = "layer"


@dataclass(frozen=True, slots=True)
class Proof:
    """What proves that it was logged, and when."""

    what: str
    options: Mapping[str, Any] = field(hash=False)
    logged: bool = False


NONE = Proof("nothing", {"log": None})
STAMP = Proof("a timestamp", {"log": None, "timestamp": True})
REKOR1 = Proof("Rekor v1", {"log": "rekor1"}, logged=True)
REKOR1_STAMP = Proof("Rekor v1 and a timestamp", {"log": "rekor1", "timestamp": True}, logged=True)
REKOR1_INTOTO = Proof("Rekor v1, intoto", {"log": "rekor1", "entry": "intoto"}, logged=True)
PROMISE = Proof("a promise", {"log": "rekor1"}, logged=True)
PROMISE_STAMP = Proof("a promise and a timestamp", {"log": "rekor1", "timestamp": True}, logged=True)
PROMISE_OLDEST = Proof("a promise, intoto 0.0.1", {"log": "rekor1", "entry": "intoto-0.0.1"}, logged=True)
REKOR2 = Proof("Rekor v2 and a timestamp", {"log": "rekor2"}, logged=True)
_BUNDLED = (NONE, STAMP, REKOR1, REKOR1_STAMP, PROMISE, REKOR2)
FORMS: dict[Form, tuple[Proof, ...]] = {
    "bundle with an envelope": (*_BUNDLED, REKOR1_INTOTO),
    "bundle with a message": _BUNDLED,
    ".sig layer": (NONE, STAMP, PROMISE, PROMISE_STAMP),
    ".att layer": (NONE, STAMP, PROMISE, PROMISE_STAMP, PROMISE_OLDEST),
    ".sig file": (NONE, STAMP),
    ".att file": (NONE, STAMP),
    "older bundle": (NONE, PROMISE, PROMISE_STAMP),
    "older bundle with an envelope": (NONE, PROMISE, PROMISE_OLDEST),
}


@dataclass(frozen=True)
class Way:
    """One way to sign."""

    signer: Signer
    form: Form
    proof: Proof
    kind: str = "p256"

    def __str__(self) -> str:
        return f"{self.form}, {self.signer}, {self.proof.what}, {self.kind}"

    @property
    def possible(self) -> bool:
        """A log that is given a hash alone cannot check pure Ed25519, and Rekor v2 is always given a hash."""
        enveloped = "envelope" in self.form or self.form.startswith(".att")
        by_hash = self.proof is REKOR2 or (self.proof.logged and not enveloped)
        return not (self.kind == "ed25519" and by_hash)

    @property
    def attests(self) -> bool:
        """Whether it makes an attestation."""
        return self.form in {".att layer", ".att file", "older bundle with an envelope"}

    @property
    def annotated(self) -> bool:
        """Whether it signs annotations."""
        return self.form in {"bundle with an envelope", ".sig layer"}

    def sign(self, lab: Lab, artifact: bytes = ARTIFACT, **more: Any) -> Files:
        """The files of a new signature."""
        options = {
            "key": key_of(self.kind),
            "scheme": scheme_of(self.kind),
            "keyless": self.signer == "certificate",
            **self.proof.options,
            **more,
        }
        return _FORMS[self.form](self, lab, artifact, options)

    def read(self, files: Files) -> SignedEntity:
        """What a verifier reads of them.

        Raises:
            VerificationError: they cannot be read.
        """
        if self.form in _MEDIA_TYPES:
            data = files.get(_LAYER, b"")
            annotations = {name: text.decode("latin-1") for name, text in files.items() if name != _LAYER}
            layer = Descriptor.parse(
                media_type=_MEDIA_TYPES[self.form],
                digest=digest_of(data),
                size=len(data),
                annotations=annotations,
            )
            return parse_layer(layer, data)
        form = {".sig file": SignatureForm.SIGNATURE, ".att file": SignatureForm.ENVELOPE}.get(
            self.form, SignatureForm.BUNDLE
        )
        parts = [files.get(name, b"") for name in ("signature", "certificate", "timestamp")]
        return parse_signature_file(SignatureFile(form, *parts))

    def trust(self, root: bytes, kind: str = "") -> TrustedMaterial:
        """What makes it count, and what makes others count; ``kind``: for that of another key."""
        mine = key_of(kind or self.kind) if self.signer == "key" else BYSTANDER
        return trusted(trusted_key(mine), root=root)

    def policy(self, facts: SignatureFacts | None = None, **changed: Any) -> Policy:
        """The default one for its signer, content and kind; with ``facts`` one that asks for every proof in
        them.
        """
        by_key = self.signer == "key"
        asked: dict[str, Any] = (
            {"require_observer_timestamps": False, "require_scts": False} if by_key else {}
        )
        if facts is not None:
            asked = _all_of(facts)
        return Policy.single(
            **{
                "name": "test",
                "scopes": (Scope.parse("*"),),
                "keys": (NAME,) if by_key else (),
                "certificate_identities": () if by_key else (WHO,),
                "annotations": tuple(ANNOTATIONS.items()) if self.annotated else (),
                "attestation": AttestationRequirement((PREDICATE,)) if self.attests else None,
                "verifier_config": VerifierConfig(**asked),
                **changed,
            }
        )

    @property
    def expected(self) -> str:
        """The reason of the default policy."""
        return "ok" if self.proof.logged else "no-log-entry"


def _all_of(facts: SignatureFacts) -> dict[str, Any]:
    """The configuration that lets ``facts`` pass, and nothing less."""
    logs = len({entry.log_id for entry in facts.log_entries})
    scts = len({sct.log_id for sct in facts.scts})
    signed = len({stamp.authority for stamp in facts.timestamps if stamp.type == TIMESTAMP_AUTHORITY})
    promised = len({stamp.authority for stamp in facts.timestamps if stamp.type == TLOG})
    asked: dict[str, Any] = {
        "unsafe_use_current_time": not (signed or promised),
        "unsafe_ignore_tlog": not logs,
    }
    for name, threshold, count in (
        ("require_tlog_entries", "tlog_entries_threshold", logs),
        ("require_scts", "ctlog_entries_threshold", scts),
        ("require_signed_timestamps", "signed_timestamp_threshold", signed),
        ("require_integrated_timestamps", "integrated_timestamp_threshold", promised),
        ("require_observer_timestamps", "observer_timestamp_threshold", signed + promised),
    ):
        asked |= {name: count > 0, threshold: max(count, 1)}
    return asked


def _bundle(way: Way, lab: Lab, artifact: bytes, options: dict[str, Any]) -> Files:
    if way.form == "bundle with a message":
        made = lab.sign_blob(artifact, **options)
    else:
        made = lab.sign_image(digest_of(artifact), annotations=ANNOTATIONS, **options)
    return {"signature": _promise_alone(made) if way.proof is PROMISE else made}


def _promise_alone(bundle: bytes) -> bytes:
    """As version 0.1 allowed it."""
    document = json.loads(bundle)
    document["mediaType"] = "application/vnd.dev.sigstore.bundle+json;version=0.1"
    material = document["verificationMaterial"]
    if "certificate" in material:
        material["x509CertificateChain"] = {"certificates": [material.pop("certificate")]}
    for entry in material["tlogEntries"]:
        del entry["inclusionProof"]
    return json.dumps(document, separators=(",", ":")).encode()


def _layer(way: Way, lab: Lab, artifact: bytes, options: dict[str, Any]) -> Files:
    digest = digest_of(artifact)
    if way.attests:
        made = lab.attest_legacy(digest, predicate_type=PREDICATE, predicate={"a": 1}, **options)
    else:
        made = lab.sign_image_legacy(digest, reference="r.test/app", annotations=ANNOTATIONS, **options)
    return {_LAYER: made.data, **{name: text.encode() for name, text in made.annotations}}


def _files(way: Way, lab: Lab, artifact: bytes, options: dict[str, Any]) -> Files:
    if way.attests:
        digest = digest_of(artifact)
        made = lab.attest_blob_legacy(digest, predicate_type=PREDICATE, predicate={"a": 1}, **options)
    else:
        made = lab.sign_blob_legacy(artifact, **options)
    if way.form.startswith("older"):
        found = {"signature": made.bundle, "timestamp": made.timestamp}
    else:
        found = {
            "signature": made.signature,
            "certificate": made.certificate,
            "timestamp": made.timestamp,
        }
    return {name: content for name, content in found.items() if content}


_MEDIA_TYPES = {
    ".sig layer": "application/vnd.dev.cosign.simplesigning.v1+json",
    ".att layer": "application/vnd.dsse.envelope.v1+json",
}
_FORMS: dict[Form, Callable[[Way, Lab, bytes, dict[str, Any]], Files]] = {
    "bundle with an envelope": _bundle,
    "bundle with a message": _bundle,
    ".sig layer": _layer,
    ".att layer": _layer,
    ".sig file": _files,
    ".att file": _files,
    "older bundle": _files,
    "older bundle with an envelope": _files,
}


@cache
def every_way(*kinds: str) -> tuple[Way, ...]:
    """All of them, for keys of these kinds."""
    listed = [
        Way(signer, form, proof, kind)
        for form, proofs in FORMS.items()
        for proof in proofs
        for signer in SIGNERS
        for kind in kinds
    ]
    return tuple(way for way in listed if way.possible)
