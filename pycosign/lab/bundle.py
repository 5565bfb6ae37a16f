"""Statements and bundles as cosign 3 writes them (in-toto Statement v1; sigstore_bundle.proto, v0.3)."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from .entry import LogEntry
from .errors import LabError
from .keys import HashName, PublicKey, spki_der
from .wire import b64, compact

BUNDLE_MEDIA_TYPE = "application/vnd.dev.sigstore.bundle.v0.3+json"
STATEMENT_V1 = "https://in-toto.io/Statement/v1"
STATEMENT_V01 = "https://in-toto.io/Statement/v0.1"
COSIGN_SIGN = "https://sigstore.dev/cosign/sign/v1"
_DIGEST_NAMES = {"sha256": "SHA2_256", "sha384": "SHA2_384", "sha512": "SHA2_512"}


def signature_statement(digest: str, annotations: Mapping[str, str] | None = None) -> dict[str, object]:
    """What `cosign sign` signs: a statement v1 whose subject has a digest, annotations and no name."""
    subject: dict[str, object] = {"digest": _digest_set(digest)}
    if annotations:
        subject["annotations"] = dict(annotations)
    return {"_type": STATEMENT_V1, "subject": [subject], "predicateType": COSIGN_SIGN, "predicate": {}}


def attestation_statement(
    digest: str, predicate_type: str, predicate: object, *, name: str
) -> dict[str, object]:
    """What `cosign attest` signs: a statement v0.1 whose subject is named after the repository."""
    return {
        "_type": STATEMENT_V01,
        "subject": [{"name": name, "digest": _digest_set(digest)}],
        "predicateType": predicate_type,
        "predicate": predicate,
    }


def statement_json(statement: Mapping[str, object]) -> bytes:
    """The bytes of a statement, compact and in the given order."""
    return compact(statement)


def _digest_set(digest: str) -> dict[str, str]:
    algorithm, separator, value = digest.partition(":")
    if not separator:
        raise LabError(f"a digest is written algorithm:hex, not {digest!r}")
    return {algorithm: value}


@dataclass(frozen=True, slots=True)
class Envelope:
    """A DSSE envelope with one signature."""

    payload_type: str
    payload: bytes
    signature: bytes

    def with_payload(self, payload: bytes) -> Envelope:
        """The same signature around another payload."""
        return replace(self, payload=payload)

    def to_json(self) -> dict[str, object]:
        """The envelope as DSSE v1 writes it."""
        return {
            "payload": b64(self.payload),
            "payloadType": self.payload_type,
            "signatures": [{"sig": b64(self.signature)}],
        }


@dataclass(frozen=True, slots=True)
class MessageSignature:
    """A signature over a blob with the blob's digest beside it."""

    algorithm: HashName
    digest: bytes
    signature: bytes

    def to_json(self) -> dict[str, object]:
        """As sigstore_common.proto's MessageSignature."""
        digest = {"algorithm": _DIGEST_NAMES[self.algorithm], "digest": b64(self.digest)}
        return {"messageDigest": digest, "signature": b64(self.signature)}


@dataclass(frozen=True, slots=True)
class Signed:
    """Everything a bundle holds. Without a certificate it holds a hint of the public key."""

    content: Envelope | MessageSignature
    certificate: x509.Certificate | None
    public_key: PublicKey
    entries: tuple[LogEntry, ...] = ()
    timestamps: tuple[bytes, ...] = ()


def bundle_json(signed: Signed) -> bytes:
    """The bundle as protojson writes it: integers as strings, empty fields left out."""
    material: dict[str, object] = {}
    if signed.certificate is not None:
        material["certificate"] = {"rawBytes": b64(signed.certificate.public_bytes(Encoding.DER))}
    else:
        hint = hashlib.sha256(spki_der(signed.public_key)).digest()
        material["publicKey"] = {"hint": b64(hint)}
    if signed.entries:
        material["tlogEntries"] = [entry.to_protojson() for entry in signed.entries]
    if signed.timestamps:
        stamps = [{"signedTimestamp": b64(timestamp)} for timestamp in signed.timestamps]
        material["timestampVerificationData"] = {"rfc3161Timestamps": stamps}
    field = "dsseEnvelope" if isinstance(signed.content, Envelope) else "messageSignature"
    return compact(
        {
            "mediaType": BUNDLE_MEDIA_TYPE,
            "verificationMaterial": material,
            field: signed.content.to_json(),
        }
    )
