"""ValidateMany: many questions on one stream."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator

import grpc
import pytest

from providers.subject import Subject
from tests.unit.server.fakes import (
    PATIENCE,
    FakeVerifier,
    Gate,
    allow,
    serving,
    status_of,
    stub,
    wait_for_the_deadline,
)
from verifier.budget import Budget
from verifier.results import ValidationResult
from verifier.v1 import verifier_pb2 as pb


def ask(*references: str) -> Iterator[pb.ValidateRequest]:
    for number, reference in enumerate(references):
        yield pb.ValidateRequest(reference=reference, request_id=str(number))


class Questions:
    """Requests sent one by one, which counts how many gRPC took."""

    def __init__(self) -> None:
        self._queue: queue.SimpleQueue[pb.ValidateRequest | None] = queue.SimpleQueue()

    def send(self, reference: str, request_id: str = "") -> None:
        self._queue.put(pb.ValidateRequest(reference=reference, request_id=request_id))

    def close(self) -> None:
        self._queue.put(None)

    def __iter__(self) -> Iterator[pb.ValidateRequest]:
        return iter(self._queue.get, None)


def eventually(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.005)


def code_of(error: grpc.RpcError) -> grpc.StatusCode:
    return status_of(error)[0]


def test_every_request_is_answered_once() -> None:
    references = [f"image{number}" for number in range(200)]
    with serving(FakeVerifier()) as channel:
        answers = list(stub(channel).ValidateMany(ask(*references), timeout=PATIENCE))
    assert sorted(int(answer.request_id) for answer in answers) == list(range(200))
    for answer in answers:
        assert answer.reference == f"docker.io/library/image{answer.request_id}:latest"


def test_an_empty_stream_ends_well() -> None:
    with serving(FakeVerifier()) as channel:
        assert list(stub(channel).ValidateMany(ask(), timeout=PATIENCE)) == []


def test_a_slow_one_does_not_hold_up_quick_ones() -> None:
    gate = Gate()
    with serving(FakeVerifier(gate)) as channel:
        answers = stub(channel).ValidateMany(ask("slow", "one", "two", "three"), timeout=PATIENCE)
        assert {next(answers).request_id for _ in range(3)} == {"1", "2", "3"}
        gate.open()
        assert [answer.request_id for answer in answers] == ["0"]


def test_no_more_than_the_limit_are_in_work_and_reading_stops() -> None:
    gate = Gate()
    verifier = FakeVerifier(gate)
    with serving(verifier, max_concurrent_per_stream=3, max_workers=8) as channel:
        answers = stub(channel).ValidateMany(ask(*["slow"] * 12), timeout=PATIENCE)
        gate.wait_held(3)
        time.sleep(0.1)  # had it read more, more would be in work by now
        assert (gate.held, len(verifier.asked)) == (3, 3)
        gate.open()
        assert len(list(answers)) == 12
    assert gate.most == 3


def test_a_client_that_takes_no_answers_is_not_read_from() -> None:
    def talkative(subject: Subject, budget: Budget) -> ValidationResult:
        result = allow(subject, budget)
        return ValidationResult(result.outcome, True, result.reason, "x" * 500_000, result.reference)

    verifier = FakeVerifier(talkative)
    with serving(verifier, max_concurrent_per_stream=2) as channel:
        call = stub(channel).ValidateMany(ask(*["image"] * 500), timeout=PATIENCE)
        next(call)
        settled = -1
        while len(verifier.asked) != settled:
            settled = len(verifier.asked)
            time.sleep(0.2)
        assert settled < 100  # what gRPC itself buffers, and two
        call.cancel()


def test_a_malformed_item_is_refused_and_the_stream_goes_on() -> None:
    with serving(FakeVerifier()) as channel:
        requests = [
            pb.ValidateRequest(reference="NOT A REFERENCE", request_id="a"),
            pb.ValidateRequest(reference="nginx", operation=99, request_id="b"),  # type: ignore[arg-type]
            pb.ValidateRequest(reference="nginx", request_id="c" * 300),
            pb.ValidateRequest(reference="nginx", request_id="d"),
        ]
        answers = {
            answer.request_id: answer
            for answer in stub(channel).ValidateMany(iter(requests), timeout=PATIENCE)
        }
    assert set(answers) == {"a", "b", "c" * 300, "d"}
    assert answers.pop("d").admitted
    for answer in answers.values():
        assert (answer.outcome, answer.admitted) == (pb.OUTCOME_REFUSED, False)
        assert answer.reason == pb.REASON_CODE_INVALID_REFERENCE
        assert answer.message


def test_bytes_that_are_no_message_end_the_stream_after_what_was_asked_before() -> None:
    with serving(FakeVerifier()) as channel:
        call: grpc.StreamStreamMultiCallable[bytes, bytes] = channel.stream_stream(
            "/pycosign.verifier.v1.VerifierService/ValidateMany"
        )
        good = pb.ValidateRequest(reference="nginx", request_id="1").SerializeToString()
        answers = call(iter([good, b"\xff\xff"]), timeout=PATIENCE)
        assert pb.ValidationResult.FromString(next(answers)).admitted
        with pytest.raises(grpc.RpcError) as caught:
            next(answers)
    assert code_of(caught.value) is grpc.StatusCode.INVALID_ARGUMENT


def test_a_bug_in_the_core_answers_one_item() -> None:
    def fail(subject: Subject, budget: Budget) -> ValidationResult:
        if subject.reference.path == "library/broken":
            raise RuntimeError("a bug")
        return allow(subject, budget)

    with serving(FakeVerifier(fail)) as channel:
        answers = {
            a.request_id: a for a in stub(channel).ValidateMany(ask("broken", "nginx"), timeout=PATIENCE)
        }
    assert answers["0"].reason == pb.REASON_CODE_INTERNAL_ERROR
    assert not answers["0"].admitted
    assert answers["1"].admitted


def test_cancelling_ends_what_is_in_work() -> None:
    gate = Gate()
    verifier = FakeVerifier(gate)
    with serving(verifier, max_concurrent_per_stream=4, max_workers=4) as channel:
        call = stub(channel).ValidateMany(ask(*["slow"] * 50))
        gate.wait_held(4)
        call.cancel()
        gate.wait_held(0)
        assert len(verifier.asked) == 4
        assert stub(channel).Validate(pb.ValidateRequest(reference="nginx"), timeout=PATIENCE).admitted


def test_every_item_has_a_deadline_of_its_own() -> None:
    with serving(
        FakeVerifier(wait_for_the_deadline), max_deadline=0.2, max_concurrent_per_stream=1
    ) as channel:
        started = time.monotonic()
        answers = list(stub(channel).ValidateMany(ask("a", "b", "c"), timeout=PATIENCE))
    assert [answer.reason for answer in answers] == [pb.REASON_CODE_DEADLINE_EXCEEDED] * 3
    assert time.monotonic() - started > 0.55


def test_the_clients_deadline_is_for_the_whole_stream() -> None:
    with serving(FakeVerifier(wait_for_the_deadline)) as channel:
        questions = Questions()
        questions.send("nginx", "1")
        answers = stub(channel).ValidateMany(iter(questions), timeout=0.8)
        assert next(answers).reason == pb.REASON_CODE_DEADLINE_EXCEEDED
        with pytest.raises(grpc.RpcError) as caught:
            next(answers)
        assert code_of(caught.value) is grpc.StatusCode.DEADLINE_EXCEEDED
        questions.close()


def test_a_stream_may_not_stay_open_for_ever() -> None:
    with serving(FakeVerifier(), max_deadline=0.1, max_stream_seconds=0.3) as channel:
        questions = Questions()
        questions.send("nginx", "1")
        answers = stub(channel).ValidateMany(iter(questions), timeout=PATIENCE)
        assert next(answers).request_id == "1"
        with pytest.raises(grpc.RpcError) as caught:
            next(answers)
        questions.close()
    assert code_of(caught.value) is grpc.StatusCode.DEADLINE_EXCEEDED
    assert "0.3 seconds" in str(caught.value)


def test_streams_beyond_the_limit_are_turned_away_and_room_is_given_back() -> None:
    with serving(FakeVerifier(), max_streams=2) as channel:
        questions = [Questions(), Questions()]
        calls = [stub(channel).ValidateMany(iter(one)) for one in questions]
        for one, call in zip(questions, calls, strict=True):
            one.send("nginx")
            next(call)
        with pytest.raises(grpc.RpcError) as caught:
            list(stub(channel).ValidateMany(ask("nginx"), timeout=PATIENCE))
        assert code_of(caught.value) is grpc.StatusCode.RESOURCE_EXHAUSTED
        for one, call in zip(questions, calls, strict=True):
            one.close()
            assert list(call) == []

        def answered() -> bool:
            try:
                return len(list(stub(channel).ValidateMany(ask("nginx"), timeout=PATIENCE))) == 1
            except grpc.RpcError:
                return False

        eventually(answered)


def test_many_streams_at_once_with_few_threads() -> None:
    """Streams wait for their items without keeping a thread from them."""
    counts: queue.SimpleQueue[int] = queue.SimpleQueue()
    with serving(FakeVerifier(), max_workers=1, max_streams=6, max_concurrent_per_stream=4) as channel:

        def one_stream() -> None:
            counts.put(len(list(stub(channel).ValidateMany(ask(*["nginx"] * 40), timeout=PATIENCE))))

        threads = [threading.Thread(target=one_stream) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert [counts.get() for _ in threads] == [40] * 6
