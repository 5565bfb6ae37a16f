"""Single calls: what the client is told, whatever happens behind the door."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterator

import grpc
import pytest

from providers.subject import Subject
from tests.unit.server.fakes import (
    DIGEST,
    PATIENCE,
    FakeVerifier,
    Gate,
    serving,
    status_of,
    stub,
    wait_for_the_deadline,
)
from tests.unit.server.test_convert import RESULT, VALIDATION
from verifier.budget import Budget
from verifier.results import TrustUsed, ValidationResult
from verifier.v1 import verifier_pb2 as pb

DESCRIPTOR = pb.Descriptor(media_type="application/vnd.oci.image.manifest.v1+json", digest=DIGEST, size=7)


@pytest.fixture
def verifier() -> FakeVerifier:
    return FakeVerifier()


@pytest.fixture
def channel(verifier: FakeVerifier) -> Iterator[grpc.Channel]:
    with serving(verifier) as channel:
        yield channel


def refusal(call: Callable[[], object]) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(grpc.RpcError) as caught:
        call()
    code, details = status_of(caught.value)
    assert "Traceback" not in details
    assert "Exception" not in details
    return code, details


def test_validate(channel: grpc.Channel, verifier: FakeVerifier) -> None:
    request = pb.ValidateRequest(reference="nginx:1", namespace="prod", request_id="7")
    answer = stub(channel).Validate(request, timeout=PATIENCE)
    assert (answer.outcome, answer.admitted) == (pb.OUTCOME_ALLOWED, True)
    assert (answer.reference, answer.request_id) == ("docker.io/library/nginx:1", "7")
    assert answer.HasField("elapsed")
    assert verifier.asked[0][0] == Subject.parse("nginx:1", "prod")


def test_verify(channel: grpc.Channel) -> None:
    request = pb.VerifyRequest(
        repository="ghcr.io/org/app", subject_descriptor=DESCRIPTOR, artifact_descriptor=DESCRIPTOR
    )
    answer = stub(channel).Verify(request, timeout=PATIENCE)
    assert answer.outcome == pb.OUTCOME_ALLOWED
    assert answer.artifact == DESCRIPTOR


def test_get_info(channel: grpc.Channel) -> None:
    info = stub(channel).GetInfo(pb.GetInfoRequest(), timeout=PATIENCE)
    assert (info.name, info.policy_revision) == ("pycosign", "sha256:1")
    assert info.version
    assert info.engines[0].type == "sigstore"
    assert info.trust[0].revision == DIGEST
    assert abs(info.started_at.ToMilliseconds() / 1000 - time.time()) < 60
    assert info.limits.max_deadline.ToSeconds() == 25
    assert (info.limits.max_request_bytes, info.limits.max_concurrent_per_stream) == (64 << 10, 16)


def test_malformed_questions_are_invalid_arguments(channel: grpc.Channel, verifier: FakeVerifier) -> None:
    ask = stub(channel)
    code, details = refusal(lambda: ask.Validate(pb.ValidateRequest(reference="UPPER CASE")))
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert "UPPER CASE" in details
    code, details = refusal(lambda: ask.Verify(pb.VerifyRequest(repository="ghcr.io/org/app")))
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert "subject_descriptor" in details
    assert verifier.asked == []


@pytest.mark.parametrize("method", ["Validate", "Verify", "GetInfo"])
def test_bytes_that_are_no_message_are_an_invalid_argument(
    channel: grpc.Channel, method: str, caplog: pytest.LogCaptureFixture
) -> None:
    call: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(
        f"/pycosign.verifier.v1.VerifierService/{method}"
    )
    code, details = refusal(lambda: call(b"\xff\xff\xff", timeout=PATIENCE))
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert details.startswith("the request is not a pycosign.verifier.v1.")
    assert caplog.records == []


def test_a_message_too_large_is_refused(channel: grpc.Channel, verifier: FakeVerifier) -> None:
    request = pb.ValidateRequest(reference="nginx", request_id="x" * (64 << 10))
    code, _ = refusal(lambda: stub(channel).Validate(request, timeout=PATIENCE))
    assert code is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert verifier.asked == []


def test_a_bug_in_the_core_is_could_not_check(caplog: pytest.LogCaptureFixture) -> None:
    def fail(subject: Subject, budget: Budget) -> ValidationResult:
        raise ZeroDivisionError("a bug")

    with serving(FakeVerifier(fail)) as channel:
        answer = stub(channel).Validate(
            pb.ValidateRequest(reference="nginx", request_id="1"), timeout=PATIENCE
        )
        request = pb.VerifyRequest(
            repository="ghcr.io/org/app", subject_descriptor=DESCRIPTOR, artifact_descriptor=DESCRIPTOR
        )
        single = stub(channel).Verify(request, timeout=PATIENCE)
    assert (answer.outcome, answer.admitted) == (pb.OUTCOME_COULD_NOT_CHECK, False)
    assert (answer.reason, answer.request_id) == (pb.REASON_CODE_INTERNAL_ERROR, "1")
    assert (single.outcome, single.reason) == (pb.OUTCOME_COULD_NOT_CHECK, pb.REASON_CODE_INTERNAL_ERROR)
    assert single.err
    assert [record.name for record in caplog.records] == ["verifier.server.decisions"] * 2
    assert "ZeroDivisionError" in caplog.text


def test_a_server_that_cannot_describe_itself_is_unavailable() -> None:
    class Speechless(FakeVerifier):
        def trust_in_use(self) -> tuple[TrustUsed, ...]:
            raise RuntimeError("no")

    with serving(Speechless()) as channel:
        code, _ = refusal(lambda: stub(channel).GetInfo(pb.GetInfoRequest(), timeout=PATIENCE))
    assert code is grpc.StatusCode.UNAVAILABLE


def test_could_not_check_arrives_before_the_client_gives_up() -> None:
    with serving(FakeVerifier(wait_for_the_deadline)) as channel:
        started = time.monotonic()
        answer = stub(channel).Validate(pb.ValidateRequest(reference="nginx"), timeout=0.8)
        took = time.monotonic() - started
    assert answer.reason == pb.REASON_CODE_DEADLINE_EXCEEDED
    assert answer.admitted is False
    assert took < 0.8


def test_a_client_without_a_deadline_gets_the_servers() -> None:
    with serving(FakeVerifier(wait_for_the_deadline), max_deadline=0.2) as channel:
        answer = stub(channel).Validate(pb.ValidateRequest(reference="nginx"))
    assert answer.reason == pb.REASON_CODE_DEADLINE_EXCEEDED


def test_a_client_that_leaves_ends_the_work() -> None:
    gate = Gate()
    with serving(FakeVerifier(gate)) as channel:
        call = stub(channel).Validate.future(pb.ValidateRequest(reference="slow"))
        gate.wait_held(1)
        call.cancel()
        gate.wait_held(0)


def test_an_answer_too_long_for_clients_keeps_its_verdict() -> None:
    def talkative(subject: Subject, budget: Budget) -> ValidationResult:
        long = dataclasses.replace(RESULT, description="x" * 100_000)
        return dataclasses.replace(VALIDATION, results=(long,) * 50)

    with serving(FakeVerifier(talkative)) as channel:
        answer = stub(channel).Validate(pb.ValidateRequest(reference="nginx"), timeout=PATIENCE)
    assert answer.reason == pb.REASON_CODE_IDENTITY_MISMATCH
    assert not answer.results
    assert "too long" in answer.warnings[-1]
