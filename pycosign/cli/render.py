"""Verdicts for people and for programs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

from google.protobuf import json_format

from providers.reasons import ReasonCode
from verifier.facts import CheckStatus
from verifier.printable import printable
from verifier.results import CosignVerificationResult, TrustUsed, ValidationResult, VerificationResult
from verifier.server.convert import validation_result_to_message
from verifier.verdict import Outcome

_MARKS = {CheckStatus.PASS: "ok  ", CheckStatus.FAIL: "FAIL", CheckStatus.SKIPPED: "-   "}
# A line holds a sentence of a check, or the names of all checks; what is longer was not written by us.
_LINE = 2000

# Refusals that another trusted root might change.
_ABOUT_TRUST = frozenset(
    {
        ReasonCode.CHAIN_UNTRUSTED,
        ReasonCode.LOG_UNTRUSTED,
        ReasonCode.SCT_UNTRUSTED,
        ReasonCode.NO_TIMESTAMP,
    }
)


def in_words(outcome: Outcome) -> str:
    """The outcome as people read it."""
    return str(outcome).replace("_", " ")


def render_json(results: list[ValidationResult], seconds: list[float]) -> str:
    """A JSON array of ``ValidationResult`` objects as the gRPC service defines them, every field stated."""
    documents = [
        json_format.MessageToDict(
            validation_result_to_message(result, elapsed=elapsed),
            always_print_fields_with_no_presence=True,
        )
        for result, elapsed in zip(results, seconds, strict=True)
    ]
    return json.dumps(documents, indent=2, sort_keys=True)


def render_text(results: list[ValidationResult], trust: Iterable[TrustUsed]) -> str:
    """Every verdict with its checks, then what was trusted. No part of it can write a line of its own."""
    lines = [printable(line, _LINE) for result in results for line in _subject(result)]
    return "\n".join([*lines, *trusted(trust)])


def trusted(trust: Iterable[TrustUsed]) -> list[str]:
    """What was trusted, a line each."""
    return [printable(f"trusted root: {used.source} ({used.revision[:19]}…)", _LINE) for used in trust]


def advice(results: list[ValidationResult], trust: Iterable[TrustUsed]) -> list[str]:
    """For who typed the command is the operator: which root refused, and how to name another. A line or none."""
    if not any(result.reason in _ABOUT_TRUST for result in results):
        return []
    roots = ", ".join(used.source for used in trust)
    return [
        printable(
            f"The trusted root in use is {roots}. For what another Sigstore instance signed, name the root"
            " of that instance: --trusted-root FILE.",
            _LINE,
        )
    ]


def _subject(result: ValidationResult) -> Iterator[str]:
    yield f"{result.message} [{result.reason}]"
    for artifact in result.results:
        yield from _artifact(artifact)


def _artifact(result: VerificationResult) -> Iterator[str]:
    for signature in result.detail:
        outcome = in_words(signature.outcome)
        yield f"  signature {signature.digest[:19]}… {outcome}: {signature.reason}"
        yield from _signature(signature)


def _signature(signature: CosignVerificationResult) -> Iterator[str]:
    for stamp in signature.verified_timestamps:
        yield f"    signed at {stamp.time.isoformat()} ({stamp.type})"
    if signature.outcome is not Outcome.ALLOWED:
        for check in signature.checks:
            yield f"    {_MARKS[check.status]} {check.id}: {check.evidence}"
        return
    passed = ", ".join(check.id for check in signature.checks if check.status is CheckStatus.PASS)
    yield f"    checks passed: {passed}"
    for check in signature.checks:
        if check.status is not CheckStatus.PASS:
            yield f"    check {check.status}: {check.id}: {check.evidence}"
