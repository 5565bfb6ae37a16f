"""The record of checks: what was made, how it ended, on what evidence.

Texts come from strangers (certificates, logs), so what a person gets to see holds no control characters and has
a bounded length.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from providers.errors import UnavailableError, VerificationError
from providers.reasons import ReasonCode

from ...engine import EvidenceError
from ...facts import Check, CheckStatus
from ...printable import printable

logger = logging.getLogger(__name__)

# The checks of one signature, in the order in which they are made.
CERTIFICATE, CHAIN, SIGNATURE, SUBJECT = "certificate", "chain", "signature", "subject"
LOG, TIMESTAMP, VALIDITY, SCT = "log", "timestamp", "validity", "sct"
ALL = (CERTIFICATE, CHAIN, SIGNATURE, SUBJECT, LOG, TIMESTAMP, VALIDITY, SCT)


def refusal(reason: ReasonCode, message: str) -> VerificationError:
    """What a step raises when the evidence says no."""
    return VerificationError(reason, printable(message))


class Record:
    """The checks of one signature so far."""

    def __init__(self) -> None:
        self._checks: list[Check] = []

    @property
    def checks(self) -> tuple[Check, ...]:
        """Everything recorded."""
        return tuple(self._checks)

    def passed(self, check: str, evidence: str) -> None:
        """``check`` holds."""
        self._checks.append(Check(check, CheckStatus.PASS, printable(evidence)))

    def failed(self, check: str, reason: ReasonCode, evidence: str) -> None:
        """``check`` does not hold, but the signature may do without what it would have proven."""
        self._checks.append(Check(check, CheckStatus.FAIL, printable(evidence), reason))

    def skipped(self, check: str, evidence: str) -> None:
        """``check`` was not made."""
        self._checks.append(Check(check, CheckStatus.SKIPPED, printable(evidence)))

    @contextmanager
    def step(self, check: str, otherwise: ReasonCode) -> Iterator[None]:
        """One step of the verification. Whatever is raised inside ends it.

        A ``VerificationError`` keeps its reason. Any other exception is a library stumbling over evidence that
        it could not read (sigstore-python lets ValueError, TypeError and AttributeError escape): it refuses
        with ``otherwise``.

        Raises:
            EvidenceError: with every check made, this one failed, and the later ones skipped.
            UnavailableError: as raised inside; or ``internal-error`` when memory or the stack ran out.
        """
        try:
            yield
        except UnavailableError:
            raise
        except VerificationError as error:
            raise self._end(check, error.reason, error.message) from error
        except (MemoryError, RecursionError) as error:
            raise UnavailableError(ReasonCode.INTERNAL_ERROR, f"no memory left in check {check!r}") from error
        except Exception as error:
            logger.debug("foreign exception in check %s", check, exc_info=True)
            kind = type(error).__name__
            raise self._end(check, otherwise, f"cannot be read: {kind}: {error}") from error

    def _end(self, check: str, reason: ReasonCode, message: str) -> EvidenceError:
        self.failed(check, reason, message)
        made = {entry.id for entry in self._checks}
        for later in ALL[ALL.index(check) + 1 :]:
            if later not in made:
                self.skipped(later, f"not made after {check} failed")
        return EvidenceError(reason, printable(message), self.checks)
