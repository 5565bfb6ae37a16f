"""What the engine establishes, and why it refuses; every bundle is signed by the lab on the spot."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from providers.descriptor import digest_of
from providers.errors import ConfigurationError, UnavailableError
from providers.reasons import ReasonCode
from pycosign.lab import Lab, TrustWindows, Window
from tests.unit.engines.world import ARTIFACT, DIGEST, OneArtifact, failed, material, question, suffices
from verifier.engine import EvidenceError
from verifier.engines.sigstore import SigstoreEngine
from verifier.facts import TIMESTAMP_AUTHORITY, TLOG, CheckStatus

PAST = datetime(2001, 1, 1, tzinfo=UTC)
LONG_AGO = Window(PAST, PAST + timedelta(days=1))
NAMES = ["certificate", "chain", "signature", "subject", "log", "timestamp", "validity", "sct"]


def refused(engine: SigstoreEngine, *args: Any, **more: Any) -> EvidenceError:
    with pytest.raises(EvidenceError) as caught:
        engine.verify(question(*args, **more))
    return caught.value


def edited(bundle: bytes, change: Callable[[dict[str, Any]], None]) -> bytes:
    document = json.loads(bundle)
    change(document)
    return json.dumps(document).encode()


def entry_of(document: dict[str, Any], number: int = 0) -> dict[str, Any]:
    return document["verificationMaterial"]["tlogEntries"][number]


class TestGood:
    @pytest.mark.parametrize("log", ["rekor1", "rekor2"])
    def test_an_image_signature(self, engine: SigstoreEngine, lab: Lab, root: bytes, log: Any) -> None:
        facts = engine.verify(question(lab.sign_image(DIGEST, annotations={"env": "prod"}, log=log), root))
        assert suffices(facts)
        assert facts.predicate_type == "https://sigstore.dev/cosign/sign/v1"
        assert facts.annotations == (("env", "prod"),)
        assert [stamp.type for stamp in facts.timestamps] == [
            TLOG if log == "rekor1" else TIMESTAMP_AUTHORITY
        ]
        assert facts.log_entries[0].kind == ("dsse/0.0.1" if log == "rekor1" else "hashedrekord/0.0.2")
        assert len(facts.scts) == 2
        assert failed(facts) == {}
        assert sorted({check.id for check in facts.checks}) == sorted(NAMES)

    @pytest.mark.parametrize("log", ["rekor1", "rekor2"])
    def test_an_artifact_signature(self, engine: SigstoreEngine, lab: Lab, root: bytes, log: Any) -> None:
        store = OneArtifact()
        facts = engine.verify(question(lab.sign_blob(ARTIFACT, log=log, timestamp=True), root, store=store))
        assert suffices(facts)
        assert facts.predicate_type == ""
        assert store.fetched == 0  # the digest says it all
        store = OneArtifact()
        stated = {
            "algorithm": "SHA2_512",
            "digest": base64.b64encode(hashlib.sha512(ARTIFACT).digest()).decode(),
        }
        other = edited(
            lab.sign_blob(ARTIFACT, log=log), lambda d: d["messageSignature"].update(messageDigest=stated)
        )
        assert suffices(engine.verify(question(other, root, store=store)))
        assert store.fetched == 1  # it states a digest that only the artifact can confirm
        authorities = [stamp.authority for stamp in facts.timestamps]
        assert len(set(authorities)) == len(authorities) == (2 if log == "rekor1" else 1)

    @pytest.mark.parametrize("sign", ["blob", "image"])
    @pytest.mark.parametrize("log", ["rekor1", "rekor2"])
    @pytest.mark.parametrize("kind", ["p384", "p521", "rsa"])
    def test_other_keys(
        self, engine: SigstoreEngine, lab: Lab, root: bytes, sign: str, log: Any, kind: str
    ) -> None:
        key: Any = {
            "p384": lambda: ec.generate_private_key(ec.SECP384R1()),
            "p521": lambda: ec.generate_private_key(ec.SECP521R1()),
            "rsa": lambda: rsa.generate_private_key(65537, 2048),
        }[kind]()
        bundle = (
            lab.sign_blob(ARTIFACT, key=key, log=log)
            if sign == "blob"
            else lab.sign_image(DIGEST, key=key, log=log)
        )
        store = OneArtifact()
        assert suffices(engine.verify(question(bundle, root, store=store)))
        # Only an artifact signature that is not over SHA-256 needs the artifact.
        assert store.fetched == (1 if sign == "blob" and kind != "rsa" else 0)

    def test_what_the_certificate_says(self, engine: SigstoreEngine, lab: Lab, root: bytes) -> None:
        claims = {"githubWorkflowRepository": "o/r", "sourceRepositoryURI": "https://example.test/o/r"}
        bundle = lab.sign_image(
            DIGEST, identity="alice@example.test", issuer="https://i.example.test", claims=claims
        )
        summary = engine.verify(question(bundle, root)).certificate
        assert summary is not None
        assert (summary.subject_alternative_name, summary.subject_alternative_name_type) == (
            "alice@example.test",
            "email",
        )
        assert summary.issuer == "https://i.example.test"
        assert dict(summary.claims) == claims
        assert summary.not_after - summary.not_before == timedelta(minutes=10)

    def test_the_older_entry_for_envelopes(self, engine: SigstoreEngine, lab: Lab, root: bytes) -> None:
        facts = engine.verify(question(lab.sign_image(DIGEST, entry="intoto"), root))
        assert suffices(facts)
        assert facts.log_entries[0].kind == "intoto/0.0.2"

    def test_one_of_many_subjects(self, engine: SigstoreEngine, lab: Lab, root: bytes) -> None:
        subjects = [{"name": str(n), "digest": {"sha256": f"{n:064x}"}} for n in range(5)]
        subjects.append({"name": "it", "digest": {"sha256": DIGEST[7:], "gitCommit": "1" * 40}})
        statement = {"_type": "https://in-toto.io/Statement/v1", "subject": subjects, "predicateType": "p"}
        assert suffices(engine.verify(question(lab.sign_statement(statement), root)))


class TestBinding:
    """peers.md 6.3 no. 1: what is signed is the artifact asked about, in every code path."""

    @pytest.mark.parametrize("log", ["rekor1", "rekor2"])
    @pytest.mark.parametrize("kind", ["image", "blob", "blob384"])
    def test_a_good_signature_of_another_artifact(
        self, engine: SigstoreEngine, lab: Lab, root: bytes, log: Any, kind: str
    ) -> None:
        other = b"another artifact\n"
        key = ec.generate_private_key(ec.SECP384R1()) if kind == "blob384" else None
        signed = (
            lab.sign_image(digest_of(other), log=log)
            if kind == "image"
            else lab.sign_blob(other, log=log, key=key)
        )
        error = refused(engine, signed, root)
        expected = ReasonCode.SIGNATURE_INVALID if key else ReasonCode.SUBJECT_DIGEST_MISMATCH
        assert error.reason is expected
        if not key:
            assert digest_of(other)[7:] in str(error)
            assert DIGEST in str(error)

    def test_a_digest_stated_beside_the_signature_is_not_believed(
        self, engine: SigstoreEngine, lab: Lab, root: bytes
    ) -> None:
        bundle = lab.sign_blob(b"another artifact\n", tamper=lambda _: bytes.fromhex(DIGEST[7:]))
        assert refused(engine, bundle, root).reason is ReasonCode.SIGNATURE_INVALID

    def test_without_a_stated_digest_the_artifact_decides(
        self, engine: SigstoreEngine, lab: Lab, root: bytes
    ) -> None:
        good = edited(lab.sign_blob(ARTIFACT), lambda d: d["messageSignature"].pop("messageDigest"))
        assert suffices(engine.verify(question(good, root)))
        other = edited(lab.sign_blob(b"other"), lambda d: d["messageSignature"].pop("messageDigest"))
        assert refused(engine, other, root).reason is ReasonCode.SIGNATURE_INVALID

    def test_a_payload_that_is_no_statement(self, engine: SigstoreEngine, lab: Lab, root: bytes) -> None:
        payload = json.dumps({"_type": "x", "subject": [{"digest": {"sha256": DIGEST[7:]}}]}).encode()
        for kind, reason in (("application/vnd.in-toto+json", "unsupported"), ("text/plain", "unsupported")):
            assert str(refused(engine, lab.sign_payload(kind, payload), root).reason) == reason
        broken = lab.sign_payload("application/vnd.in-toto+json", b"{")
        assert refused(engine, broken, root).reason is ReasonCode.MALFORMED

    def test_an_artifact_named_twice_with_different_annotations(
        self, engine: SigstoreEngine, lab: Lab, root: bytes
    ) -> None:
        subjects = [{"digest": {"sha256": DIGEST[7:]}, "annotations": {"env": env}} for env in ("a", "b")]
        statement = {"_type": "https://in-toto.io/Statement/v1", "subject": subjects, "predicateType": "p"}
        assert refused(engine, lab.sign_statement(statement), root).reason is ReasonCode.MALFORMED


class TestCertificate:
    def test_a_key_signed_bundle(self, engine: SigstoreEngine, lab: Lab, root: bytes) -> None:
        error = refused(engine, lab.sign_image(DIGEST, keyless=False), root)
        assert error.reason is ReasonCode.NO_CERTIFICATE
        assert [(check.id, check.status) for check in error.checks] == [
            ("certificate", CheckStatus.FAIL),
            *((name, CheckStatus.SKIPPED) for name in NAMES[1:]),
        ]

    def test_a_stranger_s_authority(
        self, engine: SigstoreEngine, lab: Lab, stranger: Lab, root: bytes
    ) -> None:
        bundle = lab.sign_image(DIGEST, ca=stranger.ca)
        assert refused(engine, bundle, root).reason is ReasonCode.CHAIN_UNTRUSTED

    def test_an_authority_of_the_same_name(self, engine: SigstoreEngine, lab: Lab, root: bytes) -> None:
        twin = Lab(name="unit")
        assert twin.ca.chain[0].subject == lab.ca.chain[0].subject
        bundle = lab.sign_image(DIGEST, ca=twin.ca)
        assert refused(engine, bundle, root).reason is ReasonCode.CHAIN_UNTRUSTED

    def test_the_certificate_of_somebody_else(self, engine: SigstoreEngine, lab: Lab, root: bytes) -> None:
        other = json.loads(lab.sign_image(DIGEST))["verificationMaterial"]["certificate"]
        bundle = edited(lab.sign_image(DIGEST), lambda d: d["verificationMaterial"].update(certificate=other))
        assert refused(engine, bundle, root).reason is ReasonCode.SIGNATURE_INVALID

    def test_an_authority_s_own_certificate(self, engine: SigstoreEngine, lab: Lab, root: bytes) -> None:
        anchors = json.loads(root)["certificateAuthorities"][0]["certChain"]["certificates"]
        for anchor in anchors:
            document = json.loads(lab.sign_image(DIGEST))
            document["verificationMaterial"]["certificate"] = anchor
            bundle = json.dumps(document).encode()
            assert refused(engine, bundle, root).reason in {
                ReasonCode.CERTIFICATE_INVALID,
                ReasonCode.CHAIN_UNTRUSTED,
            }


class TestLog:
    """peers.md 6.3 no. 3: an entry counts only when it records this signature and a trusted log holds it."""

    def test_no_entry_is_no_fact(self, engine: SigstoreEngine, lab: Lab, root: bytes) -> None:
        facts = engine.verify(question(lab.sign_image(DIGEST, log=None, timestamp=True), root))
        assert facts.log_entries == ()
        assert len(facts.timestamps) == 1

    @pytest.mark.parametrize("log", ["rekor1", "rekor2"])
    def test_an_unknown_log_counts_for_nothing(
        self, engine: SigstoreEngine, lab: Lab, stranger: Lab, root: bytes, log: str
    ) -> None:
        bundle = lab.sign_image(DIGEST, rekor=getattr(stranger, log), timestamp=True)
        facts = engine.verify(question(bundle, root))
        assert facts.log_entries == ()
        assert [stamp.type for stamp in facts.timestamps] == [TIMESTAMP_AUTHORITY]
        assert failed(facts) == {"log": "log-untrusted"}

    @pytest.mark.parametrize("log", ["rekor1", "rekor2"])
    def test_an_unknown_log_that_takes_the_name_of_a_trusted_one(
        self, engine: SigstoreEngine, lab: Lab, stranger: Lab, root: bytes, log: str
    ) -> None:
        log_id = base64.b64encode(getattr(lab, log).log_id).decode()
        bundle = edited(
            lab.sign_image(DIGEST, rekor=getattr(stranger, log), timestamp=True),
            lambda d: entry_of(d)["logId"].update(keyId=log_id),
        )
        assert refused(engine, bundle, root).reason is ReasonCode.LOG_UNTRUSTED

    def test_a_trusted_log_under_an_unknown_id(self, engine: SigstoreEngine, lab: Lab, root: bytes) -> None:
        # sigstore's keyring would try every key for an id it does not know.
        unknown = base64.b64encode(bytes(32)).decode()
        bundle = edited(
            lab.sign_image(DIGEST, timestamp=True), lambda d: entry_of(d)["logId"].update(keyId=unknown)
        )
        assert engine.verify(question(bundle, root)).log_entries == ()

    @pytest.mark.parametrize("log", ["rekor1", "rekor2"])
    @pytest.mark.parametrize("kind", ["image", "blob"])
    def test_the_entry_of_another_signature(
        self, engine: SigstoreEngine, lab: Lab, root: bytes, log: Any, kind: str
    ) -> None:
        def sign() -> bytes:
            if kind == "image":
                return lab.sign_image(DIGEST, log=log, timestamp=True)
            return lab.sign_blob(ARTIFACT, log=log, timestamp=True)

        other = json.loads(sign())["verificationMaterial"]["tlogEntries"]
        bundle = edited(sign(), lambda d: d["verificationMaterial"].update(tlogEntries=other))
        assert refused(engine, bundle, root).reason is ReasonCode.LOG_ENTRY_MISMATCH

    def test_one_entry_twice(self, engine: SigstoreEngine, lab: Lab, root: bytes) -> None:
        bundle = edited(
            lab.sign_image(DIGEST),
            lambda d: d["verificationMaterial"]["tlogEntries"].append(entry_of(d)),
        )
        assert refused(engine, bundle, root).reason is ReasonCode.DUPLICATE_LOG_ENTRY

    def test_one_entry_under_an_invented_index(self, engine: SigstoreEngine, lab: Lab, root: bytes) -> None:
        """Rekor v2 signs no index of its own: the place in the tree tells entries apart."""

        def twice(document: dict[str, Any]) -> None:
            again = {**entry_of(document), "logIndex": "4711"}
            document["verificationMaterial"]["tlogEntries"].append(again)

        bundle = edited(lab.sign_image(DIGEST, log="rekor2"), twice)
        assert refused(engine, bundle, root).reason is ReasonCode.DUPLICATE_LOG_ENTRY

    def test_a_promise_alone(self, engine: SigstoreEngine, lab: Lab, root: bytes) -> None:
        def old(document: dict[str, Any]) -> None:
            document["mediaType"] = "application/vnd.dev.sigstore.bundle+json;version=0.1"
            held = document["verificationMaterial"]
            held["x509CertificateChain"] = {"certificates": [held.pop("certificate")]}
            entry_of(document).pop("inclusionProof")

        bundle = edited(lab.sign_blob(ARTIFACT), old)
        assert suffices(engine.verify(question(bundle, root)))
        late = edited(
            bundle, lambda d: entry_of(d).update(integratedTime=str(int(entry_of(d)["integratedTime"]) + 1))
        )
        assert refused(engine, late, root).reason is ReasonCode.LOG_UNTRUSTED

    def test_a_time_without_a_promise_is_no_time(self, engine: SigstoreEngine, lab: Lab, root: bytes) -> None:
        bundle = edited(lab.sign_image(DIGEST), lambda d: entry_of(d).pop("inclusionPromise"))
        facts = engine.verify(question(bundle, root))
        assert facts.timestamps == ()
        assert len(facts.log_entries) == 1
        statuses = {check.id: check.status for check in facts.checks}
        assert statuses["timestamp"] is CheckStatus.FAIL
        assert statuses["validity"] is CheckStatus.SKIPPED

    def test_a_stated_index_that_nobody_signed_is_not_reported(
        self, engine: SigstoreEngine, lab: Lab, root: bytes
    ) -> None:
        bundle = lab.sign_image(DIGEST, log="rekor2")
        proven = entry_of(json.loads(bundle))["inclusionProof"]["logIndex"]
        facts = engine.verify(question(edited(bundle, lambda d: entry_of(d).update(logIndex="99")), root))
        assert facts.log_entries[0].log_index == int(proven)


class TestTime:
    """peers.md 6.3 no. 6: every established time is held against the certificate and every window."""

    @pytest.mark.parametrize("log", ["rekor1", "rekor2"])
    @pytest.mark.parametrize(
        ("windows", "reason"),
        [
            (TrustWindows(ca=LONG_AGO), "chain-untrusted"),
            (TrustWindows(rekor1=LONG_AGO, rekor2=LONG_AGO), "log-untrusted"),
        ],
    )
    def test_an_authority_outside_its_window(
        self, engine: SigstoreEngine, lab: Lab, log: Any, windows: TrustWindows, reason: str
    ) -> None:
        bundle = lab.sign_image(DIGEST, log=log)
        assert str(refused(engine, bundle, lab.trusted_root(windows=windows)).reason) == reason

    @pytest.mark.parametrize("log", ["rekor1", "rekor2"])
    def test_a_ct_log_outside_its_window(self, engine: SigstoreEngine, lab: Lab, log: Any) -> None:
        root = lab.trusted_root(windows=TrustWindows(ctlog=LONG_AGO))
        facts = engine.verify(question(lab.sign_image(DIGEST, log=log), root))
        assert facts.scts == ()
        assert failed(facts) == {"sct": "sct-untrusted"}

    def test_a_timestamp_authority_outside_its_window(self, engine: SigstoreEngine, lab: Lab) -> None:
        root = lab.trusted_root(windows=TrustWindows(tsa=LONG_AGO))
        facts = engine.verify(question(lab.sign_image(DIGEST, log="rekor2"), root))
        assert facts.timestamps == ()
        facts = engine.verify(question(lab.sign_image(DIGEST, timestamp=True), root))
        assert [stamp.type for stamp in facts.timestamps] == [TLOG]
        assert failed(facts) == {"timestamp": "timestamp-invalid"}

    def test_a_window_includes_both_ends(self, engine: SigstoreEngine, lab: Lab) -> None:
        moment = datetime.now(UTC).replace(microsecond=0)
        bundle = lab.sign_image(
            DIGEST, log="rekor2", issued_at=moment - timedelta(minutes=1), timestamped_at=moment
        )
        for window, counts in (
            (Window(PAST, moment), 1),
            (Window(moment), 1),
            (Window(PAST, moment - timedelta(seconds=1)), 0),
            (Window(moment + timedelta(seconds=1)), 0),
        ):
            root = lab.trusted_root(windows=TrustWindows(tsa=window))
            assert len(engine.verify(question(bundle, root)).timestamps) == counts

    @pytest.mark.parametrize("minutes", [-2, 20])
    def test_a_trusted_timestamp_outside_the_certificate_s_life(
        self, engine: SigstoreEngine, lab: Lab, root: bytes, minutes: int
    ) -> None:
        at = datetime.now(UTC) + timedelta(minutes=minutes)
        bundle = lab.sign_image(DIGEST, timestamp=True, timestamped_at=at)
        assert refused(engine, bundle, root).reason is ReasonCode.TIME_OUTSIDE_VALIDITY

    def test_a_log_s_time_outside_the_certificate_s_life(
        self, engine: SigstoreEngine, lab: Lab, root: bytes
    ) -> None:
        bundle = lab.sign_image(DIGEST, issued_at=datetime.now(UTC) - timedelta(hours=1))
        assert refused(engine, bundle, root).reason is ReasonCode.TIME_OUTSIDE_VALIDITY

    def test_an_unknown_authority_s_timestamp_counts_for_nothing(
        self, engine: SigstoreEngine, lab: Lab, stranger: Lab, root: bytes
    ) -> None:
        facts = engine.verify(question(lab.sign_image(DIGEST, log="rekor2", tsa=stranger.tsa), root))
        assert facts.timestamps == ()

    def test_the_timestamp_of_another_signature(self, engine: SigstoreEngine, lab: Lab, root: bytes) -> None:
        other = json.loads(lab.sign_image(DIGEST, log="rekor2"))["verificationMaterial"][
            "timestampVerificationData"
        ]
        bundle = edited(
            lab.sign_image(DIGEST, log="rekor2"),
            lambda d: d["verificationMaterial"].update(timestampVerificationData=other),
        )
        facts = engine.verify(question(bundle, root))
        assert facts.timestamps == ()
        assert failed(facts)["timestamp"] == "no-timestamp"

    def test_one_timestamp_twice(self, engine: SigstoreEngine, lab: Lab, root: bytes) -> None:
        def double(document: dict[str, Any]) -> None:
            listed = document["verificationMaterial"]["timestampVerificationData"]["rfc3161Timestamps"]
            listed.append(listed[0])

        bundle = edited(lab.sign_image(DIGEST, log="rekor2"), double)
        assert refused(engine, bundle, root).reason is ReasonCode.TIMESTAMP_INVALID


class TestSct:
    def test_none(self, engine: SigstoreEngine, lab: Lab, root: bytes) -> None:
        facts = engine.verify(question(lab.sign_image(DIGEST, ct_logs=()), root))
        assert facts.scts == ()
        assert failed(facts) == {"sct": "sct-untrusted"}

    def test_only_trusted_ones_count(
        self, engine: SigstoreEngine, lab: Lab, stranger: Lab, root: bytes
    ) -> None:
        logs = (*stranger.ct_logs, lab.ct_logs[0])
        facts = engine.verify(question(lab.sign_image(DIGEST, ct_logs=logs), root))
        assert [sct.log_id for sct in facts.scts] == [lab.ct_logs[0].log_id.hex()]
        assert failed(facts) == {"sct": "sct-untrusted"}


class TestMaterial:
    @pytest.mark.parametrize(
        "content", [b"{}", b"not json", b'{"mediaType":1}', b'{"mediaType":"x","mediaType":"y"}']
    )
    def test_what_is_no_trusted_root(self, engine: SigstoreEngine, lab: Lab, content: bytes) -> None:
        with pytest.raises(ConfigurationError):
            engine.accept(material(content))
        with pytest.raises(UnavailableError) as caught:
            engine.verify(question(lab.sign_image(DIGEST), content))
        assert caught.value.reason is ReasonCode.TRUST_UNAVAILABLE

    def test_a_root_that_trusts_nobody(self, engine: SigstoreEngine, lab: Lab) -> None:
        empty = lab.trusted_root(without=["tlogs", "certificateAuthorities", "timestampAuthorities"])
        with pytest.raises(ConfigurationError, match="holds no"):
            engine.accept(material(empty))

    def test_lists_that_protojson_leaves_out(self, engine: SigstoreEngine, lab: Lab) -> None:
        root = json.loads(lab.trusted_root(without=["ctlogs", "timestampAuthorities"]))
        for name in ("ctlogs", "timestampAuthorities"):
            del root[name]
        for authority in root["certificateAuthorities"]:
            del authority["subject"]
        engine.accept(material(json.dumps(root).encode()))

    def test_an_intermediate_that_its_root_did_not_issue(
        self, engine: SigstoreEngine, lab: Lab, stranger: Lab
    ) -> None:
        root = json.loads(lab.trusted_root())
        other = json.loads(stranger.trusted_root())["certificateAuthorities"][0]["certChain"]["certificates"]
        root["certificateAuthorities"][0]["certChain"]["certificates"][-1] = other[-1]
        with pytest.raises(ConfigurationError):
            engine.accept(material(json.dumps(root).encode()))

    def test_a_revision_that_changes_its_content(self, lab: Lab, stranger: Lab) -> None:
        engine = SigstoreEngine()
        good, other = material(lab.trusted_root()), material(stranger.trusted_root())
        bundle = lab.sign_image(DIGEST)
        assert suffices(engine.verify(question(bundle, good)))
        forged = type(other)(other.source, other.trusted_root, good.revision, other.loaded_at)
        with pytest.raises(EvidenceError):
            engine.verify(question(bundle, forged))


def test_evidence_is_fit_to_be_shown(engine: SigstoreEngine, lab: Lab, root: bytes) -> None:
    payload = json.dumps({"_type": "\x1b[31m\n" + "x" * 9000}).encode()
    error = refused(engine, lab.sign_payload("application/vnd.in-toto+json", payload), root)
    for text in [str(error), *(check.evidence for check in error.checks)]:
        assert text.isprintable()
        assert len(text) <= 500


def test_what_it_is_called(engine: SigstoreEngine) -> None:
    assert engine.name.startswith("sigstore-python 4.5.")
    assert engine.type == "sigstore"
