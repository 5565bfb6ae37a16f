"""Verdicts that always come: whatever goes wrong inside, the caller gets "could not check" and a reason.

Every door asks the core through here. Nothing that escapes the core by mistake can look like an admission.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Protocol, TypeVar

from providers.descriptor import Descriptor
from providers.reasons import ReasonCode
from providers.subject import Subject
from verifier.budget import Budget
from verifier.results import ITSELF, TrustUsed, ValidationResult, VerificationResult, VerifierInfo
from verifier.verdict import Outcome

logger = logging.getLogger(__name__)

_BROKEN = "The verifier failed while checking this, so nothing was proven. Its log says what happened."
_NO_TIME = "The deadline passed before the verifier could start. Allow more time, or ask less at once."

A = TypeVar("A")


class Verifier(Protocol):
    """The core, as the doors need it. The first two answer with a verdict and raise only for bugs."""

    def validate(self, subject: Subject, budget: Budget) -> ValidationResult:
        """Whether the subject may run."""
        ...

    def verify(
        self,
        subject: Subject,
        subject_descriptor: Descriptor,
        artifact_descriptor: Descriptor,
        budget: Budget,
    ) -> VerificationResult:
        """What one signature artifact of the subject is worth."""
        ...

    @property
    def engines(self) -> tuple[VerifierInfo, ...]:
        """The engines that verify."""
        ...

    def trust_in_use(self) -> tuple[TrustUsed, ...]:
        """Everything trusted at the moment."""
        ...

    @property
    def policy_revision(self) -> str:
        """Names the policies in force."""
        ...


class Decisions:
    """Asks ``verifier`` and never raises.

    ``render`` puts a result into the door's dialect. When the core raises, or its result cannot be rendered,
    the answer is the rendering of "could not check".
    """

    def __init__(self, verifier: Verifier) -> None:
        self._verifier = verifier

    def validate(self, subject: Subject, budget: Budget, render: Callable[[ValidationResult], A]) -> A:
        """Whether ``subject`` may run."""

        def unknown(reason: ReasonCode, message: str) -> A:
            outcome = Outcome.COULD_NOT_CHECK
            return render(
                ValidationResult(
                    outcome, admitted=False, reason=reason, message=message, reference=str(subject.reference)
                )
            )

        return _always(lambda: render(self._verifier.validate(subject, budget)), unknown, subject, budget)

    def verify(
        self,
        subject: Subject,
        subject_descriptor: Descriptor,
        artifact_descriptor: Descriptor,
        budget: Budget,
        render: Callable[[VerificationResult], A],
    ) -> A:
        """What the signature artifact is worth."""

        def unknown(reason: ReasonCode, message: str) -> A:
            outcome, err = Outcome.COULD_NOT_CHECK, f"{reason}: {message}"
            return render(
                VerificationResult(outcome, reason, err, message, ITSELF, artifact_descriptor, policy="")
            )

        def ask() -> A:
            return render(self._verifier.verify(subject, subject_descriptor, artifact_descriptor, budget))

        return _always(ask, unknown, subject, budget)


def _always(
    ask: Callable[[], A], unknown: Callable[[ReasonCode, str], A], subject: Subject, budget: Budget
) -> A:
    if time.monotonic() >= budget.deadline:
        return unknown(ReasonCode.DEADLINE_EXCEEDED, _NO_TIME)
    try:
        return ask()
    except BaseException:  # a panic in a Rust extension is a BaseException; so late an exit is no verdict
        logger.exception(
            "deciding on %s failed", subject.reference, extra={"reference": str(subject.reference)}
        )
    return unknown(ReasonCode.INTERNAL_ERROR, _BROKEN)
