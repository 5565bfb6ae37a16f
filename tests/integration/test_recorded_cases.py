"""cosign's recorded cases: every one gets the required answer with a fitting reason, through the command line and
through the library.

The command line is given the very command that was recorded for cosign. The library is told the same by the
reader of commands below, which shares nothing with the command line.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from providers.identity import CertificateIdentity, StringMatch
from providers.pem import trusted_root_from_pem
from providers.policy import Policy
from providers.predicates import predicate_type_of
from providers.reasons import ReasonCode
from providers.reference import Reference
from providers.requirement import AttestationRequirement
from providers.scope import Scope
from providers.static import StaticPolicyProvider, StaticTrustedMaterialProvider
from providers.subject import Subject
from providers.trust import TrustedKey, TrustedMaterial
from providers.verifier_config import VerifierConfig
from pycosign.cli.main import pycosign, run
from pycosign.lab import MemoryRegistry, serve_registry
from tests.tools import shared_vectors
from verifier.app import BlobStore, RegistryStore, assemble
from verifier.budget import Budget
from verifier.discovery import Discovery, StorageForm
from verifier.formats.signature_file import SignatureFile, SignatureForm
from verifier.results import ValidationResult
from verifier.verdict import Outcome

VECTORS = shared_vectors()
CASES: list[dict[str, Any]] = json.loads((VECTORS / "cases.json").read_text())
NAMES = [case["case"] for case in CASES]
BY_NAME = dict(zip(NAMES, CASES, strict=True))

# Where several checks fail at once, another class than the recorded one fits as well (README of the vectors).
# These bundles state the digest of the file that was signed, and the signature holds over that: what is wrong is
# the file. A bundle that states no digest, or a bare signature, cannot tell the two apart.
FITTING = {
    "blob/f.bundle.json/other-artifact": ReasonCode.SUBJECT_DIGEST_MISMATCH,
    "keyless/bundles/f.v1.json/other-artifact": ReasonCode.SUBJECT_DIGEST_MISMATCH,
    "keyless/bundles/f.v2.json/other-artifact": ReasonCode.SUBJECT_DIGEST_MISMATCH,
}


def _fixtures() -> list[str]:
    return sorted({case["fixture"] for case in CASES if case["fixture"].startswith("oci/")})


def _load(fixture: Path) -> tuple[MemoryRegistry, dict[str, Any]]:
    """The registry that the fixture was recorded from: blobs, manifests (indexes last), tags."""
    about = json.loads((fixture / "fixture.json").read_text())
    # Without the Referrers API, what refers to an image is found by the fallback tag only.
    registry = MemoryRegistry(referrers_api="with the referrers API" in about["registry"])
    repository = about["repository"]
    for blob in (fixture / "blobs").iterdir():
        assert registry.put_blob(repository, blob.read_bytes()) == blob.name.replace("-", ":")
    tags: dict[str, list[str | None]] = {digest: [None] for digest in about["manifests"]}
    for tag, digest in about["tags"].items():
        tags[digest].append(tag)
    for digest, media_type in sorted(about["manifests"].items(), key=lambda item: "index" in item[1]):
        data = (fixture / "manifests" / f"{digest.replace(':', '-')}.json").read_bytes()
        for tag in tags[digest]:
            assert registry.put_manifest(repository, data, media_type, tag=tag).digest == digest
    return registry, about


@dataclass
class Registries:
    """An address for each fixture, and the repository in it."""

    places: dict[str, tuple[str, str]]

    def argument(self, case: dict[str, Any], text: str) -> str:
        if "IMAGE@DIGEST" not in text and "REGISTRY" not in text:
            return text
        address, repository = self.places[case["fixture"]]
        text = text.replace("IMAGE@DIGEST", f"{address}/{repository}@{case['subject']}")
        return text.replace("REGISTRY", address)


@pytest.fixture(scope="module")
def registries() -> Iterator[Registries]:
    with ExitStack() as served:
        places = {}
        for name in _fixtures():
            registry, about = _load(VECTORS / name)
            if (VECTORS / name / "referrers.json").exists():
                _same_referrers(registry, about, json.loads((VECTORS / name / "referrers.json").read_text()))
            places[name] = (served.enter_context(serve_registry(registry)), about["repository"])
        yield Registries(places)


def _same_referrers(registry: MemoryRegistry, about: dict[str, Any], recorded: dict[str, Any]) -> None:
    listed = registry.referrers(about["repository"], about["tags"]["v1"])
    by_digest = {str(found["digest"]): found for found in listed}
    assert by_digest == {found["digest"]: found for found in recorded["manifests"]}


def words(case: dict[str, Any], registries: Registries) -> list[str]:
    program, *words = shlex.split(case["command"])
    assert program == "cosign"
    return [registries.argument(case, word) for word in words]


def environment(case: dict[str, Any]) -> dict[str, str]:
    """Written as before a command: ``NAME=value NAME=value``."""
    pairs = (word.partition("=") for word in shlex.split(case.get("env", "")))
    return {name: value for name, _, value in pairs}


@pytest.fixture
def at_vectors(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.chdir(VECTORS)
    for name in list(os.environ):
        if name.startswith(("SIGSTORE_", "COSIGN_", "TUF_")):
            monkeypatch.delenv(name)
    return monkeypatch


def _check(case: dict[str, Any], outcome: Outcome, reason: ReasonCode) -> None:
    required = Outcome.ALLOWED if case["expect"] == "accept" else Outcome.REFUSED
    assert (outcome, reason) == (required, _fitting(case))


def _fitting(case: dict[str, Any]) -> ReasonCode:
    recorded = ReasonCode[case["reason"].upper().replace("-", "_")]
    return FITTING.get(case["case"], recorded)


def test_all_cases_are_there() -> None:
    assert len(NAMES) == len(set(NAMES)) == 155
    assert FITTING.keys() <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_the_command_line_answers_as_required(
    name: str, registries: Registries, at_vectors: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    case = BY_NAME[name]
    for variable, value in environment(case).items():
        at_vectors.setenv(variable, value)
    code = run(pycosign, [*words(case, registries), "-o", "json"])
    (result,) = json.loads(capsys.readouterr().out)
    outcome = Outcome[result["outcome"].removeprefix("OUTCOME_")]
    _check(case, outcome, ReasonCode[result["reason"].removeprefix("REASON_CODE_")])
    assert code == (0 if case["expect"] == "accept" else 1)


# One of each kind, accepted and refused.
PROCESSES = [
    "oci/sign-legacy-key/ok",
    "oci/sign-bundle-key/wrong-key",
    "oci/attest-bundle-key/type-spdxjson",
    "oci/sign-legacy-keyless/roots-from-environment",
    "blob/f.bundle.json/by-digest",
    "blob/f.legacy.bundle.json/wrong-key",
    "blob/f.att.bundle.json/ok",
    "keyless/bundles/f.v2.json/root-tlog-expired",
]


@pytest.mark.parametrize("name", PROCESSES)
def test_the_program_ends_with_the_required_code(name: str, registries: Registries) -> None:
    case = BY_NAME[name]
    clean = {
        name: value for name, value in os.environ.items() if not name.startswith(("SIGSTORE_", "COSIGN_"))
    }
    done = subprocess.run(
        [sys.executable, "-P", "-m", "pycosign.cli", *words(case, registries)],
        check=False,
        capture_output=True,
        text=True,
        cwd=VECTORS,
        env=clean | environment(case),
        timeout=120,
    )
    assert done.returncode == (0 if case["expect"] == "accept" else 1), done.stderr
    assert f"[{_fitting(case)}]" in done.stdout


# The library.


def _reader() -> argparse.ArgumentParser:
    reader = argparse.ArgumentParser(allow_abbrev=False)
    reader.add_argument("verb")
    for name in (
        "key",
        "trusted-root",
        "certificate-identity",
        "certificate-identity-regexp",
        "certificate-oidc-issuer",
        "certificate-github-workflow-repository",
        "signature-digest-algorithm",
        "bundle",
        "signature",
        "type",
    ):
        reader.add_argument(f"--{name}", default="")
    for name in ("insecure-ignore-tlog", "use-signed-timestamps", "offline", "experimental-oci11"):
        reader.add_argument(f"--{name}", action="store_true")
    reader.add_argument("--new-bundle-format", default="true")
    reader.add_argument("-a", action="append", default=[])
    reader.add_argument("artifact")
    return reader


def _trust(told: argparse.Namespace, env: dict[str, str]) -> StaticTrustedMaterialProvider:
    keys: tuple[TrustedKey, ...] = ()
    if told.key:
        keys = (TrustedKey("the key", Path(told.key).read_bytes(), told.signature_digest_algorithm),)
    root = Path(told.trusted_root).read_bytes() if told.trusted_root else b""
    files = {
        part: Path(env[name])
        for name, part in {
            "SIGSTORE_ROOT_FILE": "fulcio",
            "SIGSTORE_REKOR_PUBLIC_KEY": "rekor",
            "SIGSTORE_CT_LOG_PUBLIC_KEY_FILE": "ctlog",
        }.items()
        if name in env
    }
    if files:
        root = trusted_root_from_pem(**files)
    return StaticTrustedMaterialProvider(TrustedMaterial.of("case", root, datetime.now(UTC), keys))


def _policy(told: argparse.Namespace) -> Policy:
    scopes = (Scope.parse("*"),)
    attestation = None
    if told.verb.endswith("-attestation"):
        attestation = AttestationRequirement((predicate_type_of(told.type),))
    annotations = tuple((name, value) for name, _, value in (pair.partition("=") for pair in told.a))
    if told.key:
        config = VerifierConfig.for_keys(
            unsafe_ignore_tlog=told.insecure_ignore_tlog, require_signed_timestamps=told.use_signed_timestamps
        )
        return Policy.single(
            "case",
            scopes,
            keys=("the key",),
            verifier_config=config,
            attestation=attestation,
            annotations=annotations,
        )
    claims: tuple[tuple[str, StringMatch], ...] = ()
    if told.certificate_github_workflow_repository:
        expected = StringMatch(value=told.certificate_github_workflow_repository)
        claims = (("githubWorkflowRepository", expected),)
    identity = CertificateIdentity(
        StringMatch(value=told.certificate_identity, regexp=told.certificate_identity_regexp),
        StringMatch(value=told.certificate_oidc_issuer),
        claims,
    )
    config = VerifierConfig(
        require_tlog_entries=not told.insecure_ignore_tlog,
        require_signed_timestamps=told.use_signed_timestamps,
    )
    return Policy.single("case", scopes, (identity,), verifier_config=config, attestation=attestation)


def _ask(told: argparse.Namespace, env: dict[str, str]) -> ValidationResult:
    trust, policies = _trust(told, env), StaticPolicyProvider((_policy(told),))
    if "blob" not in told.verb:
        forms = (
            {StorageForm.TAG} if told.new_bundle_format == "false" else {StorageForm.BUNDLE, StorageForm.TAG}
        )
        forms |= {StorageForm.OCI11} if told.experimental_oci11 else set()
        address = told.artifact.partition("/")[0]
        store = RegistryStore(plain_http=frozenset({address}))
        with assemble(
            trust=trust, policies=policies, store=store, discovery=Discovery(frozenset(forms))
        ) as verifier:
            return verifier.validate(Subject.parse(told.artifact), Budget(60))
    blob = (
        BlobStore.of_digest(told.artifact)
        if told.artifact.startswith("sha256:")
        else BlobStore.of_file(Path(told.artifact))
    )
    form = SignatureForm.BUNDLE
    if told.signature:
        form = SignatureForm.ENVELOPE if told.verb.endswith("-attestation") else SignatureForm.SIGNATURE
    given = SignatureFile(form, Path(told.bundle or told.signature).read_bytes())
    subject = Subject(Reference.local("file", digest=blob.descriptor.digest))
    with assemble(trust=trust, policies=policies, store=blob) as verifier:
        return verifier.validate_file(subject, blob.descriptor, (given,), Budget(60))


@pytest.mark.parametrize("name", NAMES)
def test_the_library_answers_as_required(
    name: str, registries: Registries, at_vectors: pytest.MonkeyPatch
) -> None:
    case = BY_NAME[name]
    result = _ask(_reader().parse_args(words(case, registries)), environment(case))
    _check(case, result.outcome, result.reason)
    assert result.admitted is (case["expect"] == "accept")
