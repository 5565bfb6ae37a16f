"""What is asked for has to be clear before anything is looked at.

Every contradiction is a usage error (2) that says what to do, and nothing is printed where a verdict would stand.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from providers.identity import CertificateIdentity, StringMatch
from providers.trust import TrustedKey
from providers.verifier_config import VerifierConfig
from pycosign.cli.evidence_options import EvidenceOptions, dangers_of, evidence_of
from pycosign.cli.main import pycosign, run
from pycosign.cli.predicate_option import attestation_of
from pycosign.cli.signer_options import SignerOptions, signer_of

ID = ("--certificate-identity", "a", "--certificate-oidc-issuer", "b")
NOTHING = dict.fromkeys(SignerOptions.__dataclass_fields__)
USUAL = EvidenceOptions(
    insecure_ignore_tlog=False,
    insecure_ignore_sct=False,
    use_signed_timestamps=False,
    unsafe_use_current_time=False,
    private_infrastructure=False,
    check_claims=True,
)
KEY = TrustedKey("k", b"...")
IDENTITY = CertificateIdentity(StringMatch(value="a"), StringMatch(value="b"))


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    public = ec.generate_private_key(ec.SECP256R1()).public_key()
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (tmp_path / "key.pub").write_bytes(pem)
    (tmp_path / "file").write_text("content")
    (tmp_path / "sig").write_text("AAAA")
    (tmp_path / "bundle").write_text("{}")
    (tmp_path / "no.pub").write_text("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


IMAGE = ("verify", "127.0.0.1:1/a")
ATTESTATION = ("verify-attestation", "127.0.0.1:1/a")
BLOB = ("verify-blob", "file", "--bundle", "bundle")
BLOB_ATTESTATION = ("verify-blob-attestation", "file", "--bundle", "bundle")
WITH_KEY = ("--key", "key.pub", "--insecure-ignore-tlog")


@pytest.mark.parametrize("command", [IMAGE, ATTESTATION, BLOB, BLOB_ATTESTATION])
@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ((), "--key FILE; or --certificate-identity SAN with --certificate-oidc-issuer"),
        (("--trusted-root", "root"), "Say who must have signed"),
        (("--certificate-identity", "a"), "--certificate-oidc-issuer and --certificate-oidc-issuer-regexp"),
        (("--certificate-oidc-issuer", "a"), "--certificate-identity and --certificate-identity-regexp"),
        ((*ID, "--certificate-identity-regexp", "a"), "exactly one of --certificate-identity"),
        ((*ID, "--certificate-oidc-issuer-regexp", "a"), "exactly one of --certificate-oidc-issuer"),
        (("--certificate-github-workflow-name", "x"), "--certificate-identity"),
        (("--certificate-identity", "", "--certificate-oidc-issuer", "b"), "is a variable unset?"),
        ((*ID, "--certificate-github-workflow-repository", ""), "is a variable unset?"),
        (("--key", ""), "is a variable unset?"),
        (("--certificate-identity-regexp", "((", "--certificate-oidc-issuer", "b"), "RE2"),
        ((*ID, "--key", "key.pub"), "--key and --certificate-identity exclude each other"),
        (
            ("--key", "key.pub", "--certificate-github-workflow-sha", "x"),
            "--key and --certificate-github-workflow-sha exclude each other",
        ),
        (("--key", "nowhere"), "nowhere"),
        (("--key", "no.pub", "--insecure-ignore-tlog"), "'no.pub' cannot be used"),
        (("--key", "key.pub", "--unsafe-use-current-time"), "is for certificates"),
        ((*ID, "--signature-digest-algorithm", "sha256"), "is for --key"),
        (("--key", "key.pub", "--signature-digest-algorithm", "md5"), "md5"),
        ((*ID, "--unsafe-use-current-time", "--use-signed-timestamps"), "exclude each other"),
        ((*ID, "--check-claims=false"), "another artifact would pass"),
        ((*ID, "--private-infrastructure"), "--insecure-ignore-tlog"),
        ((*ID, "--trusted-root", "nowhere"), "nowhere"),
        ((*ID, "--trusted-root", ""), "--trusted-root"),
        ((*ID, "--engine", "go"), "native"),
        ((*ID, "--cross-check", "native"), "cosign"),
        ((*ID, "--cross-check", "cosign", "--engine", "cosign"), "nobody checks itself"),
        ((*ID, "-o", "yaml"), "json"),
        ((*ID, "-t", "soon"), "90s"),
        ((*ID, "--insecure-ignore-tlog=maybe"), "neither true nor false"),
        ((*ID, "--trustedroot", "x"), "--trusted-root"),
        ((*ID, "--config", "c.yaml"), "--config and --certificate-identity exclude each other"),
        (("--key", "key.pub", "--config", "c.yaml"), "--config and --key exclude each other"),
        (("--config", "c.yaml", "--trusted-root", "x"), "--config and --trusted-root"),
        (("--config", "c.yaml", "--insecure-ignore-tlog"), "--config and --insecure-ignore-tlog"),
        (("--config", "c.yaml", "--engine", "native"), "--config and --engine"),
        (("--config", "c.yaml"), "c.yaml: the file cannot be read"),
        (("--config", ""), "is a variable unset?"),
    ],
)
def test_every_command_wants_to_know_who_signed(
    command: tuple[str, ...],
    flags: tuple[str, ...],
    said: str,
    here: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    _refused((*command, *flags), said, capsys)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((*IMAGE, *WITH_KEY, "-a", "env"), "key=value"),
        ((*IMAGE, *WITH_KEY, "-a", "env=prod", "-a", "env=dev"), "env=prod and env=dev exclude each other"),
        ((*IMAGE, "--config", "c.yaml", "-a", "env=prod"), "--config and --annotations"),
        ((*IMAGE, "--config", "c.yaml", "--allow-http-registry"), "--config and --allow-http-registry"),
        ((*IMAGE, "--config", "c.yaml", "--new-bundle-format"), "--config and --new-bundle-format"),
        ((*ATTESTATION, "--config", "c.yaml", "--type", "vuln"), "--config and --type"),
        ((*ATTESTATION, *WITH_KEY, "--type", "sbom"), "spdxjson"),
        ((*ATTESTATION, *WITH_KEY, "--type", ""), "is a variable unset?"),
        ((*ATTESTATION, *WITH_KEY, "-a", "a=b"), "-a"),
        (("verify", *WITH_KEY), "IMAGE"),
        (("verify", "", *WITH_KEY), "reference"),
        (("verify", "oci-layout:", *WITH_KEY), "path of a folder"),
        (("verify", "oci-layout:nowhere", *WITH_KEY), "nowhere"),
        (("verify", "oci-layout:file", *WITH_KEY), "file"),
        (("verify-blob", "file", *WITH_KEY), "--bundle and --signature"),
        ((*BLOB, "--signature", "sig", *WITH_KEY), "--bundle and --signature"),
        ((*BLOB, "--certificate", "sig", *WITH_KEY), "--key and --certificate"),
        ((*BLOB, "--certificate", "sig", *ID), "a Sigstore bundle brings its own"),
        ((*BLOB, "--rfc3161-timestamp", "sig", *WITH_KEY), "a Sigstore bundle brings its own"),
        (("verify-blob", "file", "--bundle", "nowhere", *WITH_KEY), "--bundle nowhere"),
        (("verify-blob", "file", "--bundle", "", *WITH_KEY), "is a variable unset?"),
        (("verify-blob", "file", "--signature", "nowhere.sig", *WITH_KEY), "there is no such file"),
        (("verify-blob", "file", "--signature", ".", *WITH_KEY), "Is a directory"),
        (("verify-blob", "file", "--signature", "sig", "--certificate", "no", *ID), "--certificate no"),
        (("verify-blob", "nowhere", "--signature", "sig", *WITH_KEY), "nowhere"),
        (("verify-blob", ".", "--signature", "sig", *WITH_KEY), "Is a directory"),
        (("verify-blob", "", "--signature", "sig", *WITH_KEY), "is a variable unset?"),
        (("verify-blob", "sha256:abc", "--signature", "sig", *WITH_KEY), "not a sha256 digest"),
        (("verify-blob", "--signature", "sig", *WITH_KEY), "FILE"),
        (("verify-blob-attestation", "--bundle", "bundle", *WITH_KEY), "--digest HEX"),
        ((*BLOB_ATTESTATION, "--digest", "ab" * 32, *WITH_KEY), "--digest HEX in its place"),
        ((*BLOB_ATTESTATION, "--digestAlg", "sha256", *WITH_KEY), "--digestAlg is for --digest"),
        (
            ("verify-blob-attestation", "--bundle", "bundle", "--digest", "ab", *WITH_KEY),
            "not a sha256 digest",
        ),
        (
            ("verify-blob-attestation", "--bundle", "bundle", "--digest", "a", "--digestAlg", "sha512", *ID),
            "sha256",
        ),
        (
            ("verify-blob-attestation", "file", "--signature", "QUFB", *WITH_KEY),
            "there is no such file",
        ),
    ],
)
def test_each_command_wants_to_know_what_to_verify(
    arguments: tuple[str, ...], said: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _refused(arguments, said, capsys)


def _refused(arguments: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(pycosign, arguments) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert said in told.err
    assert "Traceback" not in told.err


def test_whom_the_flags_name() -> None:
    claims = {
        f"certificate_github_workflow_{part}": part
        for part in ("name", "ref", "repository", "sha", "trigger")
    }
    named = signer_of(
        SignerOptions(
            **NOTHING | {"certificate_identity_regexp": "a.*", "certificate_oidc_issuer": "b"} | claims
        )
    )
    assert isinstance(named, CertificateIdentity)
    assert named.subject_alternative_name.regexp == "a.*"
    assert named.issuer.value == "b"
    assert {name: str(match) for name, match in named.claims} == {
        "githubWorkflowName": "name",
        "githubWorkflowRef": "ref",
        "githubWorkflowRepository": "repository",
        "githubWorkflowSHA": "sha",
        "githubWorkflowTrigger": "trigger",
    }


def test_how_much_evidence_is_asked_of_whom() -> None:
    """Nothing is left out that no flag names."""
    assert evidence_of(USUAL, IDENTITY) == VerifierConfig()
    assert evidence_of(USUAL, KEY) == VerifierConfig.for_keys()
    assert evidence_of(USUAL, KEY).require_tlog_entries


@pytest.mark.parametrize(
    ("flag", "identity", "key"),
    [
        (
            "insecure_ignore_tlog",
            VerifierConfig(require_tlog_entries=False, unsafe_ignore_tlog=True),
            VerifierConfig.for_keys(unsafe_ignore_tlog=True),
        ),
        ("insecure_ignore_sct", VerifierConfig(require_scts=False), VerifierConfig.for_keys()),
        (
            "use_signed_timestamps",
            VerifierConfig(require_signed_timestamps=True),
            VerifierConfig.for_keys(require_signed_timestamps=True),
        ),
    ],
)
def test_a_flag_changes_what_it_says_and_no_more(
    flag: str, identity: VerifierConfig, key: VerifierConfig
) -> None:
    options = _with(flag)
    assert evidence_of(options, IDENTITY) == identity
    assert evidence_of(options, KEY) == key


def test_the_present_counts_only_when_asked_for() -> None:
    config = evidence_of(_with("unsafe_use_current_time"), IDENTITY)
    assert config == VerifierConfig(require_observer_timestamps=False, unsafe_use_current_time=True)


@pytest.mark.parametrize("flag", ["insecure_ignore_tlog", "insecure_ignore_sct", "unsafe_use_current_time"])
def test_every_flag_that_weakens_a_check_is_a_danger(flag: str) -> None:
    assert list(dangers_of(_with(flag), IDENTITY)) == ["--" + flag.replace("_", "-")]
    assert dangers_of(USUAL, IDENTITY) == {}
    assert dangers_of(_with("insecure_ignore_sct"), KEY) == {}  # a key is in no CT log anyway


def _with(flag: str) -> EvidenceOptions:
    values = {name: getattr(USUAL, name) for name in EvidenceOptions.__dataclass_fields__}
    return EvidenceOptions(**values | {flag: True})


def test_types() -> None:
    assert attestation_of("any").predicate_types == ()
    assert attestation_of("spdxjson").predicate_types == ("https://spdx.dev/Document",)
    assert attestation_of("https://example.test/p").predicate_types == ("https://example.test/p",)
