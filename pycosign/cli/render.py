"""Verdicts for people and for programs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

from providers.reasons import ReasonCode
from verifier.facts import CheckStatus
from verifier.printable import printable
from verifier.results import CosignVerificationResult, TrustUsed, ValidationResult, VerificationResult
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
# What the flags of the command line can say about a signature that was found. Each is for the operator to decide.
_FLAGS = {
    ReasonCode.NO_SIGNATURE: "There are attestations: 'pycosign verify-attestation' asks for those of an image,"
    " 'pycosign verify-blob-attestation' for those of a file.",
    ReasonCode.NO_ATTESTATION: "There is a signature: 'pycosign verify' asks for that of an image, 'pycosign"
    " verify-blob' for that of a file.",
    ReasonCode.NO_CERTIFICATE: "What was found is signed with a key, or without its certificate. If you trust"
    " the key, name it: --key FILE. A file's signature that stands alone needs its certificate:"
    " --certificate FILE.",
    ReasonCode.PREDICATE_TYPE_MISMATCH: "Which type is asked for, --type TYPE says; --type any takes all.",
}
_UNLOGGED_KEY = (
    "If signatures with this key are meant to be in no transparency log, say so: --insecure-ignore-tlog. Nobody"
    " can notice then what else is signed with it."
)


def in_words(outcome: Outcome) -> str:
    """The outcome as people read it."""
    return str(outcome).replace("_", " ")


def render_json(results: list[ValidationResult], seconds: list[float]) -> str:
    """A JSON array of ``ValidationResult`` objects as the gRPC service defines them, every field stated."""
    # Who reads the verdict does not wait for protobuf to be imported.
    from google.protobuf import json_format

    from verifier.server.convert import validation_result_to_message

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
    return [printable(f"trusted: {used.source} ({used.revision[:19]}…)", _LINE) for used in trust]


def advice(results: list[ValidationResult], trust: Iterable[TrustUsed]) -> list[str]:
    """For who typed the command is the operator: which flag would say otherwise what was refused. A line for each
    kind of refusal, or none.
    """
    reasons = {result.reason for result in results}
    found = [detail for result in results for one in result.results for detail in one.detail]
    lines = [
        text
        for reason, text in _FLAGS.items()
        if reason in reasons and any(detail.reason is reason for detail in found)
    ]
    if any(detail.reason is ReasonCode.NO_LOG_ENTRY and detail.key_id for detail in found):
        lines.append(_UNLOGGED_KEY)
    if reasons & _ABOUT_TRUST:
        roots = ", ".join(used.source for used in trust)
        lines.append(
            f"The trusted root in use is {roots}. For what another Sigstore instance signed, name the root of that"
            " instance: --trusted-root FILE."
        )
    return [printable(line, _LINE) for line in lines]


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
