"""``pycosign verify-blob`` and ``verify-blob-attestation`` on files that a lab signed."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from pycosign.cli.main import pycosign, run
from pycosign.lab import Lab
from pycosign.lab.keys import Scheme, SigningKey, spki_pem
from tests.tools import require_tool

WHO, ISSUER = "https://ci.lab.test/wf@refs/heads/main", "https://oidc.lab.test"
IDENTITY = ("--certificate-identity", WHO, "--certificate-oidc-issuer", ISSUER)
PREDICATE = "https://slsa.dev/provenance/v1"
CONTENT = b"what was released\n"
DIGEST = "sha256:" + hashlib.sha256(CONTENT).hexdigest()
KEYS: dict[str, SigningKey] = {
    "p256": ec.generate_private_key(ec.SECP256R1()),
    "p384": ec.generate_private_key(ec.SECP384R1()),
    "p521": ec.generate_private_key(ec.SECP521R1()),
    "ed25519": ed25519.Ed25519PrivateKey.generate(),
}
UNLOGGED = "--insecure-ignore-tlog"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A signed file in every form, and what else is needed."""
    lab, folder = Lab(), tmp_path_factory.mktemp("files")
    bare = lab.sign_blob_legacy(CONTENT, identity=WHO, issuer=ISSUER, timestamp=True)
    attested = lab.attest_blob_legacy(
        DIGEST, predicate_type=PREDICATE, predicate={}, identity=WHO, issuer=ISSUER
    )
    files = {
        "file": CONTENT,
        "other": b"something else\n",
        "root.json": lab.trusted_root(),
        "bundle": lab.sign_blob(CONTENT, identity=WHO, issuer=ISSUER, log="rekor2"),
        "att.bundle": lab.attest(DIGEST, predicate_type=PREDICATE, predicate={}, identity=WHO, issuer=ISSUER),
        "sig": bare.signature,
        "sig.raw": base64.b64decode(bare.signature),
        "cert": bare.certificate,
        "cert.pem": base64.b64decode(bare.certificate),
        "stamp": bare.timestamp,
        "old.bundle": bare.bundle,
        "att": attested.signature,
        "att.cert": attested.certificate,
        "old.att.bundle": attested.bundle,
        "broken": b"{",
        "empty": b"",
        **lab.pem_files(),
    }
    for name, key in KEYS.items():
        files[f"{name}.pub"] = spki_pem(key.public_key())
        files[f"{name}.bundle"] = lab.sign_blob(CONTENT, key=key, keyless=False, log=None, timestamp=False)
        # A log holds a digest, which Ed25519 signs in its other way only.
        scheme: Scheme = "ed25519ph" if name == "ed25519" else "usual"
        files[f"{name}.logged"] = lab.sign_blob(CONTENT, key=key, keyless=False, scheme=scheme)
        files[f"{name}.sig"] = lab.sign_blob_legacy(
            CONTENT, key=key, keyless=False, log=None, timestamp=False
        ).signature
    files["p256.att"] = lab.attest(
        DIGEST,
        predicate_type=PREDICATE,
        predicate={},
        key=KEYS["p256"],
        keyless=False,
        log=None,
        timestamp=False,
    )
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder


@dataclass
class Told:
    code: int
    outcome: str
    reason: str
    err: str


Tell = Callable[..., Told]


@pytest.fixture
def tell(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Tell:
    monkeypatch.chdir(folder)
    for name in list(os.environ):
        if name.startswith(("SIGSTORE_", "COSIGN_")):
            monkeypatch.delenv(name)

    def told(*arguments: str) -> Told:
        code = run(pycosign, [*arguments, "-o", "json"])
        said = capsys.readouterr()
        (answer,) = json.loads(said.out) if said.out else ({"outcome": "", "reason": ""},)
        outcome, reason = answer["outcome"], answer["reason"]
        return Told(
            code,
            outcome.removeprefix("OUTCOME_").lower(),
            reason.removeprefix("REASON_CODE_").lower().replace("_", "-"),
            said.err,
        )

    return told


ROOT = ("--trusted-root", "root.json")


@pytest.mark.parametrize("name", ["file", DIGEST])
@pytest.mark.parametrize(
    "signature",
    [
        ("--bundle", "bundle"),
        ("--bundle", "bundle", "--use-signed-timestamps"),
        ("--bundle", "bundle", "--new-bundle-format"),
        ("--bundle", "old.bundle"),
        ("--bundle", "old.bundle", "--new-bundle-format=false"),
        ("--bundle", "old.bundle", "--rfc3161-timestamp", "stamp", "--use-signed-timestamps"),
        ("--signature", "sig", "--certificate", "cert", "--rfc3161-timestamp", "stamp", UNLOGGED),
        ("--signature", "sig.raw", "--certificate", "cert.pem", "--rfc3161-timestamp", "stamp", UNLOGGED),
    ],
)
def test_a_certificate_in_every_form(tell: Tell, name: str, signature: tuple[str, ...]) -> None:
    assert tell("verify-blob", name, *signature, *IDENTITY, *ROOT).code == 0
    refused = tell("verify-blob", "other", *signature, *IDENTITY, *ROOT)
    assert (refused.code, refused.outcome) == (1, "refused")
    stranger = tell("verify-blob", name, *signature, *IDENTITY[:2], "--certificate-oidc-issuer", "x", *ROOT)
    assert (stranger.code, stranger.reason) == (1, "identity-mismatch")


@pytest.mark.parametrize("form", ["bundle", "sig"])
@pytest.mark.parametrize("key", KEYS)
def test_a_key_of_every_kind_in_every_form(tell: Tell, key: str, form: str) -> None:
    given = ("--bundle" if form == "bundle" else "--signature", f"{key}.{form}")
    assert tell("verify-blob", "file", *given, "--key", f"{key}.pub", UNLOGGED).code == 0
    assert tell("verify-blob", "other", *given, "--key", f"{key}.pub", UNLOGGED).code == 1
    other = "p384" if key == "p256" else "p256"
    wrong = tell("verify-blob", "file", *given, "--key", f"{other}.pub", UNLOGGED)
    assert (wrong.code, wrong.reason) == (1, "signature-invalid")
    unlogged = tell("verify-blob", "file", *given, "--key", f"{key}.pub", *ROOT)
    assert (unlogged.code, unlogged.reason) == (1, "no-log-entry")
    assert "--insecure-ignore-tlog" in unlogged.err


@pytest.mark.parametrize("key", KEYS)
def test_a_log_entry_of_a_key(tell: Tell, key: str) -> None:
    given = ("--bundle", f"{key}.logged", "--key", f"{key}.pub")
    assert tell("verify-blob", "file", *given, *ROOT).code == 0
    timed = tell("verify-blob", "file", *given, *ROOT, "--use-signed-timestamps")
    assert (timed.code, timed.reason) == (1, "no-timestamp")


def test_a_signature_may_be_typed(tell: Tell, folder: Path) -> None:
    typed = (folder / "p256.sig").read_text().strip()
    assert tell("verify-blob", "file", "--signature", typed, "--key", "p256.pub", UNLOGGED).code == 0
    other = base64.b64encode(b"no signature").decode()
    refused = tell("verify-blob", "file", "--signature", other, "--key", "p256.pub", UNLOGGED)
    assert (refused.code, refused.reason) == (1, "signature-invalid")


@pytest.mark.parametrize("key", ["p384", "p521", "ed25519"])
def test_a_key_that_signs_the_file_itself_asks_for_it(tell: Tell, key: str) -> None:
    """Not "refused": nothing was found out; and not "could not check": it is for the caller to give the file."""
    told = tell("verify-blob", DIGEST, "--bundle", f"{key}.bundle", "--key", f"{key}.pub", UNLOGGED)
    assert (told.code, told.outcome) == (2, "")
    assert "give the file in place of its digest" in told.err


def test_standard_input(tell: Tell, monkeypatch: pytest.MonkeyPatch) -> None:
    for key in ("p256", "ed25519"):
        for content, code in ((CONTENT, 0), (b"other", 1)):
            monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
            told = tell("verify-blob", "-", "--bundle", f"{key}.bundle", "--key", f"{key}.pub", UNLOGGED)
            assert told.code == code


def test_a_standard_input_that_is_closed(tell: Tell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    told = tell("verify-blob", "-", "--bundle", "p256.bundle", "--key", "p256.pub", UNLOGGED)
    assert (told.code, told.outcome) == (2, "")


@pytest.mark.parametrize(
    ("arguments", "code", "reason"),
    [
        (("file", "--bundle", "att.bundle"), 0, "ok"),
        ((DIGEST, "--bundle", "att.bundle"), 0, "ok"),
        (("--digest", DIGEST[7:], "--digestAlg", "sha256", "--bundle", "att.bundle"), 0, "ok"),
        (("--digest", DIGEST, "--bundle", "att.bundle"), 0, "ok"),
        (("file", "--bundle", "old.att.bundle", "--new-bundle-format=false"), 0, "ok"),
        (("file", "--bundle", "bundle"), 1, "no-attestation"),
        (("file", "--bundle", "old.bundle"), 1, "no-attestation"),
        (("other", "--bundle", "att.bundle"), 1, "subject-digest-mismatch"),
        (("file", "--signature", "att", "--certificate", "att.cert"), 1, "no-log-entry"),
        (("file", "--signature", "sig", "--certificate", "cert"), 1, "malformed"),
    ],
)
def test_attestations(tell: Tell, arguments: tuple[str, ...], code: int, reason: str) -> None:
    told = tell("verify-blob-attestation", *arguments, "--type", "slsaprovenance1", *IDENTITY, *ROOT)
    assert (told.code, told.reason) == (code, reason)


def test_the_type_of_an_attestation(tell: Tell) -> None:
    given = ("file", "--bundle", "p256.att", "--key", "p256.pub", UNLOGGED)
    for predicate, code in (("slsaprovenance1", 0), (PREDICATE, 0), ("any", 0), ("spdxjson", 1)):
        assert tell("verify-blob-attestation", *given, "--type", predicate).code == code
    told = tell("verify-blob-attestation", *given)  # cosign's default: custom
    assert (told.code, told.reason) == (1, "predicate-type-mismatch")
    assert "--type any" in told.err


def test_neither_passes_for_the_other(tell: Tell) -> None:
    told = tell("verify-blob", "file", "--bundle", "p256.att", "--key", "p256.pub", UNLOGGED)
    assert (told.code, told.reason) == (1, "no-signature")
    assert "verify-blob-attestation" in told.err
    told = tell(
        "verify-blob-attestation",
        "file",
        "--bundle",
        "p256.bundle",
        "--key",
        "p256.pub",
        UNLOGGED,
        "--type",
        "any",
    )
    assert (told.code, told.reason) == (1, "no-attestation")
    assert "verify-blob'" in told.err


@pytest.mark.parametrize("name", ["broken", "empty", "file"])
def test_what_is_no_bundle_is_a_refusal(tell: Tell, name: str) -> None:
    told = tell("verify-blob", "file", "--bundle", name, "--key", "p256.pub", UNLOGGED)
    assert (told.code, told.reason) == (1, "malformed")


def test_an_empty_signature_is_a_refusal(tell: Tell) -> None:
    told = tell("verify-blob", "file", "--signature", "empty", "--key", "p256.pub", UNLOGGED)
    assert (told.code, told.reason) == (1, "malformed")


def test_a_signature_without_its_certificate_says_what_is_missing(tell: Tell) -> None:
    told = tell("verify-blob", "file", "--signature", "sig", *IDENTITY, *ROOT)
    assert (told.code, told.reason) == (1, "no-certificate")
    assert "--certificate FILE" in told.err


def test_a_public_key_is_no_certificate(tell: Tell) -> None:
    told = tell("verify-blob", "file", "--signature", "sig", "--certificate", "p256.pub", *IDENTITY, *ROOT)
    assert (told.code, told.reason) == (1, "malformed")


ENVIRONMENT = {
    "SIGSTORE_ROOT_FILE": "fulcio-chain.pem",
    "SIGSTORE_REKOR_PUBLIC_KEY": "rekor.pub",
    "SIGSTORE_CT_LOG_PUBLIC_KEY_FILE": "ctfe.pub",
    "SIGSTORE_TSA_CERTIFICATE_FILE": "tsa-chain.pem",
}


@pytest.mark.parametrize(
    ("left_out", "reason"),
    [
        ("", "ok"),
        ("SIGSTORE_ROOT_FILE", "chain-untrusted"),
        ("SIGSTORE_REKOR_PUBLIC_KEY", "log-untrusted"),
        ("SIGSTORE_CT_LOG_PUBLIC_KEY_FILE", "sct-untrusted"),
        ("SIGSTORE_TSA_CERTIFICATE_FILE", "no-timestamp"),
    ],
)
def test_trust_from_the_environment(
    tell: Tell, monkeypatch: pytest.MonkeyPatch, left_out: str, reason: str
) -> None:
    """Every variable brings its part, and none is filled up from elsewhere."""
    for name, value in ENVIRONMENT.items():
        if name != left_out:
            monkeypatch.setenv(name, value)
    given = ("--bundle", "old.bundle", "--rfc3161-timestamp", "stamp", "--use-signed-timestamps")
    told = tell("verify-blob", "file", *given, *IDENTITY)
    assert told.reason == reason
    assert told.code == (0 if reason == "ok" else 1)
    assert ("SIGSTORE_ROOT_FILE:fulcio-chain.pem" in told.err) is (left_out != "SIGSTORE_ROOT_FILE")


def test_the_flag_wins_over_the_environment(tell: Tell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIGSTORE_ROOT_FILE", "/nowhere")
    told = tell("verify-blob", "file", "--bundle", "bundle", *IDENTITY, *ROOT)
    assert told.code == 0
    assert "--trusted-root root.json is used; SIGSTORE_ROOT_FILE in the environment is not." in told.err


def test_a_variable_that_names_nothing_good(tell: Tell, monkeypatch: pytest.MonkeyPatch) -> None:
    given = ("verify-blob", "file", "--bundle", "old.bundle", *IDENTITY)
    for value in ("/nowhere", "rekor.pub", "file"):
        monkeypatch.setenv("SIGSTORE_ROOT_FILE", value)
        told = tell(*given)
        assert (told.code, told.outcome) == (2, "")
        assert value in told.err


def test_a_key_asks_the_environment_too(tell: Tell, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who names a log wants its entries held against it, also where none is asked for."""
    given = ("verify-blob", "file", "--bundle", "p256.logged", "--key", "p256.pub")
    monkeypatch.setenv("SIGSTORE_REKOR_PUBLIC_KEY", "rekor.pub")
    assert tell(*given).code == 0
    monkeypatch.setenv("SIGSTORE_REKOR_PUBLIC_KEY", "p384.pub")
    assert tell(*given).reason == "log-untrusted"


def test_without_a_root_a_key_is_held_against_the_public_one(tell: Tell) -> None:
    told = tell("verify-blob", "file", "--bundle", "p256.logged", "--key", "p256.pub")
    assert (told.code, told.reason) == (1, "log-untrusted")
    assert "public-good root embedded in sigstore" in told.err


def test_the_present_counts_when_asked_for(tell: Tell) -> None:
    given = ("verify-blob", "file", "--signature", "sig", "--certificate", "cert", *IDENTITY, *ROOT, UNLOGGED)
    assert tell(*given).reason == "no-timestamp"
    told = tell(*given, "--unsafe-use-current-time")
    assert told.code == 0
    assert "WARNING: --unsafe-use-current-time: " in told.err


@pytest.mark.parametrize("flags", [("--engine", "cosign"), ("--cross-check", "cosign")])
def test_the_cosign_executable_verifies_or_confirms(
    tell: Tell, monkeypatch: pytest.MonkeyPatch, flags: tuple[str, ...]
) -> None:
    monkeypatch.setenv("PYCOSIGN_COSIGN", require_tool("cosign"))
    given = ("verify-blob", "file", "--bundle", "p256.bundle", UNLOGGED, *flags)
    assert tell(*given, "--key", "p256.pub").code == 0
    refused = tell(*given, "--key", "p384.pub")
    assert (refused.code, refused.outcome) == (1, "refused")


@pytest.mark.parametrize("flags", [("--engine", "cosign"), ("--cross-check", "cosign")])
def test_without_the_executable_there_is_no_verdict(
    tell: Tell, monkeypatch: pytest.MonkeyPatch, flags: tuple[str, ...]
) -> None:
    monkeypatch.setenv("PYCOSIGN_COSIGN", "/nowhere/cosign")
    told = tell("verify-blob", "file", "--bundle", "p256.bundle", "--key", "p256.pub", UNLOGGED, *flags)
    assert told.code in {2, 3}
    assert told.outcome == ""
    assert "/nowhere/cosign" in told.err


CONFIGURATION = """\
apiVersion: pycosign.dev/v1alpha1
kind: VerifierConfiguration
metadata: {name: test}
spec:
  trustedMaterialProvider:
    type: static
    trustedRoot: root.json
    keys: [{name: release, file: ed25519.pub}]
  policyProvider:
    type: static
    policies:
      - name: files
        scopes: ["*"]
        keys: [release]
        verifierConfig: {unsafeIgnoreTlog: true}
"""


def test_the_configuration_of_the_service(tell: Tell, folder: Path) -> None:
    """The file's key needs the content itself, which no registry is asked for."""
    (folder / "config.yaml").write_text(CONFIGURATION)
    given = ("--config", "config.yaml")
    assert tell("verify-blob", "file", "--bundle", "ed25519.bundle", *given).code == 0
    refused = tell("verify-blob", "file", "--bundle", "p256.bundle", *given)
    assert (refused.code, refused.reason) == (1, "signature-invalid")
    assert "--key" not in refused.err  # flags are no way to say otherwise here
    told = tell("verify-blob-attestation", "file", "--bundle", "p256.att", *given)
    assert (told.code, told.outcome) == (2, "")
    assert "asks for an attestation" in told.err


def test_text_for_people_and_a_name_that_plays_tricks(
    tell: Tell, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = "a\x1b[2J\nblob: allowed"
    (folder / name).write_bytes(CONTENT)
    code = run(pycosign, ["verify-blob", name, "--bundle", "p256.bundle", "--key", "p384.pub", UNLOGGED])
    told = capsys.readouterr().out
    assert code == 1
    assert "\x1b" not in told
    assert not any(line.startswith("blob: allowed") for line in told.splitlines())
    assert "refused: " in told.splitlines()[0]


def test_a_pipe_through_the_program(folder: Path) -> None:
    command = (sys.executable, "-P", "-m", "pycosign.cli", "verify-blob", "-")
    done = subprocess.run(
        [*command, "--bundle", "p256.bundle", "--key", "p256.pub", UNLOGGED],
        check=False,
        input=CONTENT,
        capture_output=True,
        cwd=folder,
        timeout=60,
    )
    assert done.returncode == 0
    assert done.stdout.startswith(f"standard input@{DIGEST}: allowed".encode())
