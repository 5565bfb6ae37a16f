"""More calls than threads."""

from __future__ import annotations

import queue
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2

from providers.reasons import ReasonCode
from providers.subject import Subject
from tests.unit.server.fakes import PATIENCE, FakeVerifier, Gate, health, listening, serving, status_of, stub
from verifier.budget import Budget
from verifier.results import ValidationResult
from verifier.server.rpc import SERVICE
from verifier.v1 import verifier_pb2 as pb
from verifier.verdict import Outcome

NGINX = pb.ValidateRequest(reference="nginx")
SLOW = pb.ValidateRequest(reference="slow")


def test_calls_beyond_the_limit_are_told_so() -> None:
    gate = Gate()
    with serving(FakeVerifier(gate), max_workers=2, max_concurrent=3) as channel:
        calls = [stub(channel).Validate.future(SLOW) for _ in range(3)]
        gate.wait_held(2)
        with pytest.raises(grpc.RpcError) as caught:
            stub(channel).Validate(NGINX, timeout=PATIENCE)
        assert status_of(caught.value)[0] is grpc.StatusCode.RESOURCE_EXHAUSTED
        gate.open()
        assert all(call.result(PATIENCE).admitted for call in calls)
        assert stub(channel).Validate(NGINX, timeout=PATIENCE).admitted


def test_health_answers_while_every_worker_is_busy() -> None:
    gate = Gate()
    with serving(FakeVerifier(gate), max_workers=2) as channel:
        calls = [stub(channel).Validate.future(SLOW) for _ in range(4)]
        gate.wait_held(2)
        started = time.monotonic()
        answer = health(channel).Check(health_pb2.HealthCheckRequest(), timeout=PATIENCE)
        assert answer.status == health_pb2.HealthCheckResponse.SERVING
        assert time.monotonic() - started < 1
        gate.open()
        assert all(call.result(PATIENCE).admitted for call in calls)


def test_a_busy_stream_leaves_room_for_single_calls() -> None:
    gate = Gate()
    with serving(FakeVerifier(gate), max_workers=2, max_streams=4) as channel:
        streams = [stub(channel).ValidateMany(iter([SLOW] * 20)) for _ in range(4)]
        gate.wait_held(2)
        with ThreadPoolExecutor(4) as clients:
            answers = clients.map(lambda _: stub(channel).Validate(NGINX, timeout=PATIENCE), range(8))
            assert all(answer.admitted for answer in answers)
        gate.open()
        assert all(len(list(stream)) == 20 for stream in streams)


def test_open_reflection_sessions_keep_no_worker() -> None:
    with serving(FakeVerifier(), max_workers=1) as channel:
        questions: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        ask: grpc.StreamStreamMultiCallable[bytes, bytes] = channel.stream_stream(
            "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"
        )
        session = ask(iter(questions.get, None))
        questions.put(reflection_pb2.ServerReflectionRequest(list_services="").SerializeToString())
        next(session)
        assert stub(channel).Validate(NGINX, timeout=PATIENCE).admitted
        questions.put(None)


def _long_answer(subject: Subject, budget: Budget) -> ValidationResult:
    """More than a client's window takes unread."""
    budget.seconds_left()
    return ValidationResult(Outcome.ALLOWED, True, ReasonCode.OK, "x" * 1_000_000, str(subject.reference))


# Nothing is read ahead: what the client's program does not ask for stays with the server.
_UNREAD = [
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.http2.bdp_probe", 0),
    ("grpc.http2.lookahead_bytes", 0),
]


def test_answers_that_nobody_reads_are_counted() -> None:
    verifier = FakeVerifier(_long_answer)
    with listening(verifier, max_workers=2, max_concurrent=4) as address:
        with grpc.insecure_channel(address, options=_UNREAD) as lazy:
            validate: Any = lazy.unary_stream(f"/{SERVICE}/Validate", request_serializer=None)
            calls = [validate(NGINX.SerializeToString()) for _ in range(40)]
            _eventually(lambda: len(verifier.asked) >= 4)
            time.sleep(0.5)
            assert len(verifier.asked) <= 4
            for call in calls:
                call.cancel()
        with grpc.insecure_channel(address) as channel:
            _eventually(lambda: _admitted(channel))


def test_a_stream_that_nobody_reads_ends() -> None:
    verifier = FakeVerifier(_long_answer)
    with (
        listening(verifier, max_streams=1, max_deadline=0.5, max_stream_seconds=0.5) as address,
        grpc.insecure_channel(address) as channel,
        grpc.insecure_channel(address, options=_UNREAD) as lazy,
    ):
        unread = stub(lazy).ValidateMany(iter([NGINX] * 100))
        _eventually(lambda: len(verifier.asked) >= 2)
        _eventually(lambda: _streams(channel))
        unread.cancel()


def _admitted(channel: grpc.Channel) -> bool:
    try:
        return stub(channel).Validate(NGINX, timeout=PATIENCE).admitted
    except grpc.RpcError:
        return False


def _streams(channel: grpc.Channel) -> bool:
    try:
        return len(list(stub(channel).ValidateMany(iter([NGINX]), timeout=PATIENCE))) == 1
    except grpc.RpcError:
        return False


def _eventually(holds: Callable[[], bool]) -> None:
    for _ in range(100):
        if holds():
            return
        time.sleep(PATIENCE / 100)
    pytest.fail("it never came true")
