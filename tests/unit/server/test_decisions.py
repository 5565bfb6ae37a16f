from __future__ import annotations

import dataclasses
import logging

import pytest

from providers.descriptor import Descriptor
from providers.reasons import ReasonCode
from providers.subject import Subject
from tests.unit.server.fakes import DIGEST, FakeVerifier
from verifier.budget import Budget
from verifier.results import ValidationResult, VerificationResult
from verifier.server.convert import validation_result_to_message
from verifier.server.decisions import Decisions
from verifier.v1 import verifier_pb2 as pb
from verifier.verdict import Outcome

SUBJECT = Subject.parse("nginx")
DESCRIPTOR = Descriptor("a/b", DIGEST, 1)


class PanicException(BaseException):
    """What a panic in a Rust extension (cryptography, rfc3161-client) is: no Exception."""


@pytest.mark.parametrize(
    "error", [RuntimeError("secret detail"), RecursionError(), SystemExit(0), PanicException()]
)
def test_whatever_escapes_the_core_is_could_not_check(
    error: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(subject: Subject, budget: Budget) -> ValidationResult:
        raise error

    decisions = Decisions(FakeVerifier(fail))
    result = decisions.validate(SUBJECT, Budget(1), lambda result: result)
    assert (result.outcome, result.admitted) == (Outcome.COULD_NOT_CHECK, False)
    assert result.reason is ReasonCode.INTERNAL_ERROR
    assert "secret" not in result.message
    assert result.reference == "docker.io/library/nginx:latest"

    one = decisions.verify(SUBJECT, DESCRIPTOR, DESCRIPTOR, Budget(1), lambda result: result)
    assert (one.outcome, one.reason) == (Outcome.COULD_NOT_CHECK, ReasonCode.INTERNAL_ERROR)
    assert one.err
    assert [record.levelno for record in caplog.records] == [logging.ERROR, logging.ERROR]
    assert caplog.records[0].exc_info is not None


def test_a_result_that_cannot_be_rendered_is_could_not_check() -> None:
    def huge(subject: Subject, budget: Budget) -> ValidationResult:
        return ValidationResult(
            Outcome.ALLOWED, True, ReasonCode.OK, "", "x", subject=Descriptor("a/b", DIGEST, 1 << 70)
        )

    message = Decisions(FakeVerifier(huge)).validate(SUBJECT, Budget(1), validation_result_to_message)
    assert message.admitted is False
    assert message.reason == pb.REASON_CODE_INTERNAL_ERROR


def test_without_time_the_core_is_not_asked() -> None:
    verifier = FakeVerifier()
    result: ValidationResult | VerificationResult
    for result in (
        Decisions(verifier).validate(SUBJECT, Budget(0), lambda result: result),
        Decisions(verifier).verify(SUBJECT, DESCRIPTOR, DESCRIPTOR, Budget(0), lambda result: result),
    ):
        assert result.reason is ReasonCode.DEADLINE_EXCEEDED
    assert verifier.asked == []


def test_a_verdict_passes_unchanged() -> None:
    decisions = Decisions(FakeVerifier())
    result = decisions.validate(SUBJECT, Budget(1), lambda result: result)
    assert result == dataclasses.replace(result, outcome=Outcome.ALLOWED, admitted=True)
