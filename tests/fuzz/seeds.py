"""What is signed in the lab for the fuzzer: each way to sign, each kind of key."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from providers.descriptor import digest_of
from pycosign.lab import Lab, LegacyLayer
from pycosign.lab.keys import SigningKey, spki_pem
from pycosign.lab.legacy import legacy_attestation, legacy_signature, simple_signing_payload
from pycosign.lab.sign import Recipe

ARTIFACT = b"what the fuzzer signs\n"
DIGEST = digest_of(ARTIFACT)
CERTIFICATE = "dev.sigstore.cosign/certificate"
_PREDICATE = {"buildType": "x", "nested": [{"PATH": "/bin", "Path": "C:\\"}]}


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def layer_document(layer: LegacyLayer) -> bytes:
    """A layer with its annotations, as one JSON document."""
    document = {
        "mediaType": layer.media_type,
        "annotations": dict(layer.annotations),
        "data": _b64(layer.data),
    }
    return json.dumps(document).encode()


def file_document(form: str, content: bytes, certificate: bytes = b"", timestamp: bytes = b"") -> bytes:
    """The files of one signature, as one JSON document."""
    files = {"content": content, "certificate": certificate, "timestamp": timestamp}
    return json.dumps({"form": form, **{name: _b64(data) for name, data in files.items()}}).encode()


@dataclass(frozen=True)
class Seeds:
    """One lab and what it signs, each kind made when it is asked for."""

    lab: Lab

    @classmethod
    def made(cls) -> Seeds:
        """With a lab of its own: other keys each time."""
        return cls(Lab(name="fuzz"))

    @cached_property
    def keys(self) -> dict[str, SigningKey]:
        """One key of every kind that signs."""
        return {
            "p256": ec.generate_private_key(ec.SECP256R1()),
            "p384": ec.generate_private_key(ec.SECP384R1()),
            "p521": ec.generate_private_key(ec.SECP521R1()),
            "rsa": rsa.generate_private_key(65537, 2048),
            "ed25519": ed25519.Ed25519PrivateKey.generate(),
        }

    @cached_property
    def public_keys(self) -> tuple[bytes, ...]:
        """Public keys in PEM and DER, those that are not accepted included."""
        public = [key.public_key() for key in self.keys.values()]
        public.append(rsa.generate_private_key(65537, 1024).public_key())  # noqa: S505  (to be refused)
        public.append(ec.generate_private_key(ec.SECP256K1()).public_key())
        spki = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return (*map(spki_pem, public), *(key.public_bytes(*spki) for key in public))

    @property
    def _intermediate(self) -> bytes:
        """The certificate of the lab's authority that issues signing certificates."""
        return self.lab.ca.chain[0].public_bytes(Encoding.DER)

    @cached_property
    def keyless(self) -> tuple[bytes, ...]:
        """Bundles with a certificate."""
        lab = self.lab
        claims = {"githubWorkflowRepository": "o/r", "sourceRepositoryURI": "https://example.test/o/r"}
        return (
            lab.sign_image(DIGEST, annotations={"env": "prod"}, timestamp=True, claims=claims),
            lab.sign_image(DIGEST, log="rekor2"),
            lab.sign_image(DIGEST, entry="intoto"),
            lab.attest(DIGEST, predicate_type="https://slsa.dev/provenance/v1", predicate=_PREDICATE),
            lab.sign_blob(ARTIFACT, timestamp=True),
            lab.sign_blob(ARTIFACT, log="rekor2"),
            lab.sign_blob(ARTIFACT, log=None, timestamp=True),
            lab.sign_blob(ARTIFACT, key=self.keys["p384"]),
            lab.sign_blob(ARTIFACT, key=self.keys["rsa"], log="rekor2"),
            old_bundle(lab.sign_image(DIGEST, timestamp=True), self._intermediate),
        )

    @cached_property
    def keyed(self) -> tuple[bytes, ...]:
        """Bundles with the hint of a key."""
        lab = self.lab
        blobs = [lab.sign_blob(ARTIFACT, keyless=False, key=key, log=None) for key in self.keys.values()]
        key = self.keys["p256"]
        return (
            *blobs,
            lab.sign_image(DIGEST, keyless=False, key=key, timestamp=True),
            lab.sign_image(DIGEST, keyless=False, key=key, log="rekor2"),
            lab.sign_blob(ARTIFACT, keyless=False, key=key),
        )

    @property
    def bundles(self) -> tuple[bytes, ...]:
        """All of them."""
        return (*self.keyless, *self.keyed)

    @cached_property
    def _kinds(self) -> tuple[Recipe, ...]:
        """By a key alone, by a key, with a certificate, with a timestamp too."""
        key = self.keys["p256"]
        return (
            Recipe(keyless=False, key=key, log=None),
            Recipe(keyless=False, key=key),
            Recipe(),
            Recipe(timestamp=True),
        )

    @cached_property
    def legacy(self) -> tuple[LegacyLayer, ...]:
        """Layers as cosign 2 makes them, in every kind: four signatures, then four attestations."""
        signer, payload = self.lab.signer, simple_signing_payload(DIGEST, "example.test/app", {"a": "1"})
        images = [legacy_signature(signer, payload, kind) for kind in self._kinds]
        return (*images, *(self._attested(kind) for kind in self._kinds))

    def _attested(self, kind: Recipe) -> LegacyLayer:
        return legacy_attestation(
            self.lab.signer, DIGEST, "https://p.test", _PREDICATE, name="app", recipe=kind
        )

    @cached_property
    def _blobs(self) -> tuple[LegacyLayer, ...]:
        """The artifact itself, signed; what stands in annotations, cosign writes into files."""
        return tuple(legacy_signature(self.lab.signer, ARTIFACT, kind) for kind in self._kinds)

    @property
    def layers(self) -> tuple[bytes, ...]:
        """Those, and layers with bundles."""
        bundles = (*self.keyless[:2], self.keyed[0])
        new = [LegacyLayer(json.loads(bundle)["mediaType"], bundle, ()) for bundle in bundles]
        return tuple(map(layer_document, (*self.legacy, *new)))

    @cached_property
    def files(self) -> tuple[bytes, ...]:
        """What stands beside a signed file, in each form."""
        blob, envelope = _Evidence.of(self._blobs[3]), _Evidence.of(self.legacy[7])
        once_more = _b64(blob.certificate).encode()
        return (
            *(file_document("bundle", bundle) for bundle in (*self.keyless[:5], *self.keyed[:2])),
            *(file_document("bundle", bundle) for bundle in self.legacy_bundles),
            file_document("signature", _Evidence.of(self._blobs[0]).signature),
            file_document("signature", base64.b64decode(blob.signature), blob.certificate, blob.timestamp),
            file_document("signature", blob.signature + b"\n", once_more),
            file_document("envelope", self.legacy[7].data, envelope.certificate, envelope.timestamp),
            file_document("envelope", self.legacy[4].data),
        )

    @property
    def legacy_bundles(self) -> tuple[bytes, ...]:
        """Bundles as cosign wrote them for files before there were bundles."""
        return tuple(map(_legacy_bundle, (*self._blobs, *self.legacy[4:])))

    @property
    def log_bodies(self) -> tuple[bytes, ...]:
        """What logs recorded: canonical bodies, one as it was proposed, and one as cosign 1 had it logged."""
        bodies = [base64.b64decode(entry["canonicalizedBody"]) for entry in self.log_entries]
        annotations = dict(self.legacy[6].annotations)
        verifier = _b64(annotations[CERTIFICATE].encode())
        envelope = self.legacy[6].data
        proposed = {"proposedContent": {"envelope": envelope.decode(), "verifiers": [verifier]}}
        stored = {"algorithm": "sha256", "value": hashlib.sha256(envelope).hexdigest()}
        in_toto = {"content": {"hash": stored}, "publicKey": verifier}
        for kind, spec in (("dsse", proposed), ("intoto", in_toto)):
            bodies.append(json.dumps({"apiVersion": "0.0.1", "kind": kind, "spec": spec}).encode())
        return tuple(bodies)

    @property
    def log_entries(self) -> tuple[dict[str, Any], ...]:
        """The log entries of the bundles."""
        found = [json.loads(bundle)["verificationMaterial"].get("tlogEntries", []) for bundle in self.bundles]
        return tuple(entry for entries in found for entry in entries)

    @property
    def certificates(self) -> tuple[bytes, ...]:
        """Signing certificates in DER."""
        holders = [json.loads(bundle)["verificationMaterial"] for bundle in self.keyless[:-1]]
        return tuple(base64.b64decode(holder["certificate"]["rawBytes"]) for holder in holders)

    @property
    def certificate_texts(self) -> tuple[bytes, ...]:
        """Certificates in PEM, alone and with the chain, and in base64 once more; a public key."""
        text = dict(self.legacy[2].annotations)[CERTIFICATE].encode()
        chain = self.lab.pem_files()["fulcio-chain.pem"]
        return (text, text + chain, _b64(text).encode(), text.replace(b"\n", b"\r\n"), self.public_keys[0])

    @property
    def timestamps(self) -> tuple[bytes, ...]:
        """RFC 3161 responses, and cosign's JSON around one."""
        raw = self.lab.tsa.stamp(b"x")
        return (raw, json.dumps({"SignedRFC3161Timestamp": _b64(raw)}).encode())


def old_bundle(bundle: bytes, issuer: bytes) -> bytes:
    """The same in version 0.1: a chain instead of a certificate, no proof of inclusion."""
    document = json.loads(bundle)
    document["mediaType"] = "application/vnd.dev.sigstore.bundle+json;version=0.1"
    material = document["verificationMaterial"]
    material["x509CertificateChain"] = {
        "certificates": [material.pop("certificate"), {"rawBytes": _b64(issuer)}]
    }
    for entry in material["tlogEntries"]:
        del entry["inclusionProof"]
    return json.dumps(document).encode()


@dataclass(frozen=True)
class _Evidence:
    """What stands in the annotations of a layer."""

    signature: bytes
    certificate: bytes
    timestamp: bytes

    @classmethod
    def of(cls, layer: LegacyLayer) -> _Evidence:
        annotations = dict(layer.annotations)
        names = ("dev.cosignproject.cosign/signature", CERTIFICATE, "dev.sigstore.cosign/rfc3161timestamp")
        return cls(*(annotations.get(name, "").encode() for name in names))


def _legacy_bundle(layer: LegacyLayer) -> bytes:
    """cosign's ``LocalSignedPayload`` around the evidence of ``layer``."""
    evidence = _Evidence.of(layer)
    signature = evidence.signature.decode() if layer.suffix == "sig" else _b64(layer.data)
    document: dict[str, Any] = {"base64Signature": signature, "cert": _b64(evidence.certificate)}
    recorded = dict(layer.annotations).get("dev.sigstore.cosign/bundle")
    if recorded is not None:
        document["rekorBundle"] = json.loads(recorded)
    return json.dumps(document).encode()
