"""Keys and logs: which entries count, and for which signature."""

from __future__ import annotations

import base64
import copy
import dataclasses
import hashlib
import json
from typing import Any

import pytest

from providers.reasons import ReasonCode
from providers.trust import TrustedMaterial
from pycosign.lab import Lab, LegacyLayer
from tests.unit.engines.keyed import (
    PREDICATE,
    Form,
    by_key,
    key_of,
    layer_entity,
    refused,
    scheme_of,
    trusted,
    trusted_key,
    verdict,
)
from tests.unit.engines.world import DIGEST, failed, question
from verifier.engines.keys import KeyEngine
from verifier.facts import TIMESTAMP_AUTHORITY, TLOG
from verifier.formats.bundle import parse_bundle
from verifier.formats.entity import SignedEntity

LOGGED: list[tuple[str, Form, dict[str, Any]]] = [
    ("bundle", "bundle of an image", {"log": "rekor1"}),
    ("bundle", "bundle of an image", {"log": "rekor1", "entry": "intoto"}),
    ("bundle", "bundle of an image", {"log": "rekor2"}),
    ("bundle", "bundle of a file", {"log": "rekor1"}),
    ("bundle", "bundle of a file", {"log": "rekor2"}),
    ("promise", ".sig layer", {}),
    ("promise", ".att layer", {}),
    ("promise", ".att layer", {"entry": "intoto"}),
    ("promise", ".att layer", {"entry": "intoto-0.0.1"}),
    ("promise", "older bundle", {}),
]


@pytest.fixture(scope="module")
def material(lab: Lab) -> TrustedMaterial:
    return trusted(trusted_key(key_of("p256")), root=lab.trusted_root())


class TestLogs:
    @pytest.mark.parametrize("kind", ["p256", "p384", "p521", "rsa-2048", "rsa-2048-pss", "ed25519ph"])
    @pytest.mark.parametrize(("proof", "form", "options"), LOGGED)
    def test_a_log_that_recorded_it(
        self, keys: KeyEngine, lab: Lab, proof: str, form: Form, options: dict[str, Any], kind: str
    ) -> None:
        entity = by_key(lab, form, key=key_of(kind), scheme=scheme_of(kind), **options)
        material = trusted(trusted_key(key_of(kind)), root=lab.trusted_root())
        facts = keys.verify(question(entity, material))
        assert len(facts.log_entries) == 1
        assert failed(facts) == {}
        log = options.get("log", "rekor1")
        assert {stamp.type for stamp in facts.timestamps} == {
            TLOG if log == "rekor1" else TIMESTAMP_AUTHORITY
        }
        assert (entity.log_entries[0].proof is None) is (proof == "promise")
        assert verdict(facts) == "ok"

    @pytest.mark.parametrize("form", ["bundle of an image", ".sig layer", ".att layer", "older bundle"])
    def test_no_entry(self, keys: KeyEngine, lab: Lab, material: TrustedMaterial, form: Form) -> None:
        facts = keys.verify(question(by_key(lab, form, log=None), material))
        assert facts.log_entries == ()
        assert verdict(facts) == "no-log-entry"
        assert verdict(facts, require_tlog_entries=False, unsafe_ignore_tlog=True) == "ok"

    @pytest.mark.parametrize(("proof", "form", "options"), LOGGED)
    def test_another_signature_of_the_same(
        self,
        keys: KeyEngine,
        lab: Lab,
        material: TrustedMaterial,
        proof: str,
        form: Form,
        options: dict[str, Any],
    ) -> None:
        """ECDSA makes another signature each time."""
        other = by_key(lab, form, **options)
        entity = dataclasses.replace(by_key(lab, form, **options), log_entries=other.log_entries)
        assert refused(keys, entity, material) is ReasonCode.LOG_ENTRY_MISMATCH

    @pytest.mark.parametrize(("proof", "form", "options"), LOGGED)
    def test_recorded_with_another_verifier(
        self, keys: KeyEngine, lab: Lab, proof: str, form: Form, options: dict[str, Any]
    ) -> None:
        """The same key in a certificate is another verifier, as is a key over whose name the log wrote another."""
        entity = by_key(lab, form, keyless=True, **options)
        only_keys = trusted(trusted_key(key_of("p256")), root=lab.trusted_root())
        bare = dataclasses.replace(entity, leaf_certificate=b"")
        assert refused(keys, bare, only_keys) is ReasonCode.LOG_ENTRY_MISMATCH

    @pytest.mark.parametrize("log", ["rekor1", "rekor2"])
    def test_recorded_with_another_key(
        self, keys: KeyEngine, lab: Lab, material: TrustedMaterial, log: Any
    ) -> None:
        """A log that was made to record our signature as one by another key."""
        entity = by_key(lab, "bundle of a file", log=log)
        body = json.loads(entity.log_entries[0].body)
        other = by_key(lab, "bundle of a file", log=log, key=key_of("p384")).log_entries[0]
        theirs = json.loads(other.body)["spec"]
        if log == "rekor1":
            body["spec"]["signature"]["publicKey"] = theirs["signature"]["publicKey"]
            forged = lab.rekor1.append("hashedrekord", "0.0.1", body["spec"])[1]
        else:
            record = body["spec"]["hashedRekordV002"]
            record["signature"]["verifier"] = theirs["hashedRekordV002"]["signature"]["verifier"]
            forged = lab.rekor2.append(record)
        bundle = json.loads(entity.stored)
        bundle["verificationMaterial"]["tlogEntries"] = [forged.to_protojson()]
        assert (
            refused(keys, parse_bundle(json.dumps(bundle).encode()), material)
            is ReasonCode.LOG_ENTRY_MISMATCH
        )

    def test_an_older_entry_without_the_envelope_it_hashed(
        self, keys: KeyEngine, lab: Lab, material: TrustedMaterial
    ) -> None:
        """intoto 0.0.1 names a signature only by the envelope around it: in a bundle that is not there."""
        entity = by_key(lab, "bundle of an image", entry="intoto-0.0.1")
        assert refused(keys, entity, material) is ReasonCode.LOG_ENTRY_MISMATCH
        spec = json.loads(entity.log_entries[0].body)["spec"]
        spec["content"]["hash"]["value"] = hashlib.sha256(b"").hexdigest()
        forged = lab.rekor1.append("intoto", "0.0.1", spec)[1]
        bundle = json.loads(entity.stored)
        bundle["verificationMaterial"]["tlogEntries"] = [forged.to_protojson()]
        entity = parse_bundle(json.dumps(bundle).encode())
        assert refused(keys, entity, material) is ReasonCode.LOG_ENTRY_MISMATCH

    def test_an_older_entry_and_the_envelope_written_anew(
        self, keys: KeyEngine, lab: Lab, material: TrustedMaterial
    ) -> None:
        options: dict[str, Any] = {"key": key_of("p256"), "keyless": False, "entry": "intoto-0.0.1"}
        layer = lab.attest_legacy(DIGEST, predicate_type=PREDICATE, predicate={}, **options)
        assert verdict(keys.verify(question(layer_entity(layer), material))) == "ok"
        spaced = dataclasses.replace(layer, data=layer.data.replace(b'","', b'", "'))
        assert refused(keys, layer_entity(spaced), material) is ReasonCode.LOG_ENTRY_MISMATCH

    def test_an_older_entry_as_the_first_logs_wrote_it(self, keys: KeyEngine, lab: Lab) -> None:
        """Without the hash of the payload; and one that hashes another."""
        options: dict[str, Any] = {"key": key_of("p256"), "keyless": False, "entry": "intoto-0.0.1"}
        layer = lab.attest_legacy(DIGEST, predicate_type=PREDICATE, predicate={}, **options)
        material = trusted(trusted_key(key_of("p256")), root=lab.trusted_root())
        spec = json.loads(layer_entity(layer).log_entries[0].body)["spec"]
        other = copy.deepcopy(spec)
        other["content"]["payloadHash"]["value"] = "0" * 64
        del spec["content"]["payloadHash"]
        good, bad = (_with_entry(lab, layer, "intoto", "0.0.1", content) for content in (spec, other))
        assert verdict(keys.verify(question(good, material))) == "ok"
        assert refused(keys, bad, material) is ReasonCode.LOG_ENTRY_MISMATCH

    @pytest.mark.parametrize("log", ["rekor1", "rekor2"])
    def test_a_stranger_s_log(
        self, keys: KeyEngine, lab: Lab, stranger: Lab, material: TrustedMaterial, log: str
    ) -> None:
        facts = keys.verify(question(by_key(lab, rekor=getattr(stranger, log)), material))
        assert facts.log_entries == ()
        assert verdict(facts) == "log-untrusted"

    def test_several_logs(self, keys: KeyEngine, lab: Lab, stranger: Lab) -> None:
        root = lab.trusted_root(also=[stranger])
        material = trusted(trusted_key(key_of("p256")), root=root)
        for further in ([stranger.rekor1], [lab.rekor2], [stranger.rekor1, lab.rekor2, stranger.rekor2]):
            facts = keys.verify(question(by_key(lab, further_logs=further), material))
            assert len({entry.log_id for entry in facts.log_entries}) == 1 + len(further)
            assert verdict(facts, tlog_entries_threshold=1 + len(further)) == "ok"
            assert verdict(facts, tlog_entries_threshold=2 + len(further)) == "threshold-not-met"
        # Of a log that is not trusted nothing counts, and nothing is taken away.
        facts = keys.verify(
            question(
                by_key(lab, further_logs=[stranger.rekor1]),
                trusted(trusted_key(key_of("p256")), root=lab.trusted_root()),
            )
        )
        assert (len(facts.log_entries), failed(facts)) == (1, {"log": "log-untrusted"})

    def test_two_entries_of_one_log(self, keys: KeyEngine, lab: Lab, material: TrustedMaterial) -> None:
        """Rekor v2 takes the same signature twice."""
        entity = by_key(lab, log="rekor2", further_logs=[lab.rekor2])
        facts = keys.verify(question(entity, material))
        assert len(facts.log_entries) == 2
        assert verdict(facts, tlog_entries_threshold=2) == "threshold-not-met"
        twice = dataclasses.replace(entity, log_entries=entity.log_entries[:1] * 2)
        assert refused(keys, twice, material) is ReasonCode.DUPLICATE_LOG_ENTRY


def _with_entry(lab: Lab, layer: LegacyLayer, kind: str, version: str, spec: Any) -> SignedEntity:
    """``layer`` with the promise for an entry that the log took in unseen."""
    entry = lab.rekor1.append(kind, version, spec)[1]
    payload = {
        "body": base64.b64encode(entry.body).decode(),
        "integratedTime": entry.integrated_time,
        "logIndex": entry.log_index,
        "logID": entry.log_id.hex(),
    }
    assert entry.promise is not None
    promise = {"SignedEntryTimestamp": base64.b64encode(entry.promise).decode(), "Payload": payload}
    return layer_entity(layer, **{"dev.sigstore.cosign/bundle": json.dumps(promise)})
