"""Entries proposed to Rekor v1, checked and brought into the form the log keeps.

hashedrekord 0.0.1, dsse 0.0.1, intoto 0.0.1 and 0.0.2: rekor pkg/types.
"""

from __future__ import annotations

import hashlib
import re

from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from .errors import LabError
from .keys import HashName, PublicKey, accepted, is_signature, signed_with
from .wire import b64, compact, decoded, find, objects, parse_object, text, unbase64

_SHA256 = re.compile(r"[0-9a-f]{64}")
_HASHES: dict[str, HashName] = {"sha256": "sha256", "sha384": "sha384", "sha512": "sha512"}


def pae(payload_type: str, payload: bytes) -> bytes:
    """The pre-authentication encoding of DSSE v1: what an envelope's signature signs."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)


def canonical_spec(kind: str, version: str, spec: object) -> dict[str, object]:
    """The spec as the log keeps it, its signature checked. Raises LabError."""
    if (kind, version) == ("hashedrekord", "0.0.1"):
        return _hashedrekord(spec)
    if (kind, version) == ("dsse", "0.0.1"):
        return _dsse(spec)
    if (kind, version) == ("intoto", "0.0.2"):
        return _intoto(spec)
    if (kind, version) == ("intoto", "0.0.1"):
        return _intoto_001(spec)
    raise LabError(f"the lab's Rekor v1 takes no {kind} {version} entries")


def _hashedrekord(spec: object) -> dict[str, object]:
    signature = decoded(spec, "signature", "content")
    verifier = decoded(spec, "signature", "publicKey", "content")
    algorithm = _HASHES.get(text(spec, "data", "hash", "algorithm"))
    value = text(spec, "data", "hash", "value")
    if algorithm is None:
        raise LabError("spec.data.hash.algorithm is not one the lab knows")
    try:
        digest = bytes.fromhex(value)
    except ValueError as error:
        raise LabError("spec.data.hash.value is not hexadecimal") from error
    if not is_signature(verifier_key(verifier), signature, digest, algorithm):
        raise LabError("the signature does not verify")
    return {
        "data": {"hash": {"algorithm": algorithm, "value": digest.hex()}},
        "signature": {"content": b64(signature), "publicKey": {"content": b64(verifier)}},
    }


def _dsse(spec: object) -> dict[str, object]:
    envelope_text = text(spec, "proposedContent", "envelope")
    envelope = parse_object(envelope_text.encode())
    payload = decoded(envelope, "payload")
    message = pae(text(envelope, "payloadType"), payload)
    verifiers = find(spec, "proposedContent", "verifiers")
    if not isinstance(verifiers, list) or not verifiers:
        raise LabError("spec.proposedContent.verifiers is missing")
    pems = [unbase64(str(verifier), "verifier") for verifier in verifiers]
    signatures = []
    for signature in objects(envelope, "signatures"):
        raw = decoded(signature, "sig")
        signer = _signer(pems, raw, message)
        signatures.append({"signature": b64(raw), "verifier": b64(signer)})
    return {
        "envelopeHash": _sha256(envelope_text.encode()),
        "payloadHash": _sha256(payload),
        "signatures": signatures,
    }


def _intoto(spec: object) -> dict[str, object]:
    """What a client sends is base64 twice: once in the envelope, and once more in the proposal."""
    if text(spec, "content", "hash", "algorithm") != "sha256":
        raise LabError("spec.content.hash.algorithm is not sha256")
    envelope_hash = text(spec, "content", "hash", "value")
    if not _SHA256.fullmatch(envelope_hash):
        raise LabError("spec.content.hash.value is not a SHA-256 in hexadecimal")
    envelope = find(spec, "content", "envelope")
    payload = unbase64(decoded(envelope, "payload").decode("latin-1"), "payload")
    payload_type = text(envelope, "payloadType")
    signatures = []
    for signature in objects(envelope, "signatures"):
        twice = decoded(signature, "sig")
        verifier = decoded(signature, "publicKey")
        _signer([verifier], unbase64(twice.decode("latin-1"), "sig"), pae(payload_type, payload))
        signatures.append({"publicKey": b64(verifier), "sig": b64(twice)})
    return {
        "content": {
            "envelope": {"payloadType": payload_type, "signatures": signatures},
            "hash": {"algorithm": "sha256", "value": envelope_hash},
            "payloadHash": _sha256(payload),
        }
    }


def _intoto_001(spec: object) -> dict[str, object]:
    """The envelope is kept as hashes only: of its text as it was sent, and of its payload."""
    envelope_text = text(spec, "content", "envelope")
    envelope = parse_object(envelope_text.encode())
    payload = decoded(envelope, "payload")
    verifier = decoded(spec, "publicKey")
    for signature in objects(envelope, "signatures"):
        _signer([verifier], decoded(signature, "sig"), pae(text(envelope, "payloadType"), payload))
    content = {"hash": _sha256(envelope_text.encode()), "payloadHash": _sha256(payload)}
    return {"content": content, "publicKey": b64(verifier)}


def _signer(pems: list[bytes], signature: bytes, message: bytes) -> bytes:
    for candidate in pems:
        if signed_with(verifier_key(candidate), signature, message) is not None:
            return candidate
    raise LabError("the envelope's signature does not verify")


def _sha256(data: bytes) -> dict[str, str]:
    return {"algorithm": "sha256", "value": hashlib.sha256(data).hexdigest()}


def verifier_key(pem: bytes) -> PublicKey:
    """The key of a PEM certificate or of a PEM public key. Raises LabError."""
    try:
        if b"BEGIN CERTIFICATE" in pem:
            return accepted(x509.load_pem_x509_certificate(pem).public_key())
        return accepted(load_pem_public_key(pem))
    except LabError:
        raise
    except ValueError as error:
        raise LabError("the verifier is neither a certificate nor a public key") from error


def hashedrekord_proposal(
    digest: bytes, signature: bytes, verifier: bytes, algorithm: str
) -> dict[str, object]:
    """A hashedrekord 0.0.1 as a client proposes it."""
    return {
        "apiVersion": "0.0.1",
        "kind": "hashedrekord",
        "spec": {
            "data": {"hash": {"algorithm": algorithm, "value": digest.hex()}},
            "signature": {"content": b64(signature), "publicKey": {"content": b64(verifier)}},
        },
    }


def dsse_proposal(envelope: dict[str, object], verifier: bytes) -> dict[str, object]:
    """A dsse 0.0.1 as a client proposes it."""
    content = {"envelope": compact(envelope).decode(), "verifiers": [b64(verifier)]}
    return {"apiVersion": "0.0.1", "kind": "dsse", "spec": {"proposedContent": content}}


def intoto_proposal(envelope: dict[str, object], verifier: bytes) -> dict[str, object]:
    """An intoto 0.0.2 as a client proposes it; the hash is that of the envelope."""
    signatures = [
        {"publicKey": b64(verifier), "sig": b64(text(signature, "sig").encode())}
        for signature in objects(envelope, "signatures")
    ]
    content = {
        "envelope": {
            "payload": b64(text(envelope, "payload").encode()),
            "payloadType": text(envelope, "payloadType"),
            "signatures": signatures,
        },
        "hash": _sha256(compact(envelope)),
    }
    return {"apiVersion": "0.0.2", "kind": "intoto", "spec": {"content": content}}


def intoto_001_proposal(envelope: dict[str, object], verifier: bytes) -> dict[str, object]:
    """An intoto 0.0.1 as cosign 1 proposes it."""
    spec = {"content": {"envelope": compact(envelope).decode()}, "publicKey": b64(verifier)}
    return {"apiVersion": "0.0.1", "kind": "intoto", "spec": spec}
