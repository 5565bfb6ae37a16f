"""The self-test is quiet about a good engine, and loud about one that lacks a protection."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from typing import Any

import pytest

from providers.errors import UnavailableError, VerificationError
from providers.reasons import ReasonCode
from verifier.engine import EvidenceError, VerifyOptions
from verifier.engines.sigstore import SigstoreEngine
from verifier.engines.sigstore.selftest import ARTIFACT_DIGEST, run_self_test
from verifier.facts import SignatureFacts


class Faulty(SigstoreEngine):
    """An engine with one fault, put between it and whoever asks."""

    def __init__(self, fault: Callable[[SigstoreEngine, VerifyOptions], SignatureFacts]) -> None:
        super().__init__()
        self._fault = fault

    def verify(self, options: VerifyOptions) -> SignatureFacts:
        return self._fault(SigstoreEngine(), options)


def test_a_good_engine_in_a_tenth_of_a_second(engine: SigstoreEngine) -> None:
    engine.self_test()
    started = time.process_time()
    engine.self_test()
    assert time.process_time() - started < 0.1


def _believes_any_subject(engine: SigstoreEngine, options: VerifyOptions) -> SignatureFacts:
    subject = dataclasses.replace(options.subject_descriptor, digest=ARTIFACT_DIGEST)
    return engine.verify(dataclasses.replace(options, subject_descriptor=subject))


def _gives_another_reason(engine: SigstoreEngine, options: VerifyOptions) -> SignatureFacts:
    try:
        return engine.verify(options)
    except VerificationError as error:
        raise EvidenceError(ReasonCode.MALFORMED, "x", ()) from error


def _refuses_everything(engine: SigstoreEngine, options: VerifyOptions) -> SignatureFacts:
    raise EvidenceError(ReasonCode.MALFORMED, "x", ())


def _without(**emptied: Any) -> Callable[[SigstoreEngine, VerifyOptions], SignatureFacts]:
    def fault(engine: SigstoreEngine, options: VerifyOptions) -> SignatureFacts:
        return dataclasses.replace(engine.verify(options), **emptied)

    return fault


@pytest.mark.parametrize(
    "fault",
    [
        _believes_any_subject,
        _gives_another_reason,
        _refuses_everything,
        _without(log_entries=()),
        _without(timestamps=()),
        _without(scts=()),
        _without(annotations=()),
    ],
)
def test_a_faulty_engine(fault: Callable[[SigstoreEngine, VerifyOptions], SignatureFacts]) -> None:
    with pytest.raises((UnavailableError, EvidenceError)):
        run_self_test(Faulty(fault))
