"""Signatures of files in the form of cosign 2: a bundle of its own kind, or bare files beside one another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from .bundle import attestation_statement, statement_json
from .errors import LabError
from .keys import spki_pem
from .legacy_evidence import rekor_bundle, timestamp_bundle
from .sign import IN_TOTO, Evidence, LabSigner, Recipe
from .wire import b64, compact


@dataclass(frozen=True, slots=True)
class SignatureFiles:
    """One signature in each of the forms: `signature` in base64 (--output-signature) or a bare envelope, with
    `certificate` (--output-certificate) and `timestamp` (--rfc3161-timestamp) where there are such; and `bundle`
    (--bundle), which holds all but the timestamp.
    """

    signature: bytes
    certificate: bytes
    timestamp: bytes
    bundle: bytes


def signature_files(signer: LabSigner, blob: bytes, recipe: Recipe) -> SignatureFiles:
    """What `cosign sign-blob --new-bundle-format=false` writes."""
    evidence = signer.message_evidence(blob, recipe)
    return _files(b64(evidence.signature).encode(), evidence.signature, evidence)


def attestation_files(
    signer: LabSigner, digest: str, predicate_type: str, predicate: object, *, name: str, recipe: Recipe
) -> SignatureFiles:
    """What `cosign attest-blob --new-bundle-format=false` writes; the recipe's `tamper` changes the payload."""
    payload = statement_json(attestation_statement(digest, predicate_type, predicate, name=name))
    envelope, evidence = signer.envelope_evidence(IN_TOTO, payload, recipe)
    if recipe.tamper is not None:
        envelope = envelope.with_payload(recipe.tamper(payload))
    written = compact(envelope.to_json())
    return _files(written, written, evidence)


def _files(signature: bytes, bundled: bytes, evidence: Evidence) -> SignatureFiles:
    if len(evidence.entries) > 1 or len(evidence.timestamps) > 1:
        raise LabError("these forms hold one log entry and one timestamp")
    certificate = evidence.certificate_pem or b""
    bundle: dict[str, object] = {
        "base64Signature": b64(bundled),
        "cert": b64(certificate or spki_pem(evidence.public_key)),
    }
    for entry in evidence.entries:
        bundle["rekorBundle"] = rekor_bundle(entry)
    stamps: list[Mapping[str, object]] = [timestamp_bundle(stamp) for stamp in evidence.timestamps]
    return SignatureFiles(
        signature,
        b64(certificate).encode() if certificate else b"",
        compact(stamps[0]) if stamps else b"",
        compact(bundle),
    )
