"""Starting, health, reflection, stopping."""

from __future__ import annotations

import json
import logging
import os
import queue
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health_pb2

from providers.errors import ConfigurationError
from tests.unit.server.fakes import (
    PATIENCE,
    FakeVerifier,
    Gate,
    health,
    server_threads,
    serving,
    status_of,
    stub,
)
from verifier.server.lifecycle import RpcServer, ServerOptions
from verifier.v1 import verifier_pb2 as pb

ROOT = Path(__file__).resolve().parents[2]
SERVICE = "pycosign.verifier.v1.VerifierService"
SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


def options(address: str = "127.0.0.1:0") -> ServerOptions:
    return ServerOptions(address=address, notice_seconds=0.2, drain_seconds=PATIENCE)


def test_health_of_the_server_and_the_service() -> None:
    with serving(FakeVerifier()) as channel:
        ask = health(channel)
        for service in ("", SERVICE):
            assert (
                ask.Check(health_pb2.HealthCheckRequest(service=service), timeout=PATIENCE).status == SERVING
            )
        with pytest.raises(grpc.RpcError) as caught:
            ask.Check(health_pb2.HealthCheckRequest(service="other"), timeout=PATIENCE)
        assert status_of(caught.value)[0] is grpc.StatusCode.NOT_FOUND


def test_a_draining_server_says_so_finishes_and_lets_watchers_go() -> None:
    gate = Gate()
    server = RpcServer(FakeVerifier(gate), options())
    with grpc.insecure_channel(server.start()) as channel:
        watch = health(channel).Watch(health_pb2.HealthCheckRequest(service=SERVICE))
        assert next(watch).status == SERVING
        call = stub(channel).Validate.future(pb.ValidateRequest(reference="slow"))
        gate.wait_held(1)
        draining = threading.Thread(target=server.drain)
        draining.start()
        assert next(watch).status == NOT_SERVING
        # Still taken: load balancers have not noticed yet.
        assert stub(channel).Validate(pb.ValidateRequest(reference="nginx"), timeout=PATIENCE).admitted
        time.sleep(0.4)
        assert not call.done()
        gate.open()
        assert call.result(PATIENCE).admitted
        started = time.monotonic()
        draining.join(PATIENCE)
        assert time.monotonic() - started < 2  # an open watch does not hold it up
        watch.cancel()
    server.wait()
    server.drain()  # again, to no effect
    assert server_threads() == []


def test_a_stream_open_while_draining_answers_what_it_read_and_is_sent_elsewhere() -> None:
    gate = Gate()
    server = RpcServer(FakeVerifier(gate), options())
    with grpc.insecure_channel(server.start()) as channel:
        questions: queue.SimpleQueue[pb.ValidateRequest | None] = queue.SimpleQueue()
        answers = stub(channel).ValidateMany(iter(questions.get, None))
        questions.put(pb.ValidateRequest(reference="slow", request_id="1"))
        gate.wait_held(1)
        draining = threading.Thread(target=server.drain)
        draining.start()
        time.sleep(0.4)
        gate.open()
        assert next(answers).request_id == "1"
        with pytest.raises(grpc.RpcError) as caught:
            next(answers)
        code, details = status_of(caught.value)
        assert code is grpc.StatusCode.UNAVAILABLE
        assert "ask again" in details
        questions.put(None)
        draining.join(PATIENCE)
    assert server_threads() == []


def test_work_that_outlasts_the_drain_is_ended() -> None:
    gate = Gate()
    server = RpcServer(
        FakeVerifier(gate), ServerOptions(address="127.0.0.1:0", notice_seconds=0, drain_seconds=0.2)
    )
    with grpc.insecure_channel(server.start()) as channel:
        call = stub(channel).Validate.future(pb.ValidateRequest(reference="slow"))
        gate.wait_held(1)
        started = time.monotonic()
        server.drain()
        assert time.monotonic() - started < 3
        assert isinstance(call.exception(PATIENCE), grpc.RpcError)
    assert server_threads() == []


def test_an_address_in_use_is_refused_with_what_to_do() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        server = RpcServer(FakeVerifier(), options(f"127.0.0.1:{taken.getsockname()[1]}"))
        with pytest.raises(ConfigurationError) as caught:
            server.start()
        server.drain()
    assert "in use" in caught.value.problem
    assert caught.value.remedy


def test_a_second_server_on_the_port_fails_and_the_first_goes_on() -> None:
    first = RpcServer(FakeVerifier(), options())
    address = first.start()
    second = RpcServer(FakeVerifier(), options(address))
    with pytest.raises(ConfigurationError):
        second.start()
    second.drain()
    with grpc.insecure_channel(address) as channel:
        assert stub(channel).Validate(pb.ValidateRequest(reference="nginx"), timeout=PATIENCE).admitted
    first.drain()
    with pytest.raises(OSError, match="refused"), socket.create_connection(("127.0.0.1", _port(address)), 1):
        pass


def test_a_server_starts_once() -> None:
    server = RpcServer(FakeVerifier(), options())
    server.start()
    with pytest.raises(ConfigurationError):
        server.start()
    server.drain()


def test_plain_tcp_for_everybody_is_warned_about(caplog: pytest.LogCaptureFixture) -> None:
    server = RpcServer(FakeVerifier(), options("127.0.0.1:0"))
    server.start()
    server.drain()
    assert caplog.records == []
    # A documentation address (RFC 5737) is not this machine's: nothing listens, the warning comes first.
    server = RpcServer(FakeVerifier(), options("192.0.2.1:0"))
    with pytest.raises(ConfigurationError):
        server.start()
    server.drain()
    assert [(record.levelno, "without TLS" in record.message) for record in caplog.records] == [
        (logging.WARNING, True)
    ]


def _port(address: str) -> int:
    return int(address.rpartition(":")[2])


SERVER = """
import sys, time
from tests.unit.server.fakes import FakeVerifier, allow
from verifier.server.lifecycle import ServerOptions, serve

def slowly(subject, budget):
    print("working", flush=True)
    time.sleep(1)
    return allow(subject, budget)

options = ServerOptions(address=sys.argv[1], notice_seconds=0.1, drain_seconds=5)
sys.exit(serve(FakeVerifier(slowly), options, announce=lambda address: print(address, flush=True)))
"""


@pytest.fixture
def child() -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", SERVER, "127.0.0.1:0"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=environment) as process:
        yield process
        process.kill()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_lets_a_slow_call_finish(child: subprocess.Popen[str], number: signal.Signals) -> None:
    assert child.stdout is not None
    address = child.stdout.readline().strip()
    with grpc.insecure_channel(address) as channel:
        call = stub(channel).Validate.future(pb.ValidateRequest(reference="nginx"))
        assert child.stdout.readline() == "working\n"
        child.send_signal(number)
        assert call.result(PATIENCE).admitted
    assert child.wait(PATIENCE) == 0


def test_a_client_needs_nothing_but_reflection() -> None:
    script = ROOT / "tests" / "unit" / "server" / "reflecting_client.py"
    server = RpcServer(FakeVerifier(), options())
    address = server.start()
    done = subprocess.run(
        [sys.executable, "-I", str(script), address, "nginx"],
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
        cwd="/",
    )
    server.drain()
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert sorted(said["services"]) == [
        "grpc.health.v1.Health",
        "grpc.reflection.v1alpha.ServerReflection",
        SERVICE,
    ]
    assert said["ours"] == []
    assert said["verdict"]["outcome"] == "OUTCOME_ALLOWED"
    assert said["verdict"]["requestId"] == "by reflection"
