"""A small client of the gRPC service.

with VerifierClient("127.0.0.1:50051") as client:
    verdict = client.validate("ghcr.io/org/app:v1", namespace="prod", timeout=3.0)
    if not verdict.admitted: ...
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from types import TracebackType
from typing import Self

import grpc

from providers.descriptor import Descriptor
from providers.errors import UnavailableError
from verifier.results import ValidationResult, VerificationResult, VerifierInfo
from verifier.server.answers import validation_result_from_message, verification_result_from_message
from verifier.server.convert import descriptor_to_message
from verifier.v1 import verifier_pb2 as pb
from verifier.v1.verifier_pb2_grpc import VerifierServiceStub
from verifier.verdict import Outcome


class VerifierClient:
    """Asks one server. Safe to share between threads.

    ``admitted`` decides whether the artifact may run, after the policies' modes; ``outcome`` is what the
    evidence says. Nothing else decides: a ``reason`` or a ``message`` explains. An answer that this version does
    not understand proves nothing and becomes "could not check", not admitted.

    Every call may raise ``grpc.RpcError``: the question was malformed, the server was not there, or time was up.
    An error is not an admission.

    Times are in seconds. A call waits for a server that is still starting, as long as its ``timeout`` allows.
    """

    def __init__(self, address: str) -> None:
        self._channel = grpc.insecure_channel(address)
        self._stub = VerifierServiceStub(self._channel)

    def validate(self, reference: str, *, namespace: str = "", timeout: float = 10.0) -> ValidationResult:
        """May the artifact that ``reference`` names run?"""
        request = pb.ValidateRequest(reference=reference, namespace=namespace)
        return _validation(reference, self._stub.Validate(request, timeout=timeout, wait_for_ready=True))

    def validate_many(
        self, references: Iterable[str], *, namespace: str = "", timeout: float = 60.0
    ) -> Generator[tuple[str, ValidationResult], None, None]:
        """Each of ``references`` with its verdict, as they arrive and not in the order of asking.

        Whatever has got no verdict when this ends or raises is not admitted. ``references`` is read from
        another thread.
        """
        asked: dict[str, str] = {}  # an identifier is shorter than a reference may be

        def requests() -> Iterator[pb.ValidateRequest]:
            for number, name in enumerate(references):
                asked[str(number)] = name
                yield pb.ValidateRequest(reference=name, namespace=namespace, request_id=str(number))

        answers = self._stub.ValidateMany(requests(), timeout=timeout, wait_for_ready=True)
        try:
            for answer in answers:
                name = asked.pop(answer.request_id, "")
                yield name, _validation(name, answer)
        finally:
            answers.cancel()  # who has heard enough lets the server stop

    def verify(
        self,
        repository: str,
        subject: Descriptor,
        artifact: Descriptor,
        *,
        namespace: str = "",
        timeout: float = 10.0,
    ) -> VerificationResult:
        """Does the one signature ``artifact`` satisfy every policy that speaks for ``subject``? (Ratify's call.)

        ``repository`` is registry and path, without tag or digest. It says nothing about admission: the modes of
        policies have no part in it.
        """
        request = pb.VerifyRequest(
            repository=repository,
            subject_descriptor=descriptor_to_message(subject),
            artifact_descriptor=descriptor_to_message(artifact),
            namespace=namespace,
        )
        return _verification(artifact, self._stub.Verify(request, timeout=timeout, wait_for_ready=True))

    def info(self, *, timeout: float = 10.0) -> pb.GetInfoResponse:
        """What the server is and what it trusts, as the contract has it: it decides nothing."""
        return self._stub.GetInfo(pb.GetInfoRequest(), timeout=timeout, wait_for_ready=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._channel.close()


def _validation(reference: str, message: pb.ValidationResult) -> ValidationResult:
    try:
        return validation_result_from_message(message)
    except UnavailableError as error:
        return ValidationResult(
            Outcome.COULD_NOT_CHECK,
            admitted=False,
            reason=error.reason,
            message=f"{reference}: could not check: {error.message}",
            reference=reference,
        )


def _verification(artifact: Descriptor, message: pb.VerificationResult) -> VerificationResult:
    try:
        return verification_result_from_message(message)
    except UnavailableError as error:
        return VerificationResult(
            outcome=Outcome.COULD_NOT_CHECK,
            reason=error.reason,
            err=error.message,
            description=error.message,
            verifier=VerifierInfo("", ""),
            artifact=artifact,
            policy="",
        )
