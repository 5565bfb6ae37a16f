"""A trusted log that holds what it was given, and proofs that fit together but for one thing.

Each field that a log records is exchanged alone, in an entry that the trusted log really holds, so that each
comparison is seen to refuse by itself (CVE-2022-36056, CVE-2026-22703).
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256

from providers.reasons import ReasonCode
from pycosign.lab import Lab
from pycosign.lab.ctlog import CtLog
from tests.unit.engines.world import ARTIFACT, DIGEST, failed, question, suffices
from verifier.engine import EvidenceError
from verifier.engines.sigstore import SigstoreEngine

Signer = Callable[[Lab], bytes]

SIGNERS: dict[str, Signer] = {
    "dsse": lambda lab: lab.sign_image(DIGEST, timestamp=True),
    "intoto": lambda lab: lab.sign_image(DIGEST, timestamp=True, entry="intoto"),
    "hashedrekord": lambda lab: lab.sign_blob(ARTIFACT, timestamp=True),
    "rekor2-message": lambda lab: lab.sign_blob(ARTIFACT, log="rekor2"),
    "rekor2-dsse": lambda lab: lab.sign_image(DIGEST, log="rekor2"),
}
RECORD = ("hashedRekordV002",)
# Where each kind of entry records the signature, the certificate and the digest.
FIELDS: dict[str, dict[str, tuple[Any, ...]]] = {
    "dsse": {
        "signature": ("signatures", 0, "signature"),
        "certificate": ("signatures", 0, "verifier"),
        "payload": ("payloadHash", "value"),
        "algorithm": ("payloadHash", "algorithm"),
        "number of signatures": ("signatures",),
    },
    "intoto": {
        "signature": ("content", "envelope", "signatures", 0, "sig"),
        "certificate": ("content", "envelope", "signatures", 0, "publicKey"),
        "payload": ("content", "payloadHash", "value"),
        "payload type": ("content", "envelope", "payloadType"),
    },
    "hashedrekord": {
        "signature": ("signature", "content"),
        "certificate": ("signature", "publicKey", "content"),
        "digest": ("data", "hash", "value"),
        "algorithm": ("data", "hash", "algorithm"),
    },
    "rekor2-message": {
        "signature": (*RECORD, "signature", "content"),
        "certificate": (*RECORD, "signature", "verifier", "x509Certificate", "rawBytes"),
        "digest": (*RECORD, "data", "digest"),
        "algorithm": (*RECORD, "data", "algorithm"),
    },
}
FIELDS["rekor2-dsse"] = FIELDS["rekor2-message"]
CASES = [(kind, field) for kind, fields in FIELDS.items() for field in fields]


def refused(engine: SigstoreEngine, bundle: bytes, root: bytes) -> str:
    with pytest.raises(EvidenceError) as caught:
        engine.verify(question(bundle, root))
    return str(caught.value.reason)


def entry_of(document: dict[str, Any]) -> dict[str, Any]:
    return document["verificationMaterial"]["tlogEntries"][0]


def body_of(document: dict[str, Any]) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(base64.b64decode(entry_of(document)["canonicalizedBody"]))
    return body


def at(value: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        value = value[key]
    return value


def other_value(field: str, ours: Any, theirs: Any) -> Any:
    """What the entry of another signature says there; or what no entry of this kind says."""
    if field == "algorithm":
        return {"sha256": "sha512", "SHA2_256": "SHA2_512"}[ours]
    if field == "number of signatures":
        return [*ours, *theirs]
    if field == "payload type":
        return "text/plain"
    if field in {"digest", "payload"}:
        return hashlib.sha256(b"x").hexdigest() if len(ours) == 64 else base64.b64encode(b"x" * 32).decode()
    return theirs


def relogged(lab: Lab, document: dict[str, Any], body: dict[str, Any]) -> bytes:
    """The bundle with an entry that the lab's log made for ``body``."""
    if body["apiVersion"] == "0.0.2" and body["kind"] == "hashedrekord":
        entry = lab.rekor2.append(body["spec"]["hashedRekordV002"])
    else:
        entry = lab.rekor1.append(body["kind"], body["apiVersion"], body["spec"])[1]
    document["verificationMaterial"]["tlogEntries"] = [entry.to_protojson()]
    return json.dumps(document).encode()


@pytest.mark.parametrize(("kind", "field"), CASES)
def test_one_recorded_field_of_another_signature(
    engine: SigstoreEngine, lab: Lab, root: bytes, kind: str, field: str
) -> None:
    document, other = json.loads(SIGNERS[kind](lab)), json.loads(SIGNERS[kind](lab))
    body, path = body_of(document), FIELDS[kind][field]
    at(body["spec"], path[:-1])[path[-1]] = other_value(
        field, at(body["spec"], path), at(body_of(other)["spec"], path)
    )
    assert refused(engine, relogged(lab, document, body), root) == "log-entry-mismatch"


@pytest.mark.parametrize("kind", SIGNERS)
def test_the_same_entry_logged_again_is_fine(
    engine: SigstoreEngine, lab: Lab, root: bytes, kind: str
) -> None:
    document = json.loads(SIGNERS[kind](lab))
    body = body_of(document)
    if kind.startswith("rekor2"):
        assert suffices(engine.verify(question(relogged(lab, document, body), root)))
        return
    body["spec"]["seen"] = "again"  # Rekor v1 refuses an entry that it holds already
    assert suffices(engine.verify(question(relogged(lab, document, body), root)))


@pytest.mark.parametrize("kind", SIGNERS)
def test_a_body_of_another_kind_than_stated(engine: SigstoreEngine, lab: Lab, root: bytes, kind: str) -> None:
    document = json.loads(SIGNERS[kind](lab))
    stated = entry_of(document)["kindVersion"]
    body = body_of(document)
    body["kind"], body["spec"]["x"] = "alpine", "x"
    entry = lab.rekor1.append(body["kind"], body["apiVersion"], body["spec"])[1].to_protojson()
    document["verificationMaterial"]["tlogEntries"] = [{**entry, "kindVersion": stated}]
    assert refused(engine, json.dumps(document).encode(), root) == "log-entry-mismatch"


@pytest.mark.parametrize("stated", [("alpine", "0.0.1"), ("dsse", "0.0.9"), ("", "")])
def test_a_kind_of_entry_that_is_not_known(
    engine: SigstoreEngine, lab: Lab, root: bytes, stated: tuple[str, str]
) -> None:
    document = json.loads(SIGNERS["dsse"](lab))
    entry_of(document)["kindVersion"] = {"kind": stated[0], "version": stated[1]}
    assert refused(engine, json.dumps(document).encode(), root) == "unsupported"


@pytest.mark.parametrize(("kind", "stated"), [("dsse", "hashedrekord"), ("hashedrekord", "dsse")])
def test_an_entry_for_the_other_kind_of_signature(
    engine: SigstoreEngine, lab: Lab, root: bytes, kind: str, stated: str
) -> None:
    document = json.loads(SIGNERS[kind](lab))
    entry_of(document)["kindVersion"]["kind"] = stated
    assert refused(engine, json.dumps(document).encode(), root) == "log-entry-mismatch"


class TestProofs:
    """No promise here, so that the inclusion proof stands alone."""

    @pytest.fixture
    def document(self, lab: Lab, kind: str) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(SIGNERS[kind](lab))
        entry_of(document).pop("inclusionPromise", None)
        return document

    pytestmark = pytest.mark.parametrize("kind", ["dsse", "rekor2-dsse"])

    def test_alone_it_suffices(self, engine: SigstoreEngine, root: bytes, document: dict[str, Any]) -> None:
        assert engine.verify(question(json.dumps(document).encode(), root)).log_entries

    def test_a_checkpoint_of_another_tree(
        self, engine: SigstoreEngine, root: bytes, document: dict[str, Any]
    ) -> None:
        proof = entry_of(document)["inclusionProof"]
        leaf = hashlib.sha256(b"\x00" + base64.b64decode(entry_of(document)["canonicalizedBody"])).digest()
        proof.update(logIndex="0", treeSize="1", hashes=[], rootHash=base64.b64encode(leaf).decode())
        assert refused(engine, json.dumps(document).encode(), root) == "log-untrusted"

    def test_a_checkpoint_of_another_size(
        self, engine: SigstoreEngine, root: bytes, document: dict[str, Any]
    ) -> None:
        # Index and size are chosen so that the same hashes lead to the same root.
        proof = entry_of(document)["inclusionProof"]
        index, size = int(proof["logIndex"]), int(proof["treeSize"])
        assert index == size - 1  # the lab has just logged it
        proof["treeSize"] = str(size * 2)
        assert refused(engine, json.dumps(document).encode(), root) == "log-untrusted"

    def test_a_checkpoint_that_somebody_else_signed(
        self, engine: SigstoreEngine, stranger: Lab, root: bytes, document: dict[str, Any], kind: str
    ) -> None:
        proof = entry_of(document)["inclusionProof"]
        text, _, signatures = proof["checkpoint"]["envelope"].partition("\n\n")
        mark, name, signature = signatures.strip().split(" ")
        note_id = base64.b64decode(signature)[:4]
        note = f"{text}\n".encode()
        if kind.startswith("rekor2"):
            forged = stranger.rekor2.key.sign(note)
        else:
            forged = stranger.rekor1.key.sign(note, ec.ECDSA(SHA256()))
        line = f"{mark} {name} {base64.b64encode(note_id + forged).decode()}\n"
        proof["checkpoint"]["envelope"] = f"{text}\n\n{line}"
        assert refused(engine, json.dumps(document).encode(), root) == "log-untrusted"

    @pytest.mark.parametrize(("forged", "good"), [(3, True), (4, False)])
    def test_forged_signatures_before_the_right_one(
        self, engine: SigstoreEngine, root: bytes, document: dict[str, Any], forged: int, good: bool
    ) -> None:
        held = entry_of(document)["inclusionProof"]["checkpoint"]
        text, _, lines = held["envelope"].partition("\n\n")
        mark, name, signature = lines.splitlines()[0].split(" ")
        note_id = base64.b64decode(signature)[:4]
        junk = f"{mark} {name} {base64.b64encode(note_id + bytes(64)).decode()}\n" * forged
        held["envelope"] = f"{text}\n\n{junk}{lines}"
        bundle = json.dumps(document).encode()
        if good:
            assert engine.verify(question(bundle, root)).log_entries
        else:
            assert refused(engine, bundle, root) == "log-untrusted"

    def test_a_changed_checkpoint(
        self, engine: SigstoreEngine, root: bytes, document: dict[str, Any], kind: str
    ) -> None:
        proof = entry_of(document)["inclusionProof"]
        origin, rest = proof["checkpoint"]["envelope"].split("\n", 1)
        proof["checkpoint"]["envelope"] = f"{origin}x\n{rest}"
        assert refused(engine, json.dumps(document).encode(), root) == "log-untrusted"

    def test_a_hash_of_another_proof(
        self, engine: SigstoreEngine, root: bytes, document: dict[str, Any]
    ) -> None:
        proof = entry_of(document)["inclusionProof"]
        proof["hashes"][0] = base64.b64encode(b"x" * 32).decode()
        assert refused(engine, json.dumps(document).encode(), root) == "log-untrusted"


def test_the_proof_of_another_index(engine: SigstoreEngine) -> None:
    """The ninth of nine entries is hashed as the second would be, but with three hashes too few."""
    lab = Lab()
    signed = (json.loads(lab.sign_image(DIGEST, log="rekor2")) for _ in range(16))
    document = next(found for found in signed if entry_of(found)["inclusionProof"]["treeSize"] == "9")
    proof = entry_of(document)["inclusionProof"]
    assert (proof["logIndex"], len(proof["hashes"])) == ("8", 1)
    assert engine.verify(question(json.dumps(document).encode(), lab.trusted_root())).log_entries
    proof["logIndex"] = "1"
    assert refused(engine, json.dumps(document).encode(), lab.trusted_root()) == "log-untrusted"


def test_a_promise_for_an_entry_of_rekor_2(engine: SigstoreEngine, lab: Lab, root: bytes) -> None:
    document = json.loads(SIGNERS["rekor2-dsse"](lab))
    promise = entry_of(json.loads(SIGNERS["dsse"](lab)))["inclusionPromise"]
    entry_of(document).update(inclusionPromise=promise, integratedTime="1795156492")
    assert refused(engine, json.dumps(document).encode(), root) == "log-untrusted"


@pytest.mark.parametrize("kind", ["p256", "p384", "rsa"])
@pytest.mark.parametrize("sign", ["image", "blob"])
def test_a_signature_by_another_key_of_the_same_kind(
    engine: SigstoreEngine, lab: Lab, root: bytes, kind: str, sign: str
) -> None:
    def signed() -> dict[str, Any]:
        key: Any = {
            "p256": lambda: ec.generate_private_key(ec.SECP256R1()),
            "p384": lambda: ec.generate_private_key(ec.SECP384R1()),
            "rsa": lambda: rsa.generate_private_key(65537, 2048),
        }[kind]()
        made = lab.sign_image(DIGEST, key=key) if sign == "image" else lab.sign_blob(ARTIFACT, key=key)
        document: dict[str, Any] = json.loads(made)
        return document

    document, other = signed(), signed()
    if sign == "image":
        document["dsseEnvelope"]["signatures"] = other["dsseEnvelope"]["signatures"]
    else:
        document["messageSignature"]["signature"] = other["messageSignature"]["signature"]
    assert refused(engine, json.dumps(document).encode(), root) == "signature-invalid"


def test_an_sct_in_the_name_of_a_trusted_log(
    engine: SigstoreEngine, lab: Lab, stranger: Lab, root: bytes
) -> None:
    forger = CtLog(host="ctlog", clock=stranger.clock)
    forger.log_id = lab.ct_logs[0].log_id
    facts = engine.verify(question(lab.sign_image(DIGEST, ct_logs=[forger]), root))
    assert facts.scts == ()
    assert failed(facts) == {"sct": str(ReasonCode.SCT_UNTRUSTED)}


def test_a_good_statement_under_another_payload_type(engine: SigstoreEngine, lab: Lab, root: bytes) -> None:
    payload = base64.b64decode(json.loads(lab.sign_image(DIGEST))["dsseEnvelope"]["payload"])
    assert refused(engine, lab.sign_payload("text/plain", payload), root) == "unsupported"
