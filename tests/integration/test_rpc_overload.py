"""More calls than threads."""

from __future__ import annotations

import queue
import time
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2

from tests.unit.server.fakes import PATIENCE, FakeVerifier, Gate, health, serving, status_of, stub
from verifier.v1 import verifier_pb2 as pb

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
