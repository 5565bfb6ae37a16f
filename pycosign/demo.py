"""The demonstration: what is pushed, signed and attacked, and what must be said about each.

1. a Sigstore and a registry of our own, on loopback
2. an image, a chart and an artifact, signed as cosign 3 signs
3. the attacks
4. a configuration file, and the real server as a process of its own
5. the questions, over gRPC
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Unpack

from providers.reasons import ReasonCode
from pycosign.client import VerifierClient
from pycosign.lab import Lab, MemoryRegistry
from pycosign.lab.push import attach_bundle, push_artifact, push_chart, push_image
from pycosign.lab.registry import Descriptor
from pycosign.lab.sign import SigningOptions
from verifier.results import CosignVerificationResult, ValidationResult
from verifier.verdict import outcome_of

IDENTITY = "https://ci.lab.test/demo/app/.ci/release.yml@refs/heads/main"
ISSUER = "https://oidc.lab.test"
STRANGER = "https://ci.lab.test/somebody-else/fork/.ci/release.yml@refs/heads/main"

# Loaded machines take seconds to import; a server that takes longer than this has not started.
_START_SECONDS = 60.0

# Nothing is in work when the demonstration ends; a server that needs longer than this to stop does not stop.
_STOP_SECONDS = 5.0


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
    answer: ValidationResult
    milliseconds: float

    @property
    def right(self) -> bool:
        """Whether the verdict is the one required: reason, outcome and admission."""
        expected = self.question.expected
        return (
            self.answer.reason is expected
            and self.answer.outcome is outcome_of(expected)
            and self.answer.admitted is (expected is ReasonCode.OK)
        )


def prepare(lab: Lab, registry: MemoryRegistry, address: str) -> list[Question]:
    """Push, sign and attack; return the questions to ask about it all."""
    desk = _Desk(lab, registry, address)
    return [*_signed(desk), *_attacks(desk)]


@dataclass(frozen=True, slots=True)
class _Desk:
    """Where images are pushed and signed."""

    lab: Lab
    registry: MemoryRegistry
    address: str

    def image(self, repository: str) -> Descriptor:
        return push_image(self.registry, f"demo/{repository}", tag="v1", content=repository.encode())

    def bundle(self, digest: str, **options: Unpack[SigningOptions]) -> bytes:
        """A signature as cosign 3 makes it, by the one who may sign unless told otherwise."""
        return self.lab.sign_image(digest, **({"identity": IDENTITY, "issuer": ISSUER} | options))

    def attach(self, repository: str, subject: Descriptor, bundle: bytes) -> None:
        attach_bundle(self.registry, f"demo/{repository}", subject, bundle)

    def question(self, title: str, repository: str, expected: ReasonCode, tag: str = "v1") -> Question:
        return Question(title, f"{self.address}/demo/{repository}:{tag}", expected)


def _signed(desk: _Desk) -> Iterator[Question]:
    """(2) What must be allowed."""
    app = desk.image("app")
    desk.attach("app", app, desk.bundle(app.digest))
    yield desk.question("image", "app", ReasonCode.OK)

    chart = push_chart(desk.registry, "demo/chart", version="0.1.0")
    desk.attach("chart", chart, desk.bundle(chart.digest))
    yield desk.question("Helm chart", "chart", ReasonCode.OK, tag="0.1.0")

    model = push_artifact(desk.registry, "demo/model", "application/vnd.lab.model", b"weights", tag="v1")
    desk.attach("model", model, desk.bundle(model.digest))
    yield desk.question("plain artifact", "model", ReasonCode.OK)

    newer = desk.image("rekor2")
    desk.attach("rekor2", newer, desk.bundle(newer.digest, log="rekor2"))
    yield desk.question("image, Rekor v2", "rekor2", ReasonCode.OK)


def _attacks(desk: _Desk) -> Iterator[Question]:
    """(3) What must not, each for a reason of its own."""
    original = desk.image("app").digest
    desk.attach("copied", desk.image("copied"), desk.bundle(original))
    yield desk.question("copied signature", "copied", ReasonCode.SUBJECT_DIGEST_MISMATCH)

    fork = desk.image("fork")
    desk.attach("fork", fork, desk.bundle(fork.digest, identity=STRANGER))
    yield desk.question("wrong identity", "fork", ReasonCode.IDENTITY_MISMATCH)

    forged = desk.image("forged")
    desk.attach("forged", forged, desk.bundle(forged.digest, ca=Lab(name="stranger").ca))
    yield desk.question("stranger's CA", "forged", ReasonCode.CHAIN_UNTRUSTED)

    tampered = desk.image("tampered")
    desk.attach("tampered", tampered, _renamed_subject(desk, original, tampered.digest))
    yield desk.question("tampered payload", "tampered", ReasonCode.SIGNATURE_INVALID)

    desk.image("unsigned")
    yield desk.question("no signature", "unsigned", ReasonCode.NO_SIGNATURE)

    yield desk.question("no such image", "missing", ReasonCode.IMAGE_NOT_FOUND)
    yield Question("no policy", "registry.lab.test/other/app:v1", ReasonCode.NO_POLICY)


def _renamed_subject(desk: _Desk, signed: str, claimed: str) -> bytes:
    """A bundle signed for one digest, whose payload was edited to name another."""
    old, new = signed.partition(":")[2].encode(), claimed.partition(":")[2].encode()
    return desk.bundle(signed, tamper=lambda payload: payload.replace(old, new))


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


def pycosign_command(python: str = sys.executable) -> list[str]:
    """How to start ``pycosign`` in the environment of ``python``.

    The console script where there is one: neither it nor ``-P`` imports from the folder it is started in.
    """
    script = Path(python).with_name("pycosign")
    return [str(script)] if os.access(script, os.X_OK) else [python, "-P", "-m", "pycosign.cli"]


@contextmanager
def server_process(configuration: Path, *, grace: float = _STOP_SECONDS) -> Iterator[str]:
    """`pycosign serve` as a process of its own; yields its address. In the end it gets SIGTERM, and is killed
    when it has not stopped ``grace`` seconds later.

    Raises RuntimeError, with what the server logged, when it does not start.
    """
    log = configuration.with_suffix(".log")
    command = [*pycosign_command(), "serve", "--config", str(configuration)]
    environment = os.environ | {"PYTHONUNBUFFERED": "1"}
    process = None
    with log.open("wb") as stderr:
        try:
            with _interrupts_held():
                process = subprocess.Popen(  # noqa: S603  (our own program, a fixed command)
                    command, stdout=subprocess.PIPE, stderr=stderr, env=environment
                )
            yield _announced_address(process, log)
        finally:
            if process is not None:
                _end(process, grace)


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """An interrupt waits until the end: in the middle of starting a process it would leave one to itself."""
    if threading.current_thread() is not threading.main_thread():  # interrupts go to the main thread
        yield
        return
    arrived: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _frame: arrived.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if arrived:
        raise KeyboardInterrupt


def _end(process: subprocess.Popen[bytes], grace: float) -> None:
    with process:  # which waits for it, and closes its pipe
        process.terminate()
        try:
            with suppress(subprocess.TimeoutExpired):
                process.wait(timeout=grace)
        finally:
            process.kill()  # nothing happens to one that has ended


def _announced_address(process: subprocess.Popen[bytes], log: Path) -> str:
    """The address on the line the server prints when it serves; it prints nothing if it cannot."""
    too_late = threading.Timer(_START_SECONDS, process.kill)
    too_late.start()
    try:
        line = process.stdout.readline().decode() if process.stdout is not None else ""
    finally:
        too_late.cancel()
    if not line:
        raise RuntimeError(f"the server did not start:\n{log.read_text(errors='replace')}")
    return line.split()[-1]


def ask(client: VerifierClient, questions: list[Question]) -> Iterator[Row]:
    """(5) Each question as a client asks it, in turn."""
    for question in questions:
        started = time.perf_counter()
        answer = client.validate(question.reference, timeout=10.0)
        yield Row(question, answer, (time.perf_counter() - started) * 1000)


def signer(answer: ValidationResult) -> str:
    """Who signed, as far as a signature was found to hold."""
    for signature in _signatures(answer):
        if signature.certificate is not None:
            return signature.certificate.subject_alternative_name
    return ""


def signing_time(answer: ValidationResult) -> str:
    """When it was signed, as far as that was proven."""
    for signature in _signatures(answer):
        for stamp in signature.verified_timestamps:
            return stamp.time.strftime("%Y-%m-%d %H:%M:%SZ")
    return ""


def _signatures(answer: ValidationResult) -> Iterator[CosignVerificationResult]:
    for result in answer.results:
        yield from result.detail
