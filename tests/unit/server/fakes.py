"""A core that does what a test says, and a server around it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import grpc
from grpc_health.v1.health_pb2_grpc import HealthStub

from providers.descriptor import Descriptor
from providers.reasons import ReasonCode
from providers.subject import Subject
from verifier.budget import Budget
from verifier.results import TrustUsed, ValidationResult, VerificationResult, VerifierInfo
from verifier.server.lifecycle import RpcServer
from verifier.server.options import ServerOptions
from verifier.v1.verifier_pb2_grpc import VerifierServiceStub
from verifier.verdict import Outcome

DIGEST = "sha256:" + "ab" * 32
MOMENT = datetime(2026, 1, 2, 3, 4, 5, 678000, UTC)
# Long enough that a test which waits for it has failed.
PATIENCE = 5.0


def allow(subject: Subject, budget: Budget) -> ValidationResult:
    budget.seconds_left()
    return ValidationResult(Outcome.ALLOWED, True, ReasonCode.OK, "signed by ci", str(subject.reference))


def late(subject: Subject) -> ValidationResult:
    return ValidationResult(
        Outcome.COULD_NOT_CHECK, False, ReasonCode.DEADLINE_EXCEEDED, "too late", str(subject.reference)
    )


def wait_for_the_deadline(subject: Subject, budget: Budget) -> ValidationResult:
    """What an honest core does with a registry that does not answer."""
    event = threading.Event()
    while (left := budget.deadline - time.monotonic()) > 0:
        event.wait(min(left, 0.01))
    return late(subject)


@dataclass
class FakeVerifier:
    """The core as the server sees it. ``on_validate`` decides."""

    on_validate: Callable[[Subject, Budget], ValidationResult] = allow
    asked: list[tuple[object, ...]] = field(default_factory=list)
    engines: tuple[VerifierInfo, ...] = (VerifierInfo("sigstore-python 4.5.1", "sigstore"),)
    policy_revision: str = "sha256:1"

    def validate(self, subject: Subject, budget: Budget) -> ValidationResult:
        self.asked.append((subject, budget))
        return self.on_validate(subject, budget)

    def verify(
        self,
        subject: Subject,
        subject_descriptor: Descriptor,
        artifact_descriptor: Descriptor,
        budget: Budget,
    ) -> VerificationResult:
        self.asked.append((subject, subject_descriptor, artifact_descriptor, budget))
        self.on_validate(subject, budget)
        return VerificationResult(
            Outcome.ALLOWED, ReasonCode.OK, "", "fine", self.engines[0], artifact_descriptor, "release"
        )

    def trust_in_use(self) -> tuple[TrustUsed, ...]:
        return (TrustUsed("file", DIGEST, MOMENT),)


class Gate:
    """Holds up the images whose name starts with ``slow`` until opened, and says how many it holds."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._open = False
        self.held = 0
        self.most = 0

    def __call__(self, subject: Subject, budget: Budget) -> ValidationResult:
        if subject.reference.path.rpartition("/")[2].startswith("slow"):
            with self._condition:
                self.held += 1
                self.most = max(self.most, self.held)
                self._condition.notify_all()
                while not self._open and time.monotonic() < budget.deadline:
                    self._condition.wait(0.01)
                self.held -= 1
                self._condition.notify_all()
            if time.monotonic() >= budget.deadline:
                return late(subject)
        return allow(subject, budget)

    def open(self) -> None:
        with self._condition:
            self._open = True
            self._condition.notify_all()

    def wait_held(self, count: int) -> None:
        with self._condition:
            assert self._condition.wait_for(lambda: self.held == count, PATIENCE), self.held


def server_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("pycosign-")]


@contextmanager
def serving(verifier: FakeVerifier, **settings: float) -> Iterator[grpc.Channel]:
    """A channel to a server on this machine that is gone afterwards, threads and all."""
    with listening(verifier, **settings) as address, grpc.insecure_channel(address) as channel:
        yield channel


@contextmanager
def listening(verifier: FakeVerifier, **settings: float) -> Iterator[str]:
    """The address of such a server."""
    chosen = {"address": "127.0.0.1:0", "notice_seconds": 0.0, "drain_seconds": 1.0, **settings}
    server = RpcServer(verifier, ServerOptions(**chosen))  # type: ignore[arg-type]  # checked at run time
    address = server.start()
    try:
        yield address
    finally:
        server.drain()
    assert server_threads() == []


def status_of(error: BaseException) -> tuple[grpc.StatusCode, str]:
    """Code and details of a failed call; grpcio raises one object that is both an error and a call."""
    call: Any = error
    return call.code(), call.details() or ""


def health(channel: grpc.Channel) -> Any:
    """The health service as its generated stub offers it; types-grpcio-health-checking knows no methods."""
    return HealthStub(channel)


def stub(channel: grpc.Channel) -> VerifierServiceStub:
    return VerifierServiceStub(channel)
