"""Rekor v2 (rekor-tiles): inclusion proofs under an Ed25519 checkpoint, no promise and no time of its own.

A DSSE envelope is logged as a hashedrekord over its PAE (rekor-v2-spec s6.1.4).
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Mapping

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_public_key,
)

from .checkpoint import checkpoint_text, signed_note
from .entry import InclusionProof, LogEntry
from .errors import LabError
from .keys import SCHEMES, PublicKey, accepted, hash_name, is_signature, key_details
from .merkle import MerkleTree
from .rekor1 import SEEDS
from .wire import b64, canonical, decoded, find, text

_REGISTRY_NAMES = {"sha256": "SHA2_256", "sha384": "SHA2_384", "sha512": "SHA2_512"}
_ED25519_NOTE = b"\x01"


class RekorV2:
    """One log with one Ed25519 key. Safe to call from several threads.

    Its origin is a bare host name, and verifiers look its key up by the host name of the trusted root's
    `baseUrl`: the two must be equal.
    """

    def __init__(self, *, host: str) -> None:
        self.host = host
        self.origin = host
        self.key = ed25519.Ed25519PrivateKey.generate()
        raw = self.key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        # C2SP signed-note: the key hash of an Ed25519 key, here in full length as log id.
        self.log_id = hashlib.sha256(host.encode() + b"\n" + _ED25519_NOTE + raw).digest()
        self._tree = MerkleTree()
        self._lock = threading.Lock()
        for number in range(SEEDS):
            self._tree.append(f"seed {number} of {host}".encode())

    def submit(self, request: Mapping[str, object]) -> LogEntry:
        """Checks a CreateEntryRequest with a hashedRekordRequestV002, signature included, and adds it.

        Raises LabError.
        """
        wanted = find(request, "hashedRekordRequestV002")
        if wanted is None:
            raise LabError("the lab's Rekor v2 takes a hashedRekordRequestV002 only")
        signature = decoded(wanted, "signature", "content")
        digest = decoded(wanted, "digest")
        form, raw, key = _verifier(find(wanted, "signature", "verifier"))
        algorithm = hash_name(key)
        if not is_signature(key, signature, digest, algorithm):
            raise LabError("the signature does not verify")
        details = text(wanted, "signature", "verifier", "keyDetails")
        if details not in {key_details(key, scheme) for scheme in SCHEMES}:
            raise LabError(f"the key is no {details}")
        verifier = {"keyDetails": details, form: {"rawBytes": b64(raw)}}
        return self.append(
            {
                "data": {"algorithm": _REGISTRY_NAMES[algorithm], "digest": b64(digest)},
                "signature": {"content": b64(signature), "verifier": verifier},
            }
        )

    def append(self, record: Mapping[str, object]) -> LogEntry:
        """Adds a hashedrekord unseen, whatever it says."""
        kind, version = "hashedrekord", "0.0.2"
        body = canonical({"apiVersion": version, "kind": kind, "spec": {"hashedRekordV002": dict(record)}})
        with self._lock:
            index = self._tree.append(body)
            proof = InclusionProof(
                log_index=index,
                tree_size=len(self._tree),
                root_hash=self._tree.root(),
                hashes=self._tree.inclusion_proof(index),
                checkpoint=self._checkpoint(),
            )
        return LogEntry(index, self.log_id, kind, version, body, proof)

    def checkpoint(self) -> str:
        """The signed checkpoint of the tree as it is."""
        with self._lock:
            return self._checkpoint()

    def _checkpoint(self) -> str:
        note = checkpoint_text(self.origin, len(self._tree), self._tree.root())
        signature = self.key.sign(note.encode())
        return signed_note(note, name=self.origin, key_hash=self.log_id, signature=signature)


def _verifier(verifier: object) -> tuple[str, bytes, PublicKey]:
    try:
        if find(verifier, "x509Certificate") is not None:
            raw = decoded(verifier, "x509Certificate", "rawBytes")
            return "x509Certificate", raw, accepted(x509.load_der_x509_certificate(raw).public_key())
        raw = decoded(verifier, "publicKey", "rawBytes")
        return "publicKey", raw, accepted(load_der_public_key(raw))
    except LabError:
        raise
    except ValueError as error:
        raise LabError("the verifier is neither a certificate nor a public key") from error


def hashedrekord_request(
    digest: bytes, signature: bytes, verifier: bytes, details: str, *, certificate: bool
) -> dict[str, object]:
    """A CreateEntryRequest as a client sends it; the verifier is DER, the details name its key."""
    form = "x509Certificate" if certificate else "publicKey"
    return {
        "hashedRekordRequestV002": {
            "digest": b64(digest),
            "signature": {
                "content": b64(signature),
                "verifier": {"keyDetails": details, form: {"rawBytes": b64(verifier)}},
            },
        }
    }
