"""The demonstration: what is pushed, signed and attacked, and what must be said about each.

1. a Sigstore and a registry of our own, on loopback
2. an image, a chart and an artifact, signed as cosign 3 signs
3. the attacks
4. a configuration file, and the real server as a process of its own
5. the questions, over gRPC
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from providers.reasons import ReasonCode
from pycosign.client import VerifierClient
from pycosign.lab import Lab, MemoryRegistry
from pycosign.lab.push import attach_bundle, push_artifact, push_chart, push_image
from pycosign.lab.registry import Descriptor
from verifier.v1 import verifier_pb2 as pb

IDENTITY = "https://ci.lab.test/demo/app/.ci/release.yml@refs/heads/main"
ISSUER = "https://oidc.lab.test"
STRANGER = "https://ci.lab.test/somebody-else/fork/.ci/release.yml@refs/heads/main"

# Loaded machines take seconds to import; a server that takes longer than this has not started.
_START_SECONDS = 60.0

OUTCOMES = {
    pb.OUTCOME_ALLOWED: "allowed",
    pb.OUTCOME_REFUSED: "refused",
    pb.OUTCOME_COULD_NOT_CHECK: "could not check",
}


@dataclass(frozen=True, slots=True)
class Question:
    """An artifact and the reason code its verdict must have."""

    title: str
    reference: str
    expected: ReasonCode


@dataclass(frozen=True, slots=True)
class Row:
    """A question with its answer and the milliseconds it took, seen from the client."""

    question: Question
    answer: pb.ValidationResult
    milliseconds: float

    @property
    def right(self) -> bool:
        """Whether the verdict is the one required: reason, outcome and admission."""
        allowed = self.question.expected is ReasonCode.OK
        outcome = pb.OUTCOME_ALLOWED if allowed else pb.OUTCOME_REFUSED
        if self.question.expected.could_not_check:
            outcome = pb.OUTCOME_COULD_NOT_CHECK
        return (
            int(self.answer.reason) == int(self.question.expected)
            and self.answer.outcome == outcome
            and self.answer.admitted == allowed
        )


def prepare(lab: Lab, registry: MemoryRegistry, address: str) -> list[Question]:
    """Push, sign and attack; return the questions to ask about it all."""
    stranger = Lab(name="stranger")
    questions: list[Question] = []

    def ask(title: str, repository: str, tag: str, expected: ReasonCode) -> None:
        questions.append(Question(title, f"{address}/demo/{repository}:{tag}", expected))

    def sign(repository: str, subject: Descriptor, bundle: bytes) -> None:
        attach_bundle(registry, f"demo/{repository}", subject, bundle)

    def image(repository: str) -> Descriptor:
        return push_image(registry, f"demo/{repository}", tag="v1", content=repository.encode())

    # (2)
    app = image("app")
    good = lab.sign_image(app.digest, identity=IDENTITY, issuer=ISSUER)
    sign("app", app, good)
    ask("image", "app", "v1", ReasonCode.OK)

    chart = push_chart(registry, "demo/chart", version="0.1.0")
    sign("chart", chart, lab.sign_image(chart.digest, identity=IDENTITY, issuer=ISSUER))
    ask("Helm chart", "chart", "0.1.0", ReasonCode.OK)

    model = push_artifact(registry, "demo/model", "application/vnd.lab.model", b"weights", tag="v1")
    sign("model", model, lab.sign_image(model.digest, identity=IDENTITY, issuer=ISSUER))
    ask("plain artifact", "model", "v1", ReasonCode.OK)

    newer = image("rekor2")
    sign("rekor2", newer, lab.sign_image(newer.digest, identity=IDENTITY, issuer=ISSUER, log="rekor2"))
    ask("image, Rekor v2", "rekor2", "v1", ReasonCode.OK)

    # (3)
    sign("copied", image("copied"), good)
    ask("copied signature", "copied", "v1", ReasonCode.SUBJECT_DIGEST_MISMATCH)

    fork = image("fork")
    sign("fork", fork, lab.sign_image(fork.digest, identity=STRANGER, issuer=ISSUER))
    ask("wrong identity", "fork", "v1", ReasonCode.IDENTITY_MISMATCH)

    forged = image("forged")
    sign("forged", forged, lab.sign_image(forged.digest, identity=IDENTITY, issuer=ISSUER, ca=stranger.ca))
    ask("stranger's CA", "forged", "v1", ReasonCode.CHAIN_UNTRUSTED)

    tampered = image("tampered")
    sign("tampered", tampered, _renamed_subject(lab, app.digest, tampered.digest))
    ask("tampered payload", "tampered", "v1", ReasonCode.SIGNATURE_INVALID)

    image("unsigned")
    ask("no signature", "unsigned", "v1", ReasonCode.NO_SIGNATURE)

    ask("no such image", "missing", "v1", ReasonCode.IMAGE_NOT_FOUND)
    questions.append(Question("no policy", "registry.lab.test/other/app:v1", ReasonCode.NO_POLICY))
    return questions


def _renamed_subject(lab: Lab, signed: str, claimed: str) -> bytes:
    """A bundle signed for one digest, whose payload was edited to name another."""
    old, new = signed.partition(":")[2].encode(), claimed.partition(":")[2].encode()
    return lab.sign_image(
        signed, identity=IDENTITY, issuer=ISSUER, tamper=lambda payload: payload.replace(old, new)
    )


def write_configuration(directory: Path, lab: Lab, address: str) -> Path:
    """(4) The files an operator would write: the trusted root and the configuration. Returns the latter."""
    (directory / "trusted_root.json").write_bytes(lab.trusted_root())
    path = directory / "verifier.yaml"
    path.write_text(
        f"""\
apiVersion: pycosign.dev/v1alpha1
kind: VerifierConfiguration
metadata:
  name: demo
spec:
  server:
    address: 127.0.0.1:0
    noticeSeconds: 0   # nobody needs time to notice that a demonstration ends
  registry:
    insecurePlainHTTP: ["{address}"]   # the lab's registry speaks no TLS
  trustedMaterialProvider:
    type: static
    trustedRoot: trusted_root.json
  policyProvider:
    type: static
    policies:
      - name: release
        scopes: ["{address}/demo"]
        certificateIdentities:
          - subject: {IDENTITY}
            issuer: {ISSUER}
""",
        encoding="utf-8",
    )
    return path


@contextmanager
def server_process(configuration: Path) -> Iterator[str]:
    """`pycosign serve` as a process of its own; yields its address and ends it with SIGTERM."""
    log = configuration.with_suffix(".log")
    command = [sys.executable, "-P", "-m", "pycosign.cli", "serve", "--config", str(configuration)]
    with (
        log.open("wb") as stderr,
        subprocess.Popen(  # noqa: S603  (our own interpreter, a fixed command)
            command, stdout=subprocess.PIPE, stderr=stderr, env=os.environ | {"PYTHONUNBUFFERED": "1"}
        ) as process,
    ):
        try:
            yield _announced_address(process, log)
        finally:
            process.terminate()
            process.wait(timeout=_START_SECONDS)


def _announced_address(process: subprocess.Popen[bytes], log: Path) -> str:
    """The address on the line the server prints when it serves; it prints nothing if it cannot."""
    line = process.stdout.readline().decode() if process.stdout is not None else ""
    if not line:
        raise RuntimeError(f"the server did not start:\n{log.read_text(errors='replace')}")
    return line.split()[-1]


def ask(client: VerifierClient, questions: list[Question]) -> Iterator[Row]:
    """(5) Each question as a client asks it, in turn."""
    for question in questions:
        started = time.perf_counter()
        answer = client.validate(question.reference, timeout=10.0)
        yield Row(question, answer, (time.perf_counter() - started) * 1000)


def signer(answer: pb.ValidationResult) -> str:
    """Who signed, as far as a signature was found to hold."""
    for signature in _signatures(answer):
        if signature.signature.HasField("certificate"):
            return signature.signature.certificate.subject_alternative_name
    return ""


def signing_time(answer: pb.ValidationResult) -> str:
    """When it was signed, as far as that was proven."""
    for signature in _signatures(answer):
        for stamp in signature.verified_timestamps:
            return stamp.timestamp.ToDatetime().strftime("%Y-%m-%d %H:%M:%SZ")
    return ""


def _signatures(answer: pb.ValidationResult) -> Iterator[pb.CosignVerificationResult]:
    for result in answer.results:
        yield from result.detail
