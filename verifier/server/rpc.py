"""The VerifierService: from a message to the core and back.

Whatever happens behind this door, the client gets a verdict with a reason. A gRPC status says only that the
question was malformed, that there are too many of them, or that the client's time is up.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any, TypeVar

import grpc

from providers.errors import InvalidReferenceError
from providers.reasons import ReasonCode
from providers.subject import Subject
from verifier.budget import Budget
from verifier.results import ValidationResult, VerificationResult
from verifier.v1 import verifier_pb2 as pb
from verifier.v1.verifier_pb2_grpc import VerifierServiceServicer
from verifier.verdict import Outcome

from .convert import (
    info_to_message,
    trust_to_message,
    validation_result_to_message,
    verification_result_to_message,
)
from .deadlines import seconds_for
from .decisions import Decisions, Verifier
from .open_calls import OpenCalls
from .options import ServerOptions
from .pools import InPool, Pools
from .requests import Undecodable, question_of, reader, subject_of
from .stream import Stream

__all__ = ["SERVICE", "Verifier", "VerifierServicer", "method_handlers"]

logger = logging.getLogger(__name__)

# The details of 64 signatures under two policies. What a client does not read stays in memory, for every call
# that is open; and clients take 4 MiB at most unless told otherwise.
_MAX_ANSWER = 512 << 10

SERVICE = pb.DESCRIPTOR.services_by_name["VerifierService"].full_name

Q = TypeVar("Q")
R = TypeVar("R")


class VerifierServicer(VerifierServiceServicer):
    """Answers calls with the verdicts of ``verifier``."""

    def __init__(self, verifier: Verifier, options: ServerOptions, pools: Pools, calls: OpenCalls) -> None:
        self._verifier = verifier
        self._decisions = Decisions(verifier)
        self._options = options
        self._pools = pools
        self._calls = calls
        self._started_at = datetime.now(UTC)
        self._version = _version()

    def Verify(  # noqa: N802  (the contract's name; so below)
        self, request: pb.VerifyRequest | Undecodable, context: grpc.ServicerContext
    ) -> pb.VerificationResult:
        """The verdict on one signature artifact."""
        with self._calls.call(), self._unsent(context):
            subject, subject_descriptor, artifact = _checked(question_of, request, context)
            budget, started = self._budget(context), time.monotonic()
            return self._decisions.verify(
                subject,
                subject_descriptor,
                artifact,
                budget,
                lambda result: _verification_message(result, time.monotonic() - started),
            )

    def Validate(  # noqa: N802
        self, request: pb.ValidateRequest | Undecodable, context: grpc.ServicerContext
    ) -> pb.ValidationResult:
        """The verdict on a subject."""
        with self._calls.call(), self._unsent(context):
            subject, request_id = _checked(_subject_and_id, request, context)
            return self._validate(subject, request_id, self._budget(context))

    def ValidateMany(  # noqa: N802
        self, request_iterator: Iterator[pb.ValidateRequest | Undecodable], context: grpc.ServicerContext
    ) -> Iterator[pb.ValidationResult]:
        """Verdicts on many subjects, each as soon as it is there."""
        longest = self._options.max_deadline
        stream = Stream(
            self._answer_item,
            lambda: Budget(seconds_for(context, longest)),
            self._pools.items,
            limit=self._options.max_concurrent_per_stream,
            seconds=self._options.max_stream_seconds,
        )
        if not self._calls.admit(stream):
            context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "too many streams are open; try again later")
        try:
            if context.add_callback(stream.cancel):
                self._pools.streams.submit(stream.read, request_iterator)
                with _ending_late(context, longest + self._options.max_stream_seconds):
                    yield from stream.answers()
        finally:
            stream.cancel()
            self._calls.leave(stream)
        if stream.ending is not None:
            context.abort(stream.ending.code, stream.ending.message)

    def GetInfo(  # noqa: N802
        self, request: pb.GetInfoRequest | Undecodable, context: grpc.ServicerContext
    ) -> pb.GetInfoResponse:
        """What this server is, and what it trusts at the moment."""
        if isinstance(request, Undecodable):
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, request.message)
        try:
            return self._info()
        except Exception:
            logger.exception("describing the server failed")
            context.abort(grpc.StatusCode.UNAVAILABLE, "the server cannot describe itself; its log says why")

    @contextmanager
    def _unsent(self, context: grpc.ServicerContext) -> Iterator[None]:
        """Counts the call until its answer has left, not only until it is made: what clients do not read would
        otherwise pile up outside of every limit."""
        if not self._calls.open(self._options.max_concurrent):
            context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "too many answers are waiting to be read")
        if not context.add_callback(self._calls.closed):
            self._calls.closed()
        yield

    def _budget(self, context: grpc.ServicerContext) -> Budget:
        budget = Budget(seconds_for(context, self._options.max_deadline))
        if not context.add_callback(budget.end):
            budget.end()
        return budget

    def _answer_item(self, request: pb.ValidateRequest, budget: Budget) -> pb.ValidationResult:
        try:
            subject = subject_of(request)
        except InvalidReferenceError as error:
            return validation_result_to_message(_malformed(error), request_id=request.request_id)
        return self._validate(subject, request.request_id, budget)

    def _validate(self, subject: Subject, request_id: str, budget: Budget) -> pb.ValidationResult:
        started = time.monotonic()

        def message_of(result: ValidationResult) -> pb.ValidationResult:
            elapsed = time.monotonic() - started
            message = validation_result_to_message(result, request_id=request_id, elapsed=elapsed)
            if message.ByteSize() > _MAX_ANSWER:
                del message.results[:]
                message.warnings.append("the results of single signatures are too long to send; see the log")
            return message

        return self._decisions.validate(subject, budget, message_of)

    def _info(self) -> pb.GetInfoResponse:
        options = self._options
        message = pb.GetInfoResponse(
            name="pycosign",
            version=self._version,
            engines=[info_to_message(engine) for engine in self._verifier.engines],
            trust=[trust_to_message(trust) for trust in self._verifier.trust_in_use()],
            policy_revision=self._verifier.policy_revision,
            configuration=options.name,
            limits=pb.Limits(
                max_request_bytes=options.max_request_bytes,
                max_concurrent_per_stream=options.max_concurrent_per_stream,
            ),
        )
        message.started_at.FromDatetime(self._started_at)
        message.limits.max_deadline.FromMilliseconds(int(options.max_deadline * 1000))
        return message


@contextmanager
def _ending_late(context: grpc.ServicerContext, seconds: float) -> Iterator[None]:
    """Cancel the call if it is not over by then: a client that does not read keeps its handler in the middle of
    sending, where no limit of the stream's own is looked at."""
    timer = threading.Timer(seconds, context.cancel)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def method_handlers(servicer: VerifierServicer, pools: Pools) -> grpc.GenericRpcHandler:
    """The four methods. Unlike the generated registration, bytes that are no message reach the servicer."""
    result = pb.ValidationResult.SerializeToString
    methods: dict[str, grpc.RpcMethodHandler[Any, Any]] = {
        "Verify": grpc.unary_unary_rpc_method_handler(
            servicer.Verify, reader(pb.VerifyRequest), pb.VerificationResult.SerializeToString
        ),
        "Validate": grpc.unary_unary_rpc_method_handler(
            servicer.Validate, reader(pb.ValidateRequest), result
        ),
        "ValidateMany": grpc.stream_stream_rpc_method_handler(
            InPool(servicer.ValidateMany, pools.streams), reader(pb.ValidateRequest), result
        ),
        "GetInfo": grpc.unary_unary_rpc_method_handler(
            servicer.GetInfo, reader(pb.GetInfoRequest), pb.GetInfoResponse.SerializeToString
        ),
    }
    return grpc.method_handlers_generic_handler(SERVICE, methods)


def _checked(parse: Callable[[Q], R], request: Q | Undecodable, context: grpc.ServicerContext) -> R:
    """What ``parse`` makes of ``request``; a malformed one ends the call with INVALID_ARGUMENT."""
    if isinstance(request, Undecodable):
        context.abort(grpc.StatusCode.INVALID_ARGUMENT, request.message)
    try:
        return parse(request)
    except InvalidReferenceError as error:
        context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))


def _subject_and_id(request: pb.ValidateRequest) -> tuple[Subject, str]:
    return subject_of(request), request.request_id


def _malformed(error: InvalidReferenceError) -> ValidationResult:
    return ValidationResult(
        Outcome.REFUSED, admitted=False, reason=ReasonCode.INVALID_REFERENCE, message=str(error), reference=""
    )


def _verification_message(result: VerificationResult, elapsed: float) -> pb.VerificationResult:
    message = verification_result_to_message(result, elapsed=elapsed)
    if message.ByteSize() > _MAX_ANSWER:
        del message.detail[:]
    return message


def _version() -> str:
    try:
        return version("pycosign")
    except PackageNotFoundError:  # run from a source tree that is not installed
        return "unknown"
