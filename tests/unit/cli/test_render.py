"""Verdicts for people."""

from __future__ import annotations

import dataclasses

import pytest

from providers.reasons import ReasonCode
from pycosign.cli.render import advice, render_text
from tests.unit.server.test_convert import DETAIL, RESULT, VALIDATION
from verifier.facts import Check, CheckStatus
from verifier.results import CosignVerificationResult, ValidationResult
from verifier.verdict import Outcome

CHECKS = (
    Check("chain", CheckStatus.PASS, "fine"),
    Check("log", CheckStatus.PASS, "in the log"),
    Check("sct-threshold", CheckStatus.SKIPPED, "the policy does not ask for it (0 found)"),
)


def _result(detail: CosignVerificationResult, **changes: object) -> ValidationResult:
    result = dataclasses.replace(RESULT, detail=(detail,))
    return dataclasses.replace(VALIDATION, results=(result,), **changes)  # type: ignore[arg-type]  # a table of fields


def test_what_was_not_checked_is_shown_with_its_reason() -> None:
    text = render_text([_result(dataclasses.replace(DETAIL, checks=CHECKS))], ())
    assert "    checks passed: chain, log\n" in text
    assert "    check skipped: sct-threshold: the policy does not ask for it (0 found)" in text


def test_an_outcome_has_one_spelling_for_people() -> None:
    detail = dataclasses.replace(
        DETAIL, outcome=Outcome.COULD_NOT_CHECK, reason=ReasonCode.CONTENT_MISMATCH, checks=CHECKS
    )
    text = render_text([_result(detail)], ())
    assert "could not check: content-mismatch" in text
    assert "could_not_check" not in text


def test_strangers_write_no_lines_and_no_escapes() -> None:
    forged = Check("identity", CheckStatus.FAIL, "x\n\x1b[2Jtrusted: mine", ReasonCode.IDENTITY_MISMATCH)
    detail = dataclasses.replace(DETAIL, outcome=Outcome.REFUSED, checks=(forged,))
    text = render_text([_result(detail, message="a\x1b[1mb\r")], VALIDATION.trust)
    assert "\x1b" not in text
    assert "\r" not in text
    assert [line for line in text.splitlines() if line.startswith("trusted")] == [
        "trusted: file (sha256:abababababab…)"
    ]


@pytest.mark.parametrize(
    "reason",
    [
        ReasonCode.CHAIN_UNTRUSTED,
        ReasonCode.LOG_UNTRUSTED,
        ReasonCode.SCT_UNTRUSTED,
        ReasonCode.NO_TIMESTAMP,
    ],
)
def test_a_matter_of_trust_names_the_root_and_the_option(reason: ReasonCode) -> None:
    other = dataclasses.replace(VALIDATION, reason=ReasonCode.NO_SIGNATURE)
    (line,) = advice([other, dataclasses.replace(VALIDATION, reason=reason)] * 2, VALIDATION.trust)
    assert "file" in line
    assert "--trusted-root FILE" in line


def test_other_refusals_are_no_matter_of_trust() -> None:
    for reason in (ReasonCode.OK, ReasonCode.IDENTITY_MISMATCH, ReasonCode.REGISTRY_UNAVAILABLE):
        assert advice([dataclasses.replace(VALIDATION, reason=reason)], VALIDATION.trust) == []
