"""Verdicts for people and for programs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

from google.protobuf import json_format

from verifier.facts import CheckStatus
from verifier.results import CosignVerificationResult, TrustUsed, ValidationResult, VerificationResult
from verifier.server.convert import validation_result_to_message
from verifier.verdict import Outcome

_MARKS = {CheckStatus.PASS: "ok  ", CheckStatus.FAIL: "FAIL", CheckStatus.SKIPPED: "-   "}


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
    """Every verdict with its checks, then what was trusted."""
    lines = [line for result in results for line in _subject(result)]
    lines += [f"trusted root: {used.source} ({used.revision[:19]}…)" for used in trust]
    return "\n".join(lines)


def _subject(result: ValidationResult) -> Iterator[str]:
    yield f"{result.message} [{result.reason}]"
    for artifact in result.results:
        yield from _artifact(artifact)


def _artifact(result: VerificationResult) -> Iterator[str]:
    for signature in result.detail:
        yield f"  signature {signature.digest[:19]}… {signature.outcome}: {signature.reason}"
        yield from _signature(signature)


def _signature(signature: CosignVerificationResult) -> Iterator[str]:
    for stamp in signature.verified_timestamps:
        yield f"    signed at {stamp.time.isoformat()} ({stamp.type})"
    if signature.outcome is Outcome.ALLOWED:
        names = ", ".join(check.id for check in signature.checks if check.status is CheckStatus.PASS)
        yield f"    checks passed: {names}"
        return
    for check in signature.checks:
        yield f"    {_MARKS[check.status]} {check.id}: {check.evidence}"
