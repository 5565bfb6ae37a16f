"""The real cosign signs into a real registry; the served verifier decides, asked by two kinds of client.

cosign 3.1.1 signs against the served lab, Debian's docker-registry stores (it has no Referrers API), ``pycosign
serve`` runs as a process of its own. The attacks lie in the same registry. Beside it, a registry that misbehaves.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest
import urllib3

from providers.reasons import ReasonCode
from pycosign.client import VerifierClient
from pycosign.demo import IDENTITY, ISSUER, Question, ask, prepare, server_process
from pycosign.lab import Lab, LabServer, MemoryRegistry
from tests.tools import require_tool
from verifier.facts import CheckStatus
from verifier.results import ValidationResult
from verifier.verdict import Outcome

ATTACKS = {
    ReasonCode.SUBJECT_DIGEST_MISMATCH,
    ReasonCode.IDENTITY_MISMATCH,
    ReasonCode.CHAIN_UNTRUSTED,
    ReasonCode.SIGNATURE_INVALID,
    ReasonCode.NO_SIGNATURE,
}


@dataclass
class World:
    """What runs: the lab, the registry, the verifier's server; and what to ask it about."""

    lab: LabServer
    registry: str
    server: str
    folder: Path
    questions: list[Question]

    def run(self, program: str, *arguments: str) -> str:
        home = str(self.folder)
        done = subprocess.run(
            [require_tool(program), *arguments],
            check=False,
            cwd=self.folder,
            env={"PATH": os.environ["PATH"], "HOME": home, "DOCKER_CONFIG": home, "TUF_ROOT": f"{home}/tuf"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def sign(self, reference: str, *, log: str = "v1") -> None:
        self.run(
            "cosign", "sign", "--signing-config", f"signing-{log}.json", "--trusted-root", "trusted_root.json",
            "--identity-token", "token", "-y", reference,
        )  # fmt: skip

    def validate(self, reference: str) -> ValidationResult:
        with VerifierClient(self.server) as client:
            return client.validate(reference, timeout=20)


def _free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture(scope="module")
def docker_registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Debian's docker-registry on loopback; ends with the test."""
    program = require_tool("docker-registry")
    folder, address = tmp_path_factory.mktemp("registry"), f"127.0.0.1:{_free_port()}"
    configuration = folder / "registry.yml"
    configuration.write_text(
        f"version: 0.1\nlog: {{level: error}}\nstorage: {{filesystem: {{rootdirectory: {folder}}}}}\n"
        f"http: {{addr: '{address}'}}\n"
    )
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([program, "serve", str(configuration)], stdout=log, stderr=log)
        try:
            _wait_for(address)
            yield address
        finally:
            process.terminate()
            process.wait(timeout=20)


def _wait_for(address: str) -> None:
    for _ in range(200):
        try:
            with urllib3.PoolManager(retries=False) as http:
                http.request("GET", f"http://{address}/v2/", timeout=5)
        except urllib3.exceptions.HTTPError:
            time.sleep(0.05)
        else:
            return
    pytest.fail(f"nothing answers at {address}")


@pytest.fixture(scope="module")
def world(docker_registry: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    require_tool("cosign")
    crane = require_tool("crane")
    folder = tmp_path_factory.mktemp("world")
    with LabServer(registry=MemoryRegistry(referrers_api=False)) as services:
        (folder / "trusted_root.json").write_bytes(services.lab.trusted_root())
        (folder / "signing-v1.json").write_bytes(services.signing_config())
        (folder / "signing-v2.json").write_bytes(services.signing_config(rekor=2))
        (folder / "token").write_text(services.lab.token(IDENTITY, issuer=ISSUER))
        prepare(services.lab, services.registry, services.registry_address)
        for repository in services.registry.repositories():
            source, target = f"{services.registry_address}/{repository}", f"{docker_registry}/{repository}"
            subprocess.run(
                [crane, "copy", "--all-tags", source, target],
                check=True,
                capture_output=True,
                timeout=120,
                env={"PATH": os.environ["PATH"], "HOME": str(folder)},
            )
        questions = prepare(Lab(), MemoryRegistry(), docker_registry)
        configuration = folder / "verifier.yaml"
        configuration.write_text(_CONFIGURATION.format(registry=docker_registry))
        with server_process(configuration) as server:
            yield World(services, docker_registry, server, folder, questions)


_CONFIGURATION = f"""\
apiVersion: pycosign.dev/v1alpha1
kind: VerifierConfiguration
metadata:
  name: end-to-end
spec:
  server:
    address: 127.0.0.1:0
    noticeSeconds: 0
  registry:
    insecurePlainHTTP: ["{{registry}}"]
  trustedMaterialProvider:
    type: static
    trustedRoot: trusted_root.json
  policyProvider:
    type: static
    policies:
      - name: release
        scopes: ["127.0.0.1:1", "{{registry}}"]
        certificateIdentities:
          - subject: {IDENTITY}
            issuer: {ISSUER}
"""


@pytest.mark.parametrize("log", ["v1", "v2"])
def test_what_cosign_signed_is_allowed(world: World, log: str) -> None:
    """Before and after: unsigned it is refused, signed by the real cosign it is allowed."""
    unsigned = f"{world.registry}/demo/unsigned:v1"
    reference = f"{world.registry}/cosign/{log}:v1"
    world.run("crane", "copy", unsigned, reference)
    before = world.validate(reference)
    assert (before.outcome, before.reason) == (Outcome.REFUSED, ReasonCode.NO_SIGNATURE)
    assert before.subject is not None
    world.sign(f"{reference.removesuffix(':v1')}@{before.subject.digest}", log=log)
    after = world.validate(reference)
    assert (after.outcome, after.admitted, after.reason) == (Outcome.ALLOWED, True, ReasonCode.OK)
    (result,) = after.results
    (detail,) = result.detail
    assert detail.certificate is not None
    assert detail.certificate.subject_alternative_name == IDENTITY
    assert detail.certificate.issuer == ISSUER
    assert {check.status for check in detail.checks} <= {CheckStatus.PASS, CheckStatus.SKIPPED}


def test_the_attacks_are_refused_for_five_different_reasons(world: World) -> None:
    with VerifierClient(world.server) as client:
        rows = list(ask(client, world.questions))
    wrong = [(row.question.title, row.answer.message) for row in rows if not row.right]
    assert wrong == []
    assert {row.question.expected for row in rows} >= ATTACKS


def test_a_client_that_knows_reflection_only(world: World) -> None:
    program = Path(__file__).parents[1] / "reflecting_client.py"
    for question in world.questions[:1] + world.questions[4:5]:
        done = subprocess.run(
            [sys.executable, "-I", str(program), world.server, question.reference],
            check=True,
            cwd=world.folder,
            capture_output=True,
            text=True,
            timeout=60,
        )
        answer = json.loads(done.stdout)
        assert answer["reason"] == f"REASON_CODE_{question.expected.name}"
        assert answer.get("admitted", False) is (question.expected is ReasonCode.OK)


def test_the_command_line_gives_the_same_verdicts(world: World) -> None:
    for question in world.questions[:9]:
        done = _pycosign_verify(world, question.reference)
        answer = json.loads(done.stdout)[0]
        assert answer["reason"] == f"REASON_CODE_{question.expected.name}", done.stderr
        assert done.returncode == (0 if question.expected is ReasonCode.OK else 1)


def _pycosign_verify(world: World, reference: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [
            *(sys.executable, "-P", "-m", "pycosign.cli", "verify", reference, "-o", "json"),
            *("--certificate-identity", IDENTITY, "--certificate-oidc-issuer", ISSUER),
            *("--trusted-root", str(world.folder / "trusted_root.json")),
        ],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_a_signature_by_another_trusted_root_is_refused(world: World) -> None:
    """The same image, the same signature, and somebody else's root."""
    (world.folder / "other_root.json").write_bytes(Lab(name="other").trusted_root())
    done = subprocess.run(
        [
            *(sys.executable, "-P", "-m", "pycosign.cli", "verify", world.questions[0].reference),
            *("--certificate-identity", IDENTITY, "--certificate-oidc-issuer", ISSUER),
            *("--trusted-root", str(world.folder / "other_root.json")),
        ],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1
    assert "chain-untrusted" in done.stdout


def test_a_registry_that_is_down_could_not_be_checked(world: World) -> None:
    answer = world.validate("127.0.0.1:1/demo/app:v1")
    assert answer.outcome is Outcome.COULD_NOT_CHECK
    assert not answer.admitted
