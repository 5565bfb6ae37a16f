"""A small client of the gRPC service.

with VerifierClient("127.0.0.1:8443") as client:
    verdict = client.validate("ghcr.io/org/app:v1", namespace="prod", timeout=3.0)
    if not verdict.admitted: ...
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Self

import grpc

from verifier.v1 import verifier_pb2, verifier_pb2_grpc


class VerifierClient:
    """Asks one server. Safe to share between threads. Every call may raise ``grpc.RpcError``; a caller that
    decides admission treats that as "not admitted"."""

    def __init__(self, address: str) -> None:
        self._channel = grpc.insecure_channel(address)
        self._stub = verifier_pb2_grpc.VerifierServiceStub(self._channel)

    def validate(
        self, reference: str, *, namespace: str = "", timeout: float = 10.0
    ) -> verifier_pb2.ValidationResult:
        """The verdict on ``reference``; ``timeout`` is in seconds."""
        request = verifier_pb2.ValidateRequest(reference=reference, namespace=namespace)
        return self._stub.Validate(request, timeout=timeout, wait_for_ready=True)

    def validate_many(
        self, references: Iterable[str], *, namespace: str = "", timeout: float = 60.0
    ) -> Iterator[verifier_pb2.ValidationResult]:
        """The verdict on each of ``references``, as they arrive; ``request_id`` repeats what was asked."""
        requests = (
            verifier_pb2.ValidateRequest(reference=name, namespace=namespace, request_id=name)
            for name in references
        )
        return self._stub.ValidateMany(requests, timeout=timeout, wait_for_ready=True)

    def info(self, *, timeout: float = 10.0) -> verifier_pb2.GetInfoResponse:
        """What the server is and what it trusts."""
        return self._stub.GetInfo(verifier_pb2.GetInfoRequest(), timeout=timeout, wait_for_ready=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._channel.close()
