"""What cosign is asked, and what is made of its answers: with a program that says what it is told."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from providers.descriptor import Descriptor, digest_of
from providers.errors import UnavailableError
from providers.trust import TrustedKey, TrustedMaterial
from pycosign.lab import Lab, LegacyLayer
from pycosign.lab.keys import spki_pem
from tests.unit.engines.world import OneArtifact, failed, question
from verifier.budget import Budget
from verifier.engine import EvidenceError, VerifyOptions
from verifier.engines.cosign.engine import CosignEngine
from verifier.engines.cosign.keyed import MAX_KEYS_TRIED
from verifier.engines.cosign.process import Finished
from verifier.facts import CheckStatus, Window
from verifier.formats.bundle import parse_bundle
from verifier.formats.entity import SignedEntity
from verifier.formats.layer import parse_layer
from verifier.formats.signature_file import SignatureFile, SignatureForm, parse_signature_file

OK = Finished(0, b"", b"WARNING: something\nVerified OK\n")
NOT_SIGNED = (
    "failed to verify signature: could not verify envelope: accepted signatures do not match threshold, "
    "Found: 0, Expected 1"
)
NO_SCT = "failed to verify signed certificate timestamp: only able to verify 0 SCT entries; too few"
NO_TIME = "failed to verify timestamps: threshold not met for verified signed timestamps: 0 < 1; error: …"
NO_LOG = "failed to verify log inclusion: not enough verified log entries from transparency log: 0 < 1"
MANIFEST = b'{"schemaVersion":2}'
IMAGE = Descriptor("application/vnd.oci.image.manifest.v1+json", digest_of(MANIFEST), len(MANIFEST))
KEY, OTHER = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))


def no(text: str, status: int = 1) -> Finished:
    return Finished(status, b"", f"Error: {text}\nerror during command execution: {text}\n".encode())


@dataclass
class Script:
    """Answers in order, and remembers what it was asked."""

    answers: list[Finished]
    arguments: list[tuple[str, ...]] = field(default_factory=list)
    files: list[dict[str, bytes]] = field(default_factory=list)

    def run(
        self, arguments: Sequence[str], files: Mapping[str, bytes], *, limit: int, budget: Budget
    ) -> Finished:
        self.arguments.append(tuple(arguments))
        self.files.append(dict(files))
        return self.answers.pop(0)

    @property
    def engine(self) -> CosignEngine:
        return CosignEngine(self, "3.1.1")


def script(*answers: Finished) -> Script:
    return Script(list(answers))


def trusting(*keys: ec.EllipticCurvePrivateKey, root: bytes = b"") -> TrustedMaterial:
    named = tuple(
        TrustedKey(f"key-{number}", spki_pem(key.public_key())) for number, key in enumerate(keys, start=1)
    )
    return TrustedMaterial.of("test", root, datetime.now(UTC), named)


def layer(made: LegacyLayer) -> SignedEntity:
    descriptor = Descriptor(made.media_type, digest_of(made.data), len(made.data), "", made.annotations)
    return parse_layer(descriptor, made.data)


def about_image(content: SignedEntity, material: TrustedMaterial) -> VerifyOptions:
    return replace(question(content, material, MANIFEST), subject_descriptor=IMAGE)


def reason_of(engine: CosignEngine, options: VerifyOptions) -> str:
    try:
        engine.verify(options)
    except (EvidenceError, UnavailableError) as error:
        return str(error.reason)
    return "verified"


# What is asked.


def test_all_evidence_is_asked_for_and_the_signer_named(lab: Lab, root: bytes) -> None:
    cosign = script(OK)
    bundle = lab.sign_image(digest_of(b"an artifact\n"), timestamp=True)
    facts = cosign.engine.verify(question(bundle, root))
    assert cosign.arguments == [
        (
            "verify-blob-attestation",
            "--certificate-identity=https://ci.lab.test/wf@refs/heads/main",
            "--certificate-oidc-issuer=https://oidc.lab.test",
            "--trusted-root=root.json",
            "--use-signed-timestamps",
            "--bundle=bundle.json",
            "--type=https://sigstore.dev/cosign/sign/v1",
            f"--digest={digest_of(b'an artifact' + bytes([10])).removeprefix('sha256:')}",
            "--digestAlg=sha256",
        )
    ]
    assert cosign.files == [{"root.json": root, "bundle.json": bundle}]
    assert facts.certificate is not None
    assert facts.certificate.subject_alternative_name == "https://ci.lab.test/wf@refs/heads/main"
    assert (len(facts.log_entries), len(facts.scts)) == (1, 1)
    assert [stamp.type for stamp in facts.timestamps] == ["TimestampAuthority", "Tlog"]


def test_what_the_root_cannot_vouch_for_is_not_asked_and_no_fact(lab: Lab) -> None:
    cosign = script(OK)
    root = lab.trusted_root(without=("tlogs", "ctlogs", "timestampAuthorities"))
    options = question(lab.sign_blob(b"an artifact\n", timestamp=True), root)
    facts = cosign.engine.verify(options)
    assert {"--insecure-ignore-tlog", "--insecure-ignore-sct"} <= {*cosign.arguments[0]}
    assert "--use-signed-timestamps" not in cosign.arguments[0]
    assert (facts.log_entries, facts.timestamps, facts.scts) == ((), (), ())
    assert failed(facts).keys() == {"log", "timestamp", "sct"}
    assert [w.contains(options.time) for w in facts.windows] == [True]
    assert all((w.start, w.end) == (options.time, options.time) for w in facts.windows)


def test_values_that_came_with_the_signature_follow_their_flags(lab: Lab, root: bytes) -> None:
    cosign = script(OK)
    statement = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"digest": {"sha256": digest_of(b"an artifact\n").removeprefix("sha256:")}}],
        "predicateType": "--insecure-ignore-tlog",
        "predicate": {},
    }
    bundle = lab.sign_statement(statement, identity="https://x.test/--key=k", issuer="--trusted-root=/x")
    cosign.engine.verify(question(bundle, root))
    (arguments,) = cosign.arguments
    assert "--type=--insecure-ignore-tlog" in arguments
    assert "--certificate-oidc-issuer=--trusted-root=/x" in arguments
    assert "--insecure-ignore-tlog" not in arguments


@pytest.mark.parametrize("root", [b"", None])
def test_a_bundle_never_goes_without_a_trusted_root(lab: Lab, root: bytes | None) -> None:
    """Without one, cosign may take a bundle for its older form, whose key would count (GHSA-fx35-mq7g-6g98)."""
    cosign = script(OK)
    bundle = lab.sign_image(digest_of(b"an artifact\n"), key=KEY, keyless=False)
    given = lab.trusted_root() if root is None else root
    cosign.engine.verify(question(bundle, trusting(KEY, root=given)))
    assert "--trusted-root=root.json" in cosign.arguments[0]
    trusted = json.loads(cosign.files[0]["root.json"])
    assert (trusted.keys() == {"mediaType"}) is (root == b"")


def test_an_artifact_is_given_where_its_digest_is_not_enough(lab: Lab) -> None:
    key = ec.generate_private_key(ec.SECP384R1())
    cosign = script(OK)
    cosign.engine.verify(question(lab.sign_blob(b"an artifact\n", key=key, keyless=False), trusting(key)))
    assert cosign.arguments[0][-1] == "artifact"
    assert "--signature-digest-algorithm=sha384" in cosign.arguments[0]
    assert cosign.files[0]["artifact"] == b"an artifact\n"


def test_other_content_from_the_store_is_not_passed_on(lab: Lab) -> None:
    key = ec.generate_private_key(ec.SECP384R1())
    content = lab.sign_blob(b"an artifact\n", key=key, keyless=False)

    class Liar(OneArtifact):
        def fetch(self, repository: str, descriptor: Descriptor, budget: Budget) -> bytes:
            return b"other"

    options = replace(question(content, trusting(key)), store=Liar())
    cosign = script()
    assert reason_of(cosign.engine, options) == "content-mismatch"


def test_a_layer_is_given_with_the_evidence_that_was_read(lab: Lab, root: bytes) -> None:
    """Whatever else stands in its annotations; a signature beside an envelope above all, which cosign would hold
    timestamps against.
    """
    made = lab.attest_legacy(IMAGE.digest, predicate_type="https://x.test/p", predicate={})
    annotations = {**dict(made.annotations), "dev.cosignproject.cosign/signature": "bm90IHRoaXM=", "x": "y"}
    made = replace(made, annotations=tuple(sorted(annotations.items())))
    cosign = script(no(NOT_SIGNED))
    reason_of(cosign.engine, about_image(layer(made), trusting(root=root)))
    (files,) = cosign.files
    index = json.loads(files["image/index.json"])
    kinds = {entry["annotations"]["kind"]: entry["digest"] for entry in index["manifests"]}
    assert kinds["dev.cosignproject.cosign/image"] == IMAGE.digest
    atts = json.loads(files[_blob(kinds["dev.cosignproject.cosign/atts"])])
    (stored,) = atts["layers"]
    assert files[_blob(stored["digest"])] == made.data
    assert stored["annotations"].keys() == {
        "dev.cosignproject.cosign/signature",
        "dev.sigstore.cosign/certificate",
        "dev.sigstore.cosign/bundle",
    }
    assert stored["annotations"]["dev.cosignproject.cosign/signature"] == ""


def _blob(digest: str) -> str:
    return "image/blobs/" + digest.replace(":", "/")


def test_short_names_of_predicate_types_are_no_types(lab: Lab, root: bytes) -> None:
    statement = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"digest": {"sha256": digest_of(b"an artifact\n").removeprefix("sha256:")}}],
        "predicateType": "custom",
        "predicate": {},
    }
    cosign = script()
    assert reason_of(cosign.engine, question(lab.sign_statement(statement), root)) == "engine-unavailable"


@pytest.mark.parametrize("content", [b'{"base64Signature":"AA=="}', b'{"base64Signature":"AA==","cert":""}'])
def test_the_older_bundle_of_a_file_is_not_taken(content: bytes) -> None:
    entity = parse_signature_file(SignatureFile(SignatureForm.BUNDLE, content))
    assert not script().engine.takes(entity, trusting(KEY))
    bare = parse_signature_file(SignatureFile(SignatureForm.SIGNATURE, b"AA=="))
    assert script().engine.takes(bare, trusting(KEY))


def test_without_anybody_to_trust_nothing_is_taken(lab: Lab, root: bytes) -> None:
    keyed = parse_bundle(lab.sign_blob(b"x", key=KEY, keyless=False))
    assert not script().engine.takes(keyed, trusting(root=root))
    assert script().engine.takes(parse_bundle(lab.sign_blob(b"x")), trusting(root=root))


# Only what is expected word for word is "verified".


@pytest.mark.parametrize(
    "finished",
    [
        Finished(0, b"", b""),
        Finished(0, b"Verified OK\n", b""),
        Finished(0, b"surprise\n", b"Verified OK\n"),
        Finished(0, b"", b"not Verified OK\n"),
        Finished(0, b"", b"Verified OK?\n"),
        Finished(0, b"", b"verified ok\n"),
    ],
)
def test_a_bundle_is_not_verified_by_the_exit_status(finished: Finished, lab: Lab, root: bytes) -> None:
    cosign = script(finished)
    assert reason_of(cosign.engine, question(lab.sign_blob(b"an artifact\n"), root)) == "engine-unavailable"


CLAIMS = "  - The cosign claims were validated"
IN_LOG = "  - Existence of the claims in the transparency log was verified offline"
BY_CERTIFICATE = (
    "  - The code-signing certificate was verified using trusted certificate authority certificates"
)
BY_KEY = "  - The signatures were verified against the specified public key"


def _payload(digest: str = IMAGE.digest) -> dict[str, Any]:
    return {"critical": {"image": {"docker-manifest-digest": digest}}}


@pytest.mark.parametrize(
    ("printed", "said", "verified"),
    [
        ([_payload()], [CLAIMS, IN_LOG, BY_CERTIFICATE], True),
        ([_payload("sha256:" + "0" * 64)], [CLAIMS, IN_LOG, BY_CERTIFICATE], False),
        ([_payload(), _payload()], [CLAIMS, IN_LOG, BY_CERTIFICATE], False),
        ([], [CLAIMS, IN_LOG, BY_CERTIFICATE], False),
        ("null", [CLAIMS, IN_LOG, BY_CERTIFICATE], False),
        ([_payload()], [IN_LOG, BY_CERTIFICATE], False),
        ([_payload()], [CLAIMS, BY_CERTIFICATE], False),
        ([_payload()], [CLAIMS, IN_LOG], False),
        ([_payload()], [CLAIMS, IN_LOG, BY_KEY], False),
    ],
)
def test_a_payload_is_verified_by_what_is_printed(
    printed: object, said: list[str], verified: bool, lab: Lab, root: bytes
) -> None:
    stdout = f"\n{json.dumps(printed)}\n".encode()
    cosign = script(Finished(0, stdout, "\n".join(["", "Verification for image --", *said]).encode()))
    options = about_image(
        layer(lab.sign_image_legacy(IMAGE.digest, reference="x", annotations={"env": "prod"})),
        trusting(root=root),
    )
    if verified:
        facts = cosign.engine.verify(options)
        assert facts.annotations == (("env", "prod"),)
        assert len(facts.log_entries) == 1
    else:
        assert reason_of(cosign.engine, options) == "engine-unavailable"


@pytest.mark.parametrize("change", ["", "x"])
def test_an_envelope_is_verified_by_what_is_printed(change: str, lab: Lab, root: bytes) -> None:
    made = layer(lab.attest_legacy(IMAGE.digest, predicate_type="https://x.test/p", predicate={}))
    said = f"{CLAIMS}\n{IN_LOG}\n{BY_CERTIFICATE}".encode()
    cosign = script(Finished(0, made.stored + change.encode() + b"\n", said))
    options = about_image(made, trusting(root=root))
    if change:
        assert reason_of(cosign.engine, options) == "engine-unavailable"
    else:
        assert cosign.engine.verify(options).predicate_type == "https://x.test/p"


# A refusal is a sentence that is known; everything else leaves the question open.


@pytest.mark.parametrize(
    ("text", "reason", "check"),
    [
        (NOT_SIGNED, "signature-invalid", "signature"),
        ("failed to verify signature: could not verify message: x", "signature-invalid", "signature"),
        ("failed to verify signature: artifact does not match digest", "subject-digest-mismatch", "subject"),
        (
            "failed to verify signature: provided artifact digest does not match any digest in statement",
            "subject-digest-mismatch",
            "subject",
        ),
        ("failed to verify leaf certificate: leaf certificate verification failed", "chain-untrusted", "chain"),
        ("failed to verify certificate identity: no matching", "identity-mismatch", "certificate"),
        ("invalid predicate type, expected a got b", "predicate-type-mismatch", "subject"),
        (NO_LOG, "log-untrusted", "log"),
        ("failed to verify log inclusion: duplicate tlog entries found", "duplicate-log-entry", "log"),
        (
            "failed to verify log inclusion: transparency log signature does not match",
            "log-entry-mismatch",
            "log",
        ),
        (
            "failed to verify log inclusion: integrated time outside certificate validity",
            "time-outside-validity",
            "validity",
        ),
        ("no matching signatures: crypto/rsa: verification error", "signature-invalid", "signature"),
        ("no matching attestations: no matching subject digest found", "subject-digest-mismatch", "subject"),
        ("no matching signatures: checking expiry on certificate with …", "time-outside-validity", "validity"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("status", [1, 12])
def test_refusals(text: str, reason: str, check: str, status: int, lab: Lab, root: bytes) -> None:
    cosign = script(no(text, status))
    with pytest.raises(EvidenceError) as raised:
        cosign.engine.verify(question(lab.sign_blob(b"an artifact\n"), root))
    assert str(raised.value.reason) == reason
    (refused,) = [c for c in raised.value.checks if c.status is CheckStatus.FAIL]
    assert (refused.id, str(refused.reason)) == (check, reason)
    assert "cosign: " in refused.evidence
    assert len(cosign.arguments) == 1


@pytest.mark.parametrize(
    ("finished", "reason"),
    [
        (no("unknown flag: --offline"), "engine-unavailable"),
        (no("setting trusted material: loading trusted root: …"), "engine-unavailable"),
        (no("error getting live trusted root: failed to create TUF client"), "engine-unavailable"),
        (no("--trusted-root only supported with --new-bundle-format"), "engine-unavailable"),
        (no("open sha256:" + "0" * 64 + ": no such file or directory"), "engine-unavailable"),
        (no("failed to fetch envelope statement: validation error"), "engine-unavailable"),
        (no("failed to verify signature: could not verify artifact: …"), "engine-unavailable"),
        (no("something new"), "engine-unavailable"),
        (no("no matching signatures: something new"), "engine-unavailable"),
        (no("it says: " + NOT_SIGNED), "engine-unavailable"),
        (no("fetching: context deadline exceeded"), "deadline-exceeded"),
        (no(NOT_SIGNED, status=2), "engine-unavailable"),
        (no(NOT_SIGNED, status=-9), "engine-unavailable"),
        (Finished(1, b"", NOT_SIGNED.encode()), "engine-unavailable"),
        (Finished(1, b"", b""), "engine-unavailable"),
        (Finished(1, b"", b"\xff\xfe"), "engine-unavailable"),
    ],
)
def test_what_is_no_refusal_leaves_the_question_open(
    finished: Finished, reason: str, lab: Lab, root: bytes
) -> None:
    cosign = script(finished)
    with pytest.raises(UnavailableError) as raised:
        cosign.engine.verify(question(lab.sign_blob(b"an artifact\n"), root))
    assert str(raised.value.reason) == reason


# What cosign does not find is no fact.


def test_without_an_sct_it_is_asked_again(lab: Lab, root: bytes) -> None:
    cosign = script(no(NO_SCT), OK)
    facts = cosign.engine.verify(question(lab.sign_blob(b"an artifact\n"), root))
    strict, again = cosign.arguments
    assert "--insecure-ignore-sct" not in strict
    assert [a for a in again if a not in strict] == ["--insecure-ignore-sct"]
    assert facts.scts == ()
    assert failed(facts) == {"sct": "sct-untrusted"}
    assert facts.log_entries


def test_without_a_timestamp_it_is_asked_again(lab: Lab, root: bytes) -> None:
    cosign = script(no(NO_TIME), OK)
    facts = cosign.engine.verify(question(lab.sign_blob(b"an artifact\n", timestamp=True), root))
    strict, again = cosign.arguments
    assert [a for a in strict if a not in again] == ["--use-signed-timestamps"]
    assert [stamp.type for stamp in facts.timestamps] == ["Tlog"]
    assert failed(facts) == {"timestamp": "timestamp-invalid"}


def test_an_entry_that_gives_no_time_counts_for_nothing_without_one(lab: Lab, root: bytes) -> None:
    cosign = script(no(NO_TIME), no(NO_TIME), OK)
    facts = cosign.engine.verify(question(lab.sign_blob(b"an artifact\n", log="rekor2"), root))
    assert "--insecure-ignore-tlog" in cosign.arguments[2]
    assert (facts.log_entries, facts.timestamps) == ((), ())
    assert facts.scts


def test_a_log_entry_of_a_trusted_log_has_to_hold(lab: Lab, root: bytes) -> None:
    cosign = script(no(NO_LOG))
    assert reason_of(cosign.engine, question(lab.sign_blob(b"an artifact\n"), root)) == "log-untrusted"


def test_what_failed_is_asked_without_once_only(lab: Lab, root: bytes) -> None:
    cosign = script(no(NO_SCT), no(NO_SCT))
    assert reason_of(cosign.engine, question(lab.sign_blob(b"an artifact\n"), root)) == "sct-untrusted"


# Cosign's "yes" is bound again.


def _changed(bundle: bytes, change: Callable[[dict[str, Any]], object]) -> bytes:
    document = json.loads(bundle)
    change(document)
    return json.dumps(document).encode()


def _entry(document: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = document["verificationMaterial"]["tlogEntries"][0]
    return found


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda d: d["verificationMaterial"]["tlogEntries"].append(_entry(d)), "duplicate-log-entry"),
        (lambda d: _entry(d).update(canonicalizedBody="e30="), "log-entry-mismatch"),
        (lambda d: _entry(d)["inclusionProof"].update(rootHash="A" * 43 + "="), "log-untrusted"),
        (lambda d: _entry(d).update(integratedTime="1"), "log-untrusted"),
    ],
)
def test_evidence_has_to_hold_here_too(
    change: Callable[[dict[str, Any]], object], reason: str, lab: Lab, root: bytes
) -> None:
    bundle = _changed(lab.sign_blob(b"an artifact\n"), change)
    assert reason_of(script(OK).engine, question(bundle, root)) == reason


def test_another_subject_is_refused_whatever_cosign_says(lab: Lab, root: bytes) -> None:
    bundle = lab.sign_image(digest_of(b"another artifact\n"))
    assert reason_of(script(OK).engine, question(bundle, root)) == "subject-digest-mismatch"


def test_a_time_outside_the_certificates_validity_is_refused_whatever_cosign_says(
    lab: Lab, root: bytes
) -> None:
    late = datetime.now(UTC) + timedelta(hours=1)
    bundle = lab.sign_blob(b"an artifact\n", timestamp=True, timestamped_at=late)
    assert reason_of(script(OK).engine, question(bundle, root)) == "time-outside-validity"


def test_a_promised_time_outside_the_certificates_validity_is_refused_whatever_cosign_says(
    lab: Lab, root: bytes
) -> None:
    bundle = lab.sign_blob(b"an artifact\n", issued_at=datetime.now(UTC) - timedelta(hours=1))
    assert reason_of(script(OK).engine, question(bundle, root)) == "time-outside-validity"


def test_a_strangers_certificate_is_refused_whatever_cosign_says(stranger: Lab, root: bytes) -> None:
    assert (
        reason_of(script(OK).engine, question(stranger.sign_blob(b"an artifact\n"), root))
        == "chain-untrusted"
    )


def test_of_each_kind_of_evidence_one_is_a_fact(lab: Lab, root: bytes) -> None:
    """cosign asks for one of each. The certificates of this lab have two SCTs."""
    facts = script(OK).engine.verify(question(lab.sign_blob(b"an artifact\n"), root))
    assert len(facts.scts) == 1


# Keys.


def test_the_key_that_is_hinted_at_is_tried_first(lab: Lab) -> None:
    cosign = script(OK)
    bundle = lab.sign_image(digest_of(b"an artifact\n"), key=KEY, keyless=False, log=None)
    facts = cosign.engine.verify(question(bundle, trusting(OTHER, KEY)))
    assert cosign.files[0]["key.pub"] == spki_pem(KEY.public_key())
    assert [name.name for name in facts.key_names] == ["key-2"]
    assert facts.certificate is None


def test_every_key_is_tried_by_itself(lab: Lab) -> None:
    cosign = script(no(NOT_SIGNED), OK)
    bundle = lab.sign_image(digest_of(b"an artifact\n"), key=KEY, keyless=False, log=None)
    facts = cosign.engine.verify(question(bundle, trusting(OTHER, KEY)))
    assert [files["key.pub"] for files in cosign.files] == [
        spki_pem(KEY.public_key()),
        spki_pem(OTHER.public_key()),
    ]
    assert [name.name for name in facts.key_names] == ["key-1"]


def test_a_signature_by_no_trusted_key_is_refused(lab: Lab) -> None:
    cosign = script(no(NOT_SIGNED), no(NOT_SIGNED))
    bundle = lab.sign_image(digest_of(b"an artifact\n"), key=KEY, keyless=False, log=None)
    assert reason_of(cosign.engine, question(bundle, trusting(OTHER, KEY))) == "signature-invalid"


def test_only_so_many_keys_are_tried(lab: Lab) -> None:
    keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(MAX_KEYS_TRIED + 1)]
    cosign = script(*[no(NOT_SIGNED)] * MAX_KEYS_TRIED)
    bundle = lab.sign_image(digest_of(b"an artifact\n"), key=KEY, keyless=False, log=None)
    assert reason_of(cosign.engine, question(bundle, trusting(*keys))) == "engine-unavailable"
    assert len(cosign.arguments) == MAX_KEYS_TRIED


def test_a_log_entry_that_does_not_hold_may_be_that_of_another_key(lab: Lab, root: bytes) -> None:
    mismatch = no("failed to verify log inclusion: transparency log certificate does not match")
    cosign = script(mismatch, no(NOT_SIGNED), OK)
    bundle = lab.sign_image(digest_of(b"an artifact\n"), key=KEY, keyless=False)
    entity = replace(parse_bundle(bundle), key_hint="")
    facts = cosign.engine.verify(question(entity, trusting(OTHER, KEY, root=root)))
    assert [name.name for name in facts.key_names] == ["key-2"]
    assert len(facts.log_entries) == 1
    assert "--insecure-ignore-tlog" in cosign.arguments[1]
    assert "--insecure-ignore-tlog" not in cosign.arguments[2]


def test_a_log_entry_that_does_not_hold_for_the_right_key_is_refused(lab: Lab, root: bytes) -> None:
    cosign = script(no(NO_LOG), OK)
    bundle = lab.sign_image(digest_of(b"an artifact\n"), key=KEY, keyless=False)
    assert reason_of(cosign.engine, question(bundle, trusting(KEY, root=root))) == "log-untrusted"


def test_a_key_needs_no_timestamp(lab: Lab, root: bytes) -> None:
    cosign = script(no(NO_TIME), OK)
    bundle = lab.sign_image(digest_of(b"an artifact\n"), key=KEY, keyless=False, timestamp=True)
    facts = cosign.engine.verify(question(bundle, trusting(KEY, root=root)))
    assert "--use-signed-timestamps" not in cosign.arguments[1]
    assert [stamp.type for stamp in facts.timestamps] == ["Tlog"]
    assert failed(facts) == {"timestamp": "timestamp-invalid"}


def test_a_sentence_about_certificates_is_none_about_keys(lab: Lab) -> None:
    cosign = script(no("failed to verify leaf certificate: leaf certificate verification failed"))
    bundle = lab.sign_image(digest_of(b"an artifact\n"), key=KEY, keyless=False, log=None)
    assert reason_of(cosign.engine, question(bundle, trusting(KEY))) == "engine-unavailable"


def test_a_key_is_trusted_in_its_window_only(lab: Lab, root: bytes) -> None:
    bundle = lab.sign_image(digest_of(b"an artifact\n"), key=KEY, keyless=False)
    then = datetime(2001, 1, 1, tzinfo=UTC)
    trusted = TrustedKey("old", spki_pem(KEY.public_key()), valid_until=then)
    material = TrustedMaterial.of("test", root, datetime.now(UTC), (trusted,))
    assert reason_of(script(OK).engine, question(bundle, material)) == "time-outside-validity"


def test_a_key_is_trusted_under_one_name_at_all_times(lab: Lab, root: bytes) -> None:
    """The timestamp lies in the window of one name, the promise of the log in that of the other."""
    now = datetime.now(UTC)
    bundle = lab.sign_image(
        digest_of(b"an artifact\n"),
        key=KEY,
        keyless=False,
        timestamp=True,
        timestamped_at=now - timedelta(hours=2),
    )
    pem, between = spki_pem(KEY.public_key()), now - timedelta(hours=1)
    keys = (TrustedKey("old", pem, valid_until=between), TrustedKey("new", pem, valid_from=between))
    material = TrustedMaterial.of("test", root, now, keys)
    assert reason_of(script(OK).engine, question(bundle, material)) == "time-outside-validity"


def test_without_a_time_the_window_of_the_key_is_told(lab: Lab) -> None:
    bundle = lab.sign_image(digest_of(b"an artifact\n"), key=KEY, keyless=False)
    then = datetime(2001, 1, 1, tzinfo=UTC)
    trusted = TrustedKey("old", spki_pem(KEY.public_key()), valid_until=then)
    facts = script(OK).engine.verify(
        question(bundle, TrustedMaterial.of("test", b"", datetime.now(UTC), (trusted,)))
    )
    assert facts.windows == (Window(None, then),)
    assert (facts.log_entries, facts.timestamps) == ((), ())


def test_a_key_is_not_held_against_a_bundle_with_a_certificate(lab: Lab) -> None:
    cosign = script()
    assert (
        reason_of(cosign.engine, question(lab.sign_blob(b"an artifact\n"), trusting(KEY)))
        == "engine-unavailable"
    )


def test_what_cosign_has_no_way_to_check_is_left_open(lab: Lab, root: bytes) -> None:
    """A bare signature with a certificate; an envelope of a file with one; a payload about what is no image."""
    pem = b"-----BEGIN CERTIFICATE-----\n" + base64.b64encode(
        parse_bundle(lab.sign_blob(b"x")).leaf_certificate
    )
    pem += b"\n-----END CERTIFICATE-----\n"
    bare = SignatureFile(SignatureForm.SIGNATURE, b"AA==", certificate=pem)
    made = lab.attest_legacy(digest_of(b"an artifact\n"), predicate_type="https://x.test/p", predicate={})
    envelope = SignatureFile(SignatureForm.ENVELOPE, made.data, certificate=pem)
    payload = layer(lab.sign_image_legacy(IMAGE.digest, reference="x", key=KEY, keyless=False, log=None))
    for content, material in (
        (parse_signature_file(bare), trusting(root=root)),
        (parse_signature_file(envelope), trusting(root=root)),
        (payload, trusting(KEY)),
    ):
        cosign = script()
        assert reason_of(cosign.engine, question(content, material)) == "engine-unavailable"


def test_a_material_that_cannot_be_used_is_no_refusal(lab: Lab) -> None:
    cosign = script()
    options = question(lab.sign_blob(b"an artifact\n"), b"{}")
    assert reason_of(cosign.engine, options) == "trust-unavailable"


def test_a_fault_of_ours_is_no_refusal(lab: Lab, root: bytes) -> None:
    cosign = script()  # has nothing to answer
    assert reason_of(cosign.engine, question(lab.sign_blob(b"an artifact\n"), root)) == "internal-error"


def test_its_name_and_type() -> None:
    assert (script().engine.name, script().engine.type) == ("cosign 3.1.1", "cosign")
